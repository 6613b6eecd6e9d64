"""Pack the sample crawl: from the sources in tests/sample/ to cc_math/data/sample/.

    python tests/pack_sample.py           write the two WARC files and warc.paths.gz
    python tests/pack_sample.py --check   say whether they are what the sources give (exit 0 or 1)
    python tests/pack_sample.py --list    one JSON line per capture: URL, role, language, …

The records are written as Common Crawl writes them: a warcinfo record opens a file, each
capture is request, response and metadata, each record is a gzip member of its own. All
that a crawler leaves to chance (ids, dates, addresses, order, file) comes from hashes, so
the same sources give the same bytes with the same zlib; `--check` compares what the
members hold, which no zlib changes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import struct
import sys
import uuid
import zlib
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))  # where the sources lie, however this is run

from sample.pages import Page, captures, number_of

CRAWL = "CC-SAMPLE-2026-05"
FILES = (f"{CRAWL}-00000.warc.gz", f"{CRAWL}-00001.warc.gz")
OUTPUT = Path(__file__).parents[1] / "cc_math" / "data" / "sample"
CRLF = "\r\n"
LANGUAGES = {
    "en": ("eng", "ENGLISH"), "de": ("deu", "GERMAN"), "fr": ("fra", "FRENCH"),
    "es": ("spa", "SPANISH"), "pt": ("por", "PORTUGUESE"), "ru": ("rus", "RUSSIAN"),
    "zh": ("zho", "Chinese"), "ja": ("jpn", "Japanese"), "ar": ("ara", "ARABIC"),
    "it": ("ita", "ITALIAN"),
}  # fmt: skip
SERVERS = ("nginx", "nginx/1.24.0", "Apache", "Apache/2.4.62 (Debian)", "cloudflare", "GitHub.com")
REASONS = {200: "OK", 301: "Moved Permanently", 404: "Not Found"}
EPOCH = "2026-01-16T06:00:00Z"


def gzip_member(content: bytes) -> bytes:
    """One gzip member without a time, a name or the system's number (RFC 1952)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return head + packed + struct.pack("<II", zlib.crc32(content), len(content))


def _digest(content: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(content).digest()).decode()


def _id(*parts: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, ' '.join((CRAWL, *parts)))}>"


def _record(headers: list[tuple[str, str]], block: bytes) -> bytes:
    lines = ["WARC/1.0", *(f"{name}: {value}" for name, value in headers)]
    return (CRLF.join(lines) + CRLF * 2).encode() + block + b"\r\n\r\n"


def warcinfo_record(file_name: str) -> bytes:
    """The record that opens a file."""
    block = CRLF.join(
        [
            f"isPartOf: {CRAWL}",
            "publisher: the cc-math project",
            "description: Made-up crawl for tests and the demo, in the style of Common Crawl",
            "operator: cc-math",
            "hostname: localhost",
            "software: tests/pack_sample.py",
            "robots: no site was fetched, every page was written for this file",
            "format: WARC File Format 1.1",
            "conformsTo: https://iipc.github.io/warc-specifications/specifications/"
            "warc-format/warc-1.1/",
        ]
    )
    content = (block + CRLF * 2).encode()
    headers = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Date", EPOCH),
        ("WARC-Record-ID", _id(file_name)),
        ("Content-Length", str(len(content))),
        ("Content-Type", "application/warc-fields"),
        ("WARC-Filename", file_name),
        ("WARC-Block-Digest", _digest(content)),
    ]
    return _record(headers, content)


def _request_block(page: Page) -> bytes:
    parts = urlsplit(page.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [
        f"GET {target} HTTP/1.1",
        "User-Agent: CCBot/2.0 (https://commoncrawl.org/faq/)",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Language: en-US,en;q=0.5",
        "Accept-Encoding: br,gzip",
        f"Host: {parts.netloc}",
        "Connection: Keep-Alive",
    ]
    return (CRLF.join(lines) + CRLF * 2).encode("ascii")


def _response_block(page: Page) -> bytes:
    """HTTP head and decoded payload; what was on the wire stands in the X-Crawler headers."""
    chance = number_of("wire " + page.url)
    server = SERVERS[number_of("server " + urlsplit(page.url).netloc) % len(SERVERS)]
    lines = [f"HTTP/1.1 {page.status} {REASONS[page.status]}", f"Server: {server}"]
    lines.append(f"Content-Type: {page.content_type}")
    lines += [f"{name}: {value}" for name, value in page.headers]
    if page.payload and chance % 5:
        lines.append("X-Crawler-Content-Encoding: " + ("gzip", "br")[chance % 3 == 0])
        if chance % 2:
            lines.append("X-Crawler-Transfer-Encoding: chunked")
        else:
            wire_bytes = len(zlib.compress(page.payload, 6)) + 12
            lines.append(f"X-Crawler-Content-Length: {wire_bytes}")
    moment = datetime.fromisoformat(page.date)
    lines += [f"Content-Length: {len(page.payload)}", f"Date: {format_datetime(moment, True)}"]
    lines.append("Connection: keep-alive")
    return (CRLF.join(lines) + CRLF * 2).encode("utf-8") + page.payload


def _metadata_block(page: Page) -> bytes:
    chance = number_of("metadata " + page.url + page.date)
    lines = [f"fetchTimeMs: {20 + chance % 900}", f"charset-detected: {page.charset.upper()}"]
    if page.cld2 and page.status == 200 and page.language:
        code_3, name = LANGUAGES[page.language]
        found = {
            "code": page.language,
            "code-iso-639-3": code_3,
            "text-covered": (90 + chance % 10) / 100,
            "score": float(700 + chance % 1_200),
            "name": name,
        }
        text_bytes = len(page.payload) * 3 // 5
        told = {"reliable": True, "text-bytes": text_bytes, "languages": [found]}
        lines.append("languages-cld2: " + json.dumps(told, separators=(",", ":")))
    return (CRLF.join(lines) + CRLF * 2).encode()


def capture_records(page: Page, warcinfo_id: str) -> list[bytes]:
    """The request, response and metadata records of one capture."""
    key = (page.url, page.date)
    ids = {kind: _id(kind, *key) for kind in ("request", "response", "metadata")}
    chance = number_of("address " + urlsplit(page.url).netloc)
    # Addresses from the three blocks that RFC 5737 keeps for documentation.
    address = f"{('192.0.2', '198.51.100', '203.0.113')[chance % 3]}.{1 + chance % 254}"
    blocks = {
        "request": _request_block(page),
        "response": _response_block(page),
        "metadata": _metadata_block(page),
    }
    payloads = {"request": b"", "response": page.payload, "metadata": blocks["metadata"]}
    records: list[bytes] = []
    for kind, block in blocks.items():
        http = kind != "metadata"
        mime = f"application/http; msgtype={kind}" if http else "application/warc-fields"
        headers = [
            ("WARC-Type", kind),
            ("WARC-Date", page.date),
            ("WARC-Record-ID", ids[kind]),
            ("Content-Length", str(len(block))),
            ("Content-Type", mime),
            ("WARC-Warcinfo-ID", warcinfo_id),
        ]
        if kind != "request":
            about = ids["request"] if http else ids["response"]
            headers.append(("WARC-Concurrent-To", about))
        if http:
            headers.append(("WARC-IP-Address", address))
        headers.append(("WARC-Target-URI", page.url))
        if kind == "response" and page.truncated:
            headers.append(("WARC-Truncated", page.truncated))
        headers.append(("WARC-Payload-Digest", _digest(payloads[kind])))
        headers.append(("WARC-Block-Digest", _digest(block)))
        if kind == "response":
            identified = page.content_type.split(";")[0]
            headers.append(("WARC-Identified-Payload-Type", identified))
        records.append(_record(headers, block))
    return records


def packed_files() -> dict[str, list[bytes]]:
    """File name -> the contents of its gzip members, as the sources give them now."""
    files: dict[str, list[bytes]] = {}
    for number, name in enumerate(FILES):
        own = [p for p in captures() if number_of("file " + p.url) % len(FILES) == number]
        own.sort(key=lambda page: (number_of("order " + page.url), page.date))
        records = [record for page in own for record in capture_records(page, _id(name))]
        files[name] = [warcinfo_record(name), *records]
    files["warc.paths.gz"] = ["".join(f"{name}\n" for name in FILES).encode()]
    return files


def members(packed: bytes) -> list[bytes]:
    """The contents of the members of a gzip file, in order."""
    found: list[bytes] = []
    while packed:
        reader = zlib.decompressobj(31)
        found.append(reader.decompress(packed))
        packed = reader.unused_data
    return found


def differences() -> list[str]:
    """Names of the packed files that are missing or not what the sources give."""
    wrong: list[str] = []
    for name, wanted in packed_files().items():
        path = OUTPUT / name
        if not path.is_file() or members(path.read_bytes()) != wanted:
            wrong.append(name)
    return wrong


def listing() -> list[dict[str, object]]:
    """What the tests may expect, one mapping per capture."""
    left_out = ("payload", "headers")
    return [{k: v for k, v in vars(page).items() if k not in left_out} for page in captures()]


def main() -> int:
    """The command of the module docstring."""
    parser = argparse.ArgumentParser(description="Pack the sample crawl.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--list", action="store_true", help="print what each capture is")
    options = parser.parse_args()
    if options.list:
        for row in listing():
            print(json.dumps(row, ensure_ascii=False))
        return 0
    if options.check:
        wrong = differences()
        print("up to date" if not wrong else f"stale, run tests/pack_sample.py: {wrong}")
        return 1 if wrong else 0
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for name, contents in packed_files().items():
        packed = b"".join(gzip_member(content) for content in contents)
        (OUTPUT / name).write_bytes(packed)
        print(f"{name}: {len(contents)} records, {len(packed):,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
