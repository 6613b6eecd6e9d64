"""The fetch stage's work on one chunk: some wanted records of one WARC → committed tables.

Chooses the way of each record (kept HTML, byte ranges, reading on), runs the extraction child
over them, and checks that wanted = captures + missed by reason.
"""

from __future__ import annotations

from collections import Counter

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import AccountingError, InputError
from cc_math.extraction.chunk import EXTRACT_PAGE, crawl_name, gather_frames, put_gathered
from cc_math.fetch.kept_html import kept_ids
from cc_math.fetch.records import read_wanted
from cc_math.manifests import Json
from cc_math.storage import store_for

SOURCE = "cc_math.fetch.records:wanted_items"
MISSED_NOTES = 100  # chosen: more of one chunk have one cause, and a manifest is read by people


def fetch_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Fetch one chunk. Raises InputError where its WARC is needed and missing, AccountingError
    where the counts do not add up."""
    task, settings = chunk.task, context.settings
    records = read_wanted(task["rows"])
    kept = kept_ids(task["html"], {r.doc_id for r in records if r.doc_id})
    in_warc = [r for r in records if r.doc_id not in kept]
    # of the whole WARC as many, by the share of this chunk's that is not kept
    wanted_of_warc = task["warc_records"] * len(in_warc) / len(records)
    whole = wanted_of_warc >= settings["fetch"]["whole_from_pages"]
    if in_warc and store_for(task["uri"]).size_bytes(task["uri"]) is None:
        raise InputError(f"there is no {task['uri']}")
    config: Json = {
        "uri": task["uri"],
        "listed_path": task["listed_path"],
        "start_bytes": records[0].offset_bytes,
        "settings": settings["extract"],
        "crawl": _crawl(task, settings["crawl"]["name"], bool(in_warc)),
        "extract_page": task.get("extract_page", EXTRACT_PAGE),
        "source": SOURCE,
        "fetch": {
            "rows": task["rows"],
            "html": task["html"],
            "whole": whole,
            "join_gap_bytes": settings["fetch"]["join_gap_bytes"],
        },
    }

    done = Counter[str]()

    def done_records(head: Json) -> int:
        done.update(head["counts"])
        return done["records.response"] + _missed(done)

    gathered = gather_frames(config, chunk, context, done_records)
    counts = gathered.counts
    counts["wanted"] = len(records)
    counts["wanted.from_html"] = len(records) - len(in_warc)
    counts["wanted.by_whole" if whole else "wanted.by_range"] = len(in_warc)
    if counts["wanted"] != counts["records.response"] + _missed(counts):
        raise AccountingError(
            f"wanted records: {counts['wanted']}, but responses: {counts['records.response']} and "
            f"missed by reason: {_missed(counts)}"
        )
    gathered.notes = _first_missed(gathered.notes)
    return put_gathered(gathered, chunk, context)


def _missed(counts: Counter[str]) -> int:
    return sum(number for name, number in counts.items() if name.startswith("missed."))


def _first_missed(notes: list[Json]) -> list[Json]:
    """The notes without those on missed records behind the first hundred."""
    missed = [note for note in notes if "missed" in note]
    if len(missed) <= MISSED_NOTES:
        return notes
    others = [note for note in notes if "missed" not in note]
    return others + missed[:MISSED_NOTES] + [{"missed_more": len(missed) - MISSED_NOTES}]


def _crawl(task: Json, given: str, has_warc: bool) -> str:
    """The crawl's name: the recipe's, else that of the wanted rows, else as extract finds it."""
    known = given or str(task["crawl"])
    if known or not has_warc:
        return known or "unknown"
    return crawl_name(task["uri"], task["listed_path"], "")
