"""Shingles, MinHash signatures and LSH bands."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.dedup.minhash import (
    EMPTY,
    band_keys,
    candidate_probability,
    estimated_overlap,
    permutations,
    signature,
)
from cc_math.dedup.shingles import (
    exact_digest,
    ngram_hashes,
    overlap,
    shingles,
    verify_pairs,
    word_hashes,
)

WORDS = st.lists(st.sampled_from(["sum", "of", "two", "even", "12", "x", "="]), max_size=40)


def test_word_hashes_are_pinned() -> None:
    # Signatures of different runs and machines are compared: these values must never change.
    assert word_hashes(["sum", "x"]).tolist() == [8324731750180269936, 16929150178197425425]


def test_shingles_of_a_short_text_are_the_whole_text() -> None:
    assert len(shingles(["one", "two"], 5)) == 1
    assert not np.array_equal(shingles(["one", "two"], 5), shingles(["two", "one"], 5))
    assert len(shingles([], 5)) == 0


def test_ngram_hashes_depend_on_length_not_on_place() -> None:
    hashes = word_hashes(["a", "b", "a", "b", "a"])
    pairs = ngram_hashes(hashes, 2)
    assert pairs[0] == pairs[2] and pairs[0] != pairs[1]
    assert len(ngram_hashes(hashes, 6)) == 0
    with pytest.raises(ValueError, match="size"):
        ngram_hashes(hashes, 0)


@given(WORDS, WORDS, st.integers(1, 6))
def test_overlap_is_the_jaccard_overlap_of_the_word_ngrams(
    left: list[str], right: list[str], size: int
) -> None:
    def grams(words: list[str]) -> set[tuple[str, ...]]:
        size_here = min(size, len(words))
        starts = range(len(words) - size_here + 1) if words else range(0)
        return {tuple(words[i : i + size_here]) for i in starts}

    a, b = grams(left), grams(right)
    jaccard, containment = overlap(shingles(left, size), shingles(right, size))
    if a and b:
        assert math.isclose(jaccard, len(a & b) / len(a | b))
        assert math.isclose(containment, len(a & b) / min(len(a), len(b)))
    else:
        assert (jaccard, containment) == (0.0, 0.0)


def test_verify_pairs_measures_every_pair() -> None:
    sets = [shingles(text.split(), 2) for text in ("a b c d", "a b c e", "x y z")]
    measured = verify_pairs(np.array([0, 0, 1]), np.array([1, 2, 1]), sets)
    assert measured.tolist() == [0.5, 0.0, 1.0]


def test_exact_digest_is_of_the_words() -> None:
    assert exact_digest(["a", "b"]) == exact_digest(["a", "b"])
    assert exact_digest(["a", "b"]) != exact_digest(["ab"])
    assert len(exact_digest([])) == 16


def test_signature_is_pinned() -> None:
    functions = permutations(4, seed=1)
    assert signature(shingles(["we", "add", "two", "and", "three"], 2), functions).tolist() == [
        346490917,
        979418118,
        389252296,
        4388308,
    ]


def test_signature_estimates_the_overlap() -> None:
    functions = permutations(256, seed=3)
    values = word_hashes([str(i) for i in range(6000)])
    left, right = np.sort(values[:5000]), np.sort(values[1000:])  # two blocks, Jaccard 2/3
    estimate = estimated_overlap(signature(left, functions), signature(right, functions))
    assert abs(estimate - 2 / 3) < 4 * math.sqrt(2 / 9 / 256)


def test_empty_text_has_a_signature_and_no_bands() -> None:
    values = signature(shingles([], 5), permutations(6, seed=1))
    assert set(values.tolist()) == {int(EMPTY)}
    assert len(band_keys(values, 3, 2)) == 0


def test_band_keys_differ_between_bands_and_agree_between_twins() -> None:
    values = np.array([7, 7, 7, 7], dtype=np.uint32)
    keys = band_keys(values, 2, 2)
    assert keys[0] != keys[1]
    other = np.array([7, 7, 7, 8], dtype=np.uint32)
    assert (band_keys(other, 2, 2) == keys).tolist() == [True, False]
    with pytest.raises(ValueError, match="bands"):
        band_keys(values, 3, 2)


@settings(max_examples=20)
@given(st.floats(0, 1), st.integers(1, 30), st.integers(1, 10))
def test_candidate_probability_is_a_probability(jaccard: float, bands: int, rows: int) -> None:
    assert 0.0 <= candidate_probability(jaccard, bands, rows) <= 1.0
    assert candidate_probability(jaccard, bands + 1, rows) >= candidate_probability(
        jaccard, bands, rows
    )
