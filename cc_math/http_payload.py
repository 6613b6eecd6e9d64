"""The block of a WARC response record → HTTP status, headers and decoded body.

Owns what RFC 9112 (message syntax) and RFC 9110 section 8.4 (content codings) ask of a
reader. Common Crawl stores bodies decoded and keeps the original codings under
`X-Crawler-…`; other crawlers keep the codings and the coded bytes, and some keep the
header and store the decoded bytes. So a coding is undone where the bytes carry it, and a
body that plainly is not coded is left as it is.

Nothing here raises on any input, and no body inflates past `max_payload_bytes`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import brotli
import zstandard

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # RFC 8878 section 3.1.1
_ZSTD_MAX_WINDOW_BYTES = 8 << 20  # RFC 9659 section 3: the limit for Content-Encoding: zstd
_MAX_CHUNK_HEAD_BYTES = 1024  # chosen: a chunk size has 16 hex digits at most, extensions are short
_PIECE_BYTES = 1 << 16  # chosen: how much a decoder may give at once before the bound is checked


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A parsed HTTP response; `status` is 0 where the status line has no number.

    Header names are lower-cased. Lines of one name are joined with ", " (RFC 9110 section
    5.3), but of several Content-Type lines the last one counts, as in browsers.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """A body without its codings; `problem` says in words why decoding failed, or is ''.

    `cut` is true where the body was longer than the bound, or its coded form was cut short.
    """

    body: bytes
    cut: bool
    problem: str


def decode_header_text(raw: bytes) -> str:
    """Decode header bytes: UTF-8 (WARC 1.1 section 4), else Latin-1, which loses nothing."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def split_head(data: bytes, start: int, end: int | None = None) -> tuple[int, int]:
    """Return where the head that begins at `start` ends and where its block begins.

    Heads end at an empty line, CRLF or, from careless writers, LF. (-1, -1) without one before
    `end`.
    """
    found = data.find(b"\r\n\r\n", start, end)
    bare = data.find(b"\n\n", start, found if found >= 0 else end)
    if bare >= 0:
        return bare, bare + 2
    return (found, found + 4) if found >= 0 else (-1, -1)


def parse_header_lines(head: str) -> dict[str, str]:
    """Parse `Name: value` lines behind the first line of `head`; names are lower-cased.

    Folded lines (RFC 9112 section 5.2) continue the value before them; lines without a
    colon are skipped, as browsers do.
    """
    headers: dict[str, str] = {}
    name = ""
    lines = head.split("\n")[1:]
    if "\n " not in head and "\n\t" not in head:  # no folded line, as in nearly every head
        pairs = [line.split(":", 1) for line in lines if ":" in line]
        headers = {pair[0].strip().lower(): pair[1].strip() for pair in pairs}
        if len(headers) == len(pairs):
            return headers
        headers = {}
    for line in lines:
        if line[:1] in (" ", "\t"):
            if name:
                headers[name] = f"{headers[name]} {line.strip()}"
            continue
        key, colon, value = line.partition(":")
        if not colon:
            continue
        name, value = key.strip().lower(), value.strip()
        if name in headers and name != "content-type":
            value = f"{headers[name]}, {value}"
        headers[name] = value
    return headers


def parse_http_response(data: bytes, start: int = 0, end: int | None = None) -> HttpResponse | None:
    """Split the `application/http` block `data[start:end]`; None where it does not begin like HTTP.

    The body is cut out of `data`, once.
    """
    end = len(data) if end is None else end
    if not data.startswith(b"HTTP/", start, end):
        return None
    head_end, body_start = split_head(data, start, end)
    if head_end < 0:
        head_end = body_start = end
    head = decode_header_text(data[start:head_end])
    words = head.split("\n", 1)[0].split(None, 2)
    code = words[1] if len(words) > 1 else ""
    status = int(code) if len(code) == 3 and code.isascii() and code.isdecimal() else 0
    return HttpResponse(status, parse_header_lines(head), data[body_start:end])


def decode_body(response: HttpResponse, *, max_payload_bytes: int) -> DecodedBody:
    """Undo Transfer-Encoding, then each Content-Encoding from last to first.

    The order is RFC 9112 section 6.1. A body cut in the middle of its coding gives what could
    be decoded.
    """
    body, cut, problem = response.body, False, ""
    codings = _codings(response.headers.get("content-encoding", ""))
    codings += _codings(response.headers.get("transfer-encoding", ""))
    for coding in reversed(codings):
        if coding == "identity":
            continue
        decode = _DECODERS.get(coding)
        if decode is None:
            problem = f"unknown coding {coding[:40]!r}"
            break
        try:
            body, short = decode(body, max_payload_bytes)
        except (zlib.error, brotli.error, zstandard.ZstdError) as error:
            problem = f"{coding}: {error}"
            break
        cut = cut or short
    if len(body) > max_payload_bytes:
        body, cut = body[:max_payload_bytes], True
    return DecodedBody(body, cut, problem)


def _codings(header: str) -> list[str]:
    return [coding.strip().lower() for coding in header.split(",") if coding.strip()]


def _dechunk(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Undo chunked transfer (RFC 9112 section 7.1); a body that is not chunked stays as it is."""
    parts: list[bytes] = []
    offset = total = 0
    while True:
        line_end = body.find(b"\r\n", offset, offset + _MAX_CHUNK_HEAD_BYTES)
        digits = body[offset : max(line_end, offset)].split(b";", 1)[0].strip()
        if not digits or not digits.isalnum() or len(digits) > 16:
            break
        try:
            size = int(digits, 16)
        except ValueError:
            break
        if size == 0:
            return b"".join(parts), False
        start, offset = line_end + 2, line_end + 2 + size + 2
        if offset <= len(body) and body[offset - 2 : offset] != b"\r\n":
            break
        parts.append(body[start : start + size])
        total += size
        if total > max_bytes or offset >= len(body):
            return b"".join(parts), True
    return (b"".join(parts), True) if parts else (body, False)


def _inflate(body: bytes, max_bytes: int, wbits: int) -> tuple[bytes, bool]:
    """Inflate all members of `body`; what follows the first bad byte of a later one is dropped."""
    parts: list[bytes] = []
    total = 0
    rest = body
    while rest and total <= max_bytes:
        inflater = zlib.decompressobj(wbits)
        try:
            part = inflater.decompress(rest, max_bytes + 1 - total)
        except zlib.error:
            if not parts:
                part = _inflate_what_can_be(body, max_bytes, wbits)
                if not part:
                    raise
                return part, True
            break
        parts.append(part)
        total += len(part)
        if not inflater.eof:
            return b"".join(parts), True
        rest = inflater.unused_data
    return b"".join(parts), total > max_bytes


def _inflate_what_can_be(body: bytes, max_bytes: int, wbits: int) -> bytes:
    """Inflate a damaged stream in small steps and return what came before the damage."""
    inflater = zlib.decompressobj(wbits)
    out = bytearray()
    try:
        for offset in range(0, len(body), 64):
            out += inflater.decompress(body[offset : offset + 64])
            if len(out) > max_bytes:
                break
    except zlib.error:
        pass
    return bytes(out)


def _gunzip(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    if not body.startswith(b"\x1f\x8b"):
        return body, False
    return _inflate(body, max_bytes, 31)


def _inflate_zlib_or_raw(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """`deflate` is zlib's format (RFC 9110 section 8.4.1.2), but some servers send it raw."""
    if body.lstrip()[:1] == b"<":
        return body, False
    try:
        return _inflate(body, max_bytes, 15)
    except zlib.error:
        return _inflate(body, max_bytes, -15)


def _unbrotli(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    """Brotli has no magic number: markup that fails to decode was stored decoded."""
    decoder = brotli.Decompressor()
    out = bytearray()
    try:
        piece = decoder.process(body, output_buffer_limit=_PIECE_BYTES)
        while piece or not decoder.can_accept_more_data():
            out += piece
            if len(out) > max_bytes:
                return bytes(out), True
            piece = decoder.process(b"", output_buffer_limit=_PIECE_BYTES)
    except brotli.error:
        if body.lstrip()[:1] == b"<":
            return body, False
        if not out:
            raise
        return bytes(out), True
    return bytes(out), not decoder.is_finished()


def _unzstd(body: bytes, max_bytes: int) -> tuple[bytes, bool]:
    if not body.startswith(_ZSTD_MAGIC):
        return body, False
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES)
    out = bytearray()
    with decoder.stream_reader(body, read_across_frames=True) as reader:
        try:
            while len(out) <= max_bytes and (piece := reader.read(_PIECE_BYTES)):
                out += piece
        except zstandard.ZstdError:
            if not out:
                raise
            return bytes(out), True
    return bytes(out), len(out) > max_bytes


_DECODERS: Mapping[str, Callable[[bytes, int], tuple[bytes, bool]]] = {
    "chunked": _dechunk,
    "gzip": _gunzip,
    "x-gzip": _gunzip,  # RFC 9110 section 8.4.1.3: to be taken as gzip
    "deflate": _inflate_zlib_or_raw,
    "br": _unbrotli,
    "zstd": _unzstd,
}
