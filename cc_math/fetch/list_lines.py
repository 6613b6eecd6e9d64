"""One piece of a list of addresses → rows of lines, in files of bounded size; and the lines that
are no addresses, each with its number and why.

What the tasks of :mod:`cc_math.spark.fetch_list` do with one piece; lines = addresses + blank
and comments + bad.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import InputError
from cc_math.fetch.address_list import Address, parse_address
from cc_math.fetch.list_pieces import MAX_LINE_BYTES, ListPiece, numbered_lines
from cc_math.fetch.sorted_list import LINES
from cc_math.tables import put_local_file, scratch_folder

FILE_LINES = 1_000_000  # chosen: a file is read whole when lines are sorted, some 200 MB
BAD_LINES = pa.schema([("number", pa.int64()), ("line", pa.string()), ("why", pa.string())])
NAMED_BAD_LINES = 5  # chosen: as many of a piece as a message names
_BATCH_LINES = 1 << 14
_SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no address: its number in its file, what stands there, and why it is none."""

    number: int
    found: str
    why: str

    def message(self, file: str, unit: str) -> str:
        """What a person is told."""
        place = f"{file}:{self.number}" if unit == "line" else f"{file}: {unit} {self.number}"
        return f"{place}: {self.why}, found {self.found!r}"


def lines_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """The lines of a piece as files of LINES, ``lines``, and of BAD_LINES, ``bad``.

    ``chunk.task`` holds the ListPiece, its ``kind`` of addresses, how many lines of the file end
    before it (``lines_before``) and what the file's first line is in the list (``offset``).
    Notes are the first bad lines.
    """
    task, piece = chunk.task, ListPiece(**chunk.task["piece"])
    counts = {"lines": 0, "lines.bad": 0}
    result = ChunkResult(counts=counts)
    with scratch_folder() as folder:
        lines = _Files(folder, "lines", LINES, chunk, context, result)
        bad = _Files(folder, "bad", BAD_LINES, chunk, context, result)
        for number, line, found in read_lines(piece, task["lines_before"], task["kind"]):
            place = task["offset"] + number
            if isinstance(found, Address):
                lines.add((found.key, found.match, place, line))
                counts["lines"] += 1
            else:
                bad.add((place, found.found, f"{piece.unit} {number}: {found.why}"))
                counts["lines.bad"] += 1
                if len(result.notes) < NAMED_BAD_LINES:
                    result.notes.append(asdict(found))
            context.heartbeat.send({"done": sum(counts.values())})
        lines.put()
        bad.put()
    return result


def read_lines(
    piece: ListPiece, lines_before: int, kind: str
) -> Iterator[tuple[int, str, Address | BadLine]]:
    """(number in the file, line, what it is) of each line but blank ones and comments."""
    for number, data in numbered_lines(piece, lines_before):
        try:
            line = _decoded(data)
            if line and not line.startswith("#"):
                yield number, line, parse_address(line, kind)
        except InputError as error:
            shown = data.decode("utf-8", "replace")[:_SHOWN_CHARS]
            yield number, shown, BadLine(number, shown, str(error))


def _decoded(data: bytes) -> str:
    if len(data) > MAX_LINE_BYTES:
        raise InputError(f"expected at most {MAX_LINE_BYTES:,} bytes a line")
    try:
        return data.decode().removeprefix("\ufeff").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text: {error.reason}") from None


class _Files:
    """Rows to files of at most FILE_LINES, put one after another; what was put is in ``result``."""

    def __init__(
        self,
        folder: Path,
        table: str,
        schema: pa.Schema,
        chunk: Chunk,
        context: ChunkContext,
        result: ChunkResult,
    ) -> None:
        self._path, self._table, self._schema = folder / table, table, schema
        self._name, self._output, self._files = chunk.name, context.output, result.files
        self._rows: list[tuple[Any, ...]] = []
        self._written = self._number = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, row: tuple[Any, ...]) -> None:
        """Add a row of the schema."""
        self._rows.append(row)
        if len(self._rows) >= _BATCH_LINES:
            self._write()
            if self._written >= FILE_LINES:
                self.put()

    def _write(self) -> None:
        if not self._rows:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, self._schema, compression="zstd")
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, self._schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._written += len(self._rows)
        self._rows = []

    def put(self) -> None:
        """Put what was added since the last file, if any."""
        self._write()
        if self._writer is None:
            return
        self._writer.close()
        path = f"{self._table}/{self._name}-{self._number:05d}.parquet"
        entry = put_local_file(self._path, self._table, self._output, path, self._written)
        self._files.append(entry)
        self._number += 1
        self._writer, self._written = None, 0
