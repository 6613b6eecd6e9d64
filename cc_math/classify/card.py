"""The model card: what a model is, how it was made, how good it is, as Markdown.

Owns the card's text, made from settings and figures alone, so that it cannot disagree with
them. Reads and writes nothing.
"""

from __future__ import annotations

from typing import Any

from cc_math.classify.settings import ClassifierSettings
from cc_math.text import NORMALISER_VERSION

_FIGURES = ("examples", "positives", "average_precision", "roc_auc", "precision", "recall", "f1",
            "brier")  # fmt: skip


def model_card(
    settings: ClassifierSettings,
    description: dict[str, Any],
    figures: dict[str, Any],
    digest: str,
    size_bytes: int,
) -> str:
    """The card of one model as Markdown."""
    counts = figures["examples"]
    lines = [
        f"# {settings.name}: head `{settings.head}`",
        "",
        f"Digest `{digest}`, {size_bytes:,} bytes, fastText with {settings.dim} dimensions, word "
        f"{settings.word_ngrams}-grams, {settings.buckets:,} hashed features, {settings.epochs} "
        f"epochs, learning rate {settings.learning_rate}, seed {settings.seed}.",
        "",
        "## What it reads",
        f"The first {settings.max_chars:,} characters of the column `{settings.text_field}`, "
        f"normalised (version {NORMALISER_VERSION}): case "
        "folded, numbers one token, scripts without spaces character by character, formulas "
        + ("left out." if settings.formulas == "remove" else "as structure tokens."),
        "",
        "## What it learned from",
        f"{counts.get('positives', 0):,} positive and {counts.get('negatives', 0):,} negative "
        f"pages and {figures['seeds']} hand-written texts. Pages with labels were in no "
        "training. The weights hold no text of the pages; the pages belong to their authors.",
    ]
    if settings.bootstrap:
        lines += [
            "Bootstrapped: a page is positive because it holds at least "
            f"{settings.bootstrap_min_marks} formula marks, negative because it holds none. "
            "Nobody read them, so the model's errors are partly those of the rule.",
        ]
    how = "each fold in turn" if settings.cross_fit else "one fold"
    lines += [
        "",
        "## How good it is",
        f"On pages of sites that the scoring model had not seen ({how} of {settings.folds} folds "
        "of registered domains held out). Precision, recall and F1 at a calibrated "
        f"{settings.threshold}.",
        "",
        "| on | " + " | ".join(name.replace("_", " ") for name in _FIGURES) + " |",
        "|---|" + "---|" * len(_FIGURES),
    ]
    for name, values in sorted(figures.items()):
        if name == "held_out":
            lines.append(_row("held-out examples", values))
        elif name.endswith("_labels"):
            for part in ("unweighted", "weighted", "english", "other_languages"):
                if part != "weighted" or values[part] != values["unweighted"]:
                    lines.append(_row(f"{name}, {part}".replace("_", " "), values[part]))
    lines += ["", "## Calibration", _calibration_text(description["calibration"], figures), ""]
    return "\n".join(lines)


def _calibration_text(calibration: dict[str, Any], figures: dict[str, Any]) -> str:
    """What turns the raw score into a share, in a paragraph."""
    kind = calibration["kind"]
    if kind == "none":
        return "None: the score is the model's own probability, to be used with a measured floor."
    pages = figures.get("calibration_labels", figures.get("held_out", {})).get("pages_found")
    on = f"{pages} pages that were read and labelled" if pages else "the held-out examples"
    text = f"`{kind}`, fitted on held-out scores of {on}, stored in the model's JSON."
    if kind != "features":
        return text
    weights = ", ".join(f"{name} {weight:+.2f}" for name, weight in calibration["weights"].items())
    return (
        f"{text} A logistic line over what the words say and how many formulas the text holds: "
        f"{weights}, bias {calibration['bias']:+.2f}. The hand-written texts count in it as well, "
        "because a crawl may hold too few pages of mathematics without mark-up."
    )


def _row(name: str, values: dict[str, Any]) -> str:
    return f"| {name} | " + " | ".join(str(values[key]) for key in _FIGURES) + " |"
