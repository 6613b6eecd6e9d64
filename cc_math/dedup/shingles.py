"""Hashed word n-grams ("shingles") and their exact overlap.

Owns the 64-bit hashes that deduplication and decontamination compare: XXH3 of each word,
combined over a window by a polynomial modulo 2**64 and mixed. Input is the word list of
:func:`cc_math.text.match_words`. Hashes stand for words from here on; two different
n-grams collide with a probability of about 2**-64, which is why decontamination, where a
hit removes text, checks the words again and deduplication does not.

Legend: W words, S shingles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, 2**64 / golden ratio (Knuth, TAOCP 3, §6.4)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Finaliser of SplitMix64 (Steele, Lea, Flood 2014, §3): a bijection of 64-bit values."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def word_hashes(words: Sequence[str]) -> NDArray[np.uint64]:
    """XXH3-64 (seed 0) of the UTF-8 of each word: uint64[W]."""
    hashes = [xxh3_64_intdigest(word.encode()) for word in words]
    return np.array(hashes, dtype=np.uint64)


def ngram_hashes(hashes: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """Hashes of all windows of ``size`` words, in order: uint64[max(0, W - size + 1)].

    A window's hash depends on its words and their number, not on where it stands.
    """
    if size < 1:
        raise ValueError(f"size must be 1 or more, got {size}")
    count = len(hashes) - size + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint64)
    total = np.full(count, size, dtype=np.uint64)
    for shift in range(size):
        total *= _MULTIPLIER
        total += hashes[shift : shift + count]
    return mix(total)


def shingles(words: Sequence[str], size: int) -> NDArray[np.uint64]:
    """Sorted distinct hashes of the word ``size``-grams: uint64[S].

    A text of fewer than ``size`` words has one shingle, the whole text; one without words
    has none.
    """
    hashes = word_hashes(words)
    return np.unique(ngram_hashes(hashes, min(size, len(words)))) if len(words) else hashes


def overlap(left: NDArray[np.uint64], right: NDArray[np.uint64]) -> tuple[float, float]:
    """Jaccard overlap and containment of two shingle sets, measured exactly.

    Containment is the share of the smaller set found in the larger. Both are 0.0 where a
    set is empty: a text without words is a near duplicate of nothing.
    """
    if not len(left) or not len(right):
        return 0.0, 0.0
    small, large = (left, right) if len(left) <= len(right) else (right, left)
    places = np.searchsorted(large, small)
    places[places == len(large)] = 0
    common = int(np.count_nonzero(large[places] == small))
    return common / (len(left) + len(right) - common), common / len(small)


def exact_digest(words: Sequence[str]) -> bytes:
    """BLAKE2b-128 of the normalised words: 16 bytes, equal for texts of the same words.

    Words, not characters: white space, case, compatibility forms and punctuation that
    matching leaves out do not make two documents. Documents without words share a digest,
    so the caller leaves them out of the exact groups.
    """
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).digest()


def verify_pairs(
    left: NDArray[np.integer],
    right: NDArray[np.integer],
    shingle_sets: Sequence[NDArray[np.uint64]],
) -> NDArray[np.float64]:
    """Exact Jaccard overlap of every candidate pair: float64[P].

    ``left`` and ``right`` index ``shingle_sets``. Rounded to 1e-4, as all scores are, so
    that the value on disk is the value compared with the threshold.
    """
    values = [
        overlap(shingle_sets[a], shingle_sets[b])[0]
        for a, b in zip(left.tolist(), right.tolist(), strict=True)
    ]
    return np.array([round(value, 4) for value in values], dtype=np.float64)
