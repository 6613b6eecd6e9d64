"""What a round takes in: wanted pages, fetched to pages and documents.

The first round draws a sample of what the first selection dropped; later ones want the dropped
pages below what was accepted, fetch them, and where the recipe says so read the WARCs again.
"""

from __future__ import annotations

import dataclasses

from cc_math.classify.proposals import Proposal
from cc_math.errors import InputError
from cc_math.manifests import Json, Part, read_json, stage_manifest_uri
from cc_math.rounds.decisions import (
    Decisions,
    accepted_sites,
    all_decisions,
    decisions_summary,
    written_by_hand,
)
from cc_math.rounds.folders import extract_folder, parts_of, round_folder, taken_in
from cc_math.rounds.part_names import RESELECT, extracted_name
from cc_math.schema import DropReason
from cc_math.spark.chunks import Job
from cc_math.spark.fetch import fetch
from cc_math.spark.fetch_pieces import Piece, group_wanted
from cc_math.spark.reselect import reselect
from cc_math.spark.round_job import Round, Source
from cc_math.spark.train_step import model_file
from cc_math.spark.wanted import want_sample, want_sites
from cc_math.storage import join

MOST_WATCHED = 1000  # chosen: more sites than a person writes by hand


def take_sample(this: Round) -> None:
    """Draw dropped pages and read them, once for the whole loop: DIR/sample."""
    at = this.job.at(join(this.root, "sample"))
    if draw_sample(extract_folder(this.root), at).get("wanted", 0):
        fetch_wanted(at, this.source, parts_of(at.output, "wanted"), "sample")


def draw_sample(extracted: str, at: Job) -> dict[str, int]:
    """Write `wanted` of the sample of pages that the extraction in ``extracted`` dropped, below
    ``at.output``; its counts."""
    manifest = read_json(stage_manifest_uri(extracted, "extract")) or {"counts": {}}
    dropped = int(manifest["counts"].get(f"pages.{DropReason.not_selected.value}", 0))
    return dict(want_sample(at, parts_of(extracted, "pages"), dropped)["counts"])


def want_accepted(
    root: str, at: Job, number: int, decisions: Decisions, watched: list[Proposal] | None = None
) -> dict[str, int]:
    """Write `wanted` of what round ``number`` takes in below ``at.output``; its counts."""
    earlier = all_decisions(root, number - 1)
    before = round_folder(root, number - 1)
    return dict(
        want_sites(
            at,
            parts_of(extract_folder(root), "pages"),
            accepted=accepted_sites([*earlier, *decisions.proposals], at.recipe.iterate),
            linked=parts_of(join(before, "mine"), "linked_pages"),
            before=_known_pages(root, number),
            watched=watched,
        )["counts"]
    )


def take_in(this: Round, decisions: Decisions) -> Json:
    """Want and fetch what was accepted, and what a second reading selects; what came of it."""
    root, number, settings = this.root, this.number, this.job.recipe.iterate
    earlier = all_decisions(root, number - 1)
    watched = written_by_hand(decisions, earlier, join(this.before, "mine", "proposals.tsv"))
    watched = watched[:MOST_WATCHED]
    wanted = want_accepted(root, this.at(), number, decisions, watched)
    in_crawl = {row.site: wanted.get(f"below.{n}", 0) for n, row in enumerate(watched)}
    for row in watched:
        if not in_crawl[row.site]:
            this.job.say(
                f"round {number}: the crawl has no page below {row.path or row.domain}, which was "
                "accepted. A path is the beginning of addresses, without wildcards; to change it, "
                "stop, edit the list and begin the round again with --redo"
            )
    reasons = {n.removeprefix("wanted."): c for n, c in wanted.items() if n.startswith("wanted.")}
    found: dict[str, int] = {}
    if wanted.get("wanted", 0):
        parts = parts_of(this.folder, "wanted")
        suffix = f"round-{number:02d}"
        at = this.at("fetched")
        found = dict(fetch_wanted(at, this.source, parts, suffix)["counts"])
        found |= reads_of(group_wanted(at, parts), this.job.recipe.fetch.whole_from_pages)
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
        **decisions_summary(decisions, earlier, in_crawl),
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


def reads_of(pieces: list[Piece], whole_from_pages: int) -> dict[str, int]:
    """What fetching ``pieces`` asks for, without repetitions: requests and bytes."""
    requests = size_bytes = 0
    for piece in pieces:
        is_whole = piece.warc_records >= whole_from_pages
        requests += 1 if is_whole else piece.range_requests
        size_bytes += piece.span_bytes if is_whole else piece.range_bytes
    return {"requests": requests, "bytes": size_bytes}


def fetch_wanted(job: Job, source: Source, wanted: list[Part], suffix: str) -> Json:
    """Read ``wanted`` pages to pages and documents, whatever the first selection says of them."""
    kept = parts_of(source.extracted, "html") if source.extracted is not None else []
    try:
        return fetch(
            job,
            wanted,
            base=source.base,
            warcs={warc.listed_path: warc for warc in source.warcs},
            html=kept,
            select=False,
            suffix=suffix,
        )
    except InputError as error:
        if source.warcs:
            raise
        raise InputError(f"{error}; or name the WARCs with --input or --crawl") from None
