"""The mining loop (Shao et al. 2024, section 2.1): rounds until nothing new turns up.

Opens rounds and ends the loop; :mod:`cc_math.spark.mining_round` has the steps of a round. A
killed loop goes on where it was, to the same bytes, since every step leaves a manifest or a file
written once. The driver holds names of parts, 10,001 sums and the proposals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cc_math.errors import InputError
from cc_math.manifests import Json, canonical_json, digest, read_json, stage_manifest_uri
from cc_math.rounds import costs
from cc_math.rounds.decisions import decide, proposals_uri
from cc_math.rounds.folders import (
    extract_folder,
    finished_rounds,
    parts_of,
    write_ledger,
)
from cc_math.rounds.hold_out import check_labels
from cc_math.rounds.identity import begin_loop
from cc_math.rounds.stop import why_stopped
from cc_math.spark.chunks import Job
from cc_math.spark.extract import extract
from cc_math.spark.mining_round import run_round
from cc_math.spark.reselect import require_warcs
from cc_math.spark.round_job import Source
from cc_math.storage import join, store_for


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: 'stopped' by a rule or 'paused' for a person; ``says`` tells which."""

    state: str
    says: str


def _nothing() -> None:
    """What is done with a loop that was opened, where nobody asks for more."""


def iterate(
    job: Job,
    source: Source,
    *,
    auto: bool,
    accept_none: bool,
    opened: Callable[[], None] = _nothing,
) -> Outcome:
    """Run rounds in ``job.output`` until the loop stops or waits for a person.

    ``opened`` is called once the loop is known to be of this recipe and input. Raises InputError
    for labels that measure nothing, OutputConflict where another loop stands there, DriftError (a
    JobError) where a round's model does worse on the hold-out than the recipe allows.
    """
    folder = job.output
    check_labels(job.recipe.iterate.labels, job.recipe.classifier)
    if job.recipe.iterate.reselect:
        require_warcs(source.warcs)  # now, not after a round
    begin_loop(folder, job.recipe, _inputs(source), said=_said_inputs(folder, source))
    _remember_place(folder, source)
    opened()
    outcome, before = _stopped(job), len(finished_rounds(folder))
    if before:
        write_ledger(folder)  # the last call may have been killed just before it did
    if outcome is None:
        _extract(job, source)
    while outcome is None:
        number = len(finished_rounds(folder)) + 1
        decisions = None
        if number > 1:
            decisions = decide(
                folder, number, job.recipe, auto=auto, accept_none=accept_none, say=job.say
            )
            if decisions is None:
                outcome = Outcome("paused", _pause(folder, number - 1))
                break
        run_round(job, source, number, decisions)
        write_ledger(folder)
        outcome = _stopped(job)
    if outcome.state == "stopped" and before == len(finished_rounds(folder)):
        outcome = Outcome("stopped", f"{outcome.says} Nothing was left to do.")
    _write_state(folder, outcome)
    return outcome


def _stopped(job: Job) -> Outcome | None:
    says = why_stopped(finished_rounds(job.output), job.recipe.iterate)
    return Outcome("stopped", says) if says else None


def _pause(folder: str, number: int) -> str:
    return (
        f"Round {number} is done and waits for decisions: in {proposals_uri(folder, number)} write "
        "accept or reject into the column `decision` (an empty one stays open), edit `path` to "
        "narrow or widen what a row stands for, or add rows of your own with the first four "
        f"columns; the others are evidence. Then `cc-math iterate {folder}` goes on. With --auto "
        "the rule of [domains] decides, with --accept-none the next round takes in nothing new."
    )


def _write_state(folder: str, outcome: Outcome) -> None:
    """How the last call ended, for `--show`; outside identity."""
    uri = join(folder, "_run", "state.json")
    body = {
        "rounds": len(finished_rounds(folder)),
        "state": outcome.state,
        "says": outcome.says.removesuffix(" Nothing was left to do."),
    }
    store_for(uri).put_bytes(canonical_json(body), uri)


def _inputs(source: Source) -> Json:
    if source.extracted is not None:
        parts = {table: parts_of(source.extracted, table) for table in ("pages", "documents")}
        if not parts["pages"]:
            raise InputError(f"{source.extracted}: expected pages and documents, found none")
        return {table: digest([(p.name, p.identity) for p in ps]) for table, ps in parts.items()}
    return {"warcs": digest([(warc.listed_path, warc.size_bytes) for warc in source.warcs])}


def _said_inputs(folder: str, source: Source) -> str:
    """How the WARCs differ from those that the loop was begun with, in words; '' for the same."""
    now = {warc.listed_path: warc.size_bytes for warc in source.warcs}
    begun = read_json(join(folder, "_run", "warcs.json"))
    if source.extracted is not None or begun is None or begun == now:
        return ""
    gone, new = sorted(set(begun) - set(now)), sorted(set(now) - set(begun))
    other = sorted(path for path in set(begun) & set(now) if begun[path] != now[path])
    counted = ((gone, "missing"), (new, "new"), (other, "of another size"))
    return ", ".join(
        f"{len(paths)} {what} ({paths[0]}{', …' if paths[1:] else ''})"
        for paths, what in counted
        if paths
    )


def _remember_place(folder: str, source: Source) -> None:
    """Where an extraction stands that is not the loop's own, or which WARCs are read; places, so
    outside identity."""
    uri = join(folder, "_run", "warcs.json")
    if source.extracted is None and store_for(uri).size_bytes(uri) is None:
        names = {warc.listed_path: warc.size_bytes for warc in source.warcs}
        store_for(uri).put_bytes(canonical_json(names), uri)
    if source.extracted is not None:
        uri = join(folder, "_run", "places.json")
        store_for(uri).put_bytes(canonical_json({"extracted": source.extracted}), uri)


def _extract(job: Job, source: Source) -> None:
    """Extract the WARCs into DIR/extract, unless an extraction stands elsewhere."""
    if source.extracted is None:
        with costs.step(job.output, "extract", "extract"):
            extract(job.at(join(job.output, "extract")), source.warcs)
    elif read_json(stage_manifest_uri(extract_folder(job.output), "extract")) is None:
        raise InputError(f"{source.extracted}: expected the output of `cc-math extract` or `run`")
