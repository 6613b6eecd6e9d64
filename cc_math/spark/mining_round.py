"""One round of the mining loop, from its opening to its round.json. A round

    takes in    dropped pages below what was accepted of the round before's proposals
    learns      a seed from all documents, a model from the seed
    recalls     scores of all documents, a threshold, the `recalled` table
    proposes    domains, path prefixes and linked pages, for a person or a rule to decide

Each step is a stage with manifests of its own, or a file written once, in the round's folder.
"""

from __future__ import annotations

import dataclasses
from contextlib import AbstractContextManager

from cc_math.chunks import Chunk
from cc_math.manifests import Json, Part, read_json
from cc_math.rounds import costs
from cc_math.rounds.decisions import (
    Decisions,
    accepted_sites,
    all_decisions,
    offer_proposals,
)
from cc_math.rounds.folders import (
    extract_folder,
    parts_of,
    round_folder,
    write_once,
)
from cc_math.rounds.hold_out import labelled_addresses, require_documents
from cc_math.rounds.identity import begin_round, round_recipe
from cc_math.rounds.part_names import RESELECT, wanted_of_parts
from cc_math.rounds.stop import overlap
from cc_math.rounds.threshold import Threshold, choose_threshold, coarse
from cc_math.spark.chunks import Job
from cc_math.spark.mine_domains import mine_domains
from cc_math.spark.recalled import recall, score_histogram, scored_chunks
from cc_math.spark.round_job import Round, Source
from cc_math.spark.score import score
from cc_math.spark.seed import HOLD_OUT, compose_seed
from cc_math.spark.take_in import take_in, take_sample
from cc_math.spark.train_step import hold_out_figures, model_file, train_step
from cc_math.storage import join
from cc_math.tables import ColumnNames
from cc_math.version import __version__


def run_round(job: Job, source: Source, number: int, decisions: Decisions | None) -> None:
    """Run round ``number``; what of it is done already is left as it stands.

    ``decisions`` are what the round opens with, None for the first.
    """
    changed = begin_round(job.output, number, job.recipe)
    if changed:
        job.say(f"round {number} uses another recipe: {'; '.join(changed)}")
    recipe = round_recipe(job.recipe)
    this = Round(job.output, number, dataclasses.replace(job, recipe=recipe), source)

    def timed(name: str) -> AbstractContextManager[None]:
        job.say(f"round {number}: {name}")
        return costs.step(job.output, f"rounds/{number:02d}", name)

    taken: Json | None = None
    with timed("take-in"):
        if decisions is None:
            take_sample(this)
        else:
            taken = take_in(this, decisions)
    documents = this.inputs("documents")
    with timed("seed"):
        _require_labelled(this, _seed(this, documents))
    with timed("model"):
        model = train_step(this.at(), this.root, number, max_drop=job.recipe.iterate.max_drop)
    with timed("scores"):
        score_with(this.at("scores"), documents, model_file(this.root, number))
        scores = parts_of(this.folder, "scores")
    with timed("recall"):
        chunks = scored_chunks(documents, scores)
        threshold, picture = _threshold(this, chunks)
        recalled = _recall(this, chunks, threshold)
    with timed("domains"):
        mined = _mine(this, documents, scores, threshold)
    share = overlap(recalled.get("kept", 0), recalled.get("recalled", 0))
    body: Json = {
        "round": number,
        "code_version": __version__,
        "changed": changed,
        "taken_in": taken,
        "seed": model["seed"],
        "model": {"digest": model["digest"]},
        "hold_out": hold_out_figures(this.job, this.root, number, threshold.min_score),
        "histogram": picture,
        "threshold": {**dataclasses.asdict(threshold), "budget": recipe.iterate.token_budget},
        "recalled": recall_counts(recalled),
        "overlap": share if number > 1 else None,
        "domains": mined,
    }
    write_once(join(this.folder, "round.json"), body)


def _require_labelled(this: Round, seed: Json) -> None:
    """Raise InputError where no labelled page is a document."""
    labels = this.job.recipe.iterate.labels
    if labels and this.number == 1:
        labelled = len(labelled_addresses(labels, this.job.recipe.classifier.score_field))
        found = sum(file["rows"] for file in seed["files"] if file["table"] == HOLD_OUT)
        require_documents(labels, labelled, found, extract_folder(this.root))


def _seed(this: Round, documents: list[Part]) -> Json:
    settings, first = this.job.recipe.iterate, this.number == 1
    mined = join(this.before, "mine")
    return compose_seed(
        this.at(),
        documents,
        sampled=parts_of(join(this.root, "sample"), "documents"),
        recalled=None if first else parts_of(this.before, "recalled"),
        scores=None if first else parts_of(this.before, "scores"),
        domains=None if first else parts_of(mined, "domains"),
        linked=parts_of(mined, "linked_pages"),
        accepted=accepted_sites(all_decisions(this.root, this.number), settings),
        labels_uris=(settings.labels,) if settings.labels else (),
        model="" if first else model_file(this.root, this.number - 1),
    )


def score_with(job: Job, documents: list[Part], model: str) -> Json:
    """Score ``documents`` with a round's model."""
    settings = dataclasses.replace(job.recipe.score, model=model, beside=())
    recipe = dataclasses.replace(job.recipe, score=settings)
    return score(dataclasses.replace(job, recipe=recipe), documents, ColumnNames())


def _threshold(this: Round, chunks: list[Chunk]) -> tuple[Threshold, list[Json]]:
    """The round's threshold and the picture of its scores, from threshold.json once it stands."""
    uri = join(this.folder, "threshold.json")
    body = read_json(uri)
    if body is None:
        settings = this.job.recipe.iterate
        histogram = score_histogram(this.at(), chunks)
        threshold = choose_threshold(
            histogram,
            token_budget=settings.token_budget,
            min_score=this.job.recipe.domains.min_score,
            budget_floor=settings.budget_floor,
        )
        body = {"threshold": dataclasses.asdict(threshold), "histogram": coarse(histogram)}
        write_once(uri, body)
    return Threshold(**body["threshold"]), body["histogram"]


def _recall(this: Round, chunks: list[Chunk], threshold: Threshold) -> dict[str, int]:
    wanted: dict[str, list[Part]] = {}
    sources: dict[str, str] = {}
    for earlier in range(2, this.number + 1):
        folder = round_folder(this.root, earlier)
        for part in parts_of(join(folder, "reselected"), "documents"):
            sources[part.name] = RESELECT
        wanted |= wanted_of_parts(
            parts_of(join(folder, "fetched"), "documents"), parts_of(folder, "wanted")
        )
    manifest = recall(
        this.at(),
        chunks,
        threshold,
        number=this.number,
        before=parts_of(this.before, "recalled"),
        wanted=wanted,
        sources=sources,
    )
    return dict(manifest["counts"])


def recall_counts(counts: dict[str, int]) -> Json:
    """The ledger's figures of a `recalled` table, sources apart."""
    names = ("documents", "repeated", "recalled", "tokens", "new", "new_tokens", "kept", "lost",
             "lost_tokens")  # fmt: skip
    found: Json = {name: counts.get(name, 0) for name in names}
    for key, prefix in (("sources", "source."), ("new_by_source", "new.")):
        found[key] = {n.removeprefix(prefix): c for n, c in counts.items() if n.startswith(prefix)}
    return found


def _mine(
    this: Round, documents: list[Part], scores: list[Part], threshold: Threshold
) -> dict[str, int]:
    at = this.at("mine")
    pages = this.inputs("pages")
    counts = mine_domains(at, pages, documents, scores, min_score=threshold.min_score)["counts"]
    offer_proposals(this.root, this.number, join(at.output, "proposals.tsv"))
    return dict(counts)
