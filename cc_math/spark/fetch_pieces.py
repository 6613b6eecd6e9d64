"""Wanted rows in any parts → pieces: what is wanted of one WARC and fits one task.

Rows meet by WARC in one shuffle, whose partitions are written as exchange files, one row group a
piece; the driver holds a line a piece. Rows that stand twice count once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.errors import AccountingError
from cc_math.fetch.plan import WANTED_ROWS, WantedRecord, read_cost
from cc_math.manifests import Json, Part, canonical_json, digest, read_json
from cc_math.recipe import section_values
from cc_math.schema import arrow_schema
from cc_math.spark.chunks import Job, spark_errors
from cc_math.spark.parts import frame_of_parts
from cc_math.storage import join, store_for
from cc_math.tables import scratch_folder

GROUP_ROWS = 1_000_000  # chosen: a shuffle partition of some 200 MB
ANY_CAPTURE = "index"
"""`wanted.reason` of rows whose doc_id was computed from an index: the URL alone must agree."""

_COLUMNS = [
    "warc_filename", "warc_record_offset", "warc_record_length", "url", "doc_id", "crawl", "reason",
]  # fmt: skip
_DDL = (
    "warc_filename string, warc_record_offset long, warc_record_length long, url string, "
    "doc_id string, crawl string, reason string"
)
_PIECE_DDL = "piece string"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is wanted of one WARC and fits one task, and what fetching it moves."""

    warc_filename: str
    number: int
    crawl: str
    warc_records: int
    records: int
    repeated: int
    rows_digest: str
    uri: str
    row_group: int
    range_requests: int
    range_bytes: int
    span_bytes: int


def group_wanted(job: Job, wanted: list[Part]) -> list[Piece]:
    """The wanted rows by WARC, sorted by offset, each once: a piece a chunk, sorted by name.

    The rows lie below ``_run`` of the output; a rerun with the same parts reads the list of
    pieces that stands there.
    """
    folder = join(job.output, "_run", "fetch_wanted")
    settings = section_values(job.recipe, "fetch")
    identity = digest([settings, sorted((part.name, part.identity) for part in wanted)])
    listed = join(folder, "pieces.json")
    stands = read_json(listed) or {}
    if stands.get("identity") == identity:
        return [Piece(**piece) for piece in stands["pieces"]]
    rows = sum(max(0, part.rows) for part in wanted)
    partitions = rows // GROUP_ROWS + 1
    write = _PieceWriter(join(folder, "rows"), identity[:16], settings)
    with spark_errors("fetch"):
        frame = frame_of_parts(job.session(), wanted, _COLUMNS, _DDL)
        grouped = frame.repartition(partitions, "warc_filename").sortWithinPartitions(*_COLUMNS)
        found = grouped.mapInArrow(write, _PIECE_DDL).collect()
    pieces = [Piece(**json.loads(row.piece)) for row in found]
    pieces.sort(key=lambda piece: (piece.warc_filename, piece.number))
    counted = sum(piece.records + piece.repeated for piece in pieces)
    if all(part.rows >= 0 for part in wanted) and counted != rows:
        raise AccountingError(f"wanted rows: {rows}, but in pieces: {counted}")
    plain: Json = {"identity": identity, "pieces": [_plain(piece) for piece in pieces]}
    store_for(listed).put_bytes(canonical_json(plain), listed)
    return pieces


def _plain(piece: Piece) -> Json:
    return {name: getattr(piece, name) for name in Piece.__slots__}


@dataclass(frozen=True)
class _PieceWriter:
    """Writes one shuffle partition: sorted rows in, a file with a row group a piece out."""

    folder: str
    name: str
    settings: Json

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        number = context.partitionId() if context is not None else 0
        uri = join(self.folder, f"{self.name}-{number:05d}.parquet")
        pieces: list[Piece] = []
        with scratch_folder() as scratch:
            path = scratch / "rows.parquet"
            with pq.ParquetWriter(path, WANTED_ROWS) as writer:
                for warc_filename, rows in _by_warc(batches):
                    for piece, table in self._pieces(warc_filename, rows, uri, len(pieces)):
                        writer.write_table(table, row_group_size=max(1, table.num_rows))
                        pieces.append(piece)
            if pieces:
                store_for(uri).put_file(path, uri)
        texts = [json.dumps(_plain(piece)) for piece in pieces]
        yield pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=["piece"])

    def _pieces(
        self, warc_filename: str, rows: list[Json], uri: str, row_group: int
    ) -> Iterator[tuple[Piece, pa.Table]]:
        records = sorted({_record(row) for row in rows})
        repeated = len(rows) - len(records)
        size = int(self.settings["chunk_pages"])
        gap = int(self.settings["join_gap_bytes"])
        for number, start in enumerate(range(0, len(records), size)):
            part = records[start : start + size]
            columns = list(zip(*((r.offset_bytes, r.length_bytes, r.url, r.doc_id) for r in part),
                               strict=True))  # fmt: skip
            arrays = [pa.array(c, f.type) for c, f in zip(columns, WANTED_ROWS, strict=True)]
            by_range = read_cost(part, join_gap_bytes=gap, whole=False)
            span = read_cost(part, join_gap_bytes=gap, whole=True)
            yield (
                Piece(
                    warc_filename=warc_filename,
                    number=number,
                    crawl=min(row["crawl"] or "" for row in rows),
                    warc_records=len(records),
                    records=len(part),
                    repeated=repeated if number == 0 else 0,
                    rows_digest=_rows_digest(part),
                    uri=uri,
                    row_group=row_group + number,
                    range_requests=by_range.requests,
                    range_bytes=by_range.size_bytes,
                    span_bytes=span.size_bytes,
                ),
                pa.Table.from_arrays(arrays, schema=WANTED_ROWS),
            )


def _record(row: Json) -> WantedRecord:
    doc_id = "" if row["reason"] == ANY_CAPTURE else row["doc_id"] or ""
    offset, length = row["warc_record_offset"], row["warc_record_length"]
    return WantedRecord(-1 if offset is None else offset, length or 0, row["url"] or "", doc_id)


def _by_warc(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[str, list[Json]]]:
    """Rows of one WARC after another; ``batches`` are sorted by it."""
    name, rows = "", list[Json]()
    for batch in batches:
        for row in batch.to_pylist():
            warc_filename = row["warc_filename"] or ""
            if warc_filename != name and rows:
                yield name, rows
                rows = []
            name = warc_filename
            rows.append(row)
    if rows:
        yield name, rows


def _rows_digest(records: list[WantedRecord]) -> str:
    rows = hashlib.sha256()
    for r in records:
        rows.update(f"{r.offset_bytes}\0{r.length_bytes}\0{r.url}\0{r.doc_id}\n".encode())
    return rows.hexdigest()


def wanted_rows(columns: dict[str, Any]) -> pa.Table:
    """A table of the `wanted` schema from columns by name."""
    schema = arrow_schema("wanted")
    arrays = [pa.array(columns[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)
