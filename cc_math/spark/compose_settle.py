"""What compose settles across parts: repeated captures, duplicates, shares of kinds.

Reads the verdicts that compose's first pass left in the exchange folder and writes there, for
each part, the rows that cross-part rules touch. Then, where the recipe bounds shares of kinds,
finds how far down its ranking each kind stays.

The trade: the driver holds the documents that have a twin, and of the shares only histograms:
sums of tokens by kind and piece of rank, narrowed in three rounds to one document a kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from cc_math import kind_shares
from cc_math.chunks import Chunk
from cc_math.dedup.tables import Member, TwinPair, choose_twins
from cc_math.kind_shares import KindShares
from cc_math.manifests import Json, Part
from cc_math.spark.chunks import Job, spark_errors
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
    """Across parts: repeated captures and duplicates; one file of removals a part."""
    with spark_errors("compose"):
        removed = _removals(job, chunks, pairs)
    for chunk in chunks:
        uri = _settled_uri(job.output, chunk.name)
        settled = sorted(removed.get(chunk.task["number"], []), key=lambda r: int(r["row"]))
        store_for(uri).put_bytes(json.dumps(settled).encode(), uri)


def _removals(job: Job, chunks: list[Chunk], pairs: list[Part]) -> dict[int, list[Json]]:
    """By part number: rows that are repeated, removed as duplicates, or have a cluster."""
    from pyspark.sql import functions as F

    parts = [verdicts_of(job.output, chunk.name) for chunk in chunks]
    frame = frame_of_parts(job.session(), parts, _MEMBER_COLUMNS, _MEMBERS_DDL).persist()
    removed: dict[int, list[Json]] = {}
    place = F.struct("warc_filename", "warc_record_offset", "part", "row")
    met = frame.groupBy("doc_id").agg(F.count("*").alias("n"), F.min(place).alias("first"))
    repeats = frame.join(met.where("n > 1"), "doc_id").where(place != F.col("first"))
    again = set()
    for row in repeats.select("doc_id", "part", "row").collect():
        again.add((row["part"], row["row"]))
        removed.setdefault(row["part"], []).append(
            {"row": row["row"], "doc_id": row["doc_id"], "drop": "repeated", "cluster_id": ""}
        )
    twin_pairs = [
        TwinPair(r["doc_id"], r["other_doc_id"], r["kind"], r["overlap"])
        for part in pairs
        for r in read_columns(part, ["doc_id", "other_doc_id", "kind", "overlap"]).to_pylist()
    ]
    ids = sorted({p.doc_id for p in twin_pairs} | {p.other_doc_id for p in twin_pairs})
    rows: list[Any] = []
    if ids:
        wanted = job.session().createDataFrame([(doc_id,) for doc_id in ids], "doc_id string")
        rows = [r for r in frame.join(wanted, "doc_id").collect() if (r.part, r.row) not in again]
    members = [
        Member(r.doc_id, r.score or 0.0, r.length_chars, r.fetch_time, passing=r.drop == "")
        for r in rows
    ]
    twins = choose_twins(
        twin_pairs,
        members,
        near_overlap_min=job.recipe.dedup.min_overlap,
        url_overlap_min=job.recipe.dedup.min_url_overlap,
    )
    kind_of = {r.doc_id: f"duplicate_{r.kind}" for r in twins.removals}
    for r in rows:
        cluster = twins.cluster_of.get(r.doc_id, "")
        removed.setdefault(r.part, []).append(
            {
                "row": r.row,
                "doc_id": r.doc_id,
                "drop": kind_of.get(r.doc_id, ""),
                "cluster_id": cluster,
            }
        )
    frame.unpersist()
    return removed


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
