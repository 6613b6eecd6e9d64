"""The score stage: a `scores` sidecar for every part of the documents, a row for each head.

Several models may score side by side. A document's rows begin with those of the recipe's
`score.model`, on which the later stages act; models of `score.beside` are there to compare.
"""

from __future__ import annotations

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.classify import load_classifier
from cc_math.errors import UserError
from cc_math.manifests import Json, Part
from cc_math.spark.chunks import Job, already_done, finish_stage, map_chunks, plan_stage
from cc_math.spark.parts import distinct_rows, document_chunks
from cc_math.stages import stage_named
from cc_math.tables import ColumnNames, put_table, rows_table


def score(job: Job, documents: list[Part], names: ColumnNames) -> Json:
    """Score every document once; the stage's manifest.

    Raises ModelError for a model file that cannot be used, before any work starts.
    """
    models = [job.recipe.score.model or None, *job.recipe.score.beside]
    digests = [load_classifier(model).digest for model in models]
    if len(set(digests)) < len(digests):
        raise UserError("score: the same model is named twice; name each once")
    chunks = document_chunks(documents, names)
    settings: Json = {"models": models}
    extra = {"model": digests[0], "beside": digests[1:]}
    plan = plan_stage(stage_named("score"), job.recipe, chunks, settings, extra=extra)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"score: nothing to do, {len(chunks)} chunks are done")
        return done
    return finish_stage(job, plan, map_chunks(job, plan, score_chunk))


def score_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Scores of one documents part. Rows in = scored + repeated."""
    classifiers = [load_classifier(model) for model in context.settings["models"]]
    rows: list[tuple[str, int, str, float, float]] = []
    counts = {"documents": 0, "repeated": 0}
    for batch in distinct_rows(chunk, ["doc_id", "text"], counts):
        ids = batch.column("doc_id").to_pylist()
        texts = [text or "" for text in batch.column("text").to_pylist()]
        for rank, classifier in enumerate(classifiers):
            for doc_id, heads in zip(ids, classifier.score_heads(texts), strict=True):
                rows += [(doc_id, rank, head, *pair) for head, pair in heads.items()]
        scored = counts["documents"] - counts["repeated"]
        context.heartbeat.send({"done": scored, "done_weight": scored})
    counts["scored"] = counts["documents"] - counts["repeated"]
    table = rows_table(
        "scores",
        [
            {
                "doc_id": doc_id,
                "model": classifiers[rank].digest,
                "head": head,
                "raw": raw,
                "score": score,
            }
            for doc_id, rank, head, raw, score in sorted(rows)
        ],
    )
    entry = put_table(table, "scores", context.output, f"{chunk.name}.parquet")
    return ChunkResult([entry], counts)
