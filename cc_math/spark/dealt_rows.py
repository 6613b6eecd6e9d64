"""Rows dealt to files: what a Python task of the next step needs, in a file with its name.

Python tasks write rows in the order in which they met them; Spark brings the rows of one group (a
bucket of sites, a part) together, and Python tasks write a file for each group. So that of P parts
and B buckets a task opens one file, where reading its share of every part would take P x B
requests. The files lie in an exchange folder, of use to nobody else, and are removed at the end.
The driver sees the groups and how many rows each has.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cc_math.errors import JobError
from cc_math.manifests import Part
from cc_math.spark.parts import part_json, part_of
from cc_math.storage import join, store_for
from cc_math.tables import local_copy, put_local_file, scratch_folder

DELETERS = 64  # chosen: a crawl leaves half a million files, a request to S3 takes some 30 ms
_BATCH_ROWS = 16384  # chosen: some MB of Python objects at a time


def put_exchange(table: pa.Table, folder_uri: str, name: str) -> None:
    """Write ``folder_uri/NAME.parquet``, a file that only the next step reads."""
    with scratch_folder() as folder:
        local = folder / "rows.parquet"
        pq.write_table(table, local, compression="zstd")
        put_local_file(local, "exchange", folder_uri, f"{name}.parquet", table.num_rows)


def frame_read_by(
    session: Any, parts: Sequence[Part], read: Callable[[Part], pa.Table], ddl: str
) -> Any:
    """A DataFrame of what ``read`` makes of each part, in a Python task; ``ddl`` is its schema."""
    texts = [(json.dumps(part_json(part)),) for part in parts]
    rows = session.sparkContext.parallelize(texts, max(1, len(texts)))
    named = session.createDataFrame(rows, "part string")

    def tables(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for text in batch.column(0).to_pylist():
                yield from read(part_of(json.loads(text))).to_batches(max_chunksize=65536)

    return named.mapInArrow(tables, ddl)


def partitions_for(groups: int) -> int:
    """Partitions for as many groups of some size: Spark deals them by hash, so that several times
    their number spreads few, and one each is enough for many."""
    return max(groups, min(4 * groups, 64))


def deal(
    frame: Any,
    by: str,
    folder: str,
    kind: str,
    schema: pa.Schema,
    order: list[str],
    partitions: int,
) -> dict[str, int]:
    """Write ``folder/kind/GROUP.parquet`` for every value of the column ``by`` of ``frame``, with
    the columns of ``schema`` (``by`` among them), sorted by ``order``; rows by group."""
    ordered = frame.select(*schema.names).repartition(partitions, by)
    ordered = ordered.sortWithinPartitions(by, *order)
    written = ordered.mapInArrow(_Dump(by, folder, kind, schema), "name string, rows bigint")
    return {row.name: int(row.rows) for row in written.collect()}


class _Dump:
    """Writes rows that come sorted by group, a file a group; answers with their numbers."""

    def __init__(self, by: str, folder: str, kind: str, schema: pa.Schema) -> None:
        self._by, self._folder, self._kind, self._schema = by, folder, kind, schema

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        written: list[tuple[str, int]] = []
        for name, pieces in itertools.groupby(_pieces(batches, self._by), key=self._name):
            written.append((name, self._write(name, pieces)))
        columns = list(zip(*written, strict=True)) or [(), ()]
        arrays = [pa.array(columns[0], pa.string()), pa.array(columns[1], pa.int64())]
        yield pa.RecordBatch.from_arrays(arrays, names=["name", "rows"])

    def _name(self, piece: pa.RecordBatch) -> str:
        return str(piece.column(self._by)[0].as_py())

    def _write(self, name: str, pieces: Iterable[pa.RecordBatch]) -> int:
        rows = 0
        with scratch_folder() as folder:
            local = folder / "rows.parquet"
            with pq.ParquetWriter(local, self._schema, compression="zstd") as writer:
                for piece in pieces:
                    writer.write_table(pa.Table.from_batches([piece]).cast(self._schema))
                    rows += piece.num_rows
            put_local_file(local, self._kind, self._folder, f"{self._kind}/{name}.parquet", rows)
        return rows


def _pieces(batches: Iterable[pa.RecordBatch], by: str) -> Iterator[pa.RecordBatch]:
    """The batches, cut where the group changes."""
    for batch in batches:
        column = batch.column(by)
        changes = pc.indices_nonzero(pc.not_equal(column[1:], column[:-1])).to_pylist()
        cuts = [0, *(change + 1 for change in changes), batch.num_rows]
        for start, end in itertools.pairwise(cuts):
            if end > start:
                yield batch.slice(start, end - start)


def dealt_uri(folder: str, kind: str, group: str | int) -> str:
    """Where the rows of a group stand, if it has any."""
    return join(folder, kind, f"{group}.parquet")


@contextmanager
def open_dealt(folder: str, kind: str, group: str | int, rows: int) -> Iterator[pq.ParquetFile]:
    """The file of a group that has ``rows`` rows. Raises JobError where it has others."""
    uri = dealt_uri(folder, kind, group)
    with local_copy(uri) as path, pq.ParquetFile(path) as file:
        if file.metadata.num_rows != rows:
            raise JobError(
                f"{uri}: expected {rows} rows, found {file.metadata.num_rows}; remove it"
            )
        yield file


def read_dealt(folder: str, kind: str, group: str | int, rows: int) -> Iterator[dict[str, Any]]:
    """The rows of a group as dictionaries, a batch of them in memory; none where it has none."""
    if rows:
        with open_dealt(folder, kind, group, rows) as file:
            for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
                yield from batch.to_pylist()


def remove_exchange(folder: str, kinds: Iterable[str]) -> None:
    """Remove what stood between the steps below ``folder``; timings stay."""
    store = store_for(folder)
    with ThreadPoolExecutor(DELETERS) as pool:
        for kind in kinds:
            uris = [entry.uri for entry in store.list_files(join(folder, kind))]
            list(pool.map(store.delete, [u for u in uris if not u.endswith(".timings.jsonl")]))
