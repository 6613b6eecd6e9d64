"""Pages out of an `html` table: what `--keep-html` stored, as captures that are judged again.

The trade: the compressed payloads of a chunk's wanted pages are held in memory (some tens of MB
of a WARC of 1 GB), since they stand sorted by doc_id and are judged in the order of the WARC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from cc_math.errors import InputError
from cc_math.fetch.plan import WantedRecord
from cc_math.schema import TABLES
from cc_math.storage import random_access
from cc_math.warc import Capture, doc_id

KeptPage = dict[str, Any]
"""A row of the `html` table."""


def kept_ids(uris: Iterable[str], wanted: set[str]) -> set[str]:
    """Which of the doc_ids ``wanted`` the parts hold. Raises InputError for a part of an earlier
    schema, whose pages cannot be judged again without their headers."""
    found: set[str] = set()
    for uri in uris:
        with pq.ParquetFile(random_access(uri)) as file:
            missing = {c.name for c in TABLES["html"]} - set(file.schema_arrow.names)
            if missing:
                raise InputError(
                    f"{uri}: no column {', '.join(sorted(missing))}; this html table was written "
                    "by an earlier version: leave it out, so that the pages come from their WARCs"
                )
            found |= wanted.intersection(file.read(columns=["doc_id"]).column(0).to_pylist())
    return found


def read_kept_pages(uris: Iterable[str], wanted: set[str]) -> dict[str, KeptPage]:
    """Rows of the parts by doc_id, of those ``wanted``; a page that stands twice is one."""
    pages: dict[str, KeptPage] = {}
    ids = pa.array(sorted(wanted), pa.string())
    for uri in uris:
        with pq.ParquetFile(random_access(uri)) as file:
            for batch in file.iter_batches(256, use_threads=False):
                for row in batch.filter(pc.is_in(batch.column("doc_id"), ids)).to_pylist():
                    pages.setdefault(row["doc_id"], row)
    return pages


def capture_of(row: KeptPage, record: WantedRecord, *, max_payload_bytes: int) -> Capture | None:
    """The capture that was kept, at the place of ``record``; None where it is damaged.

    It has what the rows of `pages` and `documents` are made of: no other header, and not the
    WARC-Truncated and charset-detected of the crawl, which no row depends on.
    """
    try:
        if zstandard.frame_content_size(row["payload_zstd"]) > max_payload_bytes:
            return None
        payload = zstandard.ZstdDecompressor().decompress(
            row["payload_zstd"], max_output_size=max_payload_bytes
        )
    except zstandard.ZstdError:
        return None
    if doc_id(row["url"], row["fetch_time"], row["payload_digest"]) != record.doc_id:
        return None
    languages = ((found["code"], found["share"]) for found in row["languages_cld2"] or [])
    return Capture(
        url=row["url"],
        fetch_time=row["fetch_time"],
        record_offset_bytes=record.offset_bytes,
        record_length_bytes=record.length_bytes,
        is_http=True,
        http_status=200,  # no other status is kept
        http_headers={},
        content_type=row["content_type"],
        identified_payload_type=row["identified_payload_type"],
        payload=payload,
        payload_digest=row["payload_digest"],
        payload_problem="",
        truncated="",
        cld2_languages=tuple(languages),
        charset_detected="",
        x_robots_tag=row["x_robots_tag"],
        tdm_reservation=row["tdm_reservation"],
    )
