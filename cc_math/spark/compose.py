"""The compose stage: judge every document, choose among twins, write the corpus.

Two passes over the parts. The first judges by the rules that see one document; then the
driver settles what crosses parts (a capture met twice, duplicates among what passes); the
second writes the corpus, part by part, in the crawl's own folder. The quality signals of every
document, of the text as the recipe's cuts leave it, are written beside it as `quality`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math import urls
from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.composition import (
    QUALITY_DROP,
    ComposeDrop,
    Facts,
    acting_cuts,
    judge,
    merged,
    metadata_json,
    without,
)
from cc_math.dedup.tables import Member, TwinPair, choose_twins
from cc_math.errors import AccountingError
from cc_math.manifests import Json, Part
from cc_math.quality import quality_failures, quality_signals
from cc_math.recipe import section_values
from cc_math.schema import TABLES
from cc_math.shards import tokenizer
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
from cc_math.spark.parts import document_chunks, frame_of_parts, part_of, rows_of, scores_of
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

VERDICTS = pa.schema(
    [
        ("doc_id", pa.string()),
        ("part", pa.int32()),
        ("row", pa.int64()),
        ("drop", pa.string()),  # '' where the document passes
        ("score", pa.float32()),
        ("length_chars", pa.int64()),
        ("fetch_time", pa.string()),
        ("warc_filename", pa.string()),
        ("warc_record_offset", pa.int64()),
    ]
)
VERDICTS_DDL = (
    "doc_id string, part int, row bigint, drop string, score float, length_chars bigint, "
    "fetch_time string, warc_filename string, warc_record_offset bigint"
)
COLUMNS = [
    "doc_id", "url", "text", "title", "fetch_time", "content_mime_type", "warc_filename",
    "warc_record_offset", "warc_record_length", "token_count", "crawl", "language",
    "language_score", "registered_domain", "opt_out", "formula_counts", "formula_faults",
]  # fmt: skip


def compose(
    job: Job,
    documents: list[Part],
    names: ColumnNames,
    *,
    scores: list[Part] | None = None,
    pairs: list[Part] | None = None,
    contamination: list[Part] | None = None,
    cuts: list[list[Part]] | None = None,
    statements: Json | None = None,
) -> Json:
    """Write the corpus; the stage's manifest. ``pairs`` are the parts of `duplicate_pairs`;
    ``statements`` (such as "no benchmarks") go into the manifest's identity."""
    given = {"scores": scores, "contamination": contamination}
    sidecars = {kind: parts for kind, parts in given.items() if parts is not None}
    sidecars |= {f"cuts{number}": parts for number, parts in enumerate(cuts or [])}
    chunks = document_chunks(documents, names, **sidecars)
    for number, chunk in enumerate(chunks):
        chunk.task["number"] = number
    settings = {
        **section_values(job.recipe, "compose"),
        "scored": scores is not None,
        "quality": section_values(job.recipe, "quality"),
        "dedup": section_values(job.recipe, "dedup"),
    }
    extra = {
        "pairs": [part.identity for part in pairs or []],
        "overlaps": [job.recipe.dedup.min_overlap, job.recipe.dedup.min_url_overlap],
        "statements": statements or {},
    }
    plan = plan_stage(stage_named("compose"), job.recipe, chunks, settings, extra)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"compose: nothing to do, {len(chunks)} chunks are done")
        return done
    first = Plan("judge", plan.identities, chunks, settings)
    map_exchange(job, join(job.output, "_run", "compose"), first, judge_chunk)
    _settle(job, chunks, pairs or [])
    return finish_stage(job, plan, map_chunks(job, plan, publish_documents))


def judge_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """First pass: a verdict and quality signals for every row of a part, as exchange files."""
    settings = context.settings
    score_of = scores_of(chunk)
    contaminated = set(_sidecar_ids(chunk, "contamination"))
    cuts_of = _cuts_of(chunk)
    rows: list[Json] = []
    signals: list[Json] = []
    wanted = ["doc_id", "text", "fetch_time", "warc_filename", "warc_record_offset", "language",
              "opt_out"]  # fmt: skip
    for batch in rows_of(chunk, wanted):
        for row in batch.to_pylist():
            doc_id, length = row["doc_id"], len(row["text"] or "")
            score = score_of.get(doc_id)
            cuts = acting_cuts(cuts_of.get(doc_id, ()), settings["contamination"])
            measured = quality_signals(without(row["text"] or "", cuts), row["language"] or "und")
            failures = quality_failures(measured, settings["quality"])
            signals.append({"doc_id": doc_id, "failures": failures, **measured})
            facts = Facts(
                score=score,
                scored=settings["scored"],
                language=row["language"] or "und",
                opt_out=row["opt_out"] or "",
                contaminated=doc_id in contaminated,
                contamination_cut=any(c[2] == "contamination" for c in cuts_of.get(doc_id, ())),
                length_chars=length,
                cuts=cuts,
                failures=failures,
            )
            rows.append(
                {
                    "doc_id": doc_id,
                    "part": chunk.task["number"],
                    "row": len(rows),
                    "drop": str(judge(facts, settings) or ""),
                    "score": score,
                    "length_chars": length,
                    "fetch_time": row["fetch_time"] or "",
                    "warc_filename": row["warc_filename"] or "",
                    "warc_record_offset": row["warc_record_offset"] or 0,
                }
            )
        context.heartbeat.send({"done": len(rows), "done_weight": len(rows)})
    arrays = [pa.array([row[f.name] for row in rows], type=f.type) for f in VERDICTS]
    with scratch_folder() as folder:
        local = folder / "verdicts.parquet"
        pq.write_table(pa.Table.from_arrays(arrays, schema=VERDICTS), local)
        put_local_file(local, "verdicts", context.output, f"{chunk.name}.parquet", len(rows))
    put_table(rows_table("quality", signals), "quality", context.output, _signals_path(chunk))
    return ChunkResult(counts={"documents": len(rows)})


def _signals_path(chunk: Chunk) -> str:
    return f"{chunk.name}.quality.parquet"


def _sidecar_ids(chunk: Chunk, kind: str) -> list[str]:
    if not chunk.task.get(kind):
        return []
    table = read_columns(part_of(chunk.task[kind]), ["doc_id"])
    return [str(doc_id) for doc_id in table.column("doc_id").to_pylist()]


def _cuts_of(chunk: Chunk) -> dict[str, list[tuple[int, int, str]]]:
    """Cuts (start, end, reason) by doc_id, from every cuts sidecar of the chunk."""
    found: dict[str, list[tuple[int, int, str]]] = {}
    for kind, part in chunk.task.items():
        if kind.startswith("cuts") and part:
            columns = ["doc_id", "start_char", "end_char", "reason"]
            for row in read_columns(part_of(part), columns).to_pylist():
                span = (row["start_char"], row["end_char"], row["reason"])
                found.setdefault(row["doc_id"], []).append(span)
    return found


def _settle(job: Job, chunks: list[Chunk], pairs: list[Part]) -> None:
    """Across parts: repeated captures and duplicates; one file of removals a part."""
    with spark_errors("compose"):
        removed = _removals(job, chunks, pairs)
    for chunk in chunks:
        uri = join(job.output, "_run", "compose", "settled", f"{chunk.name}.json")
        settled = sorted(removed.get(chunk.task["number"], []), key=lambda r: int(r["row"]))
        store_for(uri).put_bytes(json.dumps(settled).encode(), uri)


def _removals(job: Job, chunks: list[Chunk], pairs: list[Part]) -> dict[int, list[Json]]:
    """By part number: rows that are repeated, removed as duplicates, or have a cluster."""
    from pyspark.sql import functions as F

    folder = join(job.output, "_run", "compose")
    parts = [Part(join(folder, f"{c.name}.parquet"), c.name, "", c.weight) for c in chunks]
    frame = frame_of_parts(job.session(), parts, VERDICTS.names, VERDICTS_DDL).persist()
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


def publish_documents(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Second pass: the published documents of a part. Rows in = published + drops by reason."""
    folder = join(context.output, "_run", "compose")
    verdicts = read_columns(
        Part(join(folder, f"{chunk.name}.parquet"), chunk.name, "", -1), ["drop", "score"]
    ).to_pylist()
    uri = join(folder, "settled", f"{chunk.name}.json")
    settled = {int(r["row"]): r for r in json.loads(store_for(uri).read_bytes(uri))}
    quality = Part(join(folder, _signals_path(chunk)), chunk.name, "", -1)
    signals = read_columns(quality, [column.name for column in TABLES["quality"]])
    failures = signals.column("failures").to_pylist()
    cuts_of = _cuts_of(chunk)
    counter = tokenizer.load()
    counts: Counter[str] = Counter()
    published: dict[str, list[Json]] = {}
    for batch in rows_of(chunk, COLUMNS):
        for row in batch.to_pylist():
            number = counts["documents"]
            known = settled.get(number, {})
            drop = _final_drop(verdicts[number]["drop"], known.get("drop", ""))
            counts["documents"] += 1
            if drop:
                counts[f"dropped.{drop}"] += 1
                continue
            cuts = cuts_of.get(row["doc_id"], ())
            spans = merged(acting_cuts(cuts, context.settings["contamination"]))
            corpus_row = _corpus_row(row, verdicts[number]["score"], spans, counter)
            corpus_row["cluster_id"] = known.get("cluster_id") or row["doc_id"]
            published.setdefault(_folder_name(row["crawl"] or "unknown"), []).append(corpus_row)
            counts["published"] += 1
            counts["tokens"] += corpus_row["token_count"]
            counts["cut_chars"] += sum(end - start for start, end in spans)
            for rule in failures[number]:
                counts[f"would_drop.{QUALITY_DROP}{rule}"] += 1
        context.heartbeat.send({"done": counts["documents"], "done_weight": counts["documents"]})
    dropped = sum(number for name, number in counts.items() if name.startswith("dropped."))
    if counts["documents"] != counts["published"] + dropped:
        raise AccountingError(f"{chunk.name}: documents in and out differ: {dict(counts)}")
    path = f"{stage_named('compose').tables['quality']}/{chunk.name}.parquet"
    files = [put_table(signals.sort_by("doc_id"), "quality", context.output, path)]
    for folder_name, rows in sorted(published.items()):
        table = rows_table("corpus", rows).sort_by("doc_id")
        path = f"{folder_name}/{chunk.name}.parquet"
        files.append(put_table(table, "corpus", context.output, path))
    return ChunkResult(files, dict(counts))


def _final_drop(by_rules: str, by_settling: str) -> str:
    """A repeated capture counts as repeated whatever the rules say of it."""
    return by_settling if by_settling == ComposeDrop.repeated.value else by_rules or by_settling


def _folder_name(crawl: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", crawl).lstrip("._") or "unknown"


def _corpus_row(row: Json, score: float | None, spans: list[tuple[int, int]], counter: Any) -> Json:
    text = without(row["text"] or "", spans)
    tokens = row["token_count"]
    if spans or tokens is None:
        tokens = counter.count_batch([text])[0]
    rounded = None if score is None else round(score, 4)
    return {
        **row,
        "text": text,
        "registered_domain": row["registered_domain"] or urls.registered_domain(row["url"] or ""),
        "token_count": tokens,
        "char_count": len(text),
        "metadata": metadata_json(row, sum(end - start for start, end in spans)),
        "score": rounded,
        "int_score": None if rounded is None else int(rounded * 5 + 0.5),
        "snapshot_type": "latest",
    }
