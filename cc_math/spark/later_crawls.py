"""A later crawl, judged by the last round's model: added beside what is there, touching nothing.

The new crawl is extracted into DIR/crawls/NAME; what its first selection dropped below the
sites that the loop accepted is fetched; everything is scored by the last round's model and
recalled from its threshold, under its round's number. It trains nothing and proposes nothing, and
decisions about linked pages do not act in it, since nobody counts its links: a crawl that should
teach belongs into a loop of its own.
"""

from __future__ import annotations

import dataclasses
import re

from cc_math.errors import InputError, UserError
from cc_math.manifests import Json, Part, digest, read_json
from cc_math.rounds import costs
from cc_math.rounds.decisions import accepted_sites, all_decisions
from cc_math.rounds.folders import (
    corpus_parts,
    finished_rounds,
    parts_of,
    round_folder,
    write_ledger,
    write_once,
)
from cc_math.rounds.identity import changed, round_recipe
from cc_math.rounds.part_names import wanted_of_parts
from cc_math.rounds.threshold import Threshold
from cc_math.spark.chunks import Job
from cc_math.spark.extract import extract
from cc_math.spark.mining_round import recall_counts, score_with
from cc_math.spark.recalled import recall, scored_chunks
from cc_math.spark.round_job import Source
from cc_math.spark.take_in import fetch_wanted
from cc_math.spark.train_step import model_file
from cc_math.spark.wanted import want_sites
from cc_math.storage import join
from cc_math.version import __version__

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def add_crawl(job: Job, source: Source, name: str) -> Json:
    """Add the WARCs of ``source`` as the crawl ``name`` to the loop in ``job.output``.

    What crawl.json says of it. Raises UserError where no round is finished, InputError where the
    name is taken by another input or a WARC's name by a part that stands.
    """
    root = job.output
    rounds = finished_rounds(root)
    if not rounds:
        raise UserError(f"{root}: no round is finished, so there is no model to judge a crawl by")
    if not _NAME.fullmatch(name):
        raise InputError(f"--add {name}: expected a name of letters, digits, '.', '-' and '_'")
    number = rounds[-1]["round"]
    folder = join(root, "crawls", name)
    given = {"warcs": digest([(warc.listed_path, warc.size_bytes) for warc in source.warcs])}
    stands = read_json(join(folder, "crawl.json"))
    begun = {"round": number, "input": given, "code_version": __version__}
    begun_uri = join(folder, "begun.json")
    former = read_json(begun_uri)
    if stands is not None and stands["input"] == given:
        job.say(f"crawl {name} is there already, by round {stands['round']}; nothing was changed")
        return stands
    if former is not None and former != begun:
        raise InputError(
            f"{folder} was begun otherwise: {'; '.join(changed(former, begun))}; give another name"
        )
    _require_new_names(root, name, source)
    write_once(begun_uri, begun)
    at = dataclasses.replace(job, output=folder, recipe=round_recipe(job.recipe))
    with costs.step(root, f"crawls/{name}", "crawl"):
        counts, documents = _recalled(at, root, source, number)
    body = {
        **begun,
        "crawl": name,
        "model": {"digest": rounds[-1]["model"]["digest"]},
        "threshold": rounds[-1]["threshold"],
        "recalled": recall_counts(counts),
        "parts": len(documents),
    }
    write_once(join(folder, "crawl.json"), body)
    write_ledger(root)
    return body


def _require_new_names(root: str, name: str, source: Source) -> None:
    """Parts of all crawls lie side by side in a corpus, by the names of their WARCs."""
    there = {part.name for part in corpus_parts(root).documents}
    for warc in source.warcs:
        if f"{warc.name}-00000" in there:
            raise InputError(
                f"--add {name}: a WARC called {warc.listed_path} is in the loop already; give its "
                "parent folder or a paths list, so that its name tells the crawl"
            )


def _recalled(at: Job, root: str, source: Source, number: int) -> tuple[dict[str, int], list[Part]]:
    extract(at.at(join(at.output, "extract")), source.warcs)
    extracted = join(at.output, "extract")
    wanted = want_sites(
        at,
        parts_of(extracted, "pages"),
        accepted=accepted_sites(all_decisions(root, number), at.recipe.iterate),
        linked=[],
        before=[],
    )["counts"]
    fetched: list[Part] = []
    if wanted.get("wanted", 0):
        place = at.at(join(at.output, "fetched"))
        fetch_wanted(place, source, parts_of(at.output, "wanted"), "fetched")
        fetched = parts_of(place.output, "documents")
    documents = parts_of(extracted, "documents") + fetched
    score_with(at.at(join(at.output, "scores")), documents, model_file(root, number))
    chunks = scored_chunks(documents, parts_of(at.output, "scores"))
    body = read_json(join(round_folder(root, number), "threshold.json")) or {}
    manifest = recall(
        at,
        chunks,
        Threshold(**body["threshold"]),
        number=number,
        before=[],
        wanted=wanted_of_parts(fetched, parts_of(at.output, "wanted")),
        sources={},
    )
    return dict(manifest["counts"]), documents
