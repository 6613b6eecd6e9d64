"""The figures of a training: what `NAME.metrics.json` holds and the card shows.

Owns which pages are judged by which cross-fitted combination, and the figures of the three
kinds of heads. Reads the files of labels that the settings name; writes nothing.

The trade: every figure is of pages whose sites neither the text model nor the second stage
has seen; the shipped model, trained on all of them, is likely a little better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cc_math.classify.combine import Combination, HeldOut
from cc_math.classify.evaluate import average_precision, label_figures, metrics
from cc_math.classify.heads import TOP_LEVEL
from cc_math.classify.intervals import estimate, ranking_figures, site_draws
from cc_math.classify.labels import Examples, Row, read_label_scores
from cc_math.classify.pictures import picture_figures
from cc_math.classify.settings import ClassifierSettings
from cc_math.classify.text_models import fold
from cc_math.urls import registered_domain

# A kind with fewer labels gets no figure of its own: its interval would be most of 0 to 1.
FEWEST_OF_A_KIND = 15
_MIN_PRECISION = 0.85  # of the published recall at a precision
_DRAWS = 1000  # of the bootstrap; chosen: the ends of an interval move by less than 0.005

Scores = dict[str, tuple[float, float]]


def training_figures(
    settings: ClassifierSettings,
    examples: Examples,
    held_out: HeldOut,
    combinations: Sequence[Combination],
) -> dict[str, Any]:
    """Metrics over held-out examples, and over labelled pages where there are any."""
    figures: dict[str, Any] = {"examples": examples.counts, "seeds": len(examples.seeds)}
    positive = sum(bool(e.positive) for e in examples.seeds)
    figures["hand_written"] = {"positives": positive, "negatives": len(examples.seeds) - positive}
    if not settings.calibration_labels and settings.calibration != "features":
        pages = [e for e in examples.training if e.key in held_out.math]
        raw = [held_out.raw(settings, e) for e in pages]
        weighs = settings.calibration == "sites"
        calibrated = [
            combinations[fold(settings, e)].score(
                r, held_out.features(settings, e) if weighs else {}
            )
            for e, r in zip(pages, raw, strict=True)
        ]
        truth = [bool(e.positive) for e in pages]
        figures["held_out"] = metrics(truth, raw, calibrated, settings.threshold)
    scores = labelled_scores(settings, examples, held_out, combinations)
    for name in ("calibration_labels", "evaluation_labels"):
        if uri := getattr(settings, name):
            rows = read_label_scores(uri, settings.score_field)
            figures[name] = {
                **label_figures(rows, scores, settings.min_score, settings.threshold),
                **_details(settings, rows, scores),
            }
            if settings.kinds:
                figures[name]["heads"] = _head_figures(
                    settings, examples, held_out, combinations, rows
                )
    return figures


def labelled_scores(
    settings: ClassifierSettings,
    examples: Examples,
    held_out: HeldOut,
    combinations: Sequence[Combination],
) -> Scores:
    """(raw, calibrated) by address of each labelled page, cross-fitted."""
    scores: Scores = {}
    for example in examples.labelled:
        if example.key in held_out.math:
            raw = held_out.raw(settings, example)
            features = held_out.features(settings, example)
            combination = combinations[fold(settings, example)]
            scores[example.url] = (raw, combination.score(raw, features))
    return scores


def _details(settings: ClassifierSettings, rows: dict[str, Row], scores: Scores) -> dict[str, Any]:
    """Intervals by site, the figures without the pages on the line, and what the pictures show."""
    urls = sorted(rows)
    levels = np.array([rows[url]["score"] for url in urls])
    truth = levels >= settings.min_score
    found = np.array([scores.get(url, (0.0, 0.0))[1] for url in urls])
    weights = np.array([float(rows[url].get("weight", 1.0)) for url in urls])
    draws = site_draws([registered_domain(url) for url in urls], repeats=_DRAWS, seed=settings.seed)
    drawn = ranking_figures(
        truth, found, draws, threshold=settings.threshold, min_precision=_MIN_PRECISION
    )
    clear = (levels < settings.min_score - 1) | truth  # without the level below the line
    return {
        "intervals": {name: estimate(values).rounded() for name, values in sorted(drawn.items())},
        "without_level_below": round(
            average_precision(truth[clear], found[clear], np.ones(int(clear.sum()))), 4
        ),
        **picture_figures(
            truth,
            found,
            weights,
            threshold=settings.threshold,
            languages=[str(rows[url].get("lang") or "") for url in urls],
            kinds=[str(rows[url].get("kind") or "") for url in urls],
        ),
    }


def _head_figures(
    settings: ClassifierSettings,
    examples: Examples,
    held_out: HeldOut,
    combinations: Sequence[Combination],
    rows: dict[str, Row],
) -> dict[str, Any]:
    """Quality: mean error in levels and rank correlation. Kinds: share right, and each kind."""
    levels, expected, kinds, shares = [], [], [], []
    for example in examples.labelled:
        if example.url in rows and example.key in held_out.math:
            features = held_out.features(settings, example)
            combination = combinations[fold(settings, example)]
            levels.append(float(rows[example.url]["score"]))
            expected.append(TOP_LEVEL * combination.quality(features))
            kinds.append(str(rows[example.url].get("kind") or ""))
            shares.append(combination.kinds(features))
    error = np.abs(np.array(levels) - np.array(expected))
    guesses = [max(sorted(share), key=share.__getitem__) for share in shares]
    known = [n for n, kind in enumerate(kinds) if kind]
    ones = np.ones(len(kinds))
    figures = {
        "quality": {
            "pages": len(levels),
            "mean_error_levels": round(float(error.mean()), 4),
            "rank_correlation": round(_rank_correlation(levels, expected), 4),
        },
        "kind": {
            "pages": len(known),
            "right": round(float(np.mean([kinds[n] == guesses[n] for n in known])), 4),
        },
    }
    for kind in sorted(set(kinds)):
        truth = np.array([k == kind for k in kinds])
        if kind and truth.sum() >= FEWEST_OF_A_KIND:
            scores = np.array([share.get(kind, 0.0) for share in shares])
            guessed = np.array([guess == kind for guess in guesses])
            figures[f"kind:{kind}"] = {
                "pages": int(truth.sum()),
                "average_precision": round(average_precision(truth, scores, ones), 4),
                "precision": round(float(truth[guessed].mean()) if guessed.any() else 0.0, 4),
                "recall": round(float(guessed[truth].mean()), 4),
            }
    return figures


def _rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's rank correlation, equal values sharing their mean rank."""
    ranks = []
    for values in (one, other):
        _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
        upper = np.cumsum(counts)
        ranks.append((upper - (counts - 1) / 2)[place])
    if min(float(np.std(rank)) for rank in ranks) == 0.0:
        return 0.0
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
