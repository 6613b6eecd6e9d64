"""What each word and run of words gives to a fastText score: exact, because the model is linear.

Owns the share of every feature of a line in the model's log odds. fastText takes the mean h
of the vectors of the words, the hashed runs of words and the end of the line (Joulin et al.
2016, section 2) and scores a label by the product of h with the label's output vector, so a
feature's share is its vector times the difference of two output vectors, over the number of
features; the shares sum to the log odds. Reads a loaded model, writes nothing.

The trade: the hashing of runs is repeated here (fastText 0.9, `Dictionary::hash`,
`addWordNgrams`), since the library does not show it; the sum is held against the model's own
probability, so a library that hashes otherwise is noticed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from cc_math.errors import ModelError

_LABEL = "__label__"
_END_OF_LINE = "</s>"
# FNV-1a for 32 bits and the factor of runs of words: fastText 0.9, src/dictionary.cc.
_FNV_START = 2_166_136_261
_FNV_FACTOR = 16_777_619
_RUN_FACTOR = 116_049_371
_BITS_32, _BITS_64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
# Sums in float32 of a few thousand features agree to some 1e-4 of log odds.
_AGREEMENT = 0.02
# The library adds 1e-5 to every probability that it gives: beyond these log odds that tells.
_COMPARABLE_LOG_ODDS = 6.0


@dataclass(frozen=True, slots=True)
class NgramShare:
    """A word or run of words of a line: its share of the log odds, over all its occurrences."""

    ngram: str
    log_odds: float
    times: int


def word_hash(word: str) -> int:
    """fastText's hash of a word, 32 bits: FNV-1a over its UTF-8 bytes taken as signed."""
    value = _FNV_START
    for byte in word.encode("utf-8", "surrogatepass"):
        signed = byte - 256 if byte > 127 else byte
        value = ((value ^ (signed & _BITS_32)) * _FNV_FACTOR) & _BITS_32
    return value


def _signed(value: int) -> int:
    """A 32-bit hash as C++ widens it to 64 bits: through int32."""
    return value - (1 << 32) if value >= 1 << 31 else value


def line_features(model: Any, line: str) -> list[tuple[str, int]]:
    """The features that fastText reads of a normalised line, as (n-gram, row of the input matrix).

    Words of the vocabulary (with their character n-grams where the model has some), runs of up
    to `wordNgrams` words, unknown words included, and the end of the line.
    """
    arguments = model.f.getArgs()
    words = [*line.split(), _END_OF_LINE]
    vocabulary = len(model.words)
    features: list[tuple[str, int]] = []
    hashes = []
    for word in words:
        hashes.append(_signed(word_hash(word)))
        if arguments.maxn > 0 and word != _END_OF_LINE:
            features += [(word, int(row)) for row in model.get_subwords(word)[1]]
        elif (row := model.get_word_id(word)) >= 0:
            features.append((word, int(row)))
    if arguments.wordNgrams > 1 and arguments.bucket > 0:
        for start, first in enumerate(hashes):
            value = first & _BITS_64
            for end in range(start + 1, min(len(words), start + arguments.wordNgrams)):
                value = (value * _RUN_FACTOR + hashes[end]) & _BITS_64
                run = " ".join(words[start : end + 1])
                features.append((run, vocabulary + value % arguments.bucket))
    return features


def ngram_shares(model: Any, positive_label: str, line: str) -> tuple[NgramShare, ...]:
    """The share of each n-gram of `line` in the log odds of `positive_label`, largest first.

    Of two labels the shares sum to the log odds; of more, they are against the mean of the
    others. Raises ModelError for a quantised model, whose vectors cannot be read one by one, and
    where the sum disagrees with the model.
    """
    if model.is_quantized():
        raise ModelError("the words of a quantised (.ftz) model cannot be told apart; use the .bin")
    labels = model.get_labels()
    output = np.asarray(model.get_output_matrix(), dtype=np.float64)
    positive = labels.index(_LABEL + positive_label)
    others = [row for row in range(len(labels)) if row != positive]
    direction = output[positive] - output[others].mean(axis=0)
    features = line_features(model, line)
    shares: dict[str, float] = defaultdict(float)
    times: dict[str, int] = defaultdict(int)
    for ngram, row in features:
        vector = np.asarray(model.get_input_vector(row), dtype=np.float64)
        shares[ngram] += float(vector @ direction) / len(features)
        times[ngram] += 1
    if len(labels) == 2:
        _check_sum(model, positive_label, line, math.fsum(shares.values()))
    found = [NgramShare(ngram, share, times[ngram]) for ngram, share in shares.items()]
    return tuple(sorted(found, key=lambda share: (-abs(share.log_odds), share.ngram)))


def _check_sum(model: Any, positive_label: str, line: str, total: float) -> None:
    if not line or abs(total) > _COMPARABLE_LOG_ODDS:
        return
    for probability, label in model.f.predict(line + "\n", 2, -1.0, "strict"):
        if label == _LABEL + positive_label and 0.0 < probability < 1.0:
            found = math.log(probability / (1.0 - probability))
            if abs(found - total) > _AGREEMENT * max(1.0, abs(found)):
                raise ModelError(
                    f"the words explain log odds of {total:.3f}, the model gives {found:.3f}: "
                    "this fastText hashes or prunes its n-grams in a way that is not known here"
                )
