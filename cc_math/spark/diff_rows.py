"""The two sides of `cc-math diff` as rows: addresses, texts and what is known of each page.

Python tasks read the parts of a side and hash addresses and texts; what meets in Spark are
16-byte keys with domain, language, kind and tokens. A text is read only where no digest of it
stands beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cc_math.chunks import Chunk
from cc_math.kind_shares import UNKNOWN
from cc_math.manifests import Json
from cc_math.schema import doc_key
from cc_math.spark.parts import kinds_of, part_of, rows_of
from cc_math.tables import read_columns
from cc_math.urls import registered_domain, url_key

ROWS = pa.schema(
    [
        ("page", pa.binary()),  # BLAKE2b-128 of the url_key, or of the doc_id without one
        ("doc", pa.binary()),
        ("content", pa.binary()),  # BLAKE2b-128 of the text
        ("domain", pa.string()),
        ("language", pa.string()),
        ("kind", pa.string()),
        ("tokens", pa.int64()),
        ("part", pa.int32()),
        ("row", pa.int64()),
    ]
)
ROWS_DDL = (
    "page binary, doc binary, content binary, domain string, language string, kind string, "
    "tokens bigint, part int, row bigint"
)
DESCRIPTION = ["doc_id", "url", "text", "registered_domain", "language", "token_count", "metadata",
         "content_digest"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its name, and a chunk a part (`documents`, with `recalled` only the
    documents of that table count, with `scores` they have a kind)."""

    name: str
    chunks: list[Chunk]


def frame_of_side(session: Any, side: Side) -> Any:
    """DataFrame of ROWS, each address once."""
    from pyspark.sql import functions as F

    texts = [(json.dumps([n, c.name, c.task]),) for n, c in enumerate(side.chunks)]
    rows = session.sparkContext.parallelize(texts, max(1, len(texts)))
    named = session.createDataFrame(rows, "part string")

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for text in batch.column(0).to_pylist():
                number, name, task = json.loads(text)
                yield from _rows_of_part(Chunk(name, {}, task, 1), number)

    rest = [name for name in ROWS.names if name != "page"]
    found = named.mapInArrow(read, ROWS_DDL).groupBy("page")
    order = ["doc", "part", "row", *(n for n in rest if n not in ("doc", "part", "row"))]
    return found.agg(F.min(F.struct(*order)).alias("found")).select("page", "found.*")


def _rows_of_part(chunk: Chunk, number: int) -> Iterator[pa.RecordBatch]:
    recalled, kinds = _recalled_ids(chunk), kinds_of(chunk, {})
    at = 0
    for batch in rows_of(chunk, _columns_of(chunk)):
        rows = []
        for row in batch.to_pylist():
            if recalled is None or row["doc_id"] in recalled:
                rows.append({**described(row, kinds), "part": number, "row": at})
            at += 1
        arrays = [pa.array([row[f.name] for row in rows], type=f.type) for f in ROWS]
        yield pa.RecordBatch.from_arrays(arrays, schema=ROWS)


def _columns_of(chunk: Chunk) -> list[str]:
    """What is read of a part: its text only where no digest of it is there."""
    first = next(rows_of(chunk, ["content_digest"]), None)
    digests = first is not None and not first.column(0).null_count
    return [name for name in DESCRIPTION if name != "text"] if digests else DESCRIPTION


def _recalled_ids(chunk: Chunk) -> set[str] | None:
    if "recalled" not in chunk.task:
        return None
    table = read_columns(part_of(chunk.task["recalled"]), ["doc_id"])
    return set(table.column("doc_id").to_pylist())


def described(row: Json, kinds: dict[str, str]) -> Json:
    """A row of ROWS but for its place, from the columns of DESCRIPTION (text may be left out)."""
    url, digest = row["url"] or "", row["content_digest"]
    return {
        "page": _digest(url_key(url) if url else row["doc_id"]),
        "doc": doc_key(row["doc_id"]),
        "content": bytes.fromhex(digest) if digest else _digest(row.get("text") or ""),
        "domain": row["registered_domain"] or registered_domain(url),
        "language": row["language"] or "und",
        "kind": kinds.get(row["doc_id"]) or _kind_in(row["metadata"]) or UNKNOWN,
        "tokens": row["token_count"] or 0,
    }


def _kind_in(metadata: str | None) -> str:
    """The kind that a corpus row's metadata names; '' where it is another's metadata."""
    try:
        known = json.loads(metadata or "{}")
    except ValueError:
        return ""
    return str(known.get("kind") or "") if isinstance(known, dict) else ""


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
