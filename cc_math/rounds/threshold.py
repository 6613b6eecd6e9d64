"""From a histogram of scores to the score from which a round recalls.

Owns the bins, the rule for a token budget and the coarse picture for the ledger. Scores are
rounded to 1e-4 (:data:`cc_math.classify.score.SCORE_DECIMALS`), so that 10,001 bins hold
every score exactly and nothing is ever collected but sums.

The trade: documents of one score stand or fall together. A budget is filled by whole bins
and never exceeded, where a rule that cut a bin would need an order among equals.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BINS = 10_001  # scores 0.0000 to 1.0000 in steps of 1e-4
COARSE_BINS = 20  # chosen: a picture of the scores that fits on a line


@dataclass(frozen=True, slots=True)
class Histogram:
    """Sums by bin, both of length ``BINS``; bin b holds the score b / 10,000."""

    documents: list[int]
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The score from which a round recalls, why, and what is there."""

    min_score: float
    rule: str  # 'budget', 'pool' (all down to the floor fits the budget) or 'min_score'
    documents: int
    tokens: int


def bin_of(score: float) -> int:
    """The bin of a score between 0 and 1."""
    return min(BINS - 1, max(0, round(score * (BINS - 1))))


def first_bin(min_score: float) -> int:
    """The lowest bin whose score is at least ``min_score``."""
    return min(BINS - 1, max(0, math.ceil(min_score * (BINS - 1) - 1e-6)))


def histogram_of(rows: list[tuple[int, int, int]]) -> Histogram:
    """The histogram of (bin, documents, tokens) rows; bins may repeat."""
    documents, tokens = [0] * BINS, [0] * BINS
    for number, more_documents, more_tokens in rows:
        documents[number] += more_documents
        tokens[number] += more_tokens
    return Histogram(documents, tokens)


def choose_threshold(
    histogram: Histogram, *, token_budget: int, min_score: float, budget_floor: float
) -> Threshold:
    """The lowest score whose documents and all better ones stay within the budget.

    Without a budget (0) it is ``min_score``. Bins are taken whole from the best score down; the
    first that would exceed the budget ends it, but for the best that holds any document, since
    a round that recalls nothing teaches nothing. No score below ``budget_floor`` is taken. The
    threshold is the lowest score taken, not the empty bins under it.
    """
    if token_budget == 0:
        return _threshold(histogram, first_bin(min_score), "min_score", min_score)
    floor = first_bin(budget_floor)
    spent, lowest, rule = 0, None, "pool"
    for number in range(BINS - 1, floor - 1, -1):
        if not histogram.documents[number]:
            continue
        if lowest is not None and spent + histogram.tokens[number] > token_budget:
            rule = "budget"
            break
        spent += histogram.tokens[number]
        lowest = number
    if lowest is None:
        return _threshold(histogram, floor, "pool", budget_floor)
    if rule == "pool":
        return _threshold(histogram, floor, rule, budget_floor)
    return _threshold(histogram, lowest, rule, lowest / (BINS - 1))


def _threshold(histogram: Histogram, number: int, rule: str, min_score: float) -> Threshold:
    documents, tokens = sum(histogram.documents[number:]), sum(histogram.tokens[number:])
    return Threshold(round(min_score, 4), rule, documents, tokens)


def coarse(histogram: Histogram) -> list[dict[str, float | int]]:
    """The histogram in twenty bins of 0.05, the last one with the score 1 in it."""
    width = (BINS - 1) // COARSE_BINS
    rows: list[dict[str, float | int]] = []
    for number in range(COARSE_BINS):
        start = number * width
        end = BINS if number == COARSE_BINS - 1 else start + width
        rows.append(
            {
                "from": round(start / (BINS - 1), 2),
                "documents": sum(histogram.documents[start:end]),
                "tokens": sum(histogram.tokens[start:end]),
            }
        )
    return rows
