"""Counting by pieces gives what encoding gives."""

from __future__ import annotations

import sys

import regex
from hypothesis import given
from hypothesis import strategies as st

from cc_math.shards import tokenizer
from cc_math.shards.token_count import _PIECE, PieceCounter

TOKENIZER = tokenizer.load()


def encoded(texts: list[str]) -> list[int]:
    return [len(ids) for ids in TOKENIZER.encode_batch(texts)]


@given(st.lists(st.text(max_size=60), max_size=4))
def test_counts_equal_encodings(texts: list[str]) -> None:
    assert TOKENIZER.count_batch(texts) == encoded(texts)


def test_counts_equal_encodings_on_every_character() -> None:
    characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    texts = ["".join(f" {c}{c}a1" for c in characters[i : i + 64]) for i in range(0, 0x20000, 64)]
    assert TOKENIZER.count_batch(texts) == encoded(texts)


@given(st.text(alphabet="a\u00e9\u0301\u4e2d1\u00b2 \t\n\r$\\*{}.\u2212", max_size=200))
def test_pieces_are_those_of_the_tokenizer(text: str) -> None:
    assert _PIECE.findall(text) == regex.findall(tokenizer.PIECE_PATTERN, text)


def test_counts_stay_the_same_when_words_come_again() -> None:
    texts = [
        "Let $x$ be  a\n\nword, x1 2 $x$.",
        "be  a word, x1\n\n2 $x$. Let",
        " x1",
        "x1",
        "",
    ] * 3
    assert [TOKENIZER.count_batch([text])[0] for text in texts] == encoded(texts)


@given(st.text(alphabet="a1$ \t\n\r\x0b\x1c\x1f\x85\u00a0\u2003\u2028\u3000\u200b", max_size=80))
def test_counts_equal_encodings_of_white_space(text: str) -> None:
    assert TOKENIZER.count_batch([text]) == encoded([text])


def test_a_full_cache_starts_afresh() -> None:
    counter = TOKENIZER._counter
    assert isinstance(counter, PieceCounter)
    counter._counts = {str(n): 1 for n in range((1 << 18) + 1)}
    counter._unit_counts = dict(counter._counts)
    text = r"Let $x^2 + y^2 = z^2$ and \\frac{1}{2}, or <|endoftext|> in a text."
    assert [counter.count(text)] == encoded([text])
    assert len(counter._counts) < 100 and len(counter._unit_counts) < 100
