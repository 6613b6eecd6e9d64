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
from dataclasses import dataclass

from cc_math.chunks import Chunk
from cc_math.inputs import WarcFile
from cc_math.manifests import Json, Part, read_json, stage_manifest_uri
from cc_math.rounds import costs
from cc_math.rounds.decisions import (
    Decisions,
    accepted_sites,
    all_decisions,
    decisions_summary,
    offer_proposals,
)
from cc_math.rounds.folders import (
    extract_folder,
    parts_of,
    round_folder,
    taken_in,
    write_once,
)
from cc_math.rounds.identity import begin_round, round_recipe
from cc_math.rounds.part_names import RESELECT, extracted_name, wanted_of_parts
from cc_math.rounds.stop import overlap
from cc_math.rounds.threshold import Threshold, choose_threshold, coarse
from cc_math.schema import DropReason
from cc_math.spark.chunks import Job
from cc_math.spark.fetch import fetch
from cc_math.spark.mine_domains import mine_domains
from cc_math.spark.recalled import recall, score_histogram, scored_chunks
from cc_math.spark.reselect import reselect
from cc_math.spark.score import score
from cc_math.spark.seed import compose_seed
from cc_math.spark.train_step import hold_out_figures, model_file, train_step
from cc_math.spark.wanted import want_sample, want_sites
from cc_math.storage import join
from cc_math.tables import ColumnNames
from cc_math.version import __version__


@dataclass(frozen=True, slots=True)
class Source:
    """Where the pages come from: WARCs to extract and to fetch from, or an extraction that
    stands elsewhere (``extracted``), whose WARCs are needed for fetching all the same."""

    warcs: list[WarcFile]
    extracted: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """A round at work: its loop's folder, its number, the job with the round's recipe."""

    root: str
    number: int
    job: Job
    source: Source

    @property
    def folder(self) -> str:
        """The round's own folder."""
        return round_folder(self.root, self.number)

    @property
    def before(self) -> str:
        """The folder of the round before; of the first round one where nothing stands."""
        return round_folder(self.root, self.number - 1)

    def at(self, *names: str) -> Job:
        """The job with a folder of the round as its output."""
        return self.job.at(join(self.folder, *names))

    def inputs(self, table: str) -> list[Part]:
        """Parts of the extraction and of all that was taken in up to this round."""
        places = [extract_folder(self.root), *taken_in(self.root, self.number)]
        return [part for place in places for part in parts_of(place, table)]


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
            _sample(this)
        else:
            taken = _take_in(this, decisions)
    documents = this.inputs("documents")
    with timed("seed"):
        _seed(this, documents)
    with timed("model"):
        model = train_step(this.at(), this.root, number, max_drop=job.recipe.iterate.max_drop)
    with timed("scores"):
        score_with(this.at("scores"), documents, model_file(this.root, number))
        scores = parts_of(this.folder, "scores")
    with timed("recall"):
        chunks = scored_chunks(this.at(), documents, scores)
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


def _sample(this: Round) -> None:
    """Draw dropped pages and read them, once for the whole loop: DIR/sample."""
    at = this.job.at(join(this.root, "sample"))
    extracted = extract_folder(this.root)
    manifest = read_json(stage_manifest_uri(extracted, "extract")) or {"counts": {}}
    dropped = int(manifest["counts"].get(f"pages.{DropReason.not_selected.value}", 0))
    wanted = want_sample(at, parts_of(extracted, "pages"), dropped)
    if wanted["counts"].get("wanted", 0):
        fetch_wanted(at, this.source, parts_of(at.output, "wanted"), "sample")


def _take_in(this: Round, decisions: Decisions) -> Json:
    """Want and fetch what was accepted, and what a second reading selects; what came of it."""
    root, number, settings = this.root, this.number, this.job.recipe.iterate
    earlier = all_decisions(root, number - 1)
    accepted = accepted_sites([*earlier, *decisions.proposals], settings)
    wanted = want_sites(
        this.at(),
        parts_of(extract_folder(root), "pages"),
        accepted=accepted,
        linked=parts_of(join(this.before, "mine"), "linked_pages"),
        before=_known_pages(root, number),
    )["counts"]
    reasons = {n.removeprefix("wanted."): c for n, c in wanted.items() if n.startswith("wanted.")}
    found: dict[str, int] = {}
    if wanted.get("wanted", 0):
        parts = parts_of(this.folder, "wanted")
        suffix = f"round-{number:02d}"
        found = fetch_wanted(this.at("fetched"), this.source, parts, suffix)["counts"]
    documents = found.get("pages.document", 0)
    if settings.reselect:
        places = [extract_folder(root), *taken_in(root, number - 1), join(this.folder, "fetched")]
        known = [part for place in places for part in parts_of(place, "documents")]
        model = model_file(root, number - 1)
        reselect(this.at("reselected"), this.source.warcs, model, known, number)
        again = parts_of(join(this.folder, "reselected"), "documents")
        reasons[RESELECT] = sum(part.rows for part in again)
        documents += reasons[RESELECT]
    return {
        **decisions_summary(decisions, earlier),
        "wanted": dict(sorted(reasons.items())),
        "wanted_bytes": wanted.get("bytes", 0),
        "documents": documents,
        "fetch": dict(sorted(found.items())),
    }


def _known_pages(root: str, number: int) -> list[Part]:
    """Parts with the ids of dropped pages that earlier rounds took in, named as pages parts."""
    parts = []
    for earlier in range(2, number):
        folder = round_folder(root, earlier)
        parts += parts_of(folder, "wanted")
        for part in parts_of(join(folder, "reselected"), "pages"):
            parts.append(dataclasses.replace(part, name=extracted_name(part.name)))
    return parts


def fetch_wanted(job: Job, source: Source, wanted: list[Part], suffix: str) -> Json:
    """Read ``wanted`` pages to pages and documents, whatever the first selection says of them."""
    kept = parts_of(source.extracted, "html") if source.extracted is not None else []
    return fetch(
        job,
        wanted,
        base=source.base,
        warcs={warc.listed_path: warc for warc in source.warcs},
        html=kept,
        select=False,
        suffix=suffix,
    )


def _seed(this: Round, documents: list[Part]) -> None:
    settings, first = this.job.recipe.iterate, this.number == 1
    mined = join(this.before, "mine")
    compose_seed(
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
