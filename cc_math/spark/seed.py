"""The seed step of a round: documents in, the `seed` table out, in parts like the documents'.

Three passes of Python tasks, between which Spark deals rows of ids, sites and sketches; no text
crosses to the JVM:

    facts    a part of documents to what is known of each (:mod:`cc_math.spark.seed_facts`)
    choose   a bucket of sites to the documents that enter (:mod:`cc_math.spark.seed_choice`)
    write    a part of documents to its part of `seed`

The driver sees counts: how many sites have how many documents, for the cap of a site's share.
Beside `seed` stands ``hold_out``, the texts of labelled pages, which are scored for the figures
of a round and never enter a seed. Same parts and settings, same bytes, on any partitions.
"""

from __future__ import annotations

from collections import Counter

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.classify.features import FEATURE_CHARS
from cc_math.classify.proposals import AcceptedSites
from cc_math.classify.score import load_classifier
from cc_math.errors import AccountingError
from cc_math.manifests import FileEntry, Json, Part, digest
from cc_math.recipe import section_values
from cc_math.rounds.hold_out import labelled_addresses, labelled_url
from cc_math.spark.chunks import (
    Job,
    Plan,
    already_done,
    finish_stage,
    map_chunks,
    map_exchange,
    plan_stage,
)
from cc_math.spark.dealt_rows import read_dealt, remove_exchange
from cc_math.spark.parts import rows_of
from cc_math.spark.seed_choice import EXCHANGE, caps_of, choose_chunk, deal_chosen, deal_facts
from cc_math.spark.seed_facts import COLUMNS, fact_chunk, fact_chunks, formulas_of
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import put_local_file, rows_table, scratch_folder, write_table

HOLD_OUT = "hold_out"
_DOCUMENTS_A_BUCKET = 200_000  # chosen: some 100 MB of facts in a task


def compose_seed(
    job: Job,
    documents: list[Part],
    *,
    sampled: list[Part],
    recalled: list[Part] | None,
    scores: list[Part] | None,
    domains: list[Part] | None,
    linked: list[Part],
    accepted: AcceptedSites,
    labels_uris: tuple[str, ...],
    model: str,
) -> Json:
    """Write `seed` and ``hold_out`` below the job's output; the stage's manifest.

    ``recalled``, ``scores`` and ``domains`` are those of the round before (None in the first),
    named as the documents they belong to; documents that came in since are scored by its ``model``.
    ``sampled`` are documents of dropped pages, judged without the round before. ``labels_uris``
    name the labelled pages. Recipe table [iterate] says which sources enter and how much of each.
    """
    chunks = fact_chunks(documents, sampled, scores or [], recalled or [])
    labels: dict[str, list[str]] = {}
    for uri in labels_uris:
        labels |= labelled_addresses(uri, job.recipe.classifier.score_field)
    settings: Json = {
        **_settings(job, documents),
        "labels": labels,
        "accepted": accepted.to_json(),
        "model": model,
    }
    others = [*(domains or []), *linked]
    extra = {
        "labels": digest(labels),
        "accepted": settings["accepted"],
        "domains": [part.identity for part in others],
        "classifier": [settings[key] for key in ("max_chars", "min_words", "formulas")],
        "scored": model and load_classifier(model).digest,
    }
    plan = plan_stage(stage_named("seed"), job.recipe, chunks, settings, extra=extra)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"seed: nothing to do, {len(chunks)} chunks are done")
        return done
    folder = join(job.output, "_run", "seed")
    facts = map_exchange(job, folder, Plan("facts", plan.identities, chunks, settings), fact_chunk)
    settings |= {"totals": _totals(facts), "held_out": _sketches(facts)}
    choosing = deal_facts(job, folder, sorted(plan.identities), settings, domains or [], linked)
    identities = {chunk.name: digest([plan.identity, chunk.name]) for chunk in choosing}
    chosen = map_exchange(job, folder, Plan("chosen", identities, choosing, settings), choose_chunk)
    caps = caps_of(chosen, job.recipe.iterate)
    entering = deal_chosen(job, folder, sorted(identities), len(chunks), caps)
    for chunk in chunks:
        chunk.task.update({"entering": folder, "rows": entering.get(chunk.name, 0)})
    made = map_chunks(job, plan, seed_chunk)
    counts = _left_out(facts, chosen, made, over_caps(chosen, caps, sum(entering.values())))
    body = finish_stage(job, plan, made, extra_counts=counts)
    remove_exchange(folder, EXCHANGE)
    return body


def _settings(job: Job, documents: list[Part]) -> Json:
    """What the tasks need of the recipe, and the number of buckets that they deal into."""
    classifier = job.recipe.classifier
    return {
        **section_values(job.recipe, "iterate"),
        "max_chars": classifier.max_chars,
        "min_words": classifier.min_words,
        "formulas": classifier.formulas,
        "min_share": job.recipe.domains.min_share,
        "buckets": sum(max(0, part.rows) for part in documents) // _DOCUMENTS_A_BUCKET + 1,
    }


def _totals(facts: list[Json]) -> dict[str, int]:
    """Documents that a model scored, and those of them that are likely."""
    return {key: sum(m["counts"].get(key, 0) for m in facts) for key in ("scored", "likely")}


def _sketches(facts: list[Json]) -> list[str]:
    """Sketches of all labelled pages, in hexadecimal."""
    return sorted({note["sketch"] for manifest in facts for note in manifest["notes"]})


def seed_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """One part of `seed`: the chosen documents of one part, with their texts."""
    max_chars, labels = context.settings["max_chars"], context.settings["labels"]
    counts: Counter[str] = Counter()
    dealt = read_dealt(chunk.task["entering"], "entering", chunk.name, chunk.task["rows"])
    chosen = {row["doc_id"]: row for row in dealt}
    rows, held_out = [], []
    for batch in rows_of(chunk, COLUMNS):
        for row in batch.to_pylist():
            counts["documents"] += 1
            labelled = labelled_url(labels, row["url"] or "")
            if labelled is not None:
                if not chunk.task["sample"]:
                    held_out.append(_seed_row({**row, "url": labelled}, max_chars, None))
                counts["left_out.labelled"] += 1
            elif row["doc_id"] in chosen:
                found = chosen.pop(row["doc_id"])
                rows.append(_seed_row(row, max_chars, found))
                side = "positives" if found["label"] else "negatives"
                counts[f"seed.{side}.{found['source']}"] += 1
    if chosen:
        raise AccountingError(f"seed: {chunk.name} lacks {len(chosen)} documents that were chosen")
    files = [_put(rows, "seed", chunk.name, context.output)]
    if held_out:
        files.append(_put(held_out, HOLD_OUT, chunk.name, context.output))
    return ChunkResult(files, dict(counts))


def _seed_row(row: Json, max_chars: int, chosen: Json | None) -> Json:
    """A row of the table; of a labelled page without label and source."""
    text = row["text"] or ""
    return {
        "doc_id": row["doc_id"],
        "url": row["url"],
        "registered_domain": row["registered_domain"],
        "text": text[: max(max_chars, FEATURE_CHARS)],
        "n_formulas": formulas_of(row["formula_counts"], text),
        "label": None if chosen is None else chosen["label"],
        "source": HOLD_OUT if chosen is None else chosen["source"],
        "score": None if chosen is None else chosen["score"],
    }


def _put(rows: list[Json], name: str, part: str, output: str) -> FileEntry:
    """Write rows of table `seed` as part of ``name``, by doc_id."""
    table = rows_table("seed", sorted(rows, key=lambda row: str(row["doc_id"])))
    with scratch_folder() as folder:
        local = folder / "part.parquet"
        write_table(table, "seed", local)
        return put_local_file(local, name, output, f"{name}/{part}.parquet", len(rows))


def over_caps(chosen: list[Json], caps: Json, entering: int) -> dict[str, int]:
    """Documents that were chosen and lie over a cap; ``entering`` is the number of those under."""
    notes = [note for manifest in chosen for note in manifest["notes"]]
    over_site = sum(n["sites"] for n in notes if n["rank"] >= caps[str(n["label"])]["per_site"])
    return {
        "left_out.over_max_site_share": over_site,
        "left_out.over_max_examples": sum(n["sites"] for n in notes) - over_site - entering,
    }


def _left_out(
    facts: list[Json], chosen: list[Json], made: list[Json], over: dict[str, int]
) -> dict[str, int]:
    """What the passes before the last left out, by reason.

    Raises AccountingError unless documents in are documents out and those left out.
    """
    left_out = Counter({name: number for name, number in over.items() if number})
    for manifest in (*facts, *chosen):
        for name, number in manifest["counts"].items():
            if name.startswith("left_out."):
                left_out[name] += number
    counts: Counter[str] = Counter(left_out)
    for manifest in made:
        counts.update(manifest["counts"])
    documents = counts.pop("documents", 0)
    if documents != sum(counts.values()):
        raise AccountingError(
            f"seed: {documents} documents in, but {sum(counts.values())} entered or left out"
        )
    return dict(left_out)
