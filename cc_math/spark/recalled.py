"""What a round recalls: captures met twice, the histogram of scores, the `recalled` table.

Python tasks read the parts; Spark lets ids meet (16 bytes each) and sums bins. The driver sees
at most 10,001 rows of sums and the names of parts. A capture that stands in two parts counts
once, in the part where it is met first by WARC and offset, as in the later stages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import AccountingError
from cc_math.manifests import Json, Part
from cc_math.rounds.threshold import Histogram, Threshold, bin_of, first_bin, histogram_of
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
from cc_math.spark.dealt_rows import frame_read_by
from cc_math.spark.parts import (
    distinct_rows,
    document_chunks,
    frame_of_parts,
    part_json,
    part_of,
    scores_of,
)
from cc_math.stages import stage_named
from cc_math.storage import join, store_for
from cc_math.tables import (
    ColumnNames,
    put_local_file,
    put_table,
    read_columns,
    rows_table,
    scratch_folder,
)

BIN_SUMS = pa.schema([("bin", pa.int32()), ("documents", pa.int64()), ("tokens", pa.int64())])
BIN_SUMS_DDL = "bin int, documents bigint, tokens bigint"
KEYS_DDL = "doc_key binary, part string, warc_filename string, warc_record_offset bigint"
SELECTION = "selection"  # the source of what the first selection kept


def scored_chunks(documents: list[Part], scores: list[Part]) -> list[Chunk]:
    """A chunk a documents part with its scores."""
    return document_chunks(documents, ColumnNames(), scores=scores)


def _tell_repeats(job: Job, chunks: list[Chunk]) -> None:
    """Tell each chunk where the ids stand that a part before it has too, unless it knows."""
    if all("repeats" in chunk.task for chunk in chunks):
        return
    documents = [part_of(chunk.task["documents"]) for chunk in chunks]
    repeated = repeated_ids(job, documents, join(job.output, "_run", "repeats"))
    for chunk in chunks:
        chunk.task["repeats"] = repeated.get(chunk.name, "")


def repeated_ids(job: Job, documents: list[Part], folder: str) -> dict[str, str]:
    """By part: a file with the ids (hex of `doc_key`, a line each) that an earlier part has too.

    Only parts with such ids are named. Of a capture's rows that of the smallest (WARC, offset)
    stays, whichever part it is in.
    """
    if len(documents) < 2:
        return {}
    from pyspark.sql import functions as F

    with spark_errors("recall"):
        frame = frame_read_by(job.session(), documents, _keys_of_part, KEYS_DDL)
        place = F.struct("warc_filename", "warc_record_offset", "part")
        met = frame.groupBy("doc_key").agg(
            F.min(place).alias("first"), F.collect_set("part").alias("parts")
        )
        there = met.where(F.size("parts") > 1).select(
            "doc_key", "first", F.explode("parts").alias("part")
        )
        later = there.where(F.col("part") != F.col("first.part"))
        return write_keys_by_part(later.select("doc_key", "part"), folder)


def _keys_of_part(part: Part) -> pa.Table:
    """Key, part and place of every row of one of our own documents parts."""
    table = read_columns(part, ["doc_id", "warc_filename", "warc_record_offset"])
    keys = [doc_key(doc_id) for doc_id in table.column("doc_id").to_pylist()]
    return pa.table(
        {
            "doc_key": pa.array(keys, pa.binary()),
            "part": pa.array([part.name] * len(keys), pa.string()),
            "warc_filename": table.column("warc_filename").cast(pa.string()),
            "warc_record_offset": table.column("warc_record_offset"),
        }
    )


def write_keys_by_part(keys: Any, folder: str) -> dict[str, str]:
    """Write a file of keys for every part named in ``keys`` (doc_key, part); part → file."""

    def write(group: tuple[str, Iterable[bytes]]) -> tuple[str, str]:
        name, found = group
        uri = join(folder, f"{name}.txt")
        lines = sorted(bytes(key).hex() for key in found)
        store_for(uri).put_bytes("".join(f"{line}\n" for line in lines).encode(), uri)
        return name, uri

    pairs = keys.rdd.map(lambda row: (row["part"], row["doc_key"]))
    return dict(pairs.groupByKey().map(write).collect())


def read_keys(uri: str) -> set[str]:
    """The keys of a file of :func:`write_keys_by_part`; none for ''."""
    return set(store_for(uri).read_bytes(uri).decode().split()) if uri else set()


def score_histogram(job: Job, chunks: list[Chunk]) -> Histogram:
    """Documents and tokens by score of all chunks; each capture once."""
    _tell_repeats(job, chunks)
    step = stage_named("recall")
    plan = plan_stage(step, job.recipe, chunks, {}, extra="histogram")
    folder = join(job.output, "_run", "histogram")
    counted = Plan("histogram", plan.identities, chunks, {})
    map_exchange(job, folder, counted, count_bins)
    parts = [Part(join(folder, f"{c.name}.parquet"), c.name, "", -1) for c in chunks]
    with spark_errors("recall"):
        frame = frame_of_parts(job.session(), parts, BIN_SUMS.names, BIN_SUMS_DDL)
        rows = frame.groupBy("bin").sum("documents", "tokens").collect()
    return histogram_of([(row[0], row[1], row[2]) for row in rows])


def count_bins(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Sums by bin of one part, to the exchange folder."""
    documents: Counter[int] = Counter()
    tokens: Counter[int] = Counter()
    for row in _scored_rows(chunk, ["doc_id", "token_count"], Counter()):
        number = bin_of(row["score"])
        documents[number] += 1
        tokens[number] += row["token_count"] or 0
    bins = sorted(documents)
    columns = [bins, [documents[b] for b in bins], [tokens[b] for b in bins]]
    arrays = [pa.array(column, type=f.type) for column, f in zip(columns, BIN_SUMS, strict=True)]
    with scratch_folder() as folder:
        local = folder / "bins.parquet"
        pq.write_table(pa.Table.from_arrays(arrays, schema=BIN_SUMS), local)
        put_local_file(local, "bins", context.output, f"{chunk.name}.parquet", len(bins))
    return ChunkResult()


def _scored_rows(chunk: Chunk, columns: list[str], counts: Counter[str]) -> Iterator[Json]:
    """Rows of the chunk with their score; repeated ones and those without a score are counted."""
    score_of = scores_of(chunk)
    repeats = read_keys(chunk.task["repeats"])
    for batch in distinct_rows(chunk, columns, counts):
        for row in batch.to_pylist():
            if repeats and doc_key(row["doc_id"]).hex() in repeats:
                counts["repeated"] += 1
                continue
            score = score_of.get(row["doc_id"])
            if score is None:
                counts["unscored"] += 1
            else:
                yield {**row, "score": score}


def recall(
    job: Job,
    chunks: list[Chunk],
    threshold: Threshold,
    *,
    number: int,
    before: list[Part],
    wanted: dict[str, list[Part]],
    sources: dict[str, str],
) -> Json:
    """Write `recalled` beside the documents of ``chunks``; the step's manifest.

    ``before`` are the parts of the round before, ``wanted`` the `wanted` parts that the documents
    part of that name was fetched from, ``sources`` how other parts came in (else by selection).
    """
    earlier = {part.name: part for part in before}
    for chunk in chunks:
        reasons = wanted.get(chunk.name, [])
        former = earlier.get(chunk.name)
        chunk.task["before"] = part_json(former)
        chunk.task["wanted"] = [part_json(part) for part in reasons]
        chunk.task["source"] = sources.get(chunk.name, SELECTION)
        chunk.input["before"] = former.identity if former else None
        chunk.input["wanted"] = [part.identity for part in reasons]
        chunk.input["source"] = chunk.task["source"]
    settings = {"min_score": threshold.min_score, "round": number}
    plan = plan_stage(stage_named("recall"), job.recipe, chunks, settings, extra=settings)
    done = already_done(job, plan)
    if done is not None:
        return done
    _tell_repeats(job, chunks)
    return finish_stage(job, plan, map_chunks(job, plan, recall_chunk))


def recall_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """The recalled documents of a part. Documents = recalled + below + repeated + unscored."""
    lowest = first_bin(context.settings["min_score"])
    before = _rows_before(chunk.task["before"])
    reasons = _reasons(chunk.task["wanted"])
    counts: Counter[str] = Counter(documents=0, repeated=0)
    rows: list[Json] = []
    columns = ["doc_id", "url", "registered_domain", "crawl", "token_count"]
    for row in _scored_rows(chunk, columns, counts):
        if bin_of(row["score"]) < lowest:
            counts["below"] += 1
            continue
        former = before.pop(row["doc_id"], None)
        source = reasons.get(row["doc_id"], chunk.task["source"])
        row["round"] = context.settings["round"] if former is None else former["round"]
        row["source"] = source
        rows.append(row)
        counts["recalled"] += 1
        counts["tokens"] += row["token_count"] or 0
        counts["new" if former is None else "kept"] += 1
        counts[f"source.{source}"] += 1
        if former is None:
            counts[f"new.{source}"] += 1
            counts["new_tokens"] += row["token_count"] or 0
    counts["lost"] = len(before)
    counts["lost_tokens"] = sum(row["token_count"] or 0 for row in before.values())
    seen = sum(counts[name] for name in ("recalled", "below", "repeated", "unscored"))
    if counts["documents"] != seen:
        raise AccountingError(f"{chunk.name}: {counts['documents']} documents, {seen} judged")
    table = rows_table("recalled", sorted(rows, key=lambda row: str(row["doc_id"])))
    entry = put_table(table, "recalled", context.output, f"recalled/{chunk.name}.parquet")
    return ChunkResult([entry], dict(counts))


def _rows_before(part: Json | None) -> dict[str, Json]:
    if part is None:
        return {}
    table = read_columns(part_of(part), ["doc_id", "round", "token_count"])
    return {row["doc_id"]: row for row in table.to_pylist()}


def _reasons(parts: list[Json]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        table = read_columns(part_of(part), ["doc_id", "reason"])
        for row in table.to_pylist():
            found.setdefault(row["doc_id"], row["reason"])
    return found
