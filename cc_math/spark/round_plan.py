"""What the coming round of a loop would fetch, before it does: pages, requests, bytes.

Wants what the round would want, below DIR/_run/dry_run, which is removed again, and counts the
reads. Nothing is fetched, decided or frozen.
"""

from __future__ import annotations

import dataclasses

from cc_math.classify.proposals import UNDECIDED, auto_decisions, read_proposals
from cc_math.manifests import read_json, stage_manifest_uri
from cc_math.rounds.decisions import PERSON, Decisions, decisions_uri, proposals_uri
from cc_math.rounds.folders import finished_rounds, parts_of
from cc_math.rounds.identity import round_recipe
from cc_math.spark.chunks import Job
from cc_math.spark.fetch_pieces import Piece, group_wanted
from cc_math.spark.round_job import Source
from cc_math.spark.take_in import draw_sample, want_accepted
from cc_math.storage import join, store_for


def planned_fetch(job: Job, source: Source, *, auto: bool) -> list[Piece] | None:
    """What the next round would fetch by the list of proposals as it stands (``auto``: with the
    rule for what is open); None where that cannot be known yet: nothing is extracted, or nothing
    is decided. Raises InputError, with the line, for a list that was edited into something else.
    """
    root, number = job.output, len(finished_rounds(job.output)) + 1
    at = dataclasses.replace(
        job.at(join(root, "_run", "dry_run")), recipe=round_recipe(job.recipe), say=_silent
    )
    extracted = source.extracted or join(root, "extract")
    if read_json(stage_manifest_uri(extracted, "extract")) is None:
        return None
    _remove(at.output)
    try:
        if number == 1:
            draw_sample(extracted, at)
        else:
            decisions = _decisions(job, number, auto=auto)
            if decisions is None:
                return None
            want_accepted(root, at, number, decisions)
        return group_wanted(at, parts_of(at.output, "wanted"))
    finally:
        _remove(at.output)


def _decisions(job: Job, number: int, *, auto: bool) -> Decisions | None:
    """The frozen decisions of the round, else the list that it would open with."""
    frozen = decisions_uri(job.output, number)
    if store_for(frozen).size_bytes(frozen) is not None:
        return Decisions(read_proposals(frozen), PERSON)
    rows = read_proposals(proposals_uri(job.output, number - 1))
    rows = auto_decisions(rows, recipe=job.recipe.domains) if auto else rows
    if rows and all(row.decision == UNDECIDED for row in rows):
        return None
    return Decisions(rows, PERSON)


def _remove(folder: str) -> None:
    store = store_for(folder)
    for entry in store.list_files(folder):
        store.delete(entry.uri)


def _silent(line: str) -> None:
    """A dry run prints its plan and no progress."""
