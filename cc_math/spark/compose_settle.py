"""What compose settles across parts: repeated captures, duplicates, shares of kinds.

Reads the verdicts that compose's first pass left in the exchange folder and writes there, for
each part, the rows that cross-part rules touch. Then, where the recipe bounds shares of kinds,
finds how far down its ranking each kind stays.

The trade: the driver holds the documents that have a twin, as Arrow columns that the tasks leave
in files, and of the shares only histograms: sums of tokens by kind and piece of rank, narrowed in
three rounds to one document a kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cc_math import kind_shares
from cc_math.chunks import Chunk
from cc_math.dedup.clusters import KINDS
from cc_math.dedup.tables import MEMBERS, TWIN_PAIRS, choose_twins
from cc_math.kind_shares import KindShares
from cc_math.manifests import Json, Part
from cc_math.spark.chunks import Job, spark_errors
from cc_math.spark.exchange import rows_through_files
from cc_math.spark.parts import frame_of_parts
from cc_math.storage import join, store_for
from cc_math.tables import read_columns

VERDICTS = pa.schema(
    [
        ("doc_id", pa.string()),
        ("part", pa.int32()),
        ("row", pa.int64()),
        ("drop", pa.string()),  # '' where the document passes
        ("score", pa.float32()),
        ("round", pa.int16()),  # that recalled it; null without a table of recalled documents
        ("kind", pa.string()),  # '' where the scores tell none
        ("tokens", pa.int32()),  # of the published text; null where the document is dropped
        ("length_chars", pa.int64()),
        ("fetch_time", pa.string()),
        ("warc_filename", pa.string()),
        ("warc_record_offset", pa.int64()),
    ]
)
_MEMBER_COLUMNS = [
    "doc_id", "part", "row", "drop", "score", "length_chars", "fetch_time", "warc_filename",
    "warc_record_offset",
]  # fmt: skip
_MEMBERS_DDL = (
    "doc_id string, part int, row bigint, drop string, score float, length_chars bigint, "
    "fetch_time string, warc_filename string, warc_record_offset bigint"
)
_FOUND = pa.schema([VERDICTS.field(name) for name in _MEMBER_COLUMNS[:7]])
_PAIRS_DDL = "doc_id string, other_doc_id string"
_WRITERS = 16  # chosen: files of settled rows that are put at a time, a request each in S3


def exchange_folder(output: str) -> str:
    """Where compose keeps what only compose reads."""
    return join(output, "_run", "compose")


def verdicts_of(output: str, name: str) -> Part:
    """The verdicts of the documents part called ``name``."""
    return Part(join(exchange_folder(output), f"{name}.parquet"), name, "", -1)


def settled_rows(output: str, name: str) -> dict[int, Json]:
    """By row number of a part: what :func:`settle` says of it (`drop`, `cluster_id`)."""
    uri = _settled_uri(output, name)
    return {int(r["row"]): r for r in json.loads(store_for(uri).read_bytes(uri))}


def _settled_uri(output: str, name: str) -> str:
    return join(exchange_folder(output), "settled", f"{name}.json")


def settle(job: Job, chunks: list[Chunk], pairs: list[Part]) -> None:
    """Across parts: repeated captures and duplicates; one file of what is settled a part."""
    parts = [verdicts_of(job.output, chunk.name) for chunk in chunks]
    with spark_errors("compose"):
        frame = frame_of_parts(job.session(), parts, _MEMBER_COLUMNS, _MEMBERS_DDL).persist()
        repeated = _repeated(job, frame)
        members = _with_twins(job, frame, pairs)
        frame.unpersist()
    settled = _settled(job, repeated, members, pairs)
    part, row = settled.column("part").to_numpy(), settled.column("row").to_numpy()
    order = np.lexsort((row, part))
    bounds = np.searchsorted(part, [chunk.task["number"] for chunk in chunks], sorter=order)
    ends = np.searchsorted(part, [c.task["number"] for c in chunks], side="right", sorter=order)

    def write(number: int) -> None:
        rows = settled.take(pa.array(order[bounds[number] : ends[number]])).drop_columns("part")
        uri = _settled_uri(job.output, chunks[number].name)
        store_for(uri).put_bytes(json.dumps(rows.to_pylist()).encode(), uri)

    with ThreadPoolExecutor(_WRITERS) as threads:
        list(threads.map(write, range(len(chunks))))


def _repeated(job: Job, frame: Any) -> pa.Table:
    """Rows (_FOUND) of captures that stand elsewhere too, but for the first."""
    from pyspark.sql import functions as F

    place = F.struct("warc_filename", "warc_record_offset", "part", "row")
    met = frame.groupBy("doc_id").agg(F.count("*").alias("n"), F.min(place).alias("first"))
    repeats = frame.join(met.where("n > 1"), "doc_id").where(place != F.col("first"))
    return rows_through_files(repeats, join(exchange_folder(job.output), "repeats"), _FOUND)


def _with_twins(job: Job, frame: Any, pairs: list[Part]) -> pa.Table:
    """Rows (_FOUND) of the documents that ``pairs`` name."""
    pairs = [part for part in pairs if part.rows]
    named = frame_of_parts(job.session(), pairs, ["doc_id", "other_doc_id"], _PAIRS_DDL)
    ids = named.select("doc_id").union(named.select("other_doc_id")).distinct()
    found = frame.join(ids, "doc_id", "left_semi")
    return rows_through_files(found, join(exchange_folder(job.output), "twins"), _FOUND)


def _settled(job: Job, repeated: pa.Table, found: pa.Table, pairs: list[Part]) -> pa.Table:
    """part, row, doc_id, drop and cluster_id of every row that a cross-part rule touches."""
    rows = found.filter(pa.array(~np.isin(_places(found), _places(repeated)))).sort_by("doc_id")
    columns = {
        "doc_id": rows.column("doc_id"),
        "score": pc.fill_null(rows.column("score"), 0.0),
        "length_chars": rows.column("length_chars"),
        "fetch_time": rows.column("fetch_time"),
        "passing": pc.equal(rows.column("drop"), ""),
    }
    read = [read_columns(part, TWIN_PAIRS.names).cast(TWIN_PAIRS) for part in pairs]
    twins = choose_twins(
        pa.concat_tables([TWIN_PAIRS.empty_table(), *read]),
        pa.table(columns).cast(MEMBERS),
        near_overlap_min=job.recipe.dedup.min_overlap,
        url_overlap_min=job.recipe.dedup.min_url_overlap,
    )
    drops = pa.array([*(f"duplicate_{kind}" for kind in KINDS), ""])
    kinds = np.minimum(twins.removed_kind, len(KINDS))  # NOT_REMOVED is the last, ''
    chosen = {
        "row": rows.column("row"),
        "doc_id": rows.column("doc_id"),
        "drop": drops.take(pa.array(kinds)),
        "cluster_id": twins.members.column("doc_id").take(pa.array(twins.cluster)),
        "part": rows.column("part"),
    }
    again = {
        "row": repeated.column("row"),
        "doc_id": repeated.column("doc_id"),
        "drop": pa.repeat("repeated", repeated.num_rows),
        "cluster_id": pa.repeat("", repeated.num_rows),
        "part": repeated.column("part"),
    }
    first = pa.table(chosen)
    return pa.concat_tables([first, pa.table(again).cast(first.schema)])


def _places(rows: pa.Table) -> NDArray[np.int64]:
    """Part and row number as one integer: a part has fewer than 2^40 rows."""
    part: NDArray[np.int64] = rows.column("part").to_numpy().astype(np.int64)
    row: NDArray[np.int64] = rows.column("row").to_numpy()
    return (part << 40) | row


def settle_kind_shares(job: Job, chunks: list[Chunk]) -> dict[str, int]:
    """By kind that loses documents: the rank from which on they are left out.

    Kinds that are not named stay whole. A kind's documents before that rank hold at most the
    tokens that :func:`cc_math.kind_shares.tokens_that_stay` grants it.
    """
    least, most = job.recipe.compose.min_kind_shares, job.recipe.compose.max_kind_shares
    if not least and not most:
        return {}
    with spark_errors("compose"):
        return _cuts_of_kinds(_ranked_frame(job, chunks), least, most)


def _ranked_frame(job: Job, chunks: list[Chunk]) -> Any:
    """DataFrame (kind, rank, tokens) of every document that passes all other rules."""
    session, output = job.session(), job.output
    names = [(chunk.name,) for chunk in chunks]
    rows = session.sparkContext.parallelize(names, max(1, len(names)))
    named = session.createDataFrame(rows, "part string")

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for name in batch.column(0).to_pylist():
                yield _ranked_batch(output, name)

    return named.mapInArrow(read, "kind string, rank bigint, tokens bigint")


def _ranked_batch(output: str, name: str) -> pa.RecordBatch:
    columns = ["doc_id", "drop", "kind", "tokens"]
    verdicts = read_columns(verdicts_of(output, name), columns).to_pylist()
    settled = settled_rows(output, name)
    staying = [
        row
        for number, row in enumerate(verdicts)
        if not row["drop"] and not settled.get(number, {}).get("drop")
    ]
    return pa.RecordBatch.from_pydict(
        {
            "kind": pa.array([row["kind"] for row in staying], pa.string()),
            "rank": pa.array(
                [kind_shares.rank(row["doc_id"]) for row in staying],
                pa.int64(),
            ),
            "tokens": pa.array([row["tokens"] for row in staying], pa.int64()),
        }
    )


def _cuts_of_kinds(frame: Any, least: KindShares, most: KindShares) -> dict[str, int]:
    """Rank at which each kind that loses documents is cut: its first document that goes."""
    from pyspark.sql import functions as F

    frame = frame.persist()
    totals = {
        r.kind: int(r.n) for r in frame.groupBy("kind").agg(F.sum("tokens").alias("n")).collect()
    }
    limits = kind_shares.tokens_that_stay(totals, least, most)
    left = {kind: limit for kind, limit in limits.items() if limit < totals[kind]}
    prefixes = dict.fromkeys(left, 0)  # rank, as far as it is known
    for number, bits in enumerate(kind_shares.STEP_BITS):
        inside = F.lit(False)
        for kind, prefix in prefixes.items():
            upper = F.shiftright("rank", bits + 16) if number else F.lit(0)
            inside = inside | ((F.col("kind") == kind) & (upper == F.lit(prefix)))
        piece = F.shiftright("rank", bits).bitwiseAND(kind_shares.PIECE_MASK).alias("piece")
        sums = frame.where(inside).groupBy("kind", piece).agg(F.sum("tokens").alias("n")).collect()
        for kind in left:
            found = {int(r.piece): int(r.n) for r in sums if r.kind == kind}
            crossing, before = kind_shares.crossing_piece(found, left[kind])
            prefixes[kind] = prefixes[kind] << 16 | crossing
            left[kind] -= before
    frame.unpersist()
    return prefixes
