"""Intervals for the figures of a ranking: whole sites drawn again, all draws at once.

Owns the cluster bootstrap (Efron & Tibshirani 1993, section 8.3, with sites as the unit,
because pages of one site are alike) and the figures of a ranking over many rows of weights.
Reads and writes nothing.

The trade: a draw is a row of weights, not a list of pages, so a thousand draws of a few
hundred pages cost one matrix; the single-row figures of :mod:`cc_math.classify.evaluate` say
the same thing more plainly, and the tests hold the two together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cc_math.classify.evaluate import BoolArray, FloatArray

#: Shares of the draws below and above a 95 % interval.
_TAILS = (0.025, 0.975)
_Z = 1.959964  # normal quantile of a 95 % interval
# Sums of float weights that should be equal differ in their last bits.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval; None where the pages cannot tell."""

    value: float | None
    low: float | None
    high: float | None

    def rounded(self) -> list[float | None]:
        """[value, low, high] to 1e-4, for JSON."""
        return [None if x is None else round(x, 4) for x in (self.value, self.low, self.high)]


def site_draws(sites: Sequence[str], *, repeats: int, seed: int) -> FloatArray:
    """How often each page is in each draw: [repeats + 1, N] float64.

    Row 0 is the pages as they are; every other row draws as many sites as there are, with
    replacement, and takes all pages of a drawn site. The same for the same set of sites,
    whatever the order of the pages.
    """
    names, site_of_page = np.unique(np.array(sites, dtype=np.str_), return_inverse=True)
    count = len(names)
    drawn = np.random.default_rng(seed).integers(0, max(1, count), size=(repeats, count))
    times = np.zeros((repeats + 1, count))
    times[0] = 1.0
    for row, chosen in enumerate(drawn, 1):
        times[row] = np.bincount(chosen, minlength=count)
    return times[:, site_of_page]


def estimate(draws: FloatArray) -> Estimate:
    """The figure of row 0 and the interval that the other rows give; `draws` is [R]."""
    value = float(draws[0])
    others = draws[1:][~np.isnan(draws[1:])]
    if np.isnan(value):
        return Estimate(None, None, None)
    if not len(others):
        return Estimate(value, None, None)
    low, high = np.quantile(others, _TAILS)
    return Estimate(value, float(low), float(high))


def share_estimate(draws: FloatArray, site_weights: FloatArray) -> Estimate:
    """As :func:`estimate`, for a share of pages whose weights by site are `site_weights` [sites].

    Where every page or none is a hit, no draw differs and the bootstrap's interval has no width.
    There the end is Wilson's (1927), as Brown, Cai & DasGupta 2001 advise at 0 and 1: with n pages,
    n / (n + z^2) below 1, where n is Kish's (1965) effective number, with sites as the unit.
    """
    found = estimate(draws)
    if found.low is None or found.value not in (0.0, 1.0):
        return found
    total, squares = float(site_weights.sum()), float((site_weights**2).sum())
    number = total**2 / squares if squares > 0 else 0.0
    reach = _Z**2 / (number + _Z**2)
    if found.value == 1.0:
        return Estimate(1.0, min(found.low, 1.0 - reach), 1.0)
    return Estimate(0.0, 0.0, max(found.high or 0.0, reach))


def weights_by_site(sites: Sequence[str], weights: FloatArray) -> FloatArray:
    """Sums of `weights` [N] or [N, K] over the pages of each site: [sites] or [sites, K]."""
    _, site_of_page = np.unique(np.array(sites, dtype=np.str_), return_inverse=True)
    count = int(site_of_page.max()) + 1 if len(site_of_page) else 0
    summed = np.zeros((count, *weights.shape[1:]))
    np.add.at(summed, site_of_page, weights)
    return summed


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole, NaN where whole is nothing."""
    out = np.full(np.broadcast_shapes(part.shape, whole.shape), np.nan)
    np.divide(part, whole, out=out, where=whole > _SLACK)
    return out


def ranking_figures(
    labels: BoolArray,
    scores: FloatArray,
    weights: FloatArray,
    *,
    threshold: float,
    min_precision: float,
) -> dict[str, FloatArray]:
    """Figures of a ranking for each row of weights: name -> [R], NaN where undefined.

    `labels` and `scores` are [N], `weights` [R, N]. average_precision, roc_auc and brier as in
    `evaluate`; precision, recall and f1 with scores from `threshold` on; recall_at_precision:
    the highest recall at any threshold whose precision is at least `min_precision`.
    """
    order = np.argsort(-scores, kind="stable")
    truth, falling, rows = labels[order], scores[order], weights[:, order]
    last_of_equals = np.append(falling[1:] != falling[:-1], True)[: len(falling)]
    hits = np.cumsum(rows * truth, axis=1)[:, last_of_equals]  # [R, distinct scores]
    every = np.cumsum(rows, axis=1)[:, last_of_equals]
    positives, total = (rows * truth).sum(axis=1), rows.sum(axis=1)
    precisions = _share(hits, every)
    gained = np.diff(hits, prepend=0.0, axis=1)
    good = np.where(precisions >= min_precision - _SLACK, hits, 0.0)
    chosen = falling >= threshold
    kept, kept_hits = (rows * chosen).sum(axis=1), (rows * (chosen & truth)).sum(axis=1)
    recall = _share(kept_hits, positives)
    precision = np.where(positives > _SLACK, _share(kept_hits, kept), np.nan)
    misses = every - hits
    before = np.pad(hits, ((0, 0), (1, 0)))  # hits above each score, then at or above it
    area = ((before[:, 1:] + before[:, :-1]) / 2 * np.diff(misses, prepend=0.0, axis=1)).sum(axis=1)
    best = good.max(axis=1) if good.shape[1] else np.zeros(len(rows))
    return {
        "average_precision": _share(np.nansum(gained * precisions, axis=1), positives),
        "roc_auc": _share(area, positives * (total - positives)),
        "precision": precision,
        "recall": recall,
        "f1": _share(2 * kept_hits, kept + positives),
        "recall_at_precision": _share(best, positives),
        "brier": _share((rows * (falling - truth) ** 2).sum(axis=1), total),
    }
