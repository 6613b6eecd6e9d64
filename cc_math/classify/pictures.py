"""Pictures of a model's figures, as PNG files beside its card.

Owns the drawing: precision and recall, reliability, scores of both classes, the learning
curve, errors by language and kind. Reads the figures of a training (`NAME.metrics.json`) or
of `picture_figures`, writes one file a picture. Needs matplotlib, which is an extra.

The trade: drawn by matplotlib's Agg with its own fonts and without dates, so that the same
figures give the same bytes with the same matplotlib; nothing here can be zoomed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cc_math.classify.compare_models import FEWEST_LABELS
from cc_math.classify.evaluate import BoolArray, FloatArray
from cc_math.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_INCHES = (6.0, 4.5)
_DOTS_PER_INCH = 110
_HISTOGRAM_BINS = 20
_RELIABILITY_BINS = 10
# Okabe & Ito 2008: told apart by colour-blind readers, and in grey.
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#E69F00", "#009E73", "#777777"
_OUTCOMES = (
    ("true_positive", "rightly found", _BLUE),
    ("false_negative", "missed", _ORANGE),
    ("false_positive", "wrongly found", "#D55E00"),
    ("true_negative", "rightly left out", "#CCCCCC"),
)


def picture_figures(
    labels: BoolArray,
    scores: FloatArray,
    weights: FloatArray,
    *,
    threshold: float,
    languages: Sequence[str],
    kinds: Sequence[str],
) -> dict[str, Any]:
    """What the pictures show of one ranking, as JSON values; arrays are [N].

    curve: precision and recall at each distinct score, falling; reliability: ten bins of the
    score with the share of positives; histogram: pages of both classes in twenty bins;
    by_language and by_kind: the four outcomes at `threshold`.
    """
    chosen = scores >= threshold
    return {
        "threshold": threshold,
        "curve": _curve(labels, scores, weights),
        "reliability": _reliability(labels, scores, weights),
        "histogram": score_histogram(labels, scores),
        "by_language": _outcomes(labels, chosen, languages),
        "by_kind": _outcomes(labels, chosen, kinds),
    }


def _curve(labels: BoolArray, scores: FloatArray, weights: FloatArray) -> dict[str, list[float]]:
    thresholds = np.unique(scores)[::-1]
    chosen = scores[None, :] >= thresholds[:, None]
    kept = (chosen * weights).sum(axis=1)
    hits = (chosen * (weights * labels)).sum(axis=1)
    total = max(1e-300, float(weights[labels].sum()))
    columns = {"precision": hits / kept, "recall": hits / total, "threshold": thresholds}
    return {name: [round(float(x), 4) for x in column] for name, column in columns.items()}


def _reliability(
    labels: BoolArray, scores: FloatArray, weights: FloatArray
) -> list[dict[str, float]]:
    bins = np.minimum((scores * _RELIABILITY_BINS).astype(int), _RELIABILITY_BINS - 1)
    rows = []
    for n in range(_RELIABILITY_BINS):
        inside = bins == n
        if inside.any():
            weight = float(weights[inside].sum())
            row = {
                "low": n / _RELIABILITY_BINS,
                "high": (n + 1) / _RELIABILITY_BINS,
                "pages": int(inside.sum()),
                "mean_score": float((scores * weights)[inside].sum() / weight),
                "share": float((labels * weights)[inside].sum() / weight),
            }
            rows.append({name: round(value, 4) for name, value in row.items()})
    return rows


def score_histogram(labels: BoolArray, scores: FloatArray) -> dict[str, list[float]]:
    """Pages of both classes in twenty equal bins of the score: low ends and the two counts."""
    edges = np.linspace(0.0, 1.0, _HISTOGRAM_BINS + 1)
    return {
        "low": [round(float(edge), 4) for edge in edges[:-1]],
        "positive": np.histogram(scores[labels], edges)[0].tolist(),
        "negative": np.histogram(scores[~labels], edges)[0].tolist(),
    }


def _outcomes(labels: BoolArray, chosen: BoolArray, groups: Sequence[str]) -> dict[str, Any]:
    names = np.array([group or "unknown" for group in groups], dtype=np.str_)
    return {
        str(name): {
            "pages": int((names == name).sum()),
            "true_positive": int((labels & chosen)[names == name].sum()),
            "false_negative": int((labels & ~chosen)[names == name].sum()),
            "false_positive": int((~labels & chosen)[names == name].sum()),
            "true_negative": int((~labels & ~chosen)[names == name].sum()),
        }
        for name in np.unique(names)
    }


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def write_pictures(metrics: Mapping[str, Any], folder: Path, name: str = "") -> list[Path]:
    """Draw what `metrics` holds into `folder`; the files written, none without matplotlib.

    `metrics` is a block of `picture_figures`, or the figures of a training, whose labelled
    blocks (`evaluation_labels`, else `calibration_labels`) and `learning_curve` are taken.
    Files are `NAME.precision-recall.png` and so on, or without `NAME.` where `name` is ''.
    A picture whose figures are missing is left out.
    """
    if not can_draw():
        return []
    block = metrics
    for labels in ("calibration_labels", "evaluation_labels"):
        block = metrics.get(labels, block)
    learning = block.get("learning_curve") or metrics.get("learning_curve")
    drawings = {
        "precision-recall": (_draw_curve, block.get("curve")),
        "reliability": (_draw_reliability, block.get("reliability")),
        "scores": (_draw_histogram, block.get("histogram")),
        "learning-curve": (_draw_learning, learning),
        "by-language": (_draw_outcomes, block.get("by_language")),
        "by-kind": (_draw_outcomes, block.get("by_kind")),
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for picture, (draw, figures) in drawings.items():
        if figures:
            path = folder / (f"{name}.{picture}.png" if name else f"{picture}.png")
            _write(draw, figures, path)
            written.append(path)
    return written


def require_matplotlib() -> None:
    """Raise MissingExtra where pictures were asked for and cannot be drawn."""
    if not can_draw():
        raise MissingExtra(
            "pictures need matplotlib, which is not installed: pip install 'cc-math[plots]'"
        )


def _write(draw: Any, figures: Any, path: Path) -> None:
    """One picture as a PNG without date, version or the user's own style."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Figure(figsize=_SIZE_INCHES, dpi=_DOTS_PER_INCH, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        draw(axes, figures)
        figure.savefig(path, format="png", metadata={"Software": None})


def _draw_curve(axes: Axes, curve: Mapping[str, Sequence[float]]) -> None:
    axes.step(curve["recall"], curve["precision"], where="post", color=_BLUE)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title("Precision and recall at every threshold")


def _draw_reliability(axes: Axes, bins: Sequence[Mapping[str, float]]) -> None:
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", linewidth=1, label="as it should be")
    x, y = [b["mean_score"] for b in bins], [b["share"] for b in bins]
    axes.plot(x, y, color=_BLUE, marker="o", label="labelled pages")
    for across, up, b in zip(x, y, bins, strict=True):
        axes.annotate(
            f"{b['pages']:g}", (across, up), xytext=(6, -11), textcoords="offset points", fontsize=8
        )
    axes.set(xlabel="score", ylabel="share of positive pages", xlim=(0, 1), ylim=(0, 1.02))
    axes.set_title("Reliability (numbers: pages in the bin)")
    axes.legend(frameon=False)


def _draw_histogram(axes: Axes, histogram: Mapping[str, Sequence[float]]) -> None:
    low = np.array(histogram["low"])
    width = 1.0 / len(low)
    negative, positive = np.array(histogram["negative"]), np.array(histogram["positive"])
    axes.bar(low, negative, width, align="edge", color=_ORANGE, label="negative")
    axes.bar(low, positive, width, bottom=negative, align="edge", color=_BLUE, label="positive")
    # most pages score near 0, and a page is a page: a root scale shows one as well as a hundred
    axes.set_yscale("function", functions=(np.sqrt, np.square))
    most = float((negative + positive).max())
    axes.set_yticks([n for n in (0, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500) if n <= most])
    axes.set(xlabel="score", ylabel="labelled pages (root scale)", xlim=(0, 1))
    axes.set_title("Scores of both classes")
    axes.legend(frameon=False)


def _draw_learning(axes: Axes, points: Sequence[Mapping[str, float]]) -> None:
    examples = [p["examples"] for p in points]
    axes.plot(examples, [p["average_precision"] for p in points], color=_BLUE, marker="o")
    if all("low" in p and "high" in p for p in points):
        low, high = [p["low"] for p in points], [p["high"] for p in points]
        axes.fill_between(examples, low, high, color=_BLUE, alpha=0.15, linewidth=0)
    axes.set(xlabel="training examples", ylabel="average precision")
    axes.set_title("What more examples bring")


def _draw_outcomes(axes: Axes, groups: Mapping[str, Mapping[str, float]]) -> None:
    shown = [name for name, counts in groups.items() if counts["pages"] >= FEWEST_LABELS]
    shown.sort(key=lambda name: (groups[name]["pages"], name))
    left = np.zeros(len(shown))
    for outcome, label, color in _OUTCOMES:
        share = np.array([groups[n][outcome] / groups[n]["pages"] for n in shown])
        axes.barh(shown, share, left=left, color=color, label=label)
        left = left + share
    axes.set(xlabel="share of the group's labelled pages", xlim=(0, 1))
    axes.set_yticks(range(len(shown)), [f"{n} ({groups[n]['pages']:g})" for n in shown])
    axes.set_title(f"Outcomes by group (from {FEWEST_LABELS} labels)")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, fontsize=8)
