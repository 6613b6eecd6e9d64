"""The whole lists of `cc-math diff`: table `differences`, a part for each part of a side.

Spark deals the findings to the parts that their pages stand in; a Python task then reads the
addresses of its own part and writes a row for every page that is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.manifests import Json, Part
from cc_math.spark.chunks import Job, Plan, already_done, finish_stage, map_chunks, plan_stage
from cc_math.spark.diff_rows import DESCRIPTION, Side, described
from cc_math.spark.parts import kinds_of, rows_of
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import put_local_file, put_table, read_columns, rows_table, scratch_folder

FINDINGS = pa.schema(
    [("row", pa.int64()), ("status", pa.string()), ("same_capture", pa.bool_()),
     ("other_tokens", pa.int64())]
)  # fmt: skip


def plan_lists(job: Job, before: Side, after: Side) -> Plan:
    """The plan of table `differences`. Raises OutputConflict, before anything is compared, where
    another comparison stands below the job's output."""
    chunks = []
    for letter, side in (("a", before), ("b", after)):
        for number, chunk in enumerate(side.chunks):
            name = f"{letter}-{chunk.name}"
            task = {**chunk.task, "side": letter, "number": number}
            chunks.append(Chunk(name, {"part": chunk.input}, task, chunk.weight))
    extra = sorted([chunk.name, chunk.input] for chunk in chunks)
    plan = plan_stage(stage_named("diff"), job.recipe, chunks, {}, extra)
    already_done(job, plan)
    return plan


def write_lists(job: Job, compared: Any, plan: Plan) -> None:
    """Table `differences` below the job's output, part by part, all but the kept pages."""
    if already_done(job, plan) is not None:
        return
    folder = join(job.output, "_run", "diff")
    written = set(_write_findings(compared, folder))
    for chunk in plan.chunks:
        name = f"{chunk.task['side']}-{chunk.task['number']}"
        chunk.task["findings"] = join(folder, f"{name}.parquet") if name in written else ""
    finish_stage(job, plan, map_chunks(job, plan, write_differences))


def _write_findings(compared: Any, folder: str) -> list[str]:
    """For each part that has some: a file of FINDINGS; the names `SIDE-NUMBER` of these."""
    rows = compared.where(compared.status != "kept")

    def dealt(row: Any) -> tuple[str, tuple[int, str, bool, int | None]]:
        here, other = (row.a, row.b) if row.b is None else (row.b, row.a)
        side = "a" if row.b is None else "b"
        same = other is not None and here.doc == other.doc
        tokens = None if other is None else other.tokens
        return f"{side}-{here.part}", (here.row, row.status, same, tokens)

    def write(group: tuple[str, Iterable[tuple[int, str, bool, int | None]]]) -> str:
        name, found = group
        columns = list(zip(*sorted(found), strict=True))
        arrays = [pa.array(c, type=f.type) for c, f in zip(columns, FINDINGS, strict=True)]
        with scratch_folder() as scratch:
            local = scratch / "findings.parquet"
            pq.write_table(pa.Table.from_arrays(arrays, schema=FINDINGS), local)
            put_local_file(local, "findings", folder, f"{name}.parquet", len(arrays[0]))
        return name

    return list(rows.rdd.map(dealt).groupByKey().map(write).collect())


def write_differences(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """The differences of one part: its own pages, with what is known of their counterparts."""
    found: dict[int, Json] = {}
    if chunk.task["findings"]:
        table = read_columns(Part(chunk.task["findings"], "", "", -1), FINDINGS.names)
        found = {row["row"]: row for row in table.to_pylist()}
    counts: dict[str, int] = {}
    rows: list[Json] = []
    kinds = kinds_of(chunk, {})
    at = 0
    for batch in rows_of(chunk, [name for name in DESCRIPTION if name != "text"]):
        for row in batch.to_pylist():
            finding = found.get(at)
            at += 1
            if finding is None:
                continue
            known = described(row, kinds)
            is_after = chunk.task["side"] == "b"
            tokens = (finding["other_tokens"], known["tokens"])
            rows.append(
                {
                    "doc_id": row["doc_id"],
                    "url": row["url"] or "",
                    "registered_domain": known["domain"],
                    "status": finding["status"],
                    "side": "after" if is_after else "before",
                    "same_capture": finding["same_capture"],
                    "language": known["language"],
                    "kind": known["kind"],
                    "tokens_before": tokens[0] if is_after else tokens[1],
                    "tokens_after": tokens[1] if is_after else tokens[0],
                }
            )
            counts[finding["status"]] = counts.get(finding["status"], 0) + 1
        context.heartbeat.send({"done": at, "done_weight": at})
    table = rows_table("differences", rows).sort_by("doc_id")
    file = put_table(table, "differences", context.output, f"differences/{chunk.name}.parquet")
    return ChunkResult([file], counts)
