"""Models compared on labelled pages: one table, intervals by site, the worst errors.

Owns what `cc-math evaluate-classifier` computes and how it prints it. Reads and writes
nothing: pages and their scores come in, plain JSON values go out.

The trade: intervals come from drawing sites again (see `intervals`), all models on the same
draws, so that the gain of one model over another has an interval of its own, far narrower
than the two models' intervals suggest. What a threshold or a calibration fitted on the same
labels would gain is not taken out: cross-fitting is the training's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cc_math.classify.compare_heads import head_figures, head_rows
from cc_math.classify.evaluate import BoolArray, FloatArray
from cc_math.classify.intervals import (
    estimate,
    ranking_figures,
    share_estimate,
    site_draws,
    weights_by_site,
)
from cc_math.classify.labelled_pages import LabelledPage

FEWEST_LABELS = 15  # a group with fewer labels gets no figure (design of the labels)
_FIGURES = ("average_precision", "roc_auc", "f1", "recall_at_precision", "brier")
_GROUP_FIGURES = ("average_precision", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Judgement:
    """How labelled pages are turned into figures."""

    min_positive: float  # score from which a labelled page is positive
    threshold: float  # calibrated score from which a page counts as found
    min_precision: float  # of the recall at a precision
    repeats: int  # draws of the bootstrap
    seed: int


@dataclass(frozen=True, slots=True)
class ScoredModel:
    """One model and its (raw, calibrated) scores by address; a page without one scores 0."""

    name: str
    digest: str
    scores: dict[str, tuple[float, float]]
    heads: dict[str, dict[str, float]] = field(default_factory=dict)  # other heads by address


def compare_models(
    pages: Sequence[LabelledPage], models: Sequence[ScoredModel], judgement: Judgement
) -> dict[str, Any]:
    """Figures of every model on the same pages, as JSON values.

    A figure is [value, low, high], null where the pages cannot tell. `errors` lists all pages,
    worst first. `gain` is the difference in average precision to the first model.
    """
    truth = np.array([page.score >= judgement.min_positive for page in pages])
    weights = np.array([page.weight for page in pages])
    draws = site_draws(
        [page.site for page in pages], repeats=judgement.repeats, seed=judgement.seed
    )
    compared: list[dict[str, Any]] = []
    first: FloatArray | None = None
    for model in models:
        scores = np.array([model.scores.get(page.url, (0.0, 0.0))[1] for page in pages])
        plain = _rank(truth, scores, draws, judgement)
        precision = plain["average_precision"]
        first = precision if first is None else first
        compared.append(
            {
                "name": model.name,
                "digest": model.digest,
                "unweighted": {name: estimate(draw).rounded() for name, draw in plain.items()},
                "weighted": {
                    name: estimate(draw).rounded()
                    for name, draw in _rank(truth, scores, draws * weights, judgement).items()
                },
                "gain": estimate(precision - first).rounded(),
                "by_language": _by_language(pages, truth, scores, draws, judgement),
                "by_kind": _groups(pages, truth, scores, draws, judgement, [p.kind for p in pages]),
                "heads": head_figures(
                    pages,
                    model.heads,
                    fewest_labels=FEWEST_LABELS,
                    repeats=judgement.repeats,
                    seed=judgement.seed,
                ),
                "errors": worst_errors(pages, model, judgement),
            }
        )
    return {
        "pages": len(pages),
        "sites": len({page.site for page in pages}),
        "positives": int(truth.sum()),
        "with_document": len({p.url for p in pages}.intersection(*(m.scores for m in models))),
        "weights": len(set(weights.tolist())) > 1,  # else both parts of the table are the same
        "min_positive": judgement.min_positive,
        "threshold": judgement.threshold,
        "min_precision": judgement.min_precision,
        "repeats": judgement.repeats,
        "seed": judgement.seed,
        "models": compared,
    }


def _rank(
    truth: BoolArray, scores: FloatArray, draws: FloatArray, judgement: Judgement
) -> dict[str, FloatArray]:
    return ranking_figures(
        truth,
        scores,
        draws,
        threshold=judgement.threshold,
        min_precision=judgement.min_precision,
    )


def _by_language(
    pages: Sequence[LabelledPage],
    truth: BoolArray,
    scores: FloatArray,
    draws: FloatArray,
    judgement: Judgement,
) -> dict[str, Any]:
    """Every language, and all but the largest pooled, since most have too few labels."""
    names = [page.language for page in pages]
    groups = _groups(pages, truth, scores, draws, judgement, names)
    if len(groups) > 2:
        largest = next(iter(groups))
        pooled = [largest if (name or "unknown") == largest else "others" for name in names]
        others = _groups(pages, truth, scores, draws, judgement, pooled)["others"]
        groups[f"all but {largest}"] = others
    return groups


def _groups(
    pages: Sequence[LabelledPage],
    truth: BoolArray,
    scores: FloatArray,
    draws: FloatArray,
    judgement: Judgement,
    names: Sequence[str],
) -> dict[str, Any]:
    """Counts of each group, and figures where its labels suffice; the largest group first."""
    groups = np.array([name or "unknown" for name in names], dtype=np.str_)
    found, counts = np.unique(groups, return_counts=True)
    ordered = sorted(zip(found.tolist(), counts.tolist(), strict=True), key=lambda g: (-g[1], g[0]))
    chosen = scores >= judgement.threshold
    sites = np.array([page.site for page in pages], dtype=np.str_)
    result: dict[str, Any] = {}
    for name, number in ordered:
        inside = groups == name
        result[name] = {
            "pages": number,
            "positives": int(truth[inside].sum()),
            "missed": int((truth & ~chosen)[inside].sum()),
            "wrongly_found": int((chosen & ~truth)[inside].sum()),
        }
        if number >= FEWEST_LABELS:
            figures = _rank(truth[inside], scores[inside], draws[:, inside], judgement)
            area = estimate(figures["average_precision"])
            found_by_site = weights_by_site(sites[inside], chosen[inside] * 1.0)
            positive_by_site = weights_by_site(sites[inside], truth[inside] * 1.0)
            result[name] |= {
                "average_precision": area.rounded(),
                "precision": share_estimate(figures["precision"], found_by_site).rounded(),
                "recall": share_estimate(figures["recall"], positive_by_site).rounded(),
            }
            if truth[inside].all():  # nothing to rank against
                result[name]["average_precision"] = [None, None, None]
    return result


def worst_errors(
    pages: Sequence[LabelledPage], model: ScoredModel, judgement: Judgement
) -> list[dict[str, Any]]:
    """Pages on the wrong side of the threshold, the farthest from their label first."""
    errors = []
    for page in pages:
        raw, score = model.scores.get(page.url, (0.0, 0.0))
        positive = page.score >= judgement.min_positive
        if positive != (score >= judgement.threshold):
            row = {"url": page.url, "label": page.score, "kind": page.kind, "lang": page.language}
            row |= {"weight": page.weight, "raw": raw, "score": score}
            row["what"] = "missed" if positive else "wrongly found"
            if page.url not in model.scores:
                row["what"] = "missed: no document"
            errors.append((-abs(score - positive), page.url, row))
    return [row for _, _, row in sorted(errors, key=lambda error: error[:2])]


def comparison_lines(result: dict[str, Any], errors: int) -> Iterable[str]:
    """The comparison as a table for a terminal, with the first `errors` errors of each model."""
    yield (
        f"{result['pages']} labelled pages of {result['sites']} sites, {result['positives']} of "
        f"them positive (score {result['min_positive']:g} or more); "
        f"{result['pages'] - result['with_document']} have no document and score 0"
    )
    if result["repeats"]:
        yield (
            f"in brackets: 95 % intervals, sites drawn again {result['repeats']:,} times "
            f"(seed {result['seed']})"
        )
    heads = ["average precision", "ROC AUC", f"F1 at {result['threshold']:g}",
             f"recall at precision {result['min_precision']:g}", "Brier score"]  # fmt: skip
    for part in ("unweighted", "weighted") if result["weights"] else ("unweighted",):
        rows = [[part, *heads]]
        for model in result["models"]:
            rows.append([model["name"], *(shown(model[part][name]) for name in _FIGURES)])
        yield ""
        yield from aligned(rows)
    if len(result["models"]) > 1:
        yield ""
        yield f"  average precision over {result['models'][0]['name']}, unweighted, same draws"
        gains = [[m["name"], shown(m["gain"], sign=True)] for m in result["models"][1:]]
        yield from aligned(gains)
    for model in result["models"]:
        yield from _group_lines(model)
        if model["heads"]:
            yield ""
            yield f"{model['name']}: other heads, on labelled pages with a document"
            yield from aligned(list(head_rows(model["heads"], shown)))
    for model in result["models"]:
        yield from _error_lines(model, errors)


def shown(figure: Sequence[float | None], sign: bool = False) -> str:
    """A figure for reading: value and interval to three places, `-` where there is none."""
    value, low, high = figure
    if value is None:
        return "-"
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    if low is None or high is None:
        return text
    return f"{text} [{low:+.3f}, {high:+.3f}]" if sign else f"{text} [{low:.3f}, {high:.3f}]"


def _group_lines(model: dict[str, Any]) -> Iterable[str]:
    told = [by for by in ("by_language", "by_kind") if set(model[by]) != {"unknown"}]
    if not told:  # the labels name neither
        return
    yield ""
    yield (
        f"{model['name']}: by language and kind, unweighted "
        f"(a group under {FEWEST_LABELS} labels gets no figure)"
    )
    heads = ["", "pages", "positive", "missed", "wrongly found"]
    rows = [[*heads, "average precision", "precision", "recall"]]
    for by in told:
        for name, group in model[by].items():
            cells = [shown(group[f]) if f in group else "-" for f in _GROUP_FIGURES]
            counts = (group[c] for c in ("pages", "positives", "missed", "wrongly_found"))
            rows.append([name, *map(str, counts), *cells])
    yield from aligned(rows)


def _error_lines(model: dict[str, Any], most: int) -> Iterable[str]:
    errors = model["errors"]
    yield ""
    yield f"{model['name']}: {len(errors)} pages on the wrong side, worst first"
    rows = [["score", "label", "kind", "lang", "", "url"]] if errors[:most] else []
    for error in errors[:most]:
        rows.append(
            [f"{error['score']:.4f}", f"{error['label']:g}", error["kind"], error["lang"],
             error["what"], error["url"]]
        )  # fmt: skip
    yield from aligned(rows)
    if len(errors) > most:
        yield f"  … and {len(errors) - most} more (--errors, --json)"


def aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Rows as lines with columns set under each other, two blanks between them."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()
