"""WARC records, of a gzip member or of a plain file: headers, block, place in the file.

Owns the syntax of WARC 1.0 and 1.1 (ISO 28500) above `cc_math.gzip_members` and below
`cc_math.warc`. What has no end of header, no valid Content-Length or too short a block
becomes `Damage`; nothing raises. It is lenient where nothing is lost by it: any version,
any order and length of headers, bare line feeds, no target URI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cc_math.gzip_members import WARC_MAGIC, ByteWindow, Damage, Member
from cc_math.http_payload import decode_header_text, parse_header_lines, split_head

_RECORD_TYPES = frozenset(  # WARC 1.1 section 5.5; any other name is counted as "unknown"
    [
        *("warcinfo", "response", "resource", "request"),
        *("metadata", "revisit", "conversion", "continuation"),
    ]
)
_RECORD_END = b"\r\n\r\n"  # WARC 1.1 section 4
_PLAIN_HEAD_BYTES = 1 << 14  # chosen: headers are about 600 bytes; longer ones are read again


@dataclass(frozen=True, slots=True)
class WarcRecord:
    """One record; `type` is lower-cased, "unknown" or "empty" (a member without content).

    Its block is `data[block_start:block_end]`, uncopied: of a response only the body is cut out.
    """

    type: str
    headers: Mapping[str, str]
    data: bytes
    block_start: int
    block_end: int
    offset_bytes: int
    length_bytes: int


def parse_members(spans: Iterable[Member | Damage]) -> Iterator[WarcRecord | Damage]:
    """Parse each member's records; more than one in a member share its offset and length."""
    for span in spans:
        if isinstance(span, Damage):
            yield span
            continue
        data, start = span.data, 0
        length = span.end_bytes - span.offset_bytes
        if not data:
            yield WarcRecord("empty", {}, b"", 0, 0, span.offset_bytes, length)
        while start < len(data):
            parsed = _parse_record(data, start)
            if isinstance(parsed, str):
                yield Damage(span.offset_bytes, span.end_bytes, parsed)
                break
            headers, block_start, block_end = parsed
            kind = headers.get("warc-type", "").lower()
            kind = kind if kind in _RECORD_TYPES else "unknown"
            yield WarcRecord(kind, headers, data, block_start, block_end, span.offset_bytes, length)
            start = _skip_line_ends(data, block_end)


def _parse_record(data: bytes, start: int) -> tuple[dict[str, str], int, int] | str:
    """Return (headers, block start, block end) of the record at `start`, or what is wrong."""
    if not data.startswith(WARC_MAGIC, start):
        return "bytes behind a record that are no record"
    head_end, block_start = split_head(data, start)
    if head_end < 0:
        return "record header without an end"
    headers = parse_header_lines(decode_header_text(data[start:head_end]))
    length = _content_length(headers)
    if length is None:
        return "record without a valid Content-Length"
    if block_start + length > len(data):
        return "record shorter than its Content-Length"
    return headers, block_start, block_start + length


def _content_length(headers: Mapping[str, str]) -> int | None:
    digits = headers.get("content-length", "")
    # 18 digits: below 2^63, and int() of a hostile megabyte of digits is never tried
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 18 else None


def _skip_line_ends(data: bytes, start: int) -> int:
    while data[start : start + 1] in (b"\r", b"\n"):
        start += 1
    return start


def read_plain_records(
    window: ByteWindow, offset: int, max_record_bytes: int
) -> Iterator[Member | Damage]:
    """Cut an uncompressed WARC into its records, each as a `Member` with its closing line ends.

    A record that does not end as WARC 1.1 section 4 asks (CRLF CRLF behind the block) has
    lost its Content-Length: what lies up to the next line that opens a record is Damage.
    """
    while window.peek(offset, 1):
        window.forget(offset)
        head = window.peek(offset, _PLAIN_HEAD_BYTES)
        if split_head(head, 0)[0] < 0:
            head = window.peek(offset, max_record_bytes)
        head_end, block_start = split_head(head, 0)
        length = None
        if head.startswith(WARC_MAGIC) and head_end >= 0:
            length = _content_length(parse_header_lines(decode_header_text(head[:head_end])))
        if length is not None and block_start + length <= max_record_bytes:
            block_end = block_start + length
            data = window.peek(offset, block_end + len(_RECORD_END))
            # a last record without its closing CRLF CRLF is whole all the same
            if data.endswith(_RECORD_END) if len(data) > block_end else len(data) == block_end:
                yield Member(offset, offset + len(data), data)
                offset += len(data)
                continue
        found = window.find(b"\n" + WARC_MAGIC, offset, None)
        after = found + 1 if found >= 0 else window.end()
        yield Damage(offset, after, "no sound record of a plain WARC begins here")
        offset = after
