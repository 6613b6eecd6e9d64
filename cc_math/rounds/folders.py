"""Where a loop keeps its things, and the parts of its tables.

    DIR/iterate.json                what the loop was made from (written once)
    DIR/extract/                    pages, documents of the input, unless they stand elsewhere
    DIR/sample/                     wanted, pages, documents: dropped pages drawn as negatives
    DIR/rounds/NN/                  a round: recipe.json, decisions.tsv, wanted/, fetched/, seed/,
                                    model/, scores/, threshold.json, recalled/, mine/,
                                    proposals.tsv (for a person to edit), round.json (written last)
    DIR/crawls/NAME/                a later crawl: extract/, wanted/, fetched/, scores/, recalled/,
                                    crawl.json (written last)
    DIR/ledger.jsonl                a line a round
    DIR/_run/                       clocks and costs

A round is finished when its round.json is there; nothing in it is written again. What readers
of a loop need (`compose --recalled`, `diff`) is :func:`corpus_parts`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from cc_math.errors import InputError
from cc_math.manifests import (
    Json,
    Part,
    canonical_json,
    read_json,
    stage_manifest_uri,
    table_parts,
)
from cc_math.stages import stages_of_table
from cc_math.storage import join, store_for


@dataclass(frozen=True, slots=True)
class CorpusParts:
    """The parts of a round's corpus, sidecars named as their documents parts.

    ``recalled`` and ``scores`` have one part for every one of ``documents``.
    """

    documents: list[Part] = field(default_factory=list)
    pages: list[Part] = field(default_factory=list)
    scores: list[Part] = field(default_factory=list)
    recalled: list[Part] = field(default_factory=list)


def round_folder(folder: str, number: int) -> str:
    """The folder of a round."""
    return join(folder, "rounds", f"{number:02d}")


def is_loop(folder: str) -> bool:
    """Whether `cc-math iterate` was begun in ``folder``."""
    return read_json(join(folder, "iterate.json")) is not None


def finished_rounds(folder: str) -> list[Json]:
    """round.json of every finished round, in order."""
    rounds: list[Json] = []
    while True:
        body = read_json(join(round_folder(folder, len(rounds) + 1), "round.json"))
        if body is None:
            return rounds
        rounds.append(body)


def remove_unfinished(folder: str) -> int:
    """Delete what an unfinished round left, so that it can be begun again; its number.

    Finished rounds, and the proposals that the round would open with, stay as they are.
    """
    number = len(finished_rounds(folder)) + 1
    store = store_for(folder)
    for entry in store.list_files(round_folder(folder, number)):
        store.delete(entry.uri)
    return number


def crawl_names(folder: str) -> list[str]:
    """Names of the later crawls whose crawl.json is there, sorted."""
    store, root = store_for(folder), join(folder, "crawls")
    found = []
    for entry in store.list_files(root):
        name = re.fullmatch(r"([^/]+)/crawl\.json", entry.uri[len(root) :].lstrip("/"))
        if name:
            found.append(name.group(1))
    return sorted(found)


def write_once(uri: str, body: Json) -> None:
    """Write a JSON file that stands for good. Raises InputError where another stands there."""
    data = canonical_json(body)
    store = store_for(uri)
    if not store.put_new(data, uri) and store.read_bytes(uri) != data:
        raise InputError(f"{uri} holds something else already; is another `iterate` at work here?")


def write_ledger(folder: str) -> None:
    """DIR/ledger.jsonl from the rounds and crawls that are finished; the same bytes each time."""
    bodies = finished_rounds(folder)
    for name in crawl_names(folder):
        bodies.append(read_json(join(folder, "crawls", name, "crawl.json")) or {})
    lines = [json.dumps(body, sort_keys=True, ensure_ascii=False) for body in bodies]
    data = "".join(f"{line}\n" for line in lines).encode()
    uri = join(folder, "ledger.jsonl")
    store = store_for(uri)
    if store.size_bytes(uri) is None or store.read_bytes(uri) != data:
        store.put_bytes(data, uri)


def extract_folder(folder: str) -> str:
    """The run folder whose pages and documents the loop started from."""
    body = read_json(join(folder, "iterate.json"))
    if body is None:
        raise InputError(f"{folder}: expected a folder of `cc-math iterate`, found no iterate.json")
    place = read_json(join(folder, "_run", "places.json")) or {}
    return str(place.get("extracted") or join(folder, "extract"))


def taken_in(folder: str, number: int) -> list[str]:
    """The folders of pages and documents that rounds up to ``number`` took in, in order."""
    places = []
    for earlier in range(1, number + 1):
        for name, stage in (("fetched", "fetch"), ("reselected", "reselect")):
            place = join(round_folder(folder, earlier), name)
            if read_json(stage_manifest_uri(place, stage)) is not None:
                places.append(place)
    return places


def parts_of(folder: str, table: str) -> list[Part]:
    """The parts of a table that stands in ``folder``; [] where nothing was written."""
    store = store_for(folder)
    place = join(folder, table)
    manifests = [
        stage_manifest_uri(root, stage.name)
        for stage in stages_of_table(table)
        for root in (folder, place)
    ]  # asked for one by one, since a listing of a table of a whole crawl is long
    if all(store.size_bytes(uri) is None for uri in manifests) and not store.list_files(place):
        return []
    return table_parts(place, table)


def corpus_parts(folder: str, number: int | None = None) -> CorpusParts:
    """The parts of the corpus as a finished round (default: the last) left it.

    With the last round come the later crawls. Raises InputError where the round is not finished
    or ``folder`` is no loop.
    """
    finished = len(finished_rounds(folder))
    number = finished if number is None else number
    if not is_loop(folder):
        raise InputError(f"{folder}: expected a folder of `cc-math iterate`, found no iterate.json")
    if not 1 <= number <= finished:
        raise InputError(f"{folder}: round {number} is not finished; it has {finished}")
    found = CorpusParts()
    for place in (extract_folder(folder), *taken_in(folder, number)):
        found.documents.extend(parts_of(place, "documents"))
        found.pages.extend(parts_of(place, "pages"))
    at = round_folder(folder, number)
    found.scores.extend(table_parts(join(at, "scores"), "scores"))
    found.recalled.extend(parts_of(at, "recalled"))
    for name in crawl_names(folder) if number == finished else []:
        at = join(folder, "crawls", name)
        for place in (join(at, "extract"), join(at, "fetched")):
            found.documents.extend(parts_of(place, "documents"))
            found.pages.extend(parts_of(place, "pages"))
        found.scores.extend(table_parts(join(at, "scores"), "scores"))
        found.recalled.extend(parts_of(at, "recalled"))
    return found
