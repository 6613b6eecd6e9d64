"""A list of addresses in files of any size → pieces that tasks read, each line with its number.

A list is a text file, gzipped or not, a Parquet file with a column of addresses, or a folder of
such files. Text that is not packed is cut at multiples of PIECE_BYTES, Parquet at row groups;
a gzip file is one piece, since it can only be read from its start. Nothing is held but a block.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.errors import InputError
from cc_math.storage import random_access, read_in_blocks, store_for

PIECE_BYTES = 64 << 20  # chosen: about a million URLs, some ten seconds of a task
PIECE_ROWS = 1_000_000  # chosen: as many
MAX_LINE_BYTES = 1 << 16  # chosen: eight times what servers take; no page has a longer URL
GZIP_MAGIC = b"\x1f\x8b"
_BATCH_ROWS = 1 << 14
_ENDINGS = (".txt", ".txt.gz", ".csv", ".csv.gz", ".gz", ".parquet")


@dataclass(frozen=True, slots=True)
class ListPiece:
    """Part of a file of a list: the lines that begin in a byte range, or a range of row groups.

    ``kind`` is `text`, `gzip` or `parquet`; ``column`` the name of a Parquet file's column.
    """

    uri: str
    kind: str
    start: int
    end: int
    column: str = ""

    @property
    def unit(self) -> str:
        """What an address of it stands in: a line or a row."""
        return "row" if self.kind == "parquet" else "line"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a first look at a piece says: its content's digest, the lines that end in it, and why
    it cannot be read, if so."""

    digest: str
    lines: int
    problem: str = ""


def list_pieces(uri: str, column: str) -> list[ListPiece]:
    """The pieces of the list at ``uri``, in the order of its lines.

    ``column`` is the name of the column in Parquet files. Raises InputError where there is no
    list or a Parquet file without that column.
    """
    store = store_for(uri)
    if not uri.startswith(("http://", "https://")) and store.size_bytes(uri) is None:
        files = [e.uri for e in store.list_files(uri) if _is_list(e.uri[len(uri) :])]
        if not files:
            raise InputError(f"there is no {uri}, neither a list nor a folder of lists")
        return [piece for file in files for piece in _pieces_of_file(file, column)]
    return _pieces_of_file(uri, column)


def _is_list(relative: str) -> bool:
    hidden = any(name.startswith(("_", ".")) for name in relative.split("/"))
    return relative.endswith(_ENDINGS) and not hidden


def _pieces_of_file(uri: str, column: str) -> list[ListPiece]:
    if uri.endswith(".parquet"):
        return _parquet_pieces(uri, column)
    store = store_for(uri)
    with store.open_range(uri) as stream:
        is_gzip = stream.read(2) == GZIP_MAGIC
    size_bytes = store.size_bytes(uri)
    is_web = uri.startswith(("http://", "https://"))  # may tell no size and give no ranges
    if is_gzip or is_web or size_bytes is None:
        return [ListPiece(uri, "gzip" if is_gzip else "text", 0, 1 << 62)]
    starts = range(0, max(1, size_bytes), PIECE_BYTES)
    return [ListPiece(uri, "text", at, min(at + PIECE_BYTES, size_bytes)) for at in starts]


def _parquet_pieces(uri: str, column: str) -> list[ListPiece]:
    with _parquet(uri) as file:
        names = file.schema_arrow.names
        if column not in names:
            raise InputError(
                f"{uri}: no column {column!r} (found {', '.join(names)[:300]}); name the column "
                "with --url-column"
            )
        groups, rows = file.metadata.num_row_groups, 0
        starts = [0]
        for number in range(groups):
            if rows >= PIECE_ROWS:
                starts.append(number)
                rows = 0
            rows += file.metadata.row_group(number).num_rows
    ends = [*starts[1:], groups]
    return [ListPiece(uri, "parquet", *place, column) for place in zip(starts, ends, strict=True)]


def _parquet(uri: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(random_access(uri))
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{uri} is not a Parquet file: {error}") from None


def measure(piece: ListPiece) -> Measured:
    """The digest and number of lines of a piece."""
    hasher = hashlib.sha256()
    try:
        if piece.kind == "parquet":
            return _measured_parquet(piece)
        lines = 0
        with _opened_text(piece, piece.start) as stream:
            left = piece.end - piece.start
            while left and (block := stream.read(min(left, 1 << 20))):
                hasher.update(block)
                lines += block.count(b"\n")
                left -= len(block)
    except InputError as error:
        return Measured("", 0, str(error))
    except (OSError, EOFError, zlib.error) as error:
        if piece.kind != "gzip":
            raise
        return Measured("", 0, f"{piece.uri}: damaged gzip: {error}")
    return Measured(hasher.hexdigest(), lines)


def _measured_parquet(piece: ListPiece) -> Measured:
    hasher = hashlib.sha256()
    rows = 0
    for _, line in _parquet_lines(piece, 0):
        hasher.update(line + b"\n")
        rows += 1
    return Measured(hasher.hexdigest(), rows)


def numbered_lines(piece: ListPiece, lines_before: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a piece as (number from 1 in its file, bytes without blanks at the ends).

    ``lines_before`` are the lines of the file that end before the piece. A line that is too long
    comes with its first MAX_LINE_BYTES + 1 bytes.
    """
    if piece.kind == "parquet":
        yield from _parquet_lines(piece, lines_before)
        return
    start = max(0, piece.start - 1)  # to see whether a line ends right before
    with _opened_text(piece, start) as stream:
        at, number, lines = start, lines_before, _raw_lines(stream)
        if piece.start:
            size, _ = next(lines, (0, b""))
            at += size
            number += size > 1  # a line that begins before the piece and ends in it
        for size, line in lines:
            if at >= piece.end:
                break
            number += 1
            yield number, line.strip()
            at += size


def _raw_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """(size in bytes with its end, bytes) of each line of a stream."""
    buffer = io.BytesIO()
    size = 0
    for block in read_in_blocks(stream):
        rows = block.split(b"\n")
        for row in rows[:-1]:
            size += len(row) + 1
            if buffer.tell() <= MAX_LINE_BYTES:
                buffer.write(row[: MAX_LINE_BYTES + 1])
            yield size, buffer.getvalue()
            buffer, size = io.BytesIO(), 0
        size += len(rows[-1])
        if buffer.tell() <= MAX_LINE_BYTES:
            buffer.write(rows[-1][: MAX_LINE_BYTES + 1])
    if size:
        yield size, buffer.getvalue()


def _parquet_lines(piece: ListPiece, lines_before: int) -> Iterator[tuple[int, bytes]]:
    number = lines_before
    groups = list(range(piece.start, piece.end))
    with _parquet(piece.uri) as file:
        for batch in file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=[piece.column]):
            try:
                texts = batch.column(0).cast(pa.string()).to_pylist()
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise InputError(
                    f"{piece.uri}: column {piece.column!r} is no text: {error}"
                ) from None
            for text in texts:
                number += 1
                yield number, (text or "").strip().encode()


@contextmanager
def _opened_text(piece: ListPiece, start_bytes: int) -> Iterator[BinaryIO]:
    """The text of a piece's file from ``start_bytes``, unpacked."""
    with store_for(piece.uri).open_range(piece.uri, start_bytes) as stream:
        if piece.kind == "gzip":
            yield cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        else:
            yield stream
