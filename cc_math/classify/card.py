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
        *_sources(settings, counts, figures),
        "The weights hold no text of the pages; the pages belong to their authors.",
    ]
    if settings.bootstrap and settings.bootstrap_role == "examples":
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
    if "heads" in figures.get("evaluation_labels", {}):
        lines += ["", "## Other heads", *_head_lines(figures["evaluation_labels"]["heads"])]
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
        f"{weights}, bias {calibration['bias']:+.2f}."
    )


def _sources(
    settings: ClassifierSettings, counts: dict[str, int], figures: dict[str, Any]
) -> list[str]:
    """What the text model was trained on, in sentences."""
    by_rule = f"{counts.get('positives', 0):,} positive and {counts.get('negatives', 0):,} negative"
    seeds = f"{figures['seeds']} hand-written texts"
    read = f"{counts.get('read', 0):,} pages that were read and labelled"
    if (words := counts.get("read_for_words", 0)) < counts.get("read", 0):
        read += f" ({words:,} of them examples of words, the others for calibration and kinds)"
    if settings.bootstrap_role == "context":
        return [f"{read}, and {seeds}, these set among words of ordinary pages. Labels that "
                "evaluate were in no training."]  # fmt: skip
    if settings.read_copies:
        return [f"{by_rule} pages, {read}, and {seeds}. Labels that evaluate were in no training."]
    return [f"{by_rule} pages and {seeds}. Pages with labels were in no training."]


def _head_lines(heads: dict[str, Any]) -> list[str]:
    """Figures of quality and kinds on the evaluation labels."""
    quality, kind = heads["quality"], heads["kind"]
    lines = [
        f"`quality`, on {quality['pages']} labelled pages: {quality['mean_error_levels']} levels "
        f"of 5 off on average, rank correlation {quality['rank_correlation']}. The likeliest "
        f"`kind` is right on {kind['right']:.0%} of {kind['pages']}; kinds with too few labels "
        "have no row.",
        "",
        "| kind | pages | average precision | precision | recall |",
        "|---|---|---|---|---|",
    ]
    for name, row in sorted(heads.items()):
        if name.startswith("kind:"):
            cells = (row[key] for key in ("pages", "average_precision", "precision", "recall"))
            lines.append(f"| {name[5:]} | " + " | ".join(map(str, cells)) + " |")
    return lines


def _row(name: str, values: dict[str, Any]) -> str:
    return f"| {name} | " + " | ".join(str(values[key]) for key in _FIGURES) + " |"
