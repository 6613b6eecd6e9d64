"""Parquet, written the same way every time, and read part by part.

Every table of the data contract is written here, with fixed options, so that the same rows
give the same bytes (for one pyarrow version). Readers stream record batches of bounded size
and accept foreign Parquet: other column names for id, URL and text, and missing columns,
which come out as nulls.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.errors import InputError
from cc_math.manifests import FileEntry, Part
from cc_math.schema import TABLES, arrow_schema
from cc_math.storage import is_local, join, local_path, read_in_blocks, store_for

ROW_GROUP_ROWS = 1024  # chosen: some 10 MB of documents, the least that a reader must hold
WRITER_OPTIONS: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 3,  # chosen: zstd's default; level 9 gains 4 % for thrice the time
    "version": "2.6",
    "data_page_version": "1.0",  # read by every Parquet reader in use
    "write_statistics": ["doc_id"],  # what readers prune by; statistics of texts are waste
    "use_dictionary": [  # the columns that repeat; a dictionary of texts is work for nothing
        "registered_domain",
        "crawl",
        "warc_filename",
        "outcome",
        "language",
        "opt_out",
        "content_mime_type",
        "extractor_version",
        "model",
        "head",
        "kind",
        "benchmark",
        "rule",
        "reason",
        "level",
        "split",
        "snapshot_type",
    ],
    "store_schema": True,
}


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """What a documents table calls its id, URL and text."""

    doc_id: str = "doc_id"
    url: str = "url"
    text: str = "text"


def sha256_of(path: Path) -> str:
    """sha256 of a local file, 64 hex digits."""
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        for block in read_in_blocks(stream):
            hasher.update(block)
    return hasher.hexdigest()


def write_table(rows: pa.Table, table: str, path: Path) -> None:
    """Write ``rows`` as a file of ``table``; they must have its columns, in any order."""
    schema = arrow_schema(table)
    ordered = rows.select(schema.names).cast(schema)
    options = dict(WRITER_OPTIONS)
    statistics = [c for c in options.pop("write_statistics") if c in schema.names]
    with pq.ParquetWriter(path, schema, write_statistics=statistics or False, **options) as writer:
        writer.write_table(ordered, row_group_size=ROW_GROUP_ROWS)


def rows_table(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    """An Arrow table of ``table`` from a list of rows; missing keys are nulls."""
    schema = arrow_schema(table)
    columns = [pa.array([row.get(f.name) for row in rows], type=f.type) for f in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def put_table(rows: pa.Table, table: str, output: str, path: str) -> FileEntry:
    """Write ``rows`` to ``path`` below ``output``, whole, and describe the file."""
    with scratch_folder() as folder:
        local = folder / "table.parquet"
        write_table(rows, table, local)
        return put_local_file(local, table, output, path, rows.num_rows)


def put_local_file(local: Path, table: str, output: str, path: str, rows: int) -> FileEntry:
    """Move a finished local file to ``path`` below ``output`` and describe it."""
    entry = FileEntry(table, path, local.stat().st_size, sha256_of(local), rows)
    uri = join(output, path)
    store_for(uri).put_file(local, uri)
    return entry


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary local folder, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="cc-math-") as name:
        yield Path(name)


@contextmanager
def local_copy(uri: str) -> Iterator[Path]:
    """A local file with the content of ``uri``: itself where it is local, else a download."""
    if is_local(uri):
        if not local_path(uri).is_file():
            raise InputError(f"there is no file {uri}")
        yield local_path(uri)
        return
    with scratch_folder() as folder:
        path = folder / "copy"
        with store_for(uri).open_range(uri) as source, path.open("wb") as target:
            for block in read_in_blocks(source):
                target.write(block)
        yield path


def read_columns(part: Part, columns: list[str]) -> pa.Table:
    """Some columns of a part of our own tables as one Arrow table."""
    with local_copy(part.uri) as path, _opened(path, part.uri) as file:
        missing = [c for c in columns if c not in file.schema_arrow.names]
        if missing:
            raise InputError(f"{part.uri}: no column {', '.join(missing)}")
        return file.read(columns=columns, use_threads=False)


def read_documents(
    part: Part, names: ColumnNames, columns: list[str], batch_rows: int = ROW_GROUP_ROWS
) -> Iterator[pa.RecordBatch]:
    """Batches of a documents part with ``columns`` under the contract's names and types.

    ``names`` says what a foreign file calls id, URL and text; other columns that it lacks, or
    has with a type that cannot be cast, are nulls. Raises InputError where id or text is absent
    and where a row has no id.
    """
    own = {**_column_types("corpus"), **_column_types("documents")}
    foreign = {"doc_id": names.doc_id, "url": names.url, "text": names.text}
    with local_copy(part.uri) as path, _opened(path, part.uri) as file:
        present = set(file.schema_arrow.names)
        for ours in ("doc_id", "text"):
            if ours in columns and foreign[ours] not in present:
                raise InputError(
                    f"{part.uri}: no column {foreign[ours]!r} (found {', '.join(sorted(present))});"
                    " name the columns with --id-column, --url-column and --text-column"
                )
        wanted = [foreign.get(c, c) for c in columns if foreign.get(c, c) in present]
        for batch in file.iter_batches(batch_rows, columns=wanted, use_threads=False):
            arrays = [
                _as(batch, foreign.get(c, c), own[c], part.uri, required=c in ("doc_id", "text"))
                for c in columns
            ]
            if "doc_id" in columns and arrays[columns.index("doc_id")].null_count:
                raise InputError(
                    f"{part.uri}: column {names.doc_id!r} holds rows without an id, or none that "
                    "can be text; every document needs one"
                )
            yield pa.RecordBatch.from_arrays(arrays, names=columns)


def _column_types(table: str) -> dict[str, pa.DataType]:
    return {column.name: column.type for column in TABLES[table]}


def _as(
    batch: pa.RecordBatch, name: str, wanted: pa.DataType, uri: str, required: bool
) -> pa.Array:
    if name not in batch.schema.names:
        return pa.nulls(batch.num_rows, wanted)
    column = batch.column(name)
    if column.type == wanted:
        return column
    try:
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if required:
            raise InputError(f"{uri}: column {name!r} is no {wanted}: {error}") from None
        return pa.nulls(batch.num_rows, wanted)


@contextmanager
def _opened(path: Path, uri: str) -> Iterator[pq.ParquetFile]:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{uri} is not a Parquet file: {error}") from None
    with file:
        yield file


def sidecar(parts: Iterable[Part], name: str) -> Part | None:
    """The part of a sidecar that belongs to the documents part called ``name``."""
    return next((part for part in parts if part.name == name), None)
