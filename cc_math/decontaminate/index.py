"""The n-grams of the benchmarks as sorted arrays.

Owns the index that every task of the stage reads: built once, stored as ``.npz`` without
pickles, some 20 bytes an n-gram and nothing per Python object. Each *text* is the question
or the worked answer of one or more items (the same question stands in several benchmarks).

Which n-grams tell anything is decided by counting them: one that stands in more than
``common_texts`` different texts of the benchmarks ("what is the value of x such that") is
a phrase, not a leak, and is left out of the index; so is what it alone covers.

Legend: T texts, W words of all texts, G distinct n-grams, P postings.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cc_math.decontaminate.benchmarks import BenchmarkItem
from cc_math.dedup.shingles import ngram_hashes, word_hashes
from cc_math.errors import InputError
from cc_math.text import match_words

INDEX_VERSION = 1  # raised when an array changes its meaning

_FILTER_BITS = 26  # 8 MiB of bits: for a million n-grams one foreign n-gram in 60 passes


@dataclass(frozen=True)
class Index:
    """N-grams of the benchmarks' texts.

    ngram_words         words of an n-gram; shorter texts are indexed whole
    sources             for each text its (benchmark, item_id, "question" or "answer")
    words_utf8          uint8: the words of all texts, each followed by a line feed
    text_byte           int64[T + 1]: where a text's words begin in words_utf8
    text_start          int64[T + 1]: number of its first word
    weight              float32[W]: share of a covered word (:func:`word_weights`)
    coverable           float32[T]: weight of the words that an indexed n-gram covers
    ngram               uint64[G], ascending: hashes
    posting_start       int64[G + 1]: postings of each n-gram
    posting_text        int32[P]: text of a posting
    posting_word        int32[P]: first word of the n-gram in that text
    lengths             int64: lengths of the indexed n-grams, ascending
    """

    ngram_words: int
    sources: list[list[tuple[str, str, str]]]
    words_utf8: NDArray[np.uint8]
    text_byte: NDArray[np.int64]
    text_start: NDArray[np.int64]
    weight: NDArray[np.float32]
    coverable: NDArray[np.float32]
    ngram: NDArray[np.uint64]
    posting_start: NDArray[np.int64]
    posting_text: NDArray[np.int32]
    posting_word: NDArray[np.int32]
    lengths: NDArray[np.int64]

    @cached_property
    def _filter(self) -> NDArray[np.uint8]:
        """One bit per value of the low bits of a hash: most foreign n-grams end here."""
        bits = np.zeros(1 << (_FILTER_BITS - 3), dtype=np.uint8)
        low = self.ngram & np.uint64((1 << _FILTER_BITS) - 1)
        np.bitwise_or.at(bits, (low >> np.uint64(3)).astype(np.int64), _bit(low))
        return bits

    def lookup(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places in ``hashes`` that are n-grams of the index, and their numbers in it."""
        low = hashes & np.uint64((1 << _FILTER_BITS) - 1)
        bits = self._filter[(low >> np.uint64(3)).astype(np.int64)] & _bit(low)
        places = np.flatnonzero(bits)
        numbers = np.searchsorted(self.ngram, hashes[places])
        numbers[numbers == len(self.ngram)] = 0
        same = self.ngram[numbers] == hashes[places] if len(self.ngram) else np.zeros(0, bool)
        return places[same], numbers[same]

    def words(self, text: int) -> list[str]:
        """The words of one text."""
        data = self.words_utf8[self.text_byte[text] : self.text_byte[text + 1]].tobytes()
        return data.decode().split("\n")[:-1]


def _bit(low: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return np.left_shift(1, (low & np.uint64(7)).astype(np.uint8)).astype(np.uint8)


def word_weights(words: Sequence[str]) -> NDArray[np.float32]:
    """What each word adds to the share covered: 0.5 for a single character, else 1.

    chosen: a Chinese word is about two characters, and a letter, digit or operator of a
    formula tells half as much as a word.
    """
    return np.array([0.5 if len(word) == 1 else 1.0 for word in words], dtype=np.float32)


def counted_words(words: Iterable[str]) -> float:
    """Words as :func:`word_weights` counts them."""
    return sum(0.5 if len(word) == 1 else 1.0 for word in words)


def telling_words(words: Iterable[str]) -> float:
    """How many words tell one text from another.

    Each different word of two or more letters counts 1 and each different letter outside
    ASCII 0.5 (a character of a script without spaces); numbers, operators and the letters
    of formulas count nothing. Line numbers, alphabets, rows of ``pi/4`` and powers of x were
    nine of ten matches of a plain 13-gram rule on a crawl, and none of them has many
    different words.
    """
    return counted_words(
        word for word in set(words) if word.isalpha() and (len(word) > 1 or not word.isascii())
    )


def build_index(
    items: Sequence[BenchmarkItem],
    *,
    ngram_words: int,
    common_texts: int,
    short_words: int,
    answer_words: float,
) -> Index:
    """Index the questions of ``items`` and those answers that are worked out.

    ``common_texts``: an n-gram of more different texts than this is a phrase. Texts of fewer
    than ``ngram_words`` words are indexed whole, from ``short_words`` words on (3 in Shao et
    al. 2024, §2.1); answers from ``answer_words`` different :func:`telling_words` on, since a
    bare "12", "yes" or a formula is no leak.
    """
    texts: dict[tuple[str, ...], list[tuple[str, str, str]]] = {}
    for item in items:
        words = tuple(match_words(item.question))
        if len(words) >= short_words:
            texts.setdefault(words, []).append((item.benchmark, item.item_id, "question"))
        words = tuple(match_words(item.answer))
        if words and telling_words(words) >= answer_words:
            texts.setdefault(words, []).append((item.benchmark, item.item_id, "answer"))
    flat = [word for words in texts for word in words]
    sizes = np.array([len(words) for words in texts], dtype=np.int64)
    start = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    gram, text, place, lengths = _postings(word_hashes(flat), start, ngram_words)
    order = np.lexsort((place, text, gram))
    gram, text, place = gram[order], text[order], place[order]
    kept = _kept(gram, text, common_texts)
    gram, text, place = gram[kept], text[kept], place[kept]
    distinct, first = np.unique(gram, return_index=True)
    weight = word_weights(flat)
    data = ["".join(word + "\n" for word in words).encode() for words in texts]
    bytes_of = np.array([len(part) for part in data], dtype=np.int64)
    return Index(
        ngram_words=ngram_words,
        sources=[sorted(sources) for sources in texts.values()],
        words_utf8=np.frombuffer(b"".join(data), dtype=np.uint8),
        text_byte=np.concatenate([np.zeros(1, np.int64), np.cumsum(bytes_of)]),
        text_start=start,
        weight=weight,
        coverable=_coverable(text, place, start, weight, ngram_words),
        ngram=distinct,
        posting_start=np.append(first, len(gram)).astype(np.int64),
        posting_text=text.astype(np.int32),
        posting_word=place.astype(np.int32),
        lengths=lengths,
    )


def _postings(
    hashes: NDArray[np.uint64], start: NDArray[np.int64], ngram_words: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """All n-grams: their hash, text, place in the text; and the lengths that occur."""
    sizes = np.diff(start)
    text_of = np.repeat(np.arange(len(sizes)), sizes)
    place_of = np.arange(len(hashes)) - start[text_of]
    lengths = np.unique(np.minimum(sizes, ngram_words))
    found: list[tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]] = []
    for length in lengths.tolist():
        grams = ngram_hashes(hashes, length)
        text, place = text_of[: len(grams)], place_of[: len(grams)]
        inside = place + length <= sizes[text]
        if length < ngram_words:
            inside &= sizes[text] == length
        found.append((grams[inside], text[inside], place[inside]))
    if not found:
        none = np.empty(0, dtype=np.int64)
        return np.empty(0, dtype=np.uint64), none, none, none
    gram, text, place = (np.concatenate([part[i] for part in found]) for i in range(3))
    return gram, text, place, lengths


def _kept(
    gram: NDArray[np.uint64], text: NDArray[np.int64], common_texts: int
) -> NDArray[np.bool_]:
    """Which postings, sorted by n-gram and text, stay.

    Those of n-grams in few enough texts, and of a text's equal n-grams the first: a row of
    ones against a page of ones would else cost the product of their lengths.
    """
    if not len(gram):
        return np.zeros(0, dtype=bool)
    new_gram = np.r_[True, gram[1:] != gram[:-1]]
    new_text = new_gram | np.r_[True, text[1:] != text[:-1]]
    number = np.cumsum(new_gram) - 1
    texts = np.bincount(number, weights=new_text)
    kept: NDArray[np.bool_] = (texts[number] <= common_texts) & new_text
    return kept


def _coverable(
    text: NDArray[np.int64],
    place: NDArray[np.int64],
    start: NDArray[np.int64],
    weight: NDArray[np.float32],
    ngram_words: int,
) -> NDArray[np.float32]:
    first = start[text] + place
    last = np.minimum(first + ngram_words, start[text + 1])
    steps = np.bincount(first, minlength=len(weight) + 1) - np.bincount(
        last, minlength=len(weight) + 1
    )
    covered = np.where(np.cumsum(steps)[:-1] > 0, weight, 0.0)
    total = np.concatenate([np.zeros(1), np.cumsum(covered, dtype=np.float64)])
    sums: NDArray[np.float64] = total[start[1:]] - total[start[:-1]]
    return sums.astype(np.float32)


_ARRAYS = (
    "words_utf8", "text_byte", "text_start", "weight", "coverable", "ngram",
    "posting_start", "posting_text", "posting_word", "lengths",
)  # fmt: skip


def index_to_bytes(index: Index) -> bytes:
    """The index as an ``.npz``, for a file that every task reads."""
    header = {"version": INDEX_VERSION, "ngram_words": index.ngram_words, "sources": index.sources}
    blob = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    np.savez(stream, header=blob, **{name: getattr(index, name) for name in _ARRAYS})
    return stream.getvalue()


def index_from_bytes(data: bytes) -> Index:
    """Read what :func:`index_to_bytes` wrote. Raises InputError for anything else."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            if header["version"] != INDEX_VERSION:
                raise InputError(
                    f"benchmark index: expected version {INDEX_VERSION}, found"
                    f" {header['version']}; build it again"
                )
            sources = [[(b, i, f) for b, i, f in text] for text in header["sources"]]
            loaded = {name: arrays[name] for name in _ARRAYS}
    except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"benchmark index: damaged or foreign file: {error}") from error
    return Index(ngram_words=header["ngram_words"], sources=sources, **loaded)
