"""A list of addresses and a columnar index → parts of `wanted`, and what was not found.

One file of the index a task; what it matches lies as exchange files below ``_run`` of the
output. Captures of one page meet in a shuffle only where the latest alone is wanted. The driver
holds names of files, and neither the list nor the index.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import InputError
from cc_math.fetch.index import CANDIDATES, FOUND, match_file
from cc_math.fetch.index_files import IndexFile
from cc_math.fetch.sorted_list import SortedList, read_sorted_list
from cc_math.manifests import FileEntry, Part, canonical_json, digest, read_json, stage_identity
from cc_math.spark.chunks import Job, Plan, map_exchange, spark_errors
from cc_math.spark.fetch_list import GivenList, parts_of_exchange
from cc_math.spark.fetch_not_found import NotFound, write_not_found
from cc_math.spark.fetch_pieces import GROUP_ROWS
from cc_math.spark.parts import frame_of_parts, part_json, part_of
from cc_math.storage import join, store_for
from cc_math.tables import put_local_file, scratch_folder, sha256_of

CAPTURES = ("latest", "all")
_DDL = (
    "doc_id string, url string, registered_domain string, crawl string, warc_filename string, "
    "warc_record_offset long, warc_record_length long, reason string, fetch_time string, "
    "page string"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look into the index gave: parts of `wanted`, counts, lines without a page."""

    wanted: list[Part]
    counts: dict[str, int]
    not_found: NotFound


def look_up(
    job: Job, files: list[IndexFile], given: GivenList, *, captures: str, any_type: bool
) -> Looked:
    """Find the pages of the list ``given`` in the index ``files``; see :class:`Looked`.

    Raises InputError where nothing at all is found, and what the files themselves raise.
    """
    folder = join(job.output, "_run", "fetch_index")
    files = list({file.uri: file for file in files}.values())
    names = Counter(_chunk_name(file) for file in files)
    chunks = [_chunk(file, given, any_type, names[_chunk_name(file)] > 1) for file in files]
    identities = {c.name: stage_identity("index", {}, c.input) for c in chunks}
    manifests = map_exchange(job, folder, Plan("index", identities, chunks, {}), match_chunk)
    candidates = parts_of_exchange(folder, manifests, "candidates")
    counts: dict[str, int] = {}
    for manifest in manifests:
        for name, number in manifest["counts"].items():
            counts[name] = counts.get(name, 0) + number
    not_found = write_not_found(job, folder, given, parts_of_exchange(folder, manifests, "found"))
    if not counts.get("index.candidates"):
        raise InputError(_nothing_found(files, given, counts, not_found))
    counts |= {"lines": given.lines, "lines.bad": given.bad_lines, "not_found": not_found.lines}
    wanted = candidates if captures == "all" else _latest(job, folder, candidates)
    counts["index.wanted"] = sum(part.rows for part in wanted)
    return Looked(wanted, counts, not_found)


def _nothing_found(
    files: list[IndexFile], given: GivenList, counts: dict[str, int], not_found: NotFound
) -> str:
    seen = counts.get("index.captures", 0)
    if seen:
        line, _, why = not_found.first_line.partition("\t")
        hint = f"{seen:,} captures were left out (such as {line}: {why}); --any-type takes them"
    elif given.kind == "urls":
        hint = "is it the right crawl? --canonical also matches http, www. and a final slash"
    else:
        hint = "is it the right crawl, and subset=warc of it?"
    what = "URLs" if given.kind != "domains" else "domains"
    return (
        f"none of {given.lines:,} {what} is in the index ({len(files):,} files, "
        f"{files[0].uri} …): {hint}"
    )


@functools.lru_cache(maxsize=1)
def _sorted_list(uri: str) -> SortedList:
    """The list, its files opened once in each worker process."""
    return read_sorted_list(uri)


def _chunk_name(file: IndexFile) -> str:
    return re.sub(r"[^A-Za-z0-9._=-]+", "__", file.name.removesuffix(".parquet")).lstrip("._")


def _chunk(file: IndexFile, given: GivenList, any_type: bool, shared_name: bool) -> Chunk:
    name = _chunk_name(file)
    if shared_name:  # files of two indexes may be called alike
        name += f"-{digest(file.uri)[:8]}"
    identity = {
        "index": name,
        "size_bytes": file.size_bytes,
        "addresses": given.identity,
        "any_type": any_type,
    }
    task = {"uri": file.uri, "addresses": given.sorted_uri, "any_type": any_type}
    return Chunk(name, identity, task, file.size_bytes)


def match_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """What one file of the index holds of the list: `candidates` and `found` parts."""
    task = chunk.task
    addresses = _sorted_list(task["addresses"])
    counts = Counter[str]()
    with scratch_folder() as folder:
        paths = {"candidates": folder / "candidates", "found": folder / "found"}
        with (
            pq.ParquetWriter(paths["candidates"], CANDIDATES, compression="zstd") as candidates,
            pq.ParquetWriter(paths["found"], FOUND, compression="zstd") as found,
        ):
            for matched in match_file(task["uri"], addresses, any_type=task["any_type"]):
                counts = matched.counts
                for table in matched.candidates:
                    candidates.write_table(table)
                for table in matched.found:
                    found.write_table(table)
                    counts["index.found"] += table.num_rows
                seen = {"done": counts["index.rows_read"], "kept": counts["index.candidates"]}
                context.heartbeat.send(seen)
        rows = {"candidates": counts["index.candidates"], "found": counts.pop("index.found", 0)}
        files = [_put(context.output, name, chunk.name, paths[name], rows[name]) for name in paths]
    return ChunkResult(files, dict(counts))


def _put(output: str, table: str, name: str, path: Path, rows: int) -> FileEntry:
    return put_local_file(path, table, output, f"{table}/{name}.parquet", rows)


def _latest(job: Job, folder: str, found: list[Part]) -> list[Part]:
    """Parts with the latest capture of each page alone; of one time, the first in its WARC."""
    rows = sum(part.rows for part in found)
    identity = digest(sorted(part.identity for part in found))
    listed = join(folder, f"latest-{identity[:16]}.json")
    stands = read_json(listed)
    if stands is not None and stands.get("identity") == identity:
        return [part_of(part) for part in stands["parts"]]
    write = _LatestWriter(join(folder, "latest"), identity[:16])
    with spark_errors("index"):
        frame = frame_of_parts(job.session(), found, CANDIDATES.names, _DDL)
        by_page = frame.repartition(rows // GROUP_ROWS + 1, "page")
        order = by_page.sortWithinPartitions(
            by_page["page"], by_page["fetch_time"].desc(), "warc_filename", "warc_record_offset"
        )
        texts = [row.part for row in order.mapInArrow(write, "part string").collect()]
    parts = sorted((part_of(json.loads(text)) for text in texts), key=lambda part: part.name)
    plain = {"identity": identity, "parts": [part_json(part) for part in parts]}
    store_for(listed).put_bytes(canonical_json(plain), listed)
    return parts


@dataclass(frozen=True)
class _LatestWriter:
    """Writes the first row of each page of a sorted shuffle partition."""

    folder: str
    name: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context: Any = TaskContext.get()
        name = f"{self.name}-{context.partitionId() if context is not None else 0:05d}"
        uri = join(self.folder, f"{name}.parquet")
        rows, page = 0, None
        with scratch_folder() as scratch:
            path = scratch / "rows.parquet"
            with pq.ParquetWriter(path, CANDIDATES, compression="zstd") as writer:
                for batch in batches:
                    keep = []
                    for given in batch.column("page").to_pylist():
                        keep.append(given != page)
                        page = given
                    kept = batch.filter(pa.array(keep, pa.bool_()))
                    rows += kept.num_rows
                    writer.write_table(pa.Table.from_batches([kept]).cast(CANDIDATES))
            part = Part(uri, name, sha256_of(path), rows)
            store_for(uri).put_file(path, uri)
        text = json.dumps(part_json(part))
        yield pa.RecordBatch.from_arrays([pa.array([text], pa.string())], names=["part"])
