"""The mine-domains stage: counts by site from every part, summed across parts.

Python tasks count each part; Spark sums the counts, names and numbers only; the driver writes
one table and the list of proposals for a person to read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.classify.domains import EXAMPLES, count_sites, is_proposed, wilson_interval
from cc_math.manifests import FileEntry, Json, Part
from cc_math.recipe import section_values
from cc_math.recipe_tables import Domains
from cc_math.spark.chunks import (
    Job,
    Plan,
    already_done,
    finish_stage,
    map_exchange,
    plan_stage,
    spark_errors,
)
from cc_math.spark.parts import frame_of_parts, part_json, part_of, require_same_parts, scores_of
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import put_local_file, put_table, read_columns, rows_table, scratch_folder

COUNTS = pa.schema(
    [
        ("level", pa.string()),
        ("domain", pa.string()),
        ("pages", pa.int64()),
        ("recalled", pa.int64()),
        ("tokens", pa.int64()),
        ("examples", pa.list_(pa.string())),  # doc_id, a blank, URL
    ]
)
COUNTS_DDL = (
    "level string, domain string, pages bigint, recalled bigint, tokens bigint, "
    "examples array<string>"
)
PROPOSAL_COLUMNS = ("domain", "level", "pages", "recalled", "share", "share_low", "share_high",
                    "tokens", "example")  # fmt: skip


def mine_domains(job: Job, pages: list[Part], documents: list[Part], scores: list[Part]) -> Json:
    """Write `domains` and ``proposals.tsv``; the stage's manifest."""
    beside = {
        kind: {part.name: part for part in parts}
        for kind, parts in (("documents", documents), ("scores", scores))
    }
    for kind, found_parts in beside.items():
        unbound = {name: replace(part, made_from="") for name, part in found_parts.items()}
        require_same_parts(pages, kind, unbound)
    chunks = []
    for part in pages:
        found = {kind: parts.get(part.name) for kind, parts in beside.items()}
        identity = {kind: other.identity if other else None for kind, other in found.items()}
        task = {"pages": part_json(part), **{k: part_json(other) for k, other in found.items()}}
        chunks.append(
            Chunk(part.name, {"pages": part.identity, **identity}, task, max(1, part.rows))
        )
    settings = section_values(job.recipe, "domains")
    plan = plan_stage(stage_named("mine_domains"), job.recipe, chunks, settings)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"mine-domains: nothing to do, {len(chunks)} chunks are done")
        return done
    folder = join(job.output, "_run", "mine_domains")
    counted = Plan("counts", plan.identities, chunks, settings)
    made = map_exchange(job, folder, counted, count_chunk)
    parts = [Part(join(folder, f"{c.name}.parquet"), c.name, "", c.weight) for c in chunks]
    with spark_errors("mine_domains"):
        rows = _summed(frame_of_parts(job.session(), parts, COUNTS.names, COUNTS_DDL))
    table = put_table(
        rows_table("domains", rows), "domains", job.output, "domains/part-00000.parquet"
    )
    proposed = [row for row in rows if _proposed(row, job.recipe.domains)]
    totals: dict[str, int] = {"proposals": len(proposed)}
    for manifest in made:
        for name, number in manifest["counts"].items():
            totals[name] = totals.get(name, 0) + number
    totals["domains"] = sum(row["level"] == "domain" for row in rows)
    entry = _put_proposals(job, proposed)
    whole = Plan(plan.stage, plan.identities, [], settings)
    return finish_stage(job, whole, [], [table, entry], totals)


def count_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Counts of one part of `pages` to the exchange folder."""
    min_score = context.settings["min_score"]
    score_of = scores_of(chunk)
    recalled: dict[str, int] = {}
    if chunk.task["documents"]:
        documents = read_columns(part_of(chunk.task["documents"]), ["doc_id", "token_count"])
        for row in documents.to_pylist():
            if score_of.get(row["doc_id"], 0.0) >= min_score:
                recalled[row["doc_id"]] = row["token_count"] or 0
    columns = ["doc_id", "url", "registered_domain"]
    table = read_columns(part_of(chunk.task["pages"]), columns)
    pages = {row["doc_id"]: (row["doc_id"], row["url"], row["registered_domain"] or "")
             for row in table.to_pylist()}  # fmt: skip
    counts = count_sites(pages.values(), recalled)
    rows = [
        {
            "level": level,
            "domain": name,
            "pages": found.pages,
            "recalled": found.recalled,
            "tokens": found.tokens,
            "examples": [f"{doc_id} {url}" for doc_id, url in found.examples],
        }
        for (level, name), found in sorted(counts.items())
    ]
    arrays = [pa.array([row[f.name] for row in rows], type=f.type) for f in COUNTS]
    with scratch_folder() as folder:
        local = folder / "counts.parquet"
        pq.write_table(pa.Table.from_arrays(arrays, schema=COUNTS), local)
        put_local_file(local, "counts", context.output, f"{chunk.name}.parquet", len(rows))
    context.heartbeat.send({"done": len(pages), "done_weight": len(pages)}, force=True)
    repeated = table.num_rows - len(pages)
    return ChunkResult(
        counts={"pages": table.num_rows, "repeated": repeated, "recalled": len(recalled)}
    )


def _summed(frame: Any) -> list[Json]:
    """Rows of `domains` from the parts' counts, by level and name."""
    from pyspark.sql import functions as F

    examples = F.slice(F.sort_array(F.flatten(F.collect_list("examples"))), 1, EXAMPLES)
    sums = [F.sum(name).alias(name) for name in ("pages", "recalled", "tokens")]
    summed = frame.groupBy("level", "domain").agg(*sums, examples.alias("examples"))
    rows = []
    for row in sorted(summed.collect(), key=lambda row: (row.level, row.domain)):
        low, high = wilson_interval(row.recalled, row.pages)
        rows.append(
            {
                "domain": row.domain,
                "level": row.level,
                "pages": row.pages,
                "recalled": row.recalled,
                "share": round(row.recalled / row.pages, 4),
                "share_low": round(low, 4),
                "share_high": round(high, 4),
                "tokens": row.tokens,
                "examples": [example.split(" ", 1)[1] for example in row.examples],
            }
        )
    return rows


def _proposed(row: Json, recipe: Domains) -> bool:
    return is_proposed(
        row["pages"], row["recalled"], min_pages=recipe.min_pages, min_share=recipe.min_share
    )


def _put_proposals(job: Job, proposed: list[Json]) -> FileEntry:
    """`proposals.tsv`, most recalled pages first, for a person to read and to mark."""
    lines = ["\t".join(PROPOSAL_COLUMNS)]
    for row in sorted(proposed, key=lambda row: (-row["recalled"], row["level"], row["domain"])):
        values = {**row, "example": row["examples"][0] if row["examples"] else ""}
        cells = (str(values[name]) for name in PROPOSAL_COLUMNS)
        lines.append("\t".join(" ".join(cell.split()) for cell in cells))
    with scratch_folder() as folder:
        local = folder / "proposals.tsv"
        local.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return put_local_file(local, "proposals", job.output, "proposals.tsv", len(proposed))
