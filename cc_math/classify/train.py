"""Training: settings in, a model with its calibration, metrics and card out.

Owns the order of work: read examples, hold out sites fold by fold, calibrate on held-out
scores, train the final model, write `NAME.bin`, `NAME.json`, `metrics.json` and `card.md`.

The trade: with `cross_fit` the training is done once per fold and once more for all, five
or six times the time of one, so that no example is lost and every figure is of pages whose
sites the scoring model never saw. Deterministic for a seed: the same bytes every time with
`threads = 1`.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasttext

from cc_math.classify.calibrate import (
    FEATURES,
    apply_calibration,
    fit_features,
    fit_isotonic,
    fit_platt,
)
from cc_math.classify.card import model_card
from cc_math.classify.evaluate import label_figures, metrics
from cc_math.classify.fasttext_model import LoadedModel, save_model
from cc_math.classify.labels import (
    Example,
    Examples,
    fold_of,
    read_examples,
    read_label_scores,
)
from cc_math.classify.score import document_features
from cc_math.classify.settings import ClassifierSettings, check_settings
from cc_math.errors import InputError, RecipeError

Progress = Callable[[str], None]
_REST = "other"
_LABEL = "__label__"


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training made: files, the model's digest, and its figures (see metrics.json)."""

    model_path: Path
    description_path: Path
    metrics_path: Path
    card_path: Path
    digest: str
    metrics: dict[str, Any]


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
    positives = sum(e.positive is True for e in examples.training)
    if not positives or positives == len(examples.training):
        raise InputError(
            f"[classifier] found {positives} positive and {len(examples.training) - positives} "
            "negative examples; both are needed. Look at text_field, marks_field and the inputs"
        )
    held_out = _held_out_scores(settings, examples, progress)
    calibrator = _calibrator(settings, examples, held_out)
    figures = _figures(settings, examples, held_out, calibrator)
    calibration = calibrator.fit(None)
    progress("training the final model")
    final = examples.training
    if not settings.cross_fit:
        final = [e for e in final if _fold(settings, e) != 0]
    model = _train(settings, [*final, *examples.seeds])
    return _write(settings, examples, model, calibration, figures, output_dir)


def _train(settings: ClassifierSettings, examples: list[Example]) -> Any:
    """One fastText training on examples in hash order."""
    lines = []
    for example in examples:
        label = _LABEL + (settings.head if example.positive else _REST)
        lines.append((example.key, f"{label} {example.line}\n"))
        if example.is_seed:
            for n, woven in enumerate(_in_context(example, examples, settings.seed_copies - 1)):
                lines.append((f"{example.key}{n}", f"{label} {woven}\n"))
    # fastText takes the lines in the file's order; hash order is a shuffle.
    lines.sort()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.writelines(line for _, line in lines)
        file.flush()
        try:
            return fasttext.train_supervised(
                file.name,
                dim=settings.dim,
                lr=settings.learning_rate,
                wordNgrams=settings.word_ngrams,
                minCount=settings.min_count,
                epoch=settings.epochs,
                bucket=settings.buckets,
                minn=settings.min_char_ngram,
                maxn=settings.max_char_ngram,
                thread=settings.threads,
                seed=settings.seed,
                loss="softmax",
                verbose=0,
            )
        except (RuntimeError, ValueError) as error:  # fastText's own: NaN, empty vocabulary
            raise RecipeError(
                f"fastText could not train ({error}); lower learning_rate or min_count"
            ) from None


def _in_context(seed: Example, examples: list[Example], copies: int) -> list[str]:
    """The seed's words among as many of other pages in its language, `copies` times.

    A seed is mostly terms. Where a language has no positive page, its stop words would stand
    for the negatives alone; set around a seed, they say nothing.
    """
    pages = [e for e in examples if e.language == seed.language and e.positive is False]
    pages = [e for e in pages if not e.is_seed]
    if not pages:
        return [seed.line] * copies
    first = int(seed.key[:8], 16)
    words = seed.line.split()
    woven = []
    for n in range(copies):
        other = pages[(first + n) % len(pages)].line.split()
        start = first % max(1, len(other) - len(words))
        woven.append(" ".join([*other[start : start + len(words)], *words]))
    return woven


def _held_out_scores(
    settings: ClassifierSettings, examples: Examples, progress: Progress
) -> dict[str, float]:
    """Raw score by key of each example whose site the scoring model has not seen."""
    everything = [*examples.training, *examples.labelled, *examples.seeds]
    folds = {e.key: _fold(settings, e) for e in everything}
    scores: dict[str, float] = {}
    for fold in range(settings.folds if settings.cross_fit else 1):
        progress(f"training without fold {fold + 1} of {settings.folds}")
        seen = [e for e in [*examples.training, *examples.seeds] if folds[e.key] != fold]
        unseen = [e for e in everything if folds[e.key] == fold]
        if not unseen or len({e.positive for e in seen}) < 2:
            continue
        model = _train(settings, seen)
        for example in unseen:
            scores[example.key] = _probability(model, settings.head, example.line)
    return scores


def train_without_fold(settings: ClassifierSettings, fold: int, output_dir: Path) -> LoadedModel:
    """A model that saw no site of one fold, written to `output_dir`; uncalibrated."""
    examples = read_examples(settings)
    seen = [e for e in [*examples.training, *examples.seeds] if _fold(settings, e) != fold]
    path = output_dir / f"{settings.name}-without-{fold}.bin"
    return save_model(_train(settings, seen), path, _description(settings, {"kind": "none"}, {}))


def _fold(settings: ClassifierSettings, example: Example) -> int:
    return fold_of(example.site, settings.folds, settings.seed)


def _probability(model: Any, label: str, line: str) -> float:
    if not line:
        return 0.0
    found = {name: p for p, name in model.f.predict(line + "\n", 2, -1.0, "strict")}
    return min(1.0, max(0.0, float(found.get(_LABEL + label, 0.0))))


@dataclass(frozen=True, slots=True)
class _Calibrator:
    """Held-out pages to calibrate on, with their folds, so that a fold's own can be left out."""

    kind: str
    folds: list[int]
    raw: list[float]
    features: list[dict[str, float]]
    labels: list[bool]
    weights: list[float]

    def fit(self, without_fold: int | None) -> dict[str, Any]:
        """The map; `without_fold` leaves one fold's pages out, for figures of that fold."""
        if self.kind == "none":
            return {"kind": "none"}
        used = [i for i, fold in enumerate(self.folds) if fold != without_fold]
        labels = [self.labels[i] for i in used]
        if len(set(labels)) < 2:
            raise InputError(
                f"calibration needs held-out pages of both classes, found {sum(labels)} positive "
                f"of {len(labels)}; add sites or labels, or set classifier.calibration to none"
            )
        raw = [self.raw[i] for i in used]
        if self.kind == "isotonic":
            return fit_isotonic(raw, labels)
        if self.kind == "platt":
            return fit_platt(raw, labels)
        rows = [[self.features[i][name] for name in FEATURES] for i in used]
        return fit_features(FEATURES, rows, labels, [self.weights[i] for i in used])


def _calibrator(
    settings: ClassifierSettings, examples: Examples, held_out: dict[str, float]
) -> _Calibrator:
    """What the map from raw to calibrated is fitted on: labelled pages where there are any."""
    if settings.calibration_labels:
        wanted = read_label_scores(settings.calibration_labels, settings.score_field)
        pages = [e for e in examples.labelled if e.url in wanted and e.key in held_out]
        labels = [bool(wanted[e.url]["score"] >= settings.min_score) for e in pages]
    else:
        if settings.calibration == "features":
            raise RecipeError(
                "classifier.calibration = 'features' counts formulas and so needs labels that "
                "were not made by counting formulas: set classifier.calibration_labels"
            )
        pages = [e for e in examples.training if e.key in held_out]
        labels = [bool(e.positive) for e in pages]
    weights = [1.0] * len(pages)
    if settings.calibration == "features" and settings.calibration_seed_weight > 0:
        seeds = [e for e in examples.seeds if e.key in held_out]
        pages += seeds
        labels += [bool(e.positive) for e in seeds]
        weights += [settings.calibration_seed_weight / max(1, len(seeds))] * len(seeds)
    return _Calibrator(
        kind=settings.calibration,
        folds=[_fold(settings, e) for e in pages],
        raw=[held_out[e.key] for e in pages],
        features=[document_features(e.text, held_out[e.key]) for e in pages],
        labels=labels,
        weights=weights,
    )


def _figures(
    settings: ClassifierSettings,
    examples: Examples,
    held_out: dict[str, float],
    calibrator: _Calibrator,
) -> dict[str, Any]:
    """Metrics over held-out examples, and over labelled pages where there are any."""
    # With one fold held out there are no other pages to calibrate that fold's figures on.
    by_fold = [
        calibrator.fit(fold if settings.cross_fit else None) for fold in range(settings.folds)
    ]
    figures: dict[str, Any] = {"examples": examples.counts, "seeds": len(examples.seeds)}
    if settings.calibration != "features":
        pages = [e for e in examples.training if e.key in held_out]
        raw = [held_out[e.key] for e in pages]
        calibrated = [
            apply_calibration(by_fold[_fold(settings, e)], r, {})
            for e, r in zip(pages, raw, strict=True)
        ]
        truth = [bool(e.positive) for e in pages]
        figures["held_out"] = metrics(truth, raw, calibrated, settings.threshold)
    scores: dict[str, tuple[float, float]] = {}
    for example in examples.labelled:
        if example.key in held_out:
            raw_score = held_out[example.key]
            features = document_features(example.text, raw_score)
            map_ = by_fold[_fold(settings, example)]
            scores[example.url] = (raw_score, apply_calibration(map_, raw_score, features))
    for name in ("calibration_labels", "evaluation_labels"):
        if uri := getattr(settings, name):
            rows = read_label_scores(uri, settings.score_field)
            figures[name] = label_figures(rows, scores, settings.min_score, settings.threshold)
    return figures


def _write(
    settings: ClassifierSettings,
    examples: Examples,
    model: Any,
    calibration: dict[str, Any],
    figures: dict[str, Any],
    output_dir: Path,
) -> TrainingResult:
    description = _description(settings, calibration, examples.counts)
    model_path = output_dir / f"{settings.name}.bin"
    loaded = save_model(model, model_path, description)
    metrics_path = output_dir / f"{settings.name}.metrics.json"
    metrics_path.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    card_path = output_dir / f"{settings.name}.card.md"
    card = model_card(settings, description, figures, loaded.digest, model_path.stat().st_size)
    card_path.write_text(card, encoding="utf-8")
    return TrainingResult(
        model_path=model_path,
        description_path=model_path.with_suffix(".json"),
        metrics_path=metrics_path,
        card_path=card_path,
        digest=loaded.digest,
        metrics=figures,
    )


def _description(
    settings: ClassifierSettings, calibration: dict[str, Any], counts: dict[str, int]
) -> dict[str, Any]:
    """What the model's JSON says of it (see `fasttext_model`)."""
    # Addresses of inputs are places on one machine: they are no part of what a model is.
    places = {"positives", "negatives", "labelled", "bootstrap", "seeds", "exclude_urls",
              "exclude_sites", "calibration_labels", "evaluation_labels"}  # fmt: skip
    record = {k: v for k, v in dataclasses.asdict(settings).items() if k not in places}
    return {
        "head": settings.head,
        "labels": sorted([settings.head, _REST]),
        "positive_label": settings.head,
        "formulas": settings.formulas,
        "max_chars": settings.max_chars,
        "calibration": calibration,
        "training": {"settings": record, "examples": counts},
    }
