"""The other heads on labelled pages: how often the kind is right, how far the quality is off.

Owns the figures of the heads `kind:NAME` and `quality` for `cc-math evaluate-classifier`.
Reads and writes nothing. The trade: plain shares and distances, which a reader of the labels
can check by hand; only pages with a document count, since a page without one has no kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cc_math.classify.evaluate import BoolArray, FloatArray
from cc_math.classify.intervals import estimate, site_draws
from cc_math.classify.labelled_pages import LabelledPage

_KIND = "kind:"
_LEVELS = 5.0  # quality is level / 5


def head_figures(
    pages: Sequence[LabelledPage],
    heads: Mapping[str, Mapping[str, float]],
    *,
    fewest_labels: int,
    repeats: int,
    seed: int,
) -> dict[str, Any]:
    """Figures of the heads that `heads` (address -> head -> score) holds, as JSON values.

    kind: share of pages whose likeliest kind is the labelled one, and precision and recall of
    each kind with `fewest_labels` labels. quality: mean distance to the label in levels, and the
    share within one level. A figure is [value, low, high]; {} without such heads.
    """
    found = [page for page in pages if page.url in heads]
    if not found:
        return {}
    draws = site_draws([page.site for page in found], repeats=repeats, seed=seed)
    figures: dict[str, Any] = {}
    kinds = [_likeliest(heads[page.url]) for page in found]
    if any(kinds):
        labels = [page.kind for page in found]
        figures["kind"] = _kind_figures(np.array(labels), np.array(kinds), draws, fewest_labels)
    levels = [heads[page.url].get("quality") for page in found]
    if all(level is not None for level in levels):
        scores = np.array([page.score for page in found])
        distance = np.abs(np.array(levels, dtype=np.float64) * _LEVELS - scores)
        figures["quality"] = {
            "pages": len(found),
            "mean_distance": _mean(distance, np.ones(len(found), bool), draws),
            "within_one": _mean((distance <= 1.0) * 1.0, np.ones(len(found), bool), draws),
        }
    return figures


def _likeliest(scores: Mapping[str, float]) -> str:
    shares = [(value, name) for name, value in scores.items() if name.startswith(_KIND)]
    return max(shares)[1].removeprefix(_KIND) if shares else ""


def _kind_figures(labels: Any, kinds: Any, draws: FloatArray, fewest_labels: int) -> dict[str, Any]:
    """`labels` and `kinds` are [N] arrays of names."""
    known = labels != ""
    right = ((labels == kinds) * 1.0).astype(np.float64)
    by_kind: dict[str, Any] = {}
    for kind in sorted(set(labels[known].tolist())):
        inside = labels == kind
        by_kind[kind] = {"pages": int(inside.sum()), "given": int((kinds == kind).sum())}
        if inside.sum() >= fewest_labels:
            by_kind[kind]["precision"] = _mean(right, (kinds == kind) & known, draws)
            by_kind[kind]["recall"] = _mean(right, inside, draws)
    return {
        "pages": int(known.sum()),
        "accuracy": _mean(right, known, draws),
        "by_kind": by_kind,
    }


def _mean(values: FloatArray, inside: BoolArray, draws: FloatArray) -> list[float | None]:
    weights = draws * inside
    with np.errstate(invalid="ignore", divide="ignore"):
        return estimate((weights * values).sum(axis=1) / weights.sum(axis=1)).rounded()


def head_rows(figures: Mapping[str, Any], shown: Any) -> Iterator[list[str]]:
    """The figures as rows of a table: what, pages, figure, figure."""
    kind = figures.get("kind")
    if kind and kind["pages"]:
        yield ["kind", "pages", "right (recall)", "precision"]
        yield ["all", str(kind["pages"]), shown(kind["accuracy"]), ""]
        for name, row in kind["by_kind"].items():
            cells = [shown(row[f]) if f in row else "-" for f in ("recall", "precision")]
            yield [name, str(row["pages"]), *cells]
    if "quality" in figures:
        quality = figures["quality"]
        yield ["quality", "pages", "mean distance", "within one level"]
        yield [
            "all",
            str(quality["pages"]),
            shown(quality["mean_distance"]),
            shown(quality["within_one"]),
        ]
