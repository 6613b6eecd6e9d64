"""From a raw probability to one that can be read as a share: plain numbers, stored as JSON.

Owns three maps. `platt` is a logistic line over the raw score's log odds (Platt 1999);
`isotonic` is a non-decreasing step line (pool adjacent violators; Zadrozny & Elkan 2002);
`features` is Platt's line with more terms, so that what extraction knows of a page's
formulas joins what its words say. Reads and writes nothing.

The trade: a handful of numbers that anybody can read, against a learned combination that
would fit a little better and could not be inspected. `cc_math.classify.heads` fits the lines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cc_math.classify.features import is_feature
from cc_math.errors import ModelError

FloatArray = npt.NDArray[np.float64]

# Probabilities are bounded away from 0 and 1 by half of the 1e-4 to which scores are rounded.
_BOUND = 5e-5
# Ridge on the weights (not the bias) keeps separable labels finite; chosen: one prior label.
_RIDGE = 1.0
_NEWTON_STEPS = 50


def log_odds(probability: float) -> float:
    """Log odds of a probability, bounded."""
    bounded = min(1.0 - _BOUND, max(_BOUND, probability))
    return math.log(bounded / (1.0 - bounded))


def fit_logistic(
    features: FloatArray, labels: FloatArray, weights: FloatArray, ridge: float = _RIDGE
) -> FloatArray:
    """Weights of a ridge logistic regression, by Newton steps.

    `features` is [N, F] float64, `labels` [N] of 0 and 1 (or targets between), `weights` [N].
    Returns [F + 1], the bias last. Deterministic.
    """
    design = np.column_stack([features, np.ones(len(features))])
    ridges = np.full(design.shape[1], ridge)
    ridges[-1] = 1e-6  # the bias is free, but the matrix must stay invertible
    beta = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        probability = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (weights * (probability - labels)) + ridges * beta
        curvature = weights * probability * (1.0 - probability)
        hessian = (design * curvature[:, None]).T @ design + np.diag(ridges)
        step = np.linalg.solve(hessian, gradient)
        # A full Newton step can overshoot on separable labels: bound its length.
        step *= min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        beta -= step
        if float(np.abs(step).max()) < 1e-9:
            break
    return beta


def fit_platt(raw: Sequence[float], labels: Sequence[bool]) -> dict[str, Any]:
    """Platt's map of raw scores, with his smoothed targets (Platt 1999, section 2.2)."""
    positives = sum(labels)
    negatives = len(labels) - positives
    high, low = (positives + 1.0) / (positives + 2.0), 1.0 / (negatives + 2.0)
    targets = np.array([high if label else low for label in labels])
    odds = np.array([[log_odds(value)] for value in raw])
    slope, bias = fit_logistic(odds, targets, np.ones(len(targets)))
    return {"kind": "platt", "slope": round(float(slope), 6), "bias": round(float(bias), 6)}


def fit_isotonic(raw: Sequence[float], labels: Sequence[bool]) -> dict[str, Any]:
    """The isotonic map of raw scores: pool adjacent violators, then a line between pools."""
    pools: list[list[float]] = []  # sum of raw, sum of labels, count
    for value, label in sorted(zip(raw, labels, strict=True)):
        pools.append([value, float(label), 1.0])
        while len(pools) > 1 and pools[-2][1] * pools[-1][2] >= pools[-1][1] * pools[-2][2]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    points = [(round(total / n, 6), round(hits / n, 6)) for total, hits, n in pools]
    return {"kind": "isotonic", "raw": [p[0] for p in points], "calibrated": [p[1] for p in points]}


def apply_calibration(calibration: dict[str, Any], raw: float, features: dict[str, float]) -> float:
    """The calibrated score, 0-1, of one document."""
    kind = calibration["kind"]
    if kind == "none":
        return raw
    if kind == "isotonic":
        return float(np.interp(raw, calibration["raw"], calibration["calibrated"]))
    if kind == "platt":
        total = calibration["bias"] + calibration["slope"] * log_odds(raw)
    else:
        weights = calibration["weights"]
        total = calibration["bias"] + math.fsum(
            weights[name] * features.get(name, 0.0) for name in weights
        )
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))


def check_calibration(calibration: object, where: str) -> None:
    """Raise ModelError unless `calibration` is one of the maps above, with finite numbers."""
    if not isinstance(calibration, dict):
        raise ModelError(f"{where}: no calibration; train the model again")
    kind = calibration.get("kind")
    numbers: list[object] = []
    if kind == "platt":
        numbers = [calibration.get("slope"), calibration.get("bias")]
    elif kind == "isotonic":
        raw, mapped = calibration.get("raw"), calibration.get("calibrated")
        if not isinstance(raw, list) or not isinstance(mapped, list) or len(raw) != len(mapped):
            raise ModelError(f"{where}: damaged isotonic calibration; train the model again")
        numbers = [*raw, *mapped] or [None]
    elif kind == "features":
        weights = calibration.get("weights")
        named = isinstance(weights, dict) and all(map(is_feature, weights))
        numbers = [calibration.get("bias"), *(weights.values() if named else [None])]  # type: ignore[union-attr]
    elif kind != "none":
        raise ModelError(f"{where}: unknown calibration {kind!r}; train the model again")
    if not all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers):
        raise ModelError(f"{where}: damaged {kind} calibration; train the model again")
