"""Heads beside `math`: educational quality and the kind of page, as plain numbers in JSON.

Owns two small models over the features of `cc_math.classify.features`. `quality` is ordinal:
one logistic line for each "level k or more" (Frank & Hall 2001), their mean the expected level
/ 5. `kind` has one logistic line a kind, shares made to sum to one. Reads and writes nothing.

The trade: lines that anybody can read, fitted in closed steps and the same on every machine,
where a network would fit the few hundred labels better and say less.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import mul
from typing import Any

import numpy as np

from cc_math.classify.calibrate import FloatArray, fit_logistic
from cc_math.classify.features import is_feature
from cc_math.errors import ModelError

TOP_LEVEL = 5  # the rubric's highest score
#: The design's ten kinds of pages.
KINDS = ("exposition", "problem_solution", "qa", "reference", "code_docs", "research",
         "news_blog", "listing", "spam", "other")  # fmt: skip
# A kind with fewer labels has no head: its line would be its bias. Chosen.
FEWEST_LABELS = 5
# Of the lines of these heads, some twenty-four features each on a few hundred to thousand labels.
# Measured: 1, 5 and 20 give the kinds a log loss of 1.04, 0.96 and 0.96 on pages of other sites.
_RIDGE = 5.0

Line = dict[str, Any]
Features = Mapping[str, float]


def fit_line(
    names: Sequence[str],
    rows: Sequence[Features],
    labels: Sequence[float],
    weights: Sequence[float],
    ridge: float = 1.0,
) -> Line:
    """A ridge logistic line over the named features: {"weights": {name: w}, "bias": b}.

    ``labels`` are 0 and 1, or shares between.

    A feature that a page lacks, as a kind's log odds where there is no word, counts 0.

    The ridge acts on features of unit deviation; the weights are given back in their own units.
    """
    table: FloatArray = np.array([[row.get(name, 0.0) for name in names] for row in rows])
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    deviation[deviation < 1e-9] = 1.0
    beta = fit_logistic(
        (table - mean) / deviation,
        np.array(labels, dtype=np.float64),
        np.array(weights, dtype=np.float64),
        ridge,
    )
    own = beta[:-1] / deviation
    bias = float(beta[-1] - own @ mean)
    per_name = {name: round(float(w), 6) for name, w in zip(names, own, strict=True)}
    return {"weights": per_name, "bias": round(bias, 6)}


def line_log_odds(line: Line, features: Features) -> float:
    """Log odds of a line; a feature that the page lacks counts 0."""
    return _all_log_odds([line], features)[0]


def _all_log_odds(lines: Iterable[Line], features: Features) -> list[float]:
    """Log odds of several lines. The lines of a head weigh the same features, looked up once."""
    names: list[str] = []
    values: list[float] = []
    found = []
    for line in lines:
        weights: dict[str, float] = line["weights"]
        if list(weights) != names:
            names = list(weights)
            values = [features.get(name, 0.0) for name in names]
        found.append(float(line["bias"] + math.fsum(map(mul, weights.values(), values))))
    return found


def probability(log_odds: float) -> float:
    """The probability of log odds, bounded at +-30."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, log_odds))))


def fit_quality(
    names: Sequence[str],
    rows: Sequence[Features],
    levels: Sequence[float],
    weights: Sequence[float],
) -> list[Line]:
    """Lines of "level k or more" for k = 1 … 5, by labels of 0 to 5."""
    return [
        fit_line(names, rows, [level >= k for level in levels], weights, _RIDGE)
        for k in range(1, TOP_LEVEL + 1)
    ]


def quality(lines: Sequence[Line], features: Features) -> float:
    """Expected level / 5, 0-1; a level is never more likely than the one below it."""
    total, bound = 0.0, 1.0
    for log_odds in _all_log_odds(lines, features):
        bound = min(bound, probability(log_odds))
        total += bound
    return total / TOP_LEVEL


def fit_kinds(
    names: Sequence[str],
    rows: Sequence[Features],
    kinds: Sequence[str],
    weights: Sequence[float],
) -> dict[str, Line]:
    """One line for each kind with enough labels."""
    counts = Counter(kinds)
    return {
        kind: fit_line(names, rows, [k == kind for k in kinds], weights, _RIDGE)
        for kind in KINDS
        if counts[kind] >= FEWEST_LABELS
    }


def kind_shares(lines: Mapping[str, Line], features: Features) -> dict[str, float]:
    """Probability of each kind of the model; they sum to 1."""
    found = _all_log_odds(lines.values(), features)
    shares = {kind: probability(odds) for kind, odds in zip(lines, found, strict=True)}
    total = max(1e-12, math.fsum(shares.values()))
    return {kind: share / total for kind, share in shares.items()}


def check_heads(heads: object, where: str) -> None:
    """Raise ModelError unless `heads` holds sound lines for `quality` and `kind` (or is empty)."""
    if not isinstance(heads, dict) or not set(heads) <= {"quality", "kind"}:
        raise ModelError(f"{where}: damaged heads; train the model again")
    levels, kinds = heads.get("quality", []), heads.get("kind", {})
    if not isinstance(levels, list) or len(levels) not in (0, TOP_LEVEL):
        raise ModelError(f"{where}: damaged head quality; train the model again")
    if not isinstance(kinds, dict) or not set(kinds) <= set(KINDS):
        raise ModelError(f"{where}: damaged head kind; train the model again")
    for line in (*levels, *kinds.values()):
        if not _is_sound(line):
            raise ModelError(f"{where}: damaged line of a head; train the model again")


def _is_sound(line: object) -> bool:
    if not isinstance(line, dict) or not isinstance(line.get("weights"), dict):
        return False
    numbers = [line.get("bias"), *line["weights"].values()]
    named = all(isinstance(name, str) and is_feature(name) for name in line["weights"])
    return named and all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers)
