"""The extract stage's work on one chunk: a byte range of a WARC → committed table files.

Gathers the child's frames, checks the account, sorts by doc_id and writes. The trade: the
documents of one chunk are held in memory (a chunk of 256 MB of an ordinary crawl keeps some
tens of MB of text), which is what makes the files independent of the order of arrival.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import AccountingError, InputError
from cc_math.extraction.child import TABLES
from cc_math.extraction.supervise import supervised_rows
from cc_math.manifests import Json
from cc_math.schema import arrow_schema
from cc_math.storage import store_for
from cc_math.tables import put_table

EXTRACT_PAGE = "cc_math.html:extract_page"
_CRAWL_IN_PATH = re.compile(r"CC-[A-Z]+-\d{4}(?:-\d{2})?")


def extract_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Extract one chunk. Raises InputError where the WARC is missing, AccountingError where the
    counts do not add up."""
    task, settings = chunk.task, context.settings
    if task["size_bytes"] is None:
        raise InputError(f"there is no {task['uri']}")
    config = {
        "uri": task["uri"],
        "listed_path": task["listed_path"],
        "start_bytes": task["start_bytes"],
        "end_bytes": task["end_bytes"],
        "settings": settings["extract"],
        "crawl": crawl_name(task["uri"], task["listed_path"], settings["crawl"]["name"]),
        "extract_page": task.get("extract_page", EXTRACT_PAGE),
    }

    def done_bytes(head: Json) -> int:
        return max(0, int(head["resume_bytes"]) - int(task["start_bytes"]))

    gathered = gather_frames(config, chunk, context, done_bytes)
    return put_gathered(gathered, chunk, context)


@dataclass(slots=True)
class Gathered:
    """What the child of one chunk sent: rows by table, counts, notes, seconds by step."""

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[Json] = field(default_factory=list)
    timings_s: dict[str, float] = field(default_factory=dict)
    frames: dict[str, list[pa.Table]] = field(default_factory=lambda: {t: [] for t in TABLES})


def gather_frames(
    config: Json, chunk: Chunk, context: ChunkContext, done_weight: Callable[[Json], int]
) -> Gathered:
    """Run the child of a chunk to its end; ``done_weight`` tells the progress from a frame."""
    gathered = Gathered()
    timings_s = gathered.timings_s
    for frame in supervised_rows(config):
        gathered.counts.update(frame.head["counts"])
        gathered.notes.extend(frame.head["notes"])
        for step, seconds in frame.head.get("timings_s", {}).items():
            timings_s[step] = timings_s.get(step, 0.0) + seconds
        if "peak_memory_bytes" in frame.head:
            timings_s["peak_memory_bytes"] = frame.head["peak_memory_bytes"]
        for table, rows in frame.rows.items():
            gathered.frames[table].append(rows)
        finished = bool(frame.head.get("finished"))
        progress = _progress(gathered.counts, min(done_weight(frame.head), chunk.weight))
        context.heartbeat.send(progress, force=finished)
    return gathered


def put_gathered(gathered: Gathered, chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Write the chunk's tables, sorted, and check the account."""
    started_s = time.perf_counter()
    keep_html = context.settings["extract"]["keep_html"]
    files = []
    for table in ("pages", "documents", *(["html"] if keep_html else [])):
        rows = _sorted(gathered.frames[table], table)
        files.append(put_table(rows, table, context.output, f"{table}/{chunk.name}.parquet"))
    gathered.timings_s["write"] = time.perf_counter() - started_s
    check_account(gathered.counts, {entry.table: entry.rows for entry in files})
    return ChunkResult(files, dict(gathered.counts), gathered.notes, gathered.timings_s)


def _progress(counts: Counter[str], done_bytes: int) -> dict[str, int]:
    kept, pages = counts["pages.document"], counts["responses.html"]
    return {"done": pages, "kept": kept, "dropped": pages - kept, "done_weight": done_bytes}


def _sorted(frames: list[pa.Table], table: str) -> pa.Table:
    schema = arrow_schema(table)
    rows = pa.concat_tables(frames) if frames else schema.empty_table()
    keys = [("doc_id", "ascending")]
    if "warc_record_offset" in schema.names:  # a capture stored twice has one doc_id
        keys.append(("warc_record_offset", "ascending"))
    return rows.take(pc.sort_indices(rows, sort_keys=keys))


def check_account(counts: Counter[str], rows: dict[str, int]) -> None:
    """Raise AccountingError where responses, pages and rows do not add up."""
    responses = sum(n for name, n in counts.items() if name.startswith("responses."))
    outcomes = sum(n for name, n in counts.items() if name.startswith("pages."))
    checks = [
        ("responses read", counts["records.response"], "HTML pages + others by reason", responses),
        ("HTML pages", counts["responses.html"], "documents + drops by reason", outcomes),
        ("HTML pages", counts["responses.html"], "rows of pages", rows["pages"]),
        ("documents", counts["pages.document"], "rows of documents", rows["documents"]),
    ]
    for left, left_count, right, right_count in checks:
        if left_count != right_count:
            raise AccountingError(f"{left}: {left_count}, but {right}: {right_count}")


def crawl_name(uri: str, listed_path: str, given: str) -> str:
    """Name of the crawl: as given, else from the path, else the warcinfo's isPartOf."""
    if given:
        return given
    found = _CRAWL_IN_PATH.search(listed_path)
    if found is not None and listed_path.startswith("crawl-data/"):
        return found.group()
    with store_for(uri).open_range(uri) as stream:
        head = stream.read(1 << 16)
    return _is_part_of(head) or "unknown"


def _is_part_of(head: bytes) -> str:
    import zlib

    try:
        text = zlib.decompressobj(31).decompress(head, 1 << 16) if head[:2] == b"\x1f\x8b" else head
    except zlib.error:
        return ""
    found = re.search(rb"(?mi)^isPartOf:[ \t]*([A-Za-z0-9._-]+)", text[:65536])
    return found.group(1).decode() if found else ""
