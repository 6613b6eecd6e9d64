"""Counting gives what encoding gives."""

from __future__ import annotations

import copy
import itertools
import json
import sys
from typing import Any

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from cc_math.shards import tokenizer
from cc_math.shards.token_count import _PIECES, token_counter

TOKENIZER = tokenizer.load()
SETTINGS = json.loads(TOKENIZER.json_bytes)


def encoded(texts: list[str]) -> list[int]:
    return [len(ids) for ids in TOKENIZER.encode_batch(texts)]


@given(st.lists(st.text(max_size=60), max_size=4))
def test_counts_equal_encodings(texts: list[str]) -> None:
    assert TOKENIZER.count_batch(texts) == encoded(texts)


def test_counts_equal_encodings_on_every_character() -> None:
    characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    texts = ["".join(f" {c}{c}a1" for c in characters[i : i + 64]) for i in range(0, 0x20000, 64)]
    assert TOKENIZER.count_batch(texts) == encoded(texts)


def test_every_token_counts_as_encoded() -> None:
    ids = range(TOKENIZER.vocab_size)
    texts = [TOKENIZER._model.decode([token_id]) for token_id in ids]
    texts += [left + right for left, right in itertools.pairwise(texts)]
    assert TOKENIZER.count_batch(texts) == encoded(texts)


@given(st.lists(st.sampled_from(sorted(SETTINGS["model"]["vocab"])), max_size=8))
def test_counts_equal_encodings_of_neighbouring_tokens(names: list[str]) -> None:
    text = TOKENIZER._model.decode([SETTINGS["model"]["vocab"][name] for name in names])
    assert TOKENIZER.count_batch([text]) == encoded([text])


@given(st.text(alphabet="a\u00e9\u0301\u4e2d1\u00b2 \t\n\r$\\*{}.\u2212", max_size=200))
def test_pieces_are_those_of_the_tokenizer(text: str) -> None:
    assert regex.findall(_PIECES, text) == regex.findall(tokenizer.PIECE_PATTERN, text)


@given(st.text(alphabet="a1$ \t\n\r\x0b\x1c\x1f\x85\u00a0\u2003\u2028\u3000\u200b", max_size=80))
def test_counts_equal_encodings_of_white_space(text: str) -> None:
    assert TOKENIZER.count_batch([text]) == encoded([text])


def test_special_tokens_and_formulas_count_as_text() -> None:
    text = r"Let $x^2 + y^2 = z^2$ and \\frac{1}{2}, or <|endoftext|> in a text."
    assert TOKENIZER.count_batch([text, ""]) == [*encoded([text]), 0]


@pytest.mark.parametrize("unit", [" ", "a", "\u4e2d", "\n", "$", "\\", "a ", "\U0001f600"])
def test_long_runs_count_as_encoded(unit: str) -> None:
    text = unit * (50_000 // len(unit))
    assert TOKENIZER.count_batch([text]) == encoded([text])


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("model", "dropout"), 0.1),
        (("model", "end_of_word_suffix"), "</w>"),
        (("model", "type"), "Unigram"),
        (("model", "merges"), [["a", "b"], ["b", "c"], ["ab", "c"], ["a", "bc"]]),
        (("model", "merges"), [["ab", "c"]]),
        (("pre_tokenizer", "pretokenizers"), SETTINGS["pre_tokenizer"]["pretokenizers"][:1]),
    ],
)
def test_other_models_are_left_to_their_library(place: tuple[str, str], value: Any) -> None:
    assert token_counter(SETTINGS) is not None
    settings = copy.copy(SETTINGS)
    settings[place[0]] = {**settings[place[0]], place[1]: value}
    assert token_counter(settings) is None


def test_merges_written_as_strings_count_the_same() -> None:
    merges = [" ".join(pair) for pair in SETTINGS["model"]["merges"]]
    count = token_counter({**SETTINGS, "model": {**SETTINGS["model"], "merges": merges}})
    text = "Two spellings of the merges, $1 + 1$ way to count."
    assert count is not None and [count(text)] == encoded([text])
