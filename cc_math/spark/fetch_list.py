"""A list of addresses of any length → its lines sorted as the index is.

Python tasks read pieces of the list and write rows of lines; Spark sorts these by site, and
tasks write them as parts. Lines and the row groups of the index then meet in the tasks that read
the index (:mod:`cc_math.fetch.sorted_list`). The driver holds a line a file.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cc_math.chunks import Chunk
from cc_math.errors import AccountingError, InputError
from cc_math.fetch.list_lines import NAMED_BAD_LINES, BadLine, lines_chunk
from cc_math.fetch.list_pieces import ListPiece, Measured, list_pieces, measure
from cc_math.fetch.sorted_list import LINES, LinesPart, sorted_list_json, write_lines_part
from cc_math.manifests import Json, Part, canonical_json, digest, read_json, stage_identity
from cc_math.spark.chunks import Job, Plan, map_exchange, spark_errors
from cc_math.spark.parts import frame_of_parts
from cc_math.storage import base_name, is_local, join, store_for
from cc_math.tables import local_copy, scratch_folder, sha256_of

PARTITION_LINES = 1_000_000  # chosen: a shuffle partition of some 200 MB
_LINES_DDL = "key string, match string, number bigint, line string"


@dataclass(frozen=True, slots=True)
class GivenList:
    """A list that was read and sorted: its parts, each line once, where these are named for
    :func:`cc_math.fetch.sorted_list.read_sorted_list`, and its lines that are no addresses."""

    kind: str
    identity: str
    sorted_uri: str
    parts: list[Part]
    bad: list[Part]

    @property
    def lines(self) -> int:
        """Lines, each once."""
        return sum(part.rows for part in self.parts)

    @property
    def bad_lines(self) -> int:
        """Lines that are no addresses."""
        return sum(part.rows for part in self.bad)


def read_list(job: Job, uri: str, kind: str, *, column: str, skip_bad: bool) -> GivenList:
    """Read and sort the list at ``uri`` ('-': standard input).

    ``column`` is the name of the column of addresses in Parquet files. Raises InputError where
    it cannot be read, holds no address or, unless ``skip_bad``, lines that are none.
    """
    folder = join(job.output, "_run", "fetch_list")
    reached = _within_reach(job, uri, folder)
    pieces = list_pieces(reached, column)
    names = [_name(piece, uri, reached) for piece in pieces]
    with spark_errors("fetch"):
        tasks = job.session().sparkContext.parallelize(pieces, len(pieces))
        measured: list[Measured] = tasks.map(measure).collect()
    for piece, name, found in zip(pieces, names, measured, strict=True):
        if found.problem:
            raise InputError(found.problem.replace(piece.uri, name))
    chunks = list(_chunks(kind, pieces, measured))
    identities = {c.name: stage_identity("lines", {}, c.input) for c in chunks}
    manifests = map_exchange(job, folder, Plan("lines", identities, chunks, {}), lines_chunk)
    bad = parts_of_exchange(folder, manifests, "bad")
    if bad and not skip_bad:
        raise InputError(_bad_lines(manifests, pieces, names))
    parts = parts_of_exchange(folder, manifests, "lines")
    if not parts:
        what = "domains" if kind == "domains" else "URLs"
        raise InputError(f"{_named(uri)}: expected {what}, one a line, found none")
    return _sorted(job, folder, kind, parts, bad)


def _named(uri: str) -> str:
    return "standard input" if uri == "-" else uri


def _name(piece: ListPiece, uri: str, reached: str) -> str:
    """What the person who gave the list calls the file of a piece."""
    return _named(uri) + piece.uri[len(reached) :]


def _within_reach(job: Job, uri: str, folder: str) -> str:
    """Where tasks find the list: standard input, and a local list of a job whose output is not,
    are copied to the exchange files."""
    if uri != "-" and (not is_local(uri) or is_local(job.output)):
        return uri
    with scratch_folder() as scratch:
        path = scratch / "list"
        if uri == "-":
            with path.open("wb") as target:
                shutil.copyfileobj(sys.stdin.buffer, target)
            return _put_copy(path, folder, "stdin")
        entries = store_for(uri).list_files(uri) if store_for(uri).size_bytes(uri) is None else []
        if not entries:
            with local_copy(uri) as source:
                shutil.copyfile(source, path)
            return _put_copy(path, folder, base_name(uri))
        copies = digest(sorted((entry.uri, entry.size_bytes) for entry in entries))[:16]
        for entry in entries:
            with local_copy(entry.uri) as source:
                shutil.copyfile(source, path)
            target_uri = join(folder, "given", copies, entry.uri[len(uri) :].lstrip("/"))
            store_for(target_uri).put_file(path, target_uri)
        return join(folder, "given", copies)


def _put_copy(path: Path, folder: str, name: str) -> str:
    uri = join(folder, "given", f"{sha256_of(path)[:16]}-{name}")
    store_for(uri).put_file(path, uri)
    return uri


def _chunks(kind: str, pieces: list[ListPiece], measured: list[Measured]) -> Iterator[Chunk]:
    """A chunk a piece, each told what its first line is in its file and in the list."""
    offset = 0
    numbered = enumerate(zip(pieces, measured, strict=True))
    for _, of_file in itertools.groupby(numbered, key=lambda item: item[1][0].uri):
        lines_before = 0
        for number, (piece, found) in of_file:
            place: Json = {"lines_before": lines_before, "offset": offset, "kind": kind}
            task = {**place, "piece": dataclasses.asdict(piece)}
            identity = {**place, "digest": found.digest, "unit": piece.unit}
            yield Chunk(f"{number:06d}", identity, task, max(1, found.lines))
            lines_before += found.lines
        offset += lines_before + 1  # the last line may have no end


def _bad_lines(manifests: list[Json], pieces: list[ListPiece], names: list[str]) -> str:
    """The first lines that are no addresses, and how many there are."""
    named = [
        BadLine(**note).message(name, piece.unit)
        for manifest, piece, name in zip(manifests, pieces, names, strict=True)
        for note in manifest["notes"]
    ][:NAMED_BAD_LINES]
    count = sum(manifest["counts"]["lines.bad"] for manifest in manifests)
    if count > len(named):
        named.append(f"… {count:,} such lines in all")
    return "\n  ".join([*named, "--skip-bad-lines leaves them out"])


def parts_of_exchange(folder: str, manifests: list[Json], table: str) -> list[Part]:
    """The files of a table that exchange manifests name, without empty ones."""
    return [
        Part(join(folder, f["path"]), manifest["chunk"], f["sha256"], f["rows"])
        for manifest in manifests
        for f in manifest["files"]
        if f["table"] == table and f["rows"]
    ]


def _sorted(job: Job, folder: str, kind: str, lines: list[Part], bad: list[Part]) -> GivenList:
    """The lines by site, each once, in parts whose bounds follow from a sample of the keys."""
    identity = digest([kind, [(part.identity, part.rows) for part in lines]])
    name = f"sorted-{identity[:16]}"
    uri, rows = join(folder, f"{name}.json"), sum(part.rows for part in lines)
    stands = read_json(uri)
    if stands is None or stands.get("identity") != identity:
        partitions = rows // PARTITION_LINES + 1
        write = _SortedWriter(join(folder, name), kind)
        with spark_errors("fetch"):
            frame = frame_of_parts(job.session(), lines, LINES.names, _LINES_DDL)
            if partitions > 1:
                frame = frame.repartitionByRange(partitions, "key", "match")
            ordered = frame.coalesce(partitions).sortWithinPartitions("key", "match", "number")
            found = ordered.mapInArrow(write, "part string").collect()
        parts = [LinesPart(**json.loads(row.part)) for row in found]
        kept = sum(part.rows + part.repeated for part in parts)
        if kept != rows:
            raise AccountingError(f"lines of a list: {rows}, but sorted: {kept}")
        stands = {**sorted_list_json(kind, parts), "identity": identity}
        store_for(uri).put_bytes(canonical_json(stands), uri)
    distinct = [Part(p["uri"], base_name(p["uri"]), "", p["rows"]) for p in stands["parts"]]
    return GivenList(kind, identity, uri, distinct, bad)


@dataclass(frozen=True)
class _SortedWriter:
    """Writes one sorted shuffle partition as a part of the list; answers with its JSON."""

    folder: str
    kind: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context: Any = TaskContext.get()
        number = context.partitionId() if context is not None else 0
        uri = join(self.folder, f"{number:05d}.parquet")
        with scratch_folder() as scratch:
            path = scratch / "lines.parquet"
            part = write_lines_part(batches, self.kind, path, uri)
            if part.rows:
                store_for(uri).put_file(path, uri)
        text = json.dumps(dataclasses.asdict(part))
        yield pa.RecordBatch.from_arrays([pa.array([text], pa.string())], names=["part"])
