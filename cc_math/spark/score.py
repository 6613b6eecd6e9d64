"""The score stage: a `scores` sidecar for every part of the documents."""

from __future__ import annotations

from typing import Any

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.classify import load_classifier
from cc_math.manifests import Json, Part
from cc_math.spark.chunks import Job, already_done, finish_stage, map_chunks, plan_stage
from cc_math.spark.parts import distinct_rows, document_chunks
from cc_math.stages import stage_named
from cc_math.tables import ColumnNames, put_table, rows_table


def score(job: Job, documents: list[Part], names: ColumnNames) -> Json:
    """Score every document once; the stage's manifest.

    Raises ModelError for a model file that cannot be used, before any work starts.
    """
    model = job.recipe.score.model or None
    digest = load_classifier(model).digest
    chunks = document_chunks(documents, names)
    settings: Json = {"model": model}
    plan = plan_stage(stage_named("score"), job.recipe, chunks, settings, extra={"model": digest})
    done = already_done(job, plan)
    if done is not None:
        job.say(f"score: nothing to do, {len(chunks)} chunks are done")
        return done
    return finish_stage(job, plan, map_chunks(job, plan, score_chunk))


def score_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Scores of one documents part. Rows in = scored + repeated."""
    classifier = load_classifier(context.settings["model"])
    rows: list[dict[str, Any]] = []
    counts = {"documents": 0, "repeated": 0}
    for batch in distinct_rows(chunk, ["doc_id", "text"], counts):
        texts = [text or "" for text in batch.column("text").to_pylist()]
        for doc_id, (raw, calibrated) in zip(
            batch.column("doc_id").to_pylist(), classifier.score_many(texts), strict=True
        ):
            rows.append(
                {
                    "doc_id": doc_id,
                    "model": classifier.digest,
                    "head": classifier.head,
                    "raw": raw,
                    "score": calibrated,
                }
            )
        context.heartbeat.send({"done": len(rows), "done_weight": len(rows)})
    table = rows_table("scores", rows).sort_by([("doc_id", "ascending"), ("head", "ascending")])
    counts["scored"] = len(rows)
    return ChunkResult(
        [put_table(table, "scores", context.output, f"{chunk.name}.parquet")], counts
    )
