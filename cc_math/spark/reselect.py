"""A second reading of the WARCs with a round's own model in the place of the quick model.

The extract stage runs again, below ``_run``, with the round's model, the recipe's floor for it
and no way in by formula marks (what has those is there already); of what it keeps, the
documents that the loop does not have yet become parts of their own. The trade: a second
reading costs what the first did, and finds pages on sites that nobody has looked at.
"""

from __future__ import annotations

import dataclasses
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.errors import InputError
from cc_math.inputs import WarcFile
from cc_math.manifests import Json, Part, table_parts
from cc_math.rounds.part_names import RESELECT, warc_of
from cc_math.schema import arrow_schema
from cc_math.spark.chunks import Job, already_done, finish_stage, map_chunks, plan_stage
from cc_math.spark.extract import extract
from cc_math.spark.parts import part_json, part_of
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import put_table, read_columns

NO_MARKS = 2**31 - 1  # more formula marks than a page can have: marks let nothing in


def require_warcs(warcs: list[WarcFile]) -> None:
    """Raise InputError where there is nothing to read again."""
    if not warcs:
        raise InputError("--reselect reads the WARCs again: name them with --input or --crawl")


def reselect(job: Job, warcs: list[WarcFile], model: str, known: list[Part], number: int) -> Json:
    """Write pages and documents that only ``model`` selects; the step's manifest.

    ``known`` are the documents parts that the loop has. Raises InputError without WARCs.
    """
    require_warcs(warcs)
    settings = dataclasses.replace(
        job.recipe.extract,
        quick_model=model,
        quick_floor=job.recipe.iterate.reselect_floor,
        min_formula_marks=NO_MARKS,
        keep_html=False,
    )
    folder = join(job.output, "_run", "reading")
    again = dataclasses.replace(
        job, output=folder, recipe=dataclasses.replace(job.recipe, extract=settings)
    )
    extract(again, warcs)
    read = {table: table_parts(join(folder, table), table) for table in ("pages", "documents")}
    by_warc: dict[str, list[Part]] = {}
    for part in known:
        by_warc.setdefault(warc_of(part.name), []).append(part)
    chunks = []
    for pages, documents in zip(read["pages"], read["documents"], strict=True):
        there = by_warc.get(warc_of(documents.name), [])
        chunks.append(
            Chunk(
                f"{documents.name}-{RESELECT}-{number:02d}",
                {"documents": documents.identity, "known": [part.identity for part in there]},
                {
                    "pages": part_json(pages),
                    "documents": part_json(documents),
                    "known": [part_json(part) for part in there],
                },
                max(1, documents.rows),
            )
        )
    plan = plan_stage(stage_named("reselect"), job.recipe, chunks, {})
    done = already_done(job, plan)
    if done is not None:
        return done
    return finish_stage(job, plan, map_chunks(job, plan, take_new))


def take_new(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Documents of one part that are not known yet, and their rows of `pages`."""
    known: set[str] = set()
    for part in chunk.task["known"]:
        known.update(read_columns(part_of(part), ["doc_id"]).column("doc_id").to_pylist())
    counts: Counter[str] = Counter()
    new: set[str] = set()
    files = []
    for table in ("documents", "pages"):
        columns = arrow_schema(table).names
        rows = read_columns(part_of(chunk.task[table]), columns)
        ids = rows.column("doc_id").to_pylist()
        if table == "documents":
            new = set(ids) - known
            counts["read"] = len(ids)
        keep = pc.is_in(rows.column("doc_id"), value_set=pa.array(sorted(new), pa.string()))
        rows = rows.filter(keep)
        counts[table] = rows.num_rows
        files.append(put_table(rows, table, context.output, f"{table}/{chunk.name}.parquet"))
    return ChunkResult(files, dict(counts))
