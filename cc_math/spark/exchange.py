"""Rows that must meet in the driver, by way of files: tasks write Parquet, the driver reads it.

``collect()`` brings rows through the JVM as Python objects, a kilobyte each, and stops at
`spark.driver.maxResultSize` (1 GiB); here the JVM sees the names of files, and the driver holds
Arrow columns. The files lie in a stage's exchange folder and are of no use to anybody else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.storage import join, store_for
from cc_math.tables import local_copy, scratch_folder


def rows_through_files(frame: Any, folder: str, schema: pa.Schema) -> pa.Table:
    """All rows of ``frame`` (its columns those of ``schema``, by name) as one Arrow table, whose
    strings are large: together they may be more than the 2 GiB of a plain array.

    The order of rows is that of Spark's partitions, which means nothing: callers sort.
    """
    written = frame.mapInArrow(_Writer(folder, schema), "uri string").collect()
    large = pa.schema([(f.name, _large(f.type)) for f in schema])
    tables = [large.empty_table()]
    for uri in sorted(row.uri for row in written):
        with local_copy(uri) as path, pq.ParquetFile(path) as file:
            tables.append(file.read(use_threads=False).cast(large))
    return pa.concat_tables(tables)


def _large(type_: pa.DataType) -> pa.DataType:
    return pa.large_string() if type_ == pa.string() else type_


@dataclass(frozen=True)
class _Writer:
    """One task: its batches to a file of its own, whose name is the answer."""

    folder: str
    schema: pa.Schema

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from pyspark import TaskContext

        context = TaskContext.get()
        number = context.partitionId() if context is not None else 0
        rows = 0
        with scratch_folder() as scratch:
            path = scratch / "rows.parquet"
            with pq.ParquetWriter(path, self.schema, compression="zstd") as writer:
                for batch in batches:
                    table = pa.Table.from_batches([batch]).select(self.schema.names)
                    writer.write_table(table.cast(self.schema))
                    rows += batch.num_rows
            uri = join(self.folder, f"{number:05d}.parquet")
            if rows:
                store_for(uri).put_file(path, uri)
        yield pa.RecordBatch.from_pydict({"uri": pa.array([uri] if rows else [], pa.string())})
