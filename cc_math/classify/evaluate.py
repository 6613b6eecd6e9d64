"""How good a ranking is: the figures of a model card, plain and weighted.

Owns average precision, ROC AUC, precision/recall/F1 at a threshold and the Brier score over
arrays of labels and scores. Reads and writes nothing. The trade: NumPy alone, some thirty
lines, instead of a dependency on scikit-learn in the base install; the tests compare with
figures worked by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# A language or kind with fewer labels gets no figure: its interval would be most of 0 to 1.
FEWEST_LABELS = 15
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def average_precision(labels: BoolArray, scores: FloatArray, weights: FloatArray) -> float:
    """Area under the precision-recall steps; equal scores count as one step. 0 without positives.

    `labels`, `scores`, `weights` are [N].
    """
    hits, all_ = _cumulative(labels, scores, weights)
    total = hits[-1] if len(hits) else 0.0
    if total <= 0:
        return 0.0
    gained = np.diff(hits, prepend=0.0)
    return float((gained * hits / np.maximum(all_, 1e-300)).sum() / total)


def roc_auc(labels: BoolArray, scores: FloatArray, weights: FloatArray) -> float:
    """Chance that a positive outranks a negative, ties half. 0.5 where a class is missing."""
    hits, all_ = _cumulative(labels, scores, weights)
    if not len(hits) or hits[-1] <= 0 or all_[-1] <= hits[-1]:
        return 0.5
    misses = all_ - hits
    x = np.concatenate([[0.0], misses / misses[-1]])
    y = np.concatenate([[0.0], hits / hits[-1]])
    return float(np.trapezoid(y, x))


def _cumulative(
    labels: BoolArray, scores: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Weight of positives and of all at or above each distinct score, falling."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(np.where(labels, weights, 0.0)[order])
    all_ = np.cumsum(weights[order])
    falls = scores[order]
    last_of_equals = np.append(falls[1:] != falls[:-1], True) if len(falls) else np.array([], bool)
    return hits[last_of_equals], all_[last_of_equals]


def recall_at_floor(labels: BoolArray, passed: BoolArray, weights: FloatArray) -> float:
    """Weighted share of the positives that passed; 1 where there are none."""
    total = float(weights[labels].sum())
    return float(weights[labels & passed].sum()) / total if total > 0 else 1.0


def metrics(
    labels: Sequence[bool],
    raw: Sequence[float],
    calibrated: Sequence[float],
    threshold: float,
    weights: Sequence[float] | None = None,
) -> dict[str, float | int]:
    """The figures of one evaluation; `threshold` acts on the calibrated score.

    Average precision and ROC AUC are of the calibrated score, `raw_average_precision` of the
    raw one. Rounded to 1e-4.
    """
    truth = np.array(labels, dtype=np.bool_)
    raw_scores = np.array(raw, dtype=np.float64)
    scores = np.array(calibrated, dtype=np.float64)
    weight = np.ones(len(truth)) if weights is None else np.array(weights, dtype=np.float64)
    chosen = scores >= threshold
    hits = float(weight[truth & chosen].sum())
    precision = hits / max(1e-300, float(weight[chosen].sum())) if chosen.any() else 0.0
    recall = hits / float(weight[truth].sum()) if truth.any() else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    brier = float((weight * (scores - truth) ** 2).sum() / max(1e-300, float(weight.sum())))
    figures: dict[str, float] = {
        "average_precision": average_precision(truth, scores, weight),
        "raw_average_precision": average_precision(truth, raw_scores, weight),
        "roc_auc": roc_auc(truth, scores, weight),
        "threshold": threshold,
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "brier": brier,
    }
    return {
        "examples": len(truth),
        "positives": int(truth.sum()),
        **{name: round(value, 4) for name, value in figures.items()},
    }


def label_figures(
    labels: dict[str, dict[str, Any]],
    scores: dict[str, tuple[float, float]],
    min_score: float,
    threshold: float,
) -> dict[str, Any]:
    """Figures on labelled pages: all, weighted by `weight`, English alone, the rest alone, and
    by language and kind where these have `FEWEST_LABELS` labels or more, a positive among them.

    `labels` by address, each with `score` (positive from `min_score`) and perhaps `weight`,
    `lang` and `kind`; `scores` by address as (raw, calibrated). A labelled page without a score,
    because the first selection or extraction dropped it, counts as 0.
    """
    urls = sorted(labels)
    truth = [labels[url]["score"] >= min_score for url in urls]
    raw = [scores.get(url, (0.0, 0.0))[0] for url in urls]
    calibrated = [scores.get(url, (0.0, 0.0))[1] for url in urls]
    weights = [float(labels[url].get("weight", 1.0)) for url in urls]
    figures: dict[str, Any] = {
        "pages_found": len(labels.keys() & scores.keys()),
        "unweighted": metrics(truth, raw, calibrated, threshold),
        "weighted": metrics(truth, raw, calibrated, threshold, weights),
    }

    def of(part: list[int]) -> dict[str, float | int]:
        return metrics(
            [truth[i] for i in part],
            [raw[i] for i in part],
            [calibrated[i] for i in part],
            threshold,
        )

    for name, wanted in (("english", True), ("other_languages", False)):
        figures[name] = of(
            [i for i, url in enumerate(urls) if (labels[url].get("lang") == "en") is wanted]
        )
    for name, field in (("languages", "lang"), ("kinds", "kind")):
        groups: dict[str, list[int]] = {}
        for i, url in enumerate(urls):
            groups.setdefault(str(labels[url].get(field) or ""), []).append(i)
        figures[name] = {
            group: of(part)
            for group, part in sorted(groups.items())
            if group and len(part) >= FEWEST_LABELS and any(truth[i] for i in part)
        }
    return figures
