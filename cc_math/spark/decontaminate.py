"""The decontaminate stage: hits and cuts of every documents part against one benchmark index.

The driver builds the index once and leaves it in the exchange folder; every task reads it from
there. Hits are found on the text of the document as it is; what happens to them is decided by
`compose`.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.decontaminate import (
    NGRAM_RULE,
    BenchmarkItem,
    Index,
    Rule,
    build_index,
    contamination_cuts,
    find_hits,
    index_from_bytes,
    index_to_bytes,
    load_benchmarks,
    undetectable,
)
from cc_math.errors import InputError
from cc_math.manifests import Json, Part
from cc_math.recipe import section_values
from cc_math.recipe_tables import Decontaminate
from cc_math.spark.chunks import Job, already_done, finish_stage, map_chunks, plan_stage
from cc_math.spark.parts import distinct_rows, document_chunks
from cc_math.stages import stage_named
from cc_math.storage import base_name, join, store_for
from cc_math.tables import ColumnNames, put_table, rows_table, scratch_folder

PAPER_NGRAM_WORDS = 10  # Shao et al. 2024, section 2.1
EVERY_TEXT = 10**9  # no n-gram is left out as a phrase


def decontaminate(job: Job, documents: list[Part], names: ColumnNames) -> Json:
    """Find what benchmarks and documents share; the stage's manifest.

    Raises InputError for benchmarks that are missing or not JSON lines of the named fields.
    """
    recipe = job.recipe.decontaminate
    items = read_benchmarks(recipe)
    index = benchmark_index(items, recipe)
    data = index_to_bytes(index)
    benchmarks = _digest_of(items)
    chunks = document_chunks(documents, names)
    index_uri = join(job.output, "_run", "benchmarks.npz")
    settings: Json = {
        "index": index_uri,
        "index_digest": hashlib.sha256(data).hexdigest(),
        "decontaminate": section_values(job.recipe, "decontaminate"),
    }
    plan = plan_stage(stage_named("decontaminate"), job.recipe, chunks, settings, benchmarks)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"decontaminate: nothing to do, {len(chunks)} chunks are done")
        return done
    store_for(index_uri).put_bytes(data, index_uri)
    manifests = map_chunks(job, plan, decontaminate_chunk)
    extra = {
        "benchmark_items": len(items),
        "benchmarks": len({item.benchmark for item in items}),
        "undetectable_texts": len(undetectable(index, acting_rule(recipe))),
    }
    return finish_stage(job, plan, manifests, extra_counts=extra)


def read_benchmarks(recipe: Decontaminate) -> list[BenchmarkItem]:
    """All benchmark items of the recipe's folder or file, from any store."""
    fields = {
        "id_field": recipe.id_field,
        "question_field": recipe.question_field,
        "answer_field": recipe.answer_field,
    }
    uri = recipe.benchmarks
    if "://" not in uri:
        return load_benchmarks(uri, **fields)
    store = store_for(uri)
    single = store.size_bytes(uri) is not None
    uris = [uri] if single else [entry.uri for entry in store.list_files(uri)]
    if not uris:
        raise InputError(f"{uri}: expected a folder or file of benchmarks, found nothing")
    with scratch_folder() as folder:
        for found in uris:
            Path(folder, base_name(found)).write_bytes(store.read_bytes(found))
        return load_benchmarks(folder, **fields)


def _digest_of(items: list[BenchmarkItem]) -> str:
    hasher = hashlib.sha256()
    for item in items:
        fields = (item.benchmark, item.item_id, item.question, item.answer)
        hasher.update("\0".join(fields).encode("utf-8", "surrogatepass") + b"\n")
    return hasher.hexdigest()


def benchmark_index(items: list[BenchmarkItem], recipe: Decontaminate) -> Index:
    """The index that the recipe's rule needs."""
    paper = recipe.rule == "ngram"
    return build_index(
        items,
        ngram_words=PAPER_NGRAM_WORDS if paper else recipe.ngram_words,
        common_texts=EVERY_TEXT if paper else recipe.common_texts,
        short_words=recipe.short_words,
        answer_words=recipe.answer_words,
    )


def acting_rule(recipe: Decontaminate) -> Rule:
    """The rule that the recipe names, with its thresholds."""
    if recipe.rule == "ngram":
        return NGRAM_RULE
    return Rule(
        "coverage",
        whole_strength=recipe.whole_strength,
        whole_words=recipe.whole_words,
        part_strength=recipe.part_strength,
        part_words=recipe.part_words,
        run_words=recipe.run_words,
        window_share=recipe.window_share,
        telling=True,
    )


@functools.lru_cache(maxsize=1)
def _index(uri: str, digest: str) -> Index:
    data = store_for(uri).read_bytes(uri)
    if hashlib.sha256(data).hexdigest() != digest:
        raise InputError(f"{uri} is not the index that this job wrote; run the stage again")
    return index_from_bytes(data)


def decontaminate_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Hits and cuts of one documents part. Rows in = clean + contaminated + repeated."""
    index = _index(context.settings["index"], context.settings["index_digest"])
    recipe = Decontaminate(**context.settings["decontaminate"])
    rule = acting_rule(recipe)
    counts = {"documents": 0, "repeated": 0, "contaminated": 0, "clean": 0}
    hit_rows: list[dict[str, Any]] = []
    cut_rows: list[dict[str, Any]] = []
    for batch in distinct_rows(chunk, ["doc_id", "text"], counts):
        for row in batch.to_pylist():
            text = row["text"] or ""
            hits = find_hits(text, index, rule)
            counts["contaminated" if hits else "clean"] += 1
            for hit in hits:
                hit_rows.append(
                    {
                        "doc_id": row["doc_id"],
                        "benchmark": hit.benchmark,
                        "item_id": hit.item_id,
                        "rule": hit.rule,
                        "ngram": hit.ngram,
                        "start_char": hit.start_char,
                        "end_char": hit.end_char,
                        "strength": round(hit.strength, 4),
                    }
                )
            for cut in contamination_cuts(text, hits, margin_chars=recipe.margin_chars):
                cut_rows.append(
                    {
                        "doc_id": row["doc_id"],
                        "start_char": cut.start_char,
                        "end_char": cut.end_char,
                        "reason": cut.reason,
                    }
                )
        context.heartbeat.send({"done": counts["documents"], "done_weight": counts["documents"]})
    counts["hits"] = len(hit_rows)
    files = []
    for table, rows in (("contamination", hit_rows), ("cuts", cut_rows)):
        order = [(name, "ascending") for name in ("doc_id", "start_char")]
        path = f"{table}/{chunk.name}.parquet"
        files.append(put_table(rows_table(table, rows).sort_by(order), table, context.output, path))
    return ChunkResult(files, counts)
