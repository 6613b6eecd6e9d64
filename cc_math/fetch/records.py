"""The wanted records of one WARC → captures, in the extraction child.

Owns how single records are read: by joined range requests, some ahead of need, or from one
stream that is read on to the last of them. Either way each record is parsed by
:func:`cc_math.warc.read_captures` from its own bytes and those behind it, which is what makes
a fetched capture equal to one met while reading the whole file, its languages (of the metadata
record that follows) included. What does not stand where it should is :class:`Missed`.
"""

from __future__ import annotations

import io
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO, Protocol

import pyarrow.parquet as pq

from cc_math.errors import StorageError
from cc_math.extraction.missed import Missed, MissedReason
from cc_math.fetch.kept_html import KeptPage, capture_of, read_kept_pages
from cc_math.fetch.plan import FOLLOW_BYTES, WANTED_ROWS, WantedRecord, plan_reads
from cc_math.gzip_members import GZIP_MAGIC, WARC_MAGIC
from cc_math.https import NoRanges
from cc_math.manifests import Json
from cc_math.storage import is_local, random_access, store_for
from cc_math.warc import Capture, Damage, doc_id, read_captures

REQUESTS_AHEAD = 4
"""Range requests on their way at a time. Chosen: hides the latency of a request behind the
extraction of a page, and Common Crawl's servers ask to be approached by few connections."""
_MAX_FOLLOW_BYTES = 1 << 16  # chosen: a metadata record holds no page; a longer one is no metadata
_SKIP_BYTES = 1 << 20  # chosen: as much of an unwanted stretch is held at a time


class Source(Protocol):
    """Bytes of a file, asked for with rising starts."""

    def get(self, start_bytes: int, end_bytes: int) -> bytes:
        """The bytes ``[start_bytes, end_bytes)``, fewer where the file ends."""

    def close(self) -> None:
        """Let go of connections and threads."""


class JoinedRanges:
    """Range requests for the planned ``reads``, up to ``ahead`` of them before they are needed."""

    def __init__(self, uri: str, reads: Sequence[tuple[int, int]], ahead: int) -> None:
        self._uri, self._store = uri, store_for(uri)
        self._reads = deque(reads)
        self._threads = ThreadPoolExecutor(ahead) if ahead > 1 else None
        self._coming: deque[tuple[tuple[int, int], Future[bytes]]] = deque()
        self._ahead = ahead
        self._start, self._data = 0, b""
        self._file_end: int | None = None  # known once a read came back short

    def get(self, start_bytes: int, end_bytes: int) -> bytes:
        while start_bytes >= self._start + len(self._data) and self._next_covers(start_bytes):
            self._advance()
        first = start_bytes - self._start
        data = self._data[first : first + end_bytes - start_bytes] if first >= 0 else b""
        at = start_bytes + len(data)
        ended = self._file_end is not None and at >= self._file_end
        if at < end_bytes and not ended:  # behind the planned range, or not planned at all
            data += self._checked(at, end_bytes, self._store.read_range(self._uri, at, end_bytes))
        return data

    def _checked(self, start_bytes: int, end_bytes: int, data: bytes) -> bytes:
        if len(data) < end_bytes - start_bytes:
            self._file_end = start_bytes + len(data)
            _require_file_end(self._uri, self._file_end)
        return data

    def _next_covers(self, start_bytes: int) -> bool:
        planned = self._coming[0][0] if self._coming else self._reads[0] if self._reads else None
        return planned is not None and planned[0] <= start_bytes

    def _advance(self) -> None:
        if self._threads is None:
            place = self._reads.popleft()
            data = self._store.read_range(self._uri, *place)
        else:
            while self._reads and len(self._coming) < self._ahead:
                ahead = self._reads.popleft()
                future = self._threads.submit(self._store.read_range, self._uri, *ahead)
                self._coming.append((ahead, future))
            place, coming = self._coming.popleft()
            data = coming.result()
        self._start, self._data = place[0], self._checked(*place, data)

    def close(self) -> None:
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


class ReadOn:
    """One stream of the file, read on to what is wanted; nothing before it is kept."""

    def __init__(self, uri: str, start_bytes: int) -> None:
        self._uri, self._at = uri, start_bytes
        try:
            self._stream: BinaryIO = store_for(uri).open_range(uri, start_bytes)
        except NoRanges:
            self._stream, self._at = store_for(uri).open_range(uri), 0
        self._buffer = bytearray()

    def get(self, start_bytes: int, end_bytes: int) -> bytes:
        while self._at + len(self._buffer) < start_bytes:
            wanted = min(_SKIP_BYTES, start_bytes - self._at - len(self._buffer))
            self._at += len(self._buffer)
            self._buffer.clear()
            if not self._read(wanted):
                return b""
        del self._buffer[: start_bytes - self._at]
        self._at = start_bytes
        while len(self._buffer) < end_bytes - start_bytes:
            if not self._read(end_bytes - start_bytes - len(self._buffer)):
                break
        return bytes(self._buffer[: end_bytes - start_bytes])

    def _read(self, size: int) -> bool:
        piece = self._stream.read(size)
        self._buffer += piece
        if not piece:
            _require_file_end(self._uri, self._at + len(self._buffer))
        return bool(piece)

    def close(self) -> None:
        self._stream.close()


def _require_file_end(uri: str, end_bytes: int) -> None:
    """Raise StorageError where a read ended before its file does: the records behind it would
    count as missing. The read is tried again (:mod:`cc_math.extraction.supervise`)."""
    size_bytes = store_for(uri).size_bytes(uri)
    if size_bytes is not None and end_bytes < size_bytes:
        raise StorageError(f"{uri}: a read ended at byte {end_bytes:,} of {size_bytes:,}")


def wanted_items(config: Json) -> Iterator[Capture | Missed]:
    """The wanted records of a chunk in the order of their offsets, from ``resume_bytes`` on.

    ``config["fetch"]`` is what :func:`cc_math.fetch.chunk.fetch_chunk` wrote.
    """
    fetch, max_bytes = config["fetch"], config["settings"]["max_record_bytes"]
    records = read_wanted(fetch["rows"])
    records = [r for r in records if r.offset_bytes >= config["resume_bytes"]]
    kept = read_kept_pages(fetch["html"], {r.doc_id for r in records if r.doc_id})
    by_bytes = [r for r in records if r.doc_id not in kept and r.is_possible(max_bytes)]
    source = open_source(config["uri"], by_bytes, fetch) if by_bytes else None
    try:
        for record in records:
            if record.doc_id in kept:
                yield _from_kept(record, kept.pop(record.doc_id), max_bytes)
            elif source is None or not record.is_possible(max_bytes):
                why = f"no record has {record.length_bytes} bytes at {record.offset_bytes}"
                yield _missed(record, MissedReason.no_record, why)
            else:
                yield find_record(source, record, max_record_bytes=max_bytes)
    finally:
        if source is not None:
            source.close()


def read_wanted(rows: Json) -> list[WantedRecord]:
    """The wanted records of a chunk: one row group of a file of WANTED_ROWS, sorted by offset."""
    with pq.ParquetFile(random_access(rows["uri"])) as file:
        table = file.read_row_group(rows["row_group"], columns=WANTED_ROWS.names)
    columns = (table.column(name).to_pylist() for name in WANTED_ROWS.names)
    return sorted(WantedRecord(*values) for values in zip(*columns, strict=True))


def open_source(uri: str, records: Sequence[WantedRecord], fetch: Json) -> Source:
    """How the bytes of ``records`` are read: by ranges or, ``whole``, from one stream."""
    if fetch["whole"]:
        return ReadOn(uri, records[0].offset_bytes)
    local = is_local(uri)  # there a request costs nothing
    reads = plan_reads(records, join_gap_bytes=0 if local else fetch["join_gap_bytes"])
    source = JoinedRanges(uri, reads, 1 if local else REQUESTS_AHEAD)
    try:
        source.get(records[0].offset_bytes, records[0].end_bytes)  # it is kept for its turn
    except NoRanges:  # the file comes whole or not at all
        source.close()
        return ReadOn(uri, 0)
    return source


def find_record(source: Source, record: WantedRecord, *, max_record_bytes: int) -> Capture | Missed:
    """The capture that stands where ``record`` says, or why there is none."""
    data = _with_follower(source, record)
    offset = record.offset_bytes
    items = list(
        read_captures(
            io.BytesIO(data),
            start_bytes=offset,
            end_bytes=offset + 1,
            max_record_bytes=max_record_bytes,
            skip_before_bytes=offset,
        )
    )
    captures = [item for item in items if isinstance(item, Capture)]
    for capture in captures:
        if _is_wanted(capture, record):
            return capture
    damages = [item for item in items if isinstance(item, Damage)]
    if captures:
        found = captures[0]
        same_url = found.url == record.url
        reason = MissedReason.other_capture if same_url else MissedReason.other_url
        return _missed(record, reason, f"the record is of {found.url} at {found.fetch_time}")
    if damages and data.startswith((GZIP_MAGIC, WARC_MAGIC)):
        return _missed(record, MissedReason.damaged, damages[0].why)
    if items and not damages:
        kinds = ", ".join(sorted({getattr(item, "type", "") for item in items}))
        return _missed(record, MissedReason.not_a_response, f"it is {kinds}")
    why = "no record begins here" if data else "the file ends before it"
    return _missed(record, MissedReason.no_record, why)


def _with_follower(source: Source, record: WantedRecord) -> bytes:
    """The record's bytes and, whole, the metadata member behind it where there is one."""
    start, length, follow = record.offset_bytes, record.length_bytes, FOLLOW_BYTES
    data = source.get(start, record.end_bytes + follow)
    while len(data) == length + follow and _is_cut_metadata(data[length:]):
        if follow >= _MAX_FOLLOW_BYTES:
            break
        follow *= 4
        data = source.get(start, record.end_bytes + follow)
    return data


def _is_cut_metadata(follower: bytes) -> bool:
    """Whether this may be the start of a metadata record that goes on behind these bytes."""
    if follower.startswith(WARC_MAGIC):
        return b"WARC-Type: metadata" in follower  # a plain file's: its end is not looked for
    if not follower.startswith(GZIP_MAGIC):
        return False
    inflater = zlib.decompressobj(31)  # zlib manual, inflateInit2: gzip wrapper, largest window
    try:
        start = inflater.decompress(follower, _MAX_FOLLOW_BYTES)
    except zlib.error:
        return False
    head, ended, _ = start.partition(b"\r\n\r\n")
    return not inflater.eof and (not ended or b"\r\nwarc-type: metadata" in head.lower())


def _is_wanted(capture: Capture, record: WantedRecord) -> bool:
    if record.doc_id:
        name = doc_id(capture.url, capture.fetch_time, capture.payload_digest)
        return name == record.doc_id
    return capture.url == record.url


def _from_kept(record: WantedRecord, page: KeptPage, max_record_bytes: int) -> Capture | Missed:
    capture = capture_of(page, record, max_payload_bytes=max_record_bytes)
    if capture is None:
        return _missed(record, MissedReason.damaged, "its payload in the html table is damaged")
    return capture


def _missed(record: WantedRecord, reason: MissedReason, detail: str) -> Missed:
    # a length of one byte: the next wanted record may begin anywhere behind this offset
    return Missed(record.offset_bytes, 1, record.url, reason, detail)
