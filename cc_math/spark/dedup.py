"""The dedup stage: signatures by chunk, twins across chunks, every candidate verified.

Spark joins ids (16 bytes), URL keys, digests and LSH bands; Python tasks read texts and
measure overlaps. The choice of survivors, which sees only documents that have a verified
twin, is made in the driver, on Arrow columns that the tasks leave in files
(:mod:`cc_math.dedup.tables`).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cc_math import urls
from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.dedup import minhash, passages, shingles
from cc_math.dedup.tables import MEMBERS, TWIN_PAIRS, choose_twins
from cc_math.manifests import Json, Part, digest
from cc_math.recipe import section_values
from cc_math.recipe_tables import Dedup
from cc_math.schema import doc_key
from cc_math.spark.chunks import (
    Job,
    Plan,
    already_done,
    finish_stage,
    map_chunks,
    map_exchange,
    plan_stage,
    spark_errors,
)
from cc_math.spark.exchange import rows_through_files
from cc_math.spark.parts import (
    distinct_rows,
    document_chunks,
    frame_of_parts,
    part_of,
    scores_of,
)
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import (
    ColumnNames,
    put_local_file,
    put_table,
    read_documents,
    rows_table,
    scratch_folder,
)
from cc_math.text import match_words

SIGNATURES = pa.schema(
    [
        ("doc", pa.binary()),
        ("doc_id", pa.string()),
        ("part", pa.int32()),
        ("url_key", pa.binary()),
        ("words", pa.binary()),
        ("bands", pa.list_(pa.int64())),
        ("score", pa.float32()),
        ("length_chars", pa.int64()),
        ("fetch_time", pa.string()),
    ]
)
SIGNATURES_DDL = (
    "doc binary, doc_id string, part int, url_key binary, words binary, bands array<bigint>, "
    "score float, length_chars bigint, fetch_time string"
)
_KNOWN = {
    "id": "doc_id", "part": "part", "score": "score", "length": "length_chars",
    "time": "fetch_time",
}  # fmt: skip
MEASURED = pa.schema(
    [
        (f"{side}_{short}", SIGNATURES.field(name).type)
        for side in ("left", "right")
        for short, name in _KNOWN.items()
        if short != "part"
    ]
    + [("kind", pa.string()), ("overlap", pa.float64())]
)
MEASURED_DDL = (
    "left_id string, left_score float, left_length bigint, left_time string, right_id string, "
    "right_score float, right_length bigint, right_time string, kind string, overlap double"
)
CHUNK_ROWS = 1 << 20  # chosen: ids of 32 digits then take 32 MiB


def dedup(job: Job, documents: list[Part], scores: list[Part] | None, names: ColumnNames) -> Json:
    """Find duplicates among ``documents``; the stage's manifest."""
    chunks = document_chunks(documents, names, **({"scores": scores} if scores else {}))
    chunks = [_numbered(chunk, number) for number, chunk in enumerate(chunks)]
    settings = section_values(job.recipe, "dedup")
    plan = plan_stage(stage_named("dedup"), job.recipe, chunks, settings)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"dedup: nothing to do, {len(chunks)} chunks are done")
        return done
    manifests = map_chunks(job, plan, cuts_chunk)
    folder = join(job.output, "_run", "dedup")
    # signatures hold the number of their part, which follows from the list of parts
    identities = {c.name: digest([plan.identities[c.name], c.task["number"]]) for c in chunks}
    signing = Plan("signatures", identities, chunks, settings)
    signed = map_exchange(job, folder, signing, signature_chunk)
    parts = [Part(join(folder, f"{c.name}.parquet"), c.name, "", c.weight) for c in chunks]
    with spark_errors("dedup"):
        frame = frame_of_parts(job.session(), parts, SIGNATURES.names, SIGNATURES_DDL)
        frame = _first_of_each(frame).persist()
        measured = _verified_pairs(job, frame, chunks, join(folder, "pairs"))
        frame.unpersist()
    pairs, members = _pairs_and_members(measured)
    recipe = job.recipe.dedup
    twins = choose_twins(
        pairs,
        members,
        near_overlap_min=recipe.min_overlap,
        url_overlap_min=recipe.min_url_overlap,
    )
    files = [
        put_table(in_chunks(rows), table, job.output, f"{table}/part-00000.parquet")
        for table, rows in (("duplicate_pairs", pairs), ("duplicates", twins.removed))
    ]
    counts = {"pairs": pairs.num_rows, "removed": twins.removed.num_rows}
    for name in ("signed", "below_min_score", "without_words"):
        counts[name] = sum(manifest["counts"][name] for manifest in signed)
    for kind in ("url", "exact", "near"):
        counts[f"pairs.{kind}"] = _of_kind(pairs, kind)
        counts[f"removed.{kind}"] = _of_kind(twins.removed, kind)
    return finish_stage(job, plan, manifests, files, counts)


def _numbered(chunk: Chunk, number: int) -> Chunk:
    return Chunk(chunk.name, chunk.input, {**chunk.task, "number": number}, chunk.weight)


def signature_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Signatures of one part, to the exchange folder.

    Rows in = signed + repeated + below_min_score + without_words.
    """
    settings = context.settings
    functions = minhash.permutations(settings["bands"] * settings["rows"], settings["seed"])
    score_of = scores_of(chunk)
    counts = {"documents": 0, "repeated": 0, "below_min_score": 0, "without_words": 0, "signed": 0}
    rows: list[dict[str, Any]] = []
    for batch in distinct_rows(chunk, ["doc_id", "url", "text", "fetch_time"], counts):
        for row in batch.to_pylist():
            score = score_of.get(row["doc_id"], 0.0)
            text = row["text"] or ""
            if score_of and score < settings["min_score"]:
                counts["below_min_score"] += 1
                continue
            words = match_words(text)
            if not words:
                counts["without_words"] += 1
                continue
            values = minhash.signature(
                shingles.shingles(words, settings["shingle_words"]), functions
            )
            keys = minhash.band_keys(values, settings["bands"], settings["rows"])
            rows.append(
                {
                    "doc": doc_key(row["doc_id"]),
                    "doc_id": row["doc_id"],
                    "part": chunk.task["number"],
                    "url_key": _url_key(row["url"]),
                    "words": shingles.exact_digest(words),
                    "bands": keys.view(np.int64),
                    "score": score,
                    "length_chars": len(text),
                    "fetch_time": row["fetch_time"] or "",
                }
            )
        context.heartbeat.send({"done": counts["documents"], "done_weight": counts["documents"]})
    counts["signed"] = len(rows)
    arrays = [pa.array([row[f.name] for row in rows], type=f.type) for f in SIGNATURES]
    table = pa.Table.from_arrays(arrays, schema=SIGNATURES)
    with scratch_folder() as folder:
        local = folder / "signatures.parquet"
        pq.write_table(table, local, compression="zstd")
        put_local_file(local, "signatures", context.output, f"{chunk.name}.parquet", len(rows))
    return ChunkResult(counts=counts)


def cuts_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Passages repeated within a document, to `cuts`, for one part."""
    counts = {"documents": 0, "repeated": 0}
    cuts: list[dict[str, Any]] = []
    for batch in distinct_rows(chunk, ["doc_id", "text"], counts):
        for row in batch.to_pylist():
            cuts.extend(
                {
                    "doc_id": row["doc_id"],
                    "start_char": cut.start_char,
                    "end_char": cut.end_char,
                    "reason": cut.reason,
                }
                for cut in passages.repeated_passages(
                    row["text"] or "", min_chars=context.settings["min_passage_chars"]
                )
            )
        context.heartbeat.send({"done": counts["documents"], "done_weight": counts["documents"]})
    counts["cuts"] = len(cuts)
    order = [("doc_id", "ascending"), ("start_char", "ascending")]
    table = rows_table("cuts", cuts).sort_by(order)
    file = put_table(table, "cuts", context.output, f"cuts/{chunk.name}.parquet")
    return ChunkResult([file], counts)


def _url_key(url: str | None) -> bytes | None:
    key = urls.url_key(url) if url else ""
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).digest() if key else None


def _first_of_each(frame: Any) -> Any:
    """One row a document: the same capture may stand in several parts."""
    from pyspark.sql import functions as F

    rest = [name for name in SIGNATURES.names if name not in ("doc", "part")]
    first = F.min(F.struct("part", *rest)).alias("row")
    return frame.groupBy("doc").agg(first).select("doc", "row.*")


def _star_pairs(frame: Any, key: str, kind: str) -> Any:
    """Each document of a group of equal ``key`` with the group's smallest."""
    from pyspark.sql import functions as F

    groups = frame.where(F.col(key).isNotNull()).groupBy(key)
    centres = groups.agg(F.min("doc").alias("doc_centre"), F.count("*").alias("n")).where("n > 1")
    joined = frame.join(centres.drop("n"), key).where(F.col("doc") != F.col("doc_centre"))
    return joined.select(
        F.col("doc_centre").alias("doc"), F.col("doc").alias("other"), F.lit(kind).alias("kind")
    )


def _near_candidates(frame: Any, exact: Any, anchors: int) -> Any:
    """Pairs of representatives of exact groups that share an LSH band."""
    from pyspark.sql import functions as F

    others = exact.select(F.col("other").alias("doc"))
    representatives = frame.join(others, "doc", "left_anti")
    bands = representatives.select(F.explode("bands").alias("band"), "doc")
    buckets = bands.groupBy("band").agg(F.sort_array(F.collect_set("doc")).alias("docs"))
    buckets = buckets.where(F.size("docs") > 1)
    anchored = buckets.select("docs", F.explode(F.slice("docs", 1, anchors)).alias("doc"))
    pairs = anchored.select("doc", F.explode("docs").alias("other")).where("doc < other")
    return pairs.distinct().withColumn("kind", F.lit("near"))


def _verified_pairs(job: Job, frame: Any, chunks: list[Chunk], folder: str) -> pa.Table:
    """Verified pairs (MEASURED), each with what is known of its two documents."""
    from pyspark.sql import functions as F

    recipe: Dedup = job.recipe.dedup
    exact = _star_pairs(frame, "words", "exact")
    url = _star_pairs(frame, "url_key", "url")
    near = _near_candidates(frame, exact, recipe.max_bucket)
    candidates = url.unionByName(near).unionByName(exact)
    for side, key in (("left", "doc"), ("right", "other")):
        known = [F.col(name).alias(f"{side}_{short}") for short, name in _KNOWN.items()]
        candidates = candidates.join(frame.select(F.col("doc").alias(key), *known), key)
    candidates = (
        candidates.drop("doc", "other")
        .repartition(len(chunks), "left_part")
        .sortWithinPartitions("left_part", "right_part")
    )
    parts = [(c.task["documents"], c.task["names"]) for c in chunks]
    measure = _Measure(parts, recipe.shingle_words, recipe.min_overlap)
    return rows_through_files(candidates.mapInArrow(measure, MEASURED_DDL), folder, MEASURED)


def _pairs_and_members(measured: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Rows of `duplicate_pairs`, sorted, and their documents, each once (TWIN_PAIRS, MEMBERS)."""
    pairs = measured.select(["left_id", "right_id", "kind", "overlap"])
    pairs = pairs.rename_columns(TWIN_PAIRS.names).cast(TWIN_PAIRS)
    pairs = pairs.sort_by([(name, "ascending") for name in TWIN_PAIRS.names])
    sides = []
    for side in ("left", "right"):
        given = measured.select([f"{side}_{short}" for short in ("id", "score", "length", "time")])
        sides.append(given.rename_columns([n for n in MEMBERS.names if n != "passing"]))
    both = pa.concat_tables(sides)
    known = both.group_by("doc_id", use_threads=False).aggregate(
        [(name, "min") for name in both.column_names[1:]]  # equal in all rows of a document
    )
    arrays = [known.column("doc_id" if n == "doc_id" else f"{n}_min") for n in both.column_names]
    passing = pa.chunked_array([pa.repeat(pa.scalar(True), known.num_rows)])
    return pairs, pa.Table.from_arrays([*arrays, passing], MEMBERS.names).cast(MEMBERS)


def _of_kind(rows: pa.Table, kind: str) -> int:
    return int(pc.sum(pc.equal(rows.column("kind"), kind)).as_py() or 0)


def in_chunks(rows: pa.Table) -> pa.Table:
    """The same rows in chunks that plain string columns can hold, whole row groups each."""
    chunk_rows = CHUNK_ROWS if rows.num_rows > CHUNK_ROWS else max(1, rows.num_rows)
    batches = rows.combine_chunks().to_batches(max_chunksize=chunk_rows)
    return pa.Table.from_batches(batches, schema=rows.schema)


class _Measure:
    """Reads the texts of candidate pairs, measures each pair's overlap, leaves out near pairs
    below the least one."""

    def __init__(self, parts: list[Any], shingle_words: int, min_overlap: float) -> None:
        self._parts, self._shingle_words, self._min_overlap = parts, shingle_words, min_overlap

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = [row for batch in batches for row in batch.to_pylist()]
        for _, group in itertools.groupby(rows, key=lambda row: row["left_part"]):
            members = list(group)
            left = self._sets(members[0]["left_part"], {row["left_id"] for row in members})
            for right_part, same in itertools.groupby(members, key=lambda row: row["right_part"]):
                pairs = list(same)
                right = self._sets(right_part, {row["right_id"] for row in pairs})
                found = [
                    {**row, "overlap": self._overlap(left[row["left_id"]], right[row["right_id"]])}
                    for row in pairs
                ]
                yield pa.RecordBatch.from_pylist(
                    [
                        row
                        for row in found
                        if row["kind"] != "near" or row["overlap"] >= self._min_overlap
                    ],
                    schema=MEASURED,
                )

    def _overlap(self, left: Any, right: Any) -> float:
        return round(shingles.overlap(left, right)[0], 4)

    def _sets(self, number: int, wanted: set[str]) -> dict[str, Any]:
        part, names = self._parts[number]
        found: dict[str, Any] = {}
        for batch in read_documents(part_of(part), ColumnNames(*names), ["doc_id", "text"]):
            ids = batch.column("doc_id").to_pylist()
            for index, doc_id in enumerate(ids):
                if doc_id in wanted and doc_id not in found:
                    words = match_words(batch.column("text")[index].as_py() or "")
                    found[doc_id] = shingles.shingles(words, self._shingle_words)
        return found
