"""An index of WARCs in the schema that Common Crawl publishes, for the tests of fetching.

The columns and types are those of cc-index-table's cc-index-schema-flat.json; timestamps in
milliseconds and 32-bit offsets, as its converter writes them; rows sorted by SURT key.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
from publicsuffixlist import PublicSuffixList

from cc_math.urls import host_of
from cc_math.warc import Capture, read_captures

_SUFFIXES = PublicSuffixList(only_icann=True)
_TEXT, _INT = pa.string(), pa.int32()
SCHEMA = pa.schema(
    [
        pa.field("url_surtkey", _TEXT, nullable=False),
        pa.field("url", _TEXT, nullable=False),
        pa.field("url_host_name", _TEXT, nullable=False),
        pa.field("url_host_tld", _TEXT),
        pa.field("url_host_2nd_last_part", _TEXT),
        pa.field("url_host_3rd_last_part", _TEXT),
        pa.field("url_host_4th_last_part", _TEXT),
        pa.field("url_host_5th_last_part", _TEXT),
        pa.field("url_host_registry_suffix", _TEXT),
        pa.field("url_host_registered_domain", _TEXT),
        pa.field("url_host_private_suffix", _TEXT),
        pa.field("url_host_private_domain", _TEXT),
        pa.field("url_host_name_reversed", _TEXT),
        pa.field("url_protocol", _TEXT, nullable=False),
        pa.field("url_port", _INT),
        pa.field("url_path", _TEXT, nullable=False),
        pa.field("url_query", _TEXT),
        pa.field("fetch_time", pa.timestamp("ms"), nullable=False),
        pa.field("fetch_status", pa.int16(), nullable=False),
        pa.field("fetch_redirect", _TEXT),
        pa.field("content_digest", _TEXT),
        pa.field("content_mime_type", _TEXT),
        pa.field("content_mime_detected", _TEXT),
        pa.field("content_charset", _TEXT),
        pa.field("content_languages", _TEXT),
        pa.field("content_truncated", _TEXT),
        pa.field("warc_filename", _TEXT, nullable=False),
        pa.field("warc_record_offset", _INT, nullable=False),
        pa.field("warc_record_length", _INT, nullable=False),
        pa.field("warc_segment", _TEXT, nullable=False),
    ]
)


def index_row(capture: Capture, warc_filename: str) -> dict[str, Any]:
    """A row of the index; what is left out of it is null."""
    parts, host = urlsplit(capture.url), host_of(capture.url)
    is_address = re.fullmatch(r"[0-9.]+", host) is not None
    labels = [] if is_address else host.split(".")[::-1]
    path = parts.path or "/"
    row = {
        "url_surtkey": f"{','.join(labels) or host}){path}".lower(),
        "url": capture.url,
        "url_host_name": host,
        "url_host_registry_suffix": None if is_address else _SUFFIXES.publicsuffix(host),
        "url_host_registered_domain": None if is_address else _SUFFIXES.privatesuffix(host),
        "url_host_name_reversed": None if is_address else ".".join(labels),
        "url_protocol": parts.scheme,
        "url_port": parts.port,
        "url_path": path,
        "url_query": parts.query or None,
        "fetch_time": datetime.strptime(capture.fetch_time, "%Y-%m-%dT%H:%M:%SZ"),
        "fetch_status": capture.http_status,
        "content_digest": capture.payload_digest.removeprefix("sha1:"),
        "content_mime_type": capture.content_type.partition(";")[0] or None,
        "content_mime_detected": capture.identified_payload_type or None,
        "content_truncated": capture.truncated or None,
        "warc_filename": warc_filename,
        "warc_record_offset": capture.record_offset_bytes,
        "warc_record_length": capture.record_length_bytes,
        "warc_segment": "0",
    }
    names = ["tld", "2nd_last_part", "3rd_last_part", "4th_last_part", "5th_last_part"]
    return row | {f"url_host_{n}": label for n, label in zip(names, labels, strict=False)}


def index_rows(warcs: list[Path]) -> list[dict[str, Any]]:
    """Rows of all captures of the WARCs, sorted by SURT key."""
    rows = []
    for warc in warcs:
        with warc.open("rb") as stream:
            items = read_captures(stream, start_bytes=0, end_bytes=None, max_record_bytes=64 << 20)
            rows += [index_row(item, warc.name) for item in items if isinstance(item, Capture)]
    return sorted(rows, key=lambda row: (row["url_surtkey"], row["fetch_time"]))


def write_index(
    rows: list[dict[str, Any]], folder: Path, *, crawl: str, parts: int = 2, group_rows: int = 20
) -> Path:
    """Write ``rows`` below ``folder`` as the published table is laid out; its top folder."""
    place = folder / f"crawl={crawl}" / "subset=warc"
    place.mkdir(parents=True)
    size = -(-len(rows) // parts)
    for number in range(parts):
        table = pa.Table.from_pylist(rows[number * size : (number + 1) * size], schema=SCHEMA)
        name = f"part-{number:05d}-0.c000.gz.parquet"
        pq.write_table(table, place / name, compression="gzip", row_group_size=group_rows)
    return folder
