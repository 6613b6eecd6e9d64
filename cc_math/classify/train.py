"""Training: settings in, a model with its calibration, heads, metrics and card out.

Owns the order of work: read examples, hold out sites fold by fold, fit the second stage on
held-out probabilities, train the final models, write `NAME.bin`, perhaps `NAME.kinds.bin`,
`NAME.json`, `NAME.metrics.json`, `NAME.card.md` and, with matplotlib, pictures of the metrics.

The trade: with `cross_fit` the training is done once per fold and once more for all, five
or six times the time of one, so that no example is lost and every figure is of pages whose
sites the scoring model never saw. Deterministic for a seed: the same bytes every time with
`threads = 1`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cc_math.classify.card import model_card
from cc_math.classify.combine import Combination, HeldOut, Probabilities, fit_combination
from cc_math.classify.fasttext_model import LoadedModel, part_path, save_model
from cc_math.classify.figures import Scores, labelled_scores, training_figures
from cc_math.classify.labels import Examples, examples_of_share, read_examples
from cc_math.classify.pictures import write_pictures
from cc_math.classify.settings import ClassifierSettings, check_settings
from cc_math.classify.site_sketch import site_sketch
from cc_math.classify.text_models import (
    REST,
    held_out,
    train_formula_words,
    train_kinds,
    train_math,
)
from cc_math.errors import InputError

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training made: files, digest, figures (see metrics.json), scores of labelled pages."""

    model_path: Path
    description_path: Path
    metrics_path: Path
    card_path: Path
    digest: str
    metrics: dict[str, Any]
    labelled: Scores  # (raw, calibrated) by address of each labelled page, cross-fitted


def train_classifier(
    settings: ClassifierSettings, output_dir: Path, progress: Progress
) -> TrainingResult:
    """Train the model that `settings` describe into `output_dir`.

    Raises RecipeError for impossible settings, InputError for unreadable or one-sided
    examples.
    """
    check_settings(settings)
    progress("reading examples")
    examples = read_examples(settings)
    require_both_classes(settings, examples)
    scores = held_out_scores(settings, examples, progress)
    combinations = cross_fitted(settings, examples, scores)
    figures = training_figures(settings, examples, scores, combinations)
    if settings.learning_curve:
        figures["learning_curve"] = _learning_curve(settings, examples, progress)
    final = fit_combination(settings, examples, scores, None)
    progress("training the final model")
    without = None if settings.cross_fit else 0
    model = train_math(settings, examples, without)
    parts = {}
    if settings.formula_words:
        parts["formula_words"] = train_formula_words(settings, examples, without)
    if settings.kinds:
        parts["kinds"] = train_kinds(settings, examples, without)
    labelled = labelled_scores(settings, examples, scores, combinations)
    return _write(settings, examples, (model, parts), final, (figures, labelled), output_dir)


def cross_fitted_figures(settings: ClassifierSettings, progress: Progress) -> dict[str, Any]:
    """The figures of a training, without its model. Raises as :func:`train_classifier`."""
    check_settings(settings)
    examples = read_examples(settings)
    require_both_classes(settings, examples)
    scores = held_out_scores(settings, examples, progress)
    return training_figures(settings, examples, scores, cross_fitted(settings, examples, scores))


def _learning_curve(
    settings: ClassifierSettings, examples: Examples, progress: Progress
) -> list[dict[str, float]]:
    """Average precision by share of the sites to learn from; the whole is in the other figures."""
    points = []
    for share in settings.learning_curve:
        progress(f"training on {share:.0%} of the sites")
        part = examples_of_share(settings, examples, share)
        scores = held_out_scores(settings, part, progress)
        figures = training_figures(settings, part, scores, cross_fitted(settings, part, scores))
        for name in ("evaluation_labels", "calibration_labels"):
            if name in figures:
                figure = figures[name]["unweighted"]["average_precision"]
                break
        else:
            figure = figures["held_out"]["average_precision"]
        learned = len(part.read if settings.read_copies else part.training)
        points.append({"share": share, "examples": learned, "average_precision": figure})
    return points


def require_both_classes(settings: ClassifierSettings, examples: Examples) -> None:
    """Raise InputError where everything to learn from is of one class."""
    pages = examples.training if settings.bootstrap_role == "examples" else examples.read
    positives = sum(e.positive is True for e in pages)
    if not positives or positives == len(pages):
        raise InputError(
            f"[classifier] found {positives} positive and {len(pages) - positives} "
            "negative examples; both are needed. Look at text_field, marks_field and the inputs"
        )


def held_out_scores(
    settings: ClassifierSettings, examples: Examples, progress: Progress
) -> HeldOut:
    """Probabilities of every page whose figures or fits want one, from unseen sites' models."""
    pages = [*examples.labelled, *examples.seeds]
    if not settings.calibration_labels:
        pages += examples.training
    math = held_out(settings, examples, train_math, pages, progress)
    kinds: Probabilities = {}
    formula_words: Probabilities = {}
    if settings.formula_words:
        formula_words = held_out(
            settings, examples, train_formula_words, pages, progress, lambda e: e.formula_line
        )
    if settings.kinds:
        most = settings.kind_max_chars
        kinds = held_out(
            settings, examples, train_kinds, examples.labelled, progress, lambda e: e.line[:most]
        )
    return HeldOut(math, kinds, formula_words)


def cross_fitted(
    settings: ClassifierSettings, examples: Examples, scores: HeldOut
) -> list[Combination]:
    """For each fold the second stage that has not seen it."""
    # With one fold held out there are no other pages to calibrate that fold's figures on.
    return [
        fit_combination(settings, examples, scores, number if settings.cross_fit else None)
        for number in range(settings.folds)
    ]


def train_without_fold(settings: ClassifierSettings, fold: int, output_dir: Path) -> LoadedModel:
    """A model that saw no site of one fold, written to `output_dir`; uncalibrated."""
    model = train_math(settings, read_examples(settings), fold)
    path = output_dir / f"{settings.name}-without-{fold}.bin"
    return save_model(
        model, path, _description(settings, Combination({"kind": "none"}, {}), {}), {}
    )


def _write(
    settings: ClassifierSettings,
    examples: Examples,
    models: tuple[Any, dict[str, Any]],
    combination: Combination,
    judged: tuple[dict[str, Any], Scores],
    output_dir: Path,
) -> TrainingResult:
    figures, labelled = judged
    description = _description(settings, combination, examples.counts)
    learned = (example.site for example in (*examples.training, *examples.read))
    # what has no site stands under a key instead
    description["training"]["sites"] = site_sketch(site for site in learned if "\0" not in site)
    model_path = output_dir / f"{settings.name}.bin"
    loaded = save_model(models[0], model_path, description, models[1])
    metrics_path = output_dir / f"{settings.name}.metrics.json"
    metrics_path.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    write_pictures(figures, output_dir, settings.name)
    card_path = output_dir / f"{settings.name}.card.md"
    parts = [model_path, *(part_path(model_path, name) for name in models[1])]
    size_bytes = sum(part.stat().st_size for part in parts)
    card = model_card(settings, description, figures, loaded.digest, size_bytes)
    card_path.write_text(card, encoding="utf-8")
    return TrainingResult(
        model_path=model_path,
        description_path=model_path.with_suffix(".json"),
        metrics_path=metrics_path,
        card_path=card_path,
        digest=loaded.digest,
        metrics=figures,
        labelled=labelled,
    )


def _description(
    settings: ClassifierSettings, combination: Combination, counts: dict[str, int]
) -> dict[str, Any]:
    """What the model's JSON says of it (see `fasttext_model`)."""
    # Addresses of inputs are places on one machine: they are no part of what a model is.
    places = {"positives", "negatives", "labelled", "bootstrap", "seeds", "lookup", "exclude_urls",
              "exclude_sites", "calibration_labels", "evaluation_labels"}  # fmt: skip
    record = {k: v for k, v in dataclasses.asdict(settings).items() if k not in places}
    return {
        "head": settings.head,
        "labels": sorted([settings.head, REST]),
        "positive_label": settings.head,
        "formulas": settings.formulas,
        "max_chars": settings.max_chars,
        **({"kind_max_chars": settings.kind_max_chars} if settings.kinds else {}),
        "calibration": combination.calibration,
        "heads": combination.heads,
        "training": {"settings": record, "examples": counts},
    }
