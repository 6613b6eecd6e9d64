"""The training of a round: its seed in, a model and figures out, or an error that names a source.

Owns the settings that a round overrides in the recipe's [classifier] table, the figures that the
ledger keeps, and the guard against drift. Reads the parts of `seed` and ``hold_out`` and the
file of labels; writes what :func:`cc_math.classify.train.train_classifier` writes, and
``hold_out.json``: the cross-fitted scores of the labelled pages, from which
:func:`figures_at` makes the figures at any threshold.

No label is learned from. The text model learns from the seed; its score and the formulas of a
page are weighed by a line fitted to what the other examples of a page's site are (calibration
`sites`), so that formulas, which chose the first seed, can be weighed without a reader. Figures
are cross-fitted by site: a labelled page is scored by a model and a line that saw no page of its
site.

The trade: a drop is looked into by training once more without each suspected source, five short
trainings each, rather than left for a person to find.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cc_math.classify.evaluate import label_figures
from cc_math.classify.labels import read_label_scores
from cc_math.classify.settings import ClassifierSettings
from cc_math.classify.train import cross_fitted_figures, train_classifier
from cc_math.errors import DriftError, InputError
from cc_math.manifests import Json, Part, read_json, stage_manifest_uri
from cc_math.rounds.seed import HAND
from cc_math.rounds.settings import Iterate
from cc_math.storage import join, store_for

Say = Callable[[str], None]
LABELS, HELD_OUT = "labels", "held_out"  # what the guard looks at


@dataclass(frozen=True, slots=True)
class RoundModel:
    """A round's model. `figures` and `composition` are plain JSON, for the ledger.

    `figures`: `guard` (labels or held_out), `average_precision` (what the guard compares),
    `labels` (None without a hold-out), `held_out`, and `composition` again, for the next round.
    `composition`: {"positives": {source: examples}, "negatives": {source: examples}} as learned
    from, after caps and balance.
    """

    model_path: Path
    digest: str
    figures: Json
    composition: Json


def hold_out_parts(folder: str) -> list[Part]:
    """The parts of ``hold_out`` beside a round's seed; [] where no labelled page is a document."""
    manifest = read_json(stage_manifest_uri(folder, "seed")) or {"files": []}
    return [
        Part(join(folder, f["path"]), f["path"], f["sha256"], f["rows"])
        for f in manifest["files"]
        if f["table"] == "hold_out"
    ]


def train_round(
    seed: list[Part],
    *,
    hold_out: list[Part],
    settings: Iterate,
    classifier: ClassifierSettings,
    before: Json | None,
    output: Path,
    say: Say,
    evidence_uri: str = "",
) -> RoundModel:
    """Train the round's model into `output`; `before` are the figures of the round before.

    Raises DriftError where the guarded average precision fell by more than `settings.max_drop`;
    what was found is in ``evidence_uri`` (default: drift.json in `output`). Raises InputError
    where the seed lacks a class.
    """
    output.mkdir(parents=True, exist_ok=True)
    chosen = round_settings(seed, hold_out, settings, classifier)
    made = train_classifier(chosen, output, say)
    scores = {url: [round(x, 6) for x in pair] for url, pair in sorted(made.labelled.items())}
    (output / "hold_out.json").write_text(json.dumps(scores, indent=0) + "\n", encoding="utf-8")
    composition = _composition(made.metrics, chosen)
    figures = {**_figures(made.metrics, settings), "composition": composition}
    if settings.labels:
        figures["labels"] = figures_at(made.labelled, settings, chosen, chosen.threshold)
    if before is not None and before["guard"] == figures["guard"]:
        fall = before["average_precision"] - figures["average_precision"]
        if fall > settings.max_drop:
            uri = evidence_uri or str(output / "drift.json")
            raise _drift(chosen, settings, before, figures, uri, say)
    return RoundModel(made.model_path, made.digest, figures, composition)


def round_settings(
    seed: list[Part], hold_out: list[Part], settings: Iterate, classifier: ClassifierSettings
) -> ClassifierSettings:
    """The recipe's [classifier] table as a round trains it: its examples, no label learned from."""
    return dataclasses.replace(
        classifier,
        positives=(),
        negatives=(),
        bootstrap=(),
        bootstrap_role="examples",
        labelled=tuple(part.uri for part in seed),
        lookup=tuple(part.uri for part in hold_out),
        seeds=settings.seeds if HAND in settings.seed_sources else (),
        text_field="text",
        url_field="url",
        label_field="label",
        min_label=0.5,
        source_field="source",
        prior_field="score",
        bootstrap_min_marks=settings.bootstrap_min_marks,
        max_examples=settings.max_examples,
        max_per_site=settings.max_per_site,
        read_copies=0,
        formula_words=False,
        kinds=False,
        calibration="sites",
        calibration_labels="",
        evaluation_labels=settings.labels,
        learning_curve=(),
        cross_fit=True,
    )


def figures_at(
    scores: Mapping[str, tuple[float, float]],
    settings: Iterate,
    classifier: ClassifierSettings,
    threshold: float,
) -> Json:
    """Figures on the hold-out at a threshold: all, weighted, by language, by kind.

    `scores` are (raw, score) by address, cross-fitted, as in ``hold_out.json``; a labelled page
    that is no document scores 0. Languages and kinds with too few labels have no figures.
    """
    rows = read_label_scores(settings.labels, classifier.score_field)
    return label_figures(rows, dict(scores), classifier.min_score, threshold)


def _figures(metrics: dict[str, Any], settings: Iterate) -> Json:
    """What the guard compares, and the figures on the seed's own examples.

    Without labels that is the text model's held-out average precision: the combined score would
    find again the formulas by which the examples were chosen.
    """
    held_out = metrics["held_out"]
    guarded = held_out["raw_average_precision"]
    if settings.labels:
        guarded = metrics["evaluation_labels"]["unweighted"]["average_precision"]
    return {
        "guard": LABELS if settings.labels else HELD_OUT,
        "average_precision": guarded,
        "labels": None,
        "held_out": held_out,
    }


def _composition(metrics: dict[str, Any], settings: ClassifierSettings) -> Json:
    found: Json = {"positives": {}, "negatives": {}}
    for name, number in metrics["examples"].items():
        side, _, source = name.partition(".")
        if source and side in found:
            found[side][source] = number
    if settings.seeds:
        for side, number in metrics["hand_written"].items():
            found[side][HAND] = number
    return found


def suspects(before: Json, now: Json) -> list[str]:
    """Sources that are new since the round before, or grew, the fastest growing first."""
    growth: dict[str, int] = {}
    for side in ("positives", "negatives"):
        for source, number in now[side].items():
            more = number - before[side].get(source, 0)
            if more > 0:
                growth[source] = growth.get(source, 0) + more
    return sorted(growth, key=lambda source: (-growth[source], source))


def _drift(
    chosen: ClassifierSettings,
    settings: Iterate,
    before: Json,
    figures: Json,
    evidence_uri: str,
    say: Say,
) -> DriftError:
    """The error that says which source did it, after training without each suspect in turn."""
    was, now = before["average_precision"], figures["average_precision"]
    sources = suspects(before["composition"], figures["composition"])
    say(f"average precision fell from {was:.3f} to {now:.3f}; training without {sources}, each")
    without: dict[str, float] = {}
    for source in sources:
        left = dataclasses.replace(chosen, sources_out=(source,))
        if source == HAND:
            left = dataclasses.replace(chosen, seeds=())
        try:
            metrics = cross_fitted_figures(left, lambda message: None)
        except InputError:  # nothing of a class is left without it: it is not to be spared
            continue
        without[source] = _figures(metrics, settings)["average_precision"]
    body: Json = {
        "average_precision_before": was,
        "average_precision": now,
        "max_drop": settings.max_drop,
        "guard": figures["guard"],
        "average_precision_without": without,
        "composition_before": before["composition"],
        "composition": figures["composition"],
    }
    data = json.dumps(body, indent=1, sort_keys=True) + "\n"
    store_for(evidence_uri).put_bytes(data.encode(), evidence_uri)
    return DriftError(_drift_message(settings, body, evidence_uri))


def _drift_message(settings: Iterate, found: Json, evidence_uri: str) -> str:
    was, now = found["average_precision_before"], found["average_precision"]
    without: dict[str, float] = found["average_precision_without"]
    what = "on the hold-out" if found["guard"] == LABELS else "of the held-out examples"
    message = (
        f"drift: the average precision {what} fell from {was:.3f} to {now:.3f}, by more than "
        f"iterate.max_drop = {settings.max_drop:g}. "
    )
    listed = ", ".join(f"{without[s]:.3f} without {s}" for s in without)
    worst = max(without, key=lambda source: without[source], default="")
    if worst and without[worst] > now:
        others = [source for source in settings.seed_sources if source != worst]
        enough = was - without[worst] <= settings.max_drop
        message += (
            f"The seed source that did it is {worst!r} ({listed}). "
            + ("" if enough else "It does not explain all of it. ")
            + f"Look at its examples in the round's seed, then leave it out with "
            f"--set 'iterate.seed_sources={json.dumps(others)}', or reject the sites that brought "
            "them, or raise iterate.max_drop"
        )
    else:
        message += (
            f"No new or grown seed source did it alone ({listed or 'none is new or grew'}): the "
            "sources that stayed have changed. Compare the composition with the round before, or "
            "raise iterate.max_drop"
        )
    return f"{message}. The evidence is in {evidence_uri}"
