"""A list of addresses and a columnar index → parts of `wanted`, and what was not found.

One file of the index a task; what it matches lies as exchange files below ``_run`` of the
output. Captures of one page meet in a shuffle only where the latest alone is wanted. The driver
holds the list of addresses, as the person who gave it does, and nothing of the index.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import InputError
from cc_math.fetch.address_list import Addresses
from cc_math.fetch.index import CANDIDATES, FOUND, IndexFile, Matched, match_file
from cc_math.manifests import FileEntry, Json, Part, digest, stage_identity
from cc_math.spark.chunks import Job, Plan, map_exchange, spark_errors
from cc_math.spark.fetch_pieces import GROUP_ROWS
from cc_math.spark.parts import frame_of_parts
from cc_math.storage import base_name, join, store_for
from cc_math.tables import (
    local_copy,
    put_local_file,
    read_columns,
    scratch_folder,
    sha256_of,
)

CAPTURES = ("latest", "all")
_DDL = (
    "doc_id string, url string, registered_domain string, crawl string, warc_filename string, "
    "warc_record_offset long, warc_record_length long, reason string, fetch_time string, "
    "page string"
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look into the index gave: parts of `wanted`, counts, lines without a page and why."""

    wanted: list[Part]
    counts: dict[str, int]
    not_found: list[tuple[str, str]]


def look_up(
    job: Job, files: list[IndexFile], addresses: Addresses, *, captures: str, any_type: bool
) -> Looked:
    """Find the pages of ``addresses`` in the index ``files``; see :class:`Looked`.

    Raises InputError where nothing at all is found, and what the files themselves raise.
    """
    folder = join(job.output, "_run", "fetch_index")
    listed = join(folder, f"addresses-{digest([addresses.kind, addresses.lines])[:16]}.parquet")
    _put_addresses(listed, addresses)
    files = list({file.uri: file for file in files}.values())
    names = Counter(_chunk_name(file) for file in files)
    chunks = [
        _chunk(file, listed, addresses.kind, any_type, names[_chunk_name(file)] > 1)
        for file in files
    ]
    identities = {c.name: stage_identity("index", {}, c.input) for c in chunks}
    manifests = map_exchange(job, folder, Plan("index", identities, chunks, {}), match_chunk)
    found = _parts_of(folder, manifests, "candidates")
    counts: dict[str, int] = {}
    for manifest in manifests:
        for name, number in manifest["counts"].items():
            counts[name] = counts.get(name, 0) + number
    not_found = _not_found(addresses, _parts_of(folder, manifests, "found"))
    if not counts.get("index.candidates"):
        raise InputError(_nothing_found(files, addresses, counts, not_found))
    counts["not_found"] = len(not_found)
    wanted = found if captures == "all" else _latest(job, folder, found)
    counts["index.wanted"] = sum(part.rows for part in wanted)
    return Looked(wanted, counts, not_found)


def _nothing_found(
    files: list[IndexFile],
    addresses: Addresses,
    counts: dict[str, int],
    not_found: list[tuple[str, str]],
) -> str:
    seen = counts.get("index.captures", 0)
    if seen:
        line, why = next((line, why) for line, why in not_found)
        hint = f"{seen:,} captures were left out (such as {line}: {why}); --any-type takes them"
    elif addresses.kind == "urls":
        hint = "is it the right crawl? --canonical also matches http, www. and a final slash"
    else:
        hint = "is it the right crawl, and subset=warc of it?"
    what = "URLs" if addresses.kind != "domains" else "domains"
    return (
        f"none of {len(addresses.lines):,} {what} is in the index ({len(files):,} files, "
        f"{files[0].uri} …): {hint}"
    )


def _put_addresses(uri: str, addresses: Addresses) -> None:
    if store_for(uri).size_bytes(uri) is not None:
        return
    with scratch_folder() as folder:
        path = folder / "addresses.parquet"
        pq.write_table(pa.table({"line": pa.array(addresses.lines, pa.string())}), path)
        store_for(uri).put_file(path, uri)


@functools.lru_cache(maxsize=1)
def _addresses(uri: str, kind: str) -> Addresses:
    """The list, built once in each worker process."""
    with local_copy(uri) as path:
        lines = pq.read_table(path).column("line").to_pylist()
    return Addresses(kind, tuple(lines))


def _chunk_name(file: IndexFile) -> str:
    return re.sub(r"[^A-Za-z0-9._=-]+", "__", file.name.removesuffix(".parquet")).lstrip("._")


def _chunk(file: IndexFile, listed: str, kind: str, any_type: bool, shared_name: bool) -> Chunk:
    name = _chunk_name(file)
    if shared_name:  # files of two indexes may be called alike
        name += f"-{digest(file.uri)[:8]}"
    given = {
        "index": name,
        "size_bytes": file.size_bytes,
        "addresses": base_name(listed),
        "kind": kind,
        "any_type": any_type,
    }
    return Chunk(name, given, {**given, "uri": file.uri, "addresses": listed}, file.size_bytes)


def match_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """What one file of the index holds of the list: `candidates` and `found` parts."""
    task = chunk.task
    addresses = _addresses(task["addresses"], task["kind"])
    matched = Matched()
    for matched in match_file(task["uri"], addresses, any_type=task["any_type"]):
        counts = matched.counts
        seen = {"done": counts["index.rows_read"], "kept": counts["index.candidates"]}
        context.heartbeat.send(seen)
    candidates = pa.concat_tables([CANDIDATES.empty_table(), *matched.candidates])
    found = pa.Table.from_pylist([matched.found[k] for k in sorted(matched.found)], schema=FOUND)
    files = [
        _put(context.output, "candidates", chunk.name, candidates),
        _put(context.output, "found", chunk.name, found),
    ]
    return ChunkResult(files, dict(matched.counts))


def _put(output: str, table: str, name: str, rows: pa.Table) -> FileEntry:
    with scratch_folder() as folder:
        path = folder / "rows.parquet"
        pq.write_table(rows, path, compression="zstd")
        return put_local_file(path, table, output, f"{table}/{name}.parquet", rows.num_rows)


def _parts_of(folder: str, manifests: list[Json], table: str) -> list[Part]:
    return [
        Part(join(folder, f["path"]), manifest["chunk"], f["sha256"], f["rows"])
        for manifest in manifests
        for f in manifest["files"]
        if f["table"] == table and f["rows"]
    ]


def _not_found(addresses: Addresses, found: list[Part]) -> list[tuple[str, str]]:
    """Lines without a capture that is taken, in their order, each with why."""
    why = dict.fromkeys(addresses.lines, "not in the index")
    taken: set[str] = set()
    for part in found:
        for row in read_columns(part, ["line", "captures", "why"]).to_pylist():
            if row["captures"]:
                taken.add(row["line"])
            elif row["why"]:
                why[row["line"]] = f"in the index with {row['why']}"
    first = {line: addresses.same_as.get(line, line) for line in addresses.lines}
    return [(line, why[first[line]]) for line in addresses.lines if first[line] not in taken]


def _latest(job: Job, folder: str, found: list[Part]) -> list[Part]:
    """Parts with the latest capture of each page alone; of one time, the first in its WARC."""
    rows = sum(part.rows for part in found)
    identity = digest(sorted(part.identity for part in found))[:16]
    write = _LatestWriter(join(folder, "latest"), identity)
    with spark_errors("index"):
        frame = frame_of_parts(job.session(), found, CANDIDATES.names, _DDL)
        by_page = frame.repartition(rows // GROUP_ROWS + 1, "page")
        order = by_page.sortWithinPartitions(
            by_page["page"], by_page["fetch_time"].desc(), "warc_filename", "warc_record_offset"
        )
        texts = [row.part for row in order.mapInArrow(write, "part string").collect()]
    parts = [Part(**json.loads(text)) for text in texts]
    return sorted(parts, key=lambda part: part.name)


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
        text = json.dumps({"uri": uri, "name": name, "identity": part.identity, "rows": rows})
        yield pa.RecordBatch.from_arrays([pa.array([text], pa.string())], names=["part"])
