"""The compose stage: judge every document, choose among twins, write the corpus.

Two passes over the parts. The first judges by the rules that see one document; then
:mod:`cc_math.spark.compose_settle` settles what crosses parts (a capture met twice, duplicates
among what passes, shares of kinds); the second writes the corpus, part by part, in the crawl's
own folder. The quality signals of every document, of the text as the recipe's cuts leave it, are
written beside it as `quality`.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter

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
from cc_math.errors import AccountingError, UserError
from cc_math.kind_shares import UNKNOWN, rank, require_kind_heads
from cc_math.manifests import FileEntry, Json, Part, digest
from cc_math.quality import quality_failures, quality_signals
from cc_math.recipe import section_values
from cc_math.report.card import corpus_card
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
)
from cc_math.spark.compose_settle import (
    VERDICTS,
    exchange_folder,
    settle,
    settle_kind_shares,
    settled_rows,
    verdicts_of,
)
from cc_math.spark.parts import document_chunks, kinds_of, part_of, rows_of, scores_of
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import (
    ColumnNames,
    put_local_file,
    put_table,
    read_columns,
    rows_table,
    scratch_folder,
)

CARD = "README.md"  # where the Hugging Face hub and a reader of the folder look
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
    recalled: list[Part] | None = None,
    pairs: list[Part] | None = None,
    contamination: list[Part] | None = None,
    cuts: list[list[Part]] | None = None,
    statements: Json | None = None,
) -> Json:
    """Write the corpus; the stage's manifest. ``pairs`` are the parts of `duplicate_pairs`;
    with ``recalled`` only the documents of that table are published, whatever their score;
    ``statements`` (such as "no benchmarks") go into the manifest's identity."""
    optional = {"scores": scores, "recalled": recalled, "contamination": contamination}
    sidecars = {kind: parts for kind, parts in optional.items() if parts is not None}
    sidecars |= {f"cuts{number}": parts for number, parts in enumerate(cuts or [])}
    chunks = document_chunks(documents, names, **sidecars)
    for number, chunk in enumerate(chunks):
        chunk.task["number"] = number
    settings = {
        **section_values(job.recipe, "compose"),
        "scored": scores is not None,
        "recalled": recalled is not None,
        "kinds": _tells_kinds(job, scores),
        "quality": section_values(job.recipe, "quality"),
        "dedup": section_values(job.recipe, "dedup"),
    }
    extra = {
        # twins and shares cross parts
        "documents": digest([[chunk.name, chunk.input] for chunk in chunks]),
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
    map_exchange(job, exchange_folder(job.output), first, judge_chunk)
    settle(job, chunks, pairs or [])
    settings["kind_cuts"] = settle_kind_shares(job, chunks)
    plan = dataclasses.replace(plan, settings=settings)
    manifests = map_chunks(job, plan, publish_documents)
    no_benchmarks = job.recipe.decontaminate.benchmarks == "none"
    given = {"duplicates": pairs is not None, "cuts": bool(cuts), "no_benchmarks": no_benchmarks}
    made_from = {*sidecars, *(name for name, is_given in given.items() if is_given)}
    return finish_stage(job, plan, manifests, [_put_card(job, manifests, made_from)])


def _put_card(job: Job, manifests: list[Json], made_from: set[str]) -> FileEntry:
    """The corpus card, beside the parts that it describes."""
    counts: Counter[str] = Counter()
    for manifest in manifests:
        counts.update(manifest["counts"])
    folders = {
        f["path"].split("/")[0] for m in manifests for f in m["files"] if f["table"] == "corpus"
    }
    recipe = {name: section_values(job.recipe, name) for name in ("compose", "quality", "dedup")}
    card = corpus_card(dict(counts), folders, recipe, job.recipe.digest(), made_from)
    with scratch_folder() as folder:
        local = folder / CARD
        local.write_text(card, encoding="utf-8")
        return put_local_file(local, "card", job.output, CARD, 0)


def _tells_kinds(job: Job, scores: list[Part] | None) -> bool:
    """Whether the scores have heads kind:NAME. Raises UserError, before any work, where the
    recipe bounds shares of kinds that they cannot tell."""
    settings = job.recipe.compose
    bounds = (settings.min_kind_shares, settings.max_kind_shares)
    if scores is None and any(bounds):
        raise UserError(
            "compose.min_kind_shares and max_kind_shares need --scores to tell kinds by"
        )
    heads = _heads_of(scores or [])
    require_kind_heads(heads, *bounds)
    return any(head.startswith("kind:") for head in heads)


def _heads_of(scores: list[Part]) -> set[str]:
    """The heads of the first part that has rows: one model made them all."""
    for part in scores:
        if part.rows:
            return set(read_columns(part, ["head"]).column("head").unique().to_pylist())
    return set()


@dataclasses.dataclass(frozen=True, slots=True)
class _Sidecars:
    """What the chunk's sidecars say, by doc_id; ``recalled`` holds (score, round)."""

    score_of: dict[str, float]
    kind_of: dict[str, str]
    recalled: dict[str, tuple[float, int]]
    contaminated: set[str]
    cuts_of: dict[str, list[tuple[int, int, str]]]


def judge_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """First pass: a verdict and quality signals for every row of a part, as exchange files."""
    beside = _Sidecars(
        score_of=scores_of(chunk),
        kind_of=kinds_of(chunk, dict(context.settings["min_kind_scores"])),
        recalled=_recalled_of(chunk),
        contaminated=set(_sidecar_ids(chunk, "contamination")),
        cuts_of=_cuts_of(chunk),
    )
    counter = tokenizer.load()
    rows: list[Json] = []
    signals: list[Json] = []
    wanted = ["doc_id", "text", "fetch_time", "warc_filename", "warc_record_offset", "language",
              "opt_out", "token_count"]  # fmt: skip
    for batch in rows_of(chunk, wanted):
        for row in batch.to_pylist():
            verdict, measured = _verdict(row, beside, context.settings, counter)
            rows.append({**verdict, "part": chunk.task["number"], "row": len(rows)})
            signals.append(measured)
        context.heartbeat.send({"done": len(rows), "done_weight": len(rows)})
    arrays = [pa.array([row[f.name] for row in rows], type=f.type) for f in VERDICTS]
    with scratch_folder() as folder:
        local = folder / "verdicts.parquet"
        pq.write_table(pa.Table.from_arrays(arrays, schema=VERDICTS), local)
        put_local_file(local, "verdicts", context.output, f"{chunk.name}.parquet", len(rows))
    put_table(rows_table("quality", signals), "quality", context.output, _signals_path(chunk))
    return ChunkResult(counts={"documents": len(rows)})


def _verdict(
    row: Json, beside: _Sidecars, settings: Json, counter: tokenizer.Tokenizer
) -> tuple[Json, Json]:
    """What one document comes to (a row of VERDICTS but for its place), and its quality signals."""
    doc_id, text = row["doc_id"], row["text"] or ""
    recalled_score, round_number = beside.recalled.get(doc_id, (None, None))
    score = beside.score_of.get(doc_id, recalled_score)
    cuts = acting_cuts(beside.cuts_of.get(doc_id, ()), settings["contamination"])
    left = without(text, cuts)
    measured = quality_signals(left, row["language"] or "und")
    failures = quality_failures(measured, settings["quality"])
    facts = Facts(
        score=score,
        scored=settings["scored"],
        language=row["language"] or "und",
        opt_out=row["opt_out"] or "",
        contaminated=doc_id in beside.contaminated,
        contamination_cut=any(c[2] == "contamination" for c in beside.cuts_of.get(doc_id, ())),
        length_chars=len(text),
        cuts=cuts,
        failures=failures,
        recalled=doc_id in beside.recalled if settings["recalled"] else None,
    )
    drop = str(judge(facts, settings) or "")
    tokens = row["token_count"]
    if cuts or tokens is None:
        tokens = None if drop else counter.count_batch([left])[0]
    verdict = {
        "doc_id": doc_id,
        "drop": drop,
        "score": score,
        "round": round_number,
        "kind": beside.kind_of.get(doc_id, ""),
        "tokens": tokens,
        "length_chars": len(text),
        "fetch_time": row["fetch_time"] or "",
        "warc_filename": row["warc_filename"] or "",
        "warc_record_offset": row["warc_record_offset"] or 0,
    }
    return verdict, {"doc_id": doc_id, "failures": failures, **measured}


def _signals_path(chunk: Chunk) -> str:
    return f"{chunk.name}.quality.parquet"


def _sidecar_ids(chunk: Chunk, kind: str) -> list[str]:
    if not chunk.task.get(kind):
        return []
    table = read_columns(part_of(chunk.task[kind]), ["doc_id"])
    return [str(doc_id) for doc_id in table.column("doc_id").to_pylist()]


def _recalled_of(chunk: Chunk) -> dict[str, tuple[float, int]]:
    """(score, round) by doc_id of the chunk's recalled documents."""
    if not chunk.task.get("recalled"):
        return {}
    table = read_columns(part_of(chunk.task["recalled"]), ["doc_id", "score", "round"])
    rows = zip(*table.to_pydict().values(), strict=True)
    return {doc_id: (round(score, 4), number) for doc_id, score, number in rows}


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


def publish_documents(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Second pass: the published documents of a part. Rows in = published + drops by reason."""
    verdicts = read_columns(
        verdicts_of(context.output, chunk.name),
        ["doc_id", "drop", "score", "round", "kind", "tokens"],
    ).to_pylist()
    settled = settled_rows(context.output, chunk.name)
    quality = Part(join(exchange_folder(context.output), _signals_path(chunk)), chunk.name, "", -1)
    signals = read_columns(quality, [column.name for column in TABLES["quality"]])
    failures = signals.column("failures").to_pylist()
    cuts_of = _cuts_of(chunk)
    counts: Counter[str] = Counter()
    published: dict[str, list[Json]] = {}
    for batch in rows_of(chunk, COLUMNS):
        for row in batch.to_pylist():
            number = counts["documents"]
            verdict, known = verdicts[number], settled.get(number, {})
            drop = _final_drop(verdict, known.get("drop", ""), context.settings["kind_cuts"])
            counts["documents"] += 1
            if drop:
                counts[f"dropped.{drop}"] += 1
            if drop == ComposeDrop.over_kind_share:
                _count_kind(counts, f"{drop}.", verdict)
            if drop:
                continue
            cuts = cuts_of.get(row["doc_id"], ())
            spans = merged(acting_cuts(cuts, context.settings["contamination"]))
            corpus_row = _corpus_row(row, verdict, spans)
            corpus_row["cluster_id"] = known.get("cluster_id") or row["doc_id"]
            published.setdefault(_folder_name(row["crawl"] or "unknown"), []).append(corpus_row)
            _count_published(counts, row, corpus_row)
            counts["cut_chars"] += sum(end - start for start, end in spans)
            if context.settings["kinds"]:
                _count_kind(counts, "kind.", verdict)
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


def _count_published(counts: Counter[str], row: Json, corpus_row: Json) -> None:
    """What the account and the card say of a published document."""
    tokens, score = corpus_row["token_count"], corpus_row["score"]
    counts["published"] += 1
    counts["tokens"] += tokens
    counts["formulas"] += sum(number for _, number in row["formula_counts"] or [])
    for name in (f"language.{row['language'] or UNKNOWN}", f"crawl.{row['crawl'] or UNKNOWN}"):
        counts[f"{name}.documents"] += 1
        counts[f"{name}.tokens"] += tokens
    if score is not None:
        counts[f"score.{min(int(score * 10), 9) / 10:.1f}"] += 1


def _count_kind(counts: Counter[str], prefix: str, verdict: Json) -> None:
    name = f"{prefix}{verdict['kind'] or UNKNOWN}"
    counts[f"{name}.documents"] += 1
    counts[f"{name}.tokens"] += verdict["tokens"]


def _final_drop(verdict: Json, by_settling: str, kind_cuts: dict[str, int]) -> str:
    """A repeated capture counts as repeated whatever the rules say of it; shares act last."""
    drop = str(verdict["drop"])
    if by_settling == ComposeDrop.repeated.value or (by_settling and not drop):
        return by_settling
    cut = kind_cuts.get(verdict["kind"])
    if not drop and cut is not None and rank(verdict["doc_id"]) >= cut:
        return ComposeDrop.over_kind_share.value
    return drop


def _folder_name(crawl: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "_", crawl).lstrip("._") or "unknown"


def _corpus_row(row: Json, verdict: Json, spans: list[tuple[int, int]]) -> Json:
    text = without(row["text"] or "", spans)
    score = verdict["score"]
    rounded = None if score is None else round(score, 4)
    return {
        **row,
        "text": text,
        "registered_domain": row["registered_domain"] or urls.registered_domain(row["url"] or ""),
        "token_count": verdict["tokens"],
        "char_count": len(text),
        "metadata": metadata_json(row, sum(end - start for start, end in spans), verdict["kind"]),
        "score": rounded,
        "int_score": None if rounded is None else int(rounded * 5 + 0.5),
        "snapshot_type": "latest",
        "round": verdict["round"],
    }
