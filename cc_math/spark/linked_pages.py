"""Pages that recalled pages link to and the crawl holds: the join of links and addresses.

Both sides meet as 16-byte keys (BLAKE2b-128 of the url_key). Links count once per source site,
however many of its pages carry them: a menu or a blogroll is one opinion. URLs join no shuffle;
Python tasks look them up in the parts at the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from cc_math.manifests import Json
from cc_math.schema import doc_key
from cc_math.spark.parts import part_of
from cc_math.tables import read_columns
from cc_math.urls import url_key

LINKS = pa.schema(
    [
        ("target", pa.binary()),  # BLAKE2b-128 of the url_key linked to
        ("site", pa.int64()),  # hash of the domain that links
        ("doc", pa.binary()),  # smallest doc of this part and site that links
        ("part", pa.int32()),
        ("n_docs", pa.int64()),
    ]
)
LINKS_DDL = "target binary, site bigint, doc binary, part int, n_docs bigint"
LINKED = pa.schema(
    [
        ("bucket", pa.int32()),
        ("registered_domain", pa.string()),
        ("host", pa.string()),
        ("address", pa.binary()),
        ("doc_id", pa.string()),
        ("url", pa.string()),
        ("score", pa.int32()),  # in ten-thousandths, null where not recalled
        ("n_links", pa.int32()),
        ("n_docs", pa.int64()),
        ("from_url", pa.string()),
    ]
)
LINKED_DDL = (
    "bucket int, registered_domain string, host string, address binary, doc_id string, "
    "url string, score int, n_links int, n_docs bigint, from_url string"
)


def linked_frame(pages: Any, links: Any, parts: list[Json], bucket: Any) -> Any:
    """Frame of LINKED, one row per address of ``pages`` that a row of ``links`` names.

    ``pages`` has address, doc, part, score (null where not recalled) and site; ``bucket`` is the
    column that deals sites to parts of the output; ``parts`` are those of `pages`, by number.
    """
    from pyspark.sql import functions as F

    by_site = links.groupBy("target", "site").agg(
        F.min(F.struct("doc", "part")).alias("source"), F.sum("n_docs").alias("n_docs")
    )
    by_target = by_site.groupBy(F.col("target").alias("address")).agg(
        F.count("*").cast("int").alias("n_links"),
        F.sum("n_docs").alias("n_docs"),
        F.min("source").alias("source"),
    )
    held = pages.select(
        "address",
        "score",
        F.struct("doc", "part", bucket.alias("bucket")).alias("page"),
    )
    matched = (
        held.join(by_target, "address")
        .groupBy("address", "n_links", "n_docs", "source")
        .agg(F.max("score").alias("score"), F.min("page").alias("page"))
    )
    placed = matched.select(
        "address", "score", "n_links", "n_docs",
        F.col("page.bucket").alias("bucket"),
        F.col("page.part").alias("part"), F.col("page.doc").alias("doc"),
        F.col("source.part").alias("from_part"), F.col("source.doc").alias("from_doc"),
    )  # fmt: skip
    with_page = _by_part(placed, "part").mapInArrow(
        _LookUp(parts, "part", "doc", _with_page), f"{LINKED_DDL}, from_part int, from_doc binary"
    )
    return _by_part(with_page, "from_part").mapInArrow(
        _LookUp(parts, "from_part", "from_doc", _with_source), LINKED_DDL
    )


def _by_part(frame: Any, column: str) -> Any:
    return frame.repartition(column).sortWithinPartitions(column)


Found = tuple[str, str, str]  # doc_id, url, registered_domain


def _with_page(row: Json, found: Found) -> Json:
    doc_id, url, domain = found
    host = url_key(url).partition("?")[0].partition("/")[0]
    return {**row, "doc_id": doc_id, "url": url, "registered_domain": domain, "host": host}


def _with_source(row: Json, found: Found) -> Json:
    return {**row, "from_url": found[1]}


class _LookUp:
    """Adds to rows that come sorted by part what the part of `pages` says about a doc."""

    def __init__(self, parts: list[Json], part_column: str, doc_column: str, add: Any) -> None:
        self._parts, self._part, self._doc, self._add = parts, part_column, doc_column, add

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        number, known = -1, {}
        schema = LINKED
        if self._part == "part":
            schema = LINKED.append(pa.field("from_part", pa.int32()))
            schema = schema.append(pa.field("from_doc", pa.binary()))
        for batch in batches:
            rows = []
            for row in batch.to_pylist():
                if row[self._part] != number:
                    number = row[self._part]
                    known = self._read(number)
                rows.append(self._add(row, known[bytes(row[self._doc])]))
            yield pa.RecordBatch.from_pylist(rows, schema=schema)

    def _read(self, number: int) -> dict[bytes, Found]:
        columns = ["doc_id", "url", "registered_domain"]
        table = read_columns(part_of(self._parts[number]), columns)
        rows = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
        return {doc_key(doc_id): (doc_id, url, domain or "") for doc_id, url, domain in rows}
