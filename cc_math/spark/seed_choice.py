"""The second pass of a seed: all documents of a site meet, and those that enter are chosen.

Spark deals the facts of all parts to buckets of sites, and with them what is known of these sites
from the round before: which are unmathematical, and which documents recalled pages link to. A
task then has one bucket and writes the chosen doc_ids; the rules are
:mod:`cc_math.rounds.seed`'s. The driver gets, for each label, how many sites have how many
documents, and makes the caps from it; what is left under them Spark deals back to the parts.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.manifests import Json, Part
from cc_math.rounds.seed import Candidate, Known, bucket_of, choose, order_of, site_cap
from cc_math.rounds.settings import Iterate
from cc_math.rounds.template import Twins
from cc_math.spark.chunks import Job, spark_errors
from cc_math.spark.dealt_rows import (
    deal,
    frame_read_by,
    partitions_for,
    put_exchange,
    read_dealt,
)
from cc_math.spark.seed_facts import FACT, FACTS, FACTS_DDL, facts_path
from cc_math.storage import join
from cc_math.tables import read_columns

CHOSEN = pa.schema(
    [
        ("doc_id", pa.string()),
        ("part", pa.string()),
        ("label", pa.int8()),
        ("source", pa.string()),
        ("score", pa.float64()),
        ("order", pa.uint64()),
        ("rank", pa.int32()),
    ]
)
ENTERING = pa.schema([field for field in CHOSEN if field.name not in ("order", "rank")])
ENTERING_DDL = "doc_id string, part string, label tinyint, source string, score double"
UNMATHEMATICAL, LINKED = "unmathematical", "linked"
MOST_WRITERS = 256  # chosen: at most a million small rows, of up to half a million parts
# In the exchange folder: facts by part, then by bucket with what is known of its sites, what each
# bucket chose, and what enters of each part.
EXCHANGE = ("facts", "by_bucket", "chosen", "entering", "_manifests")


def deal_facts(
    job: Job, folder: str, names: list[str], settings: Json, domains: list[Part], linked: list[Part]
) -> list[Chunk]:
    """The chunks of the choice, one a bucket of sites, after their rows were dealt.

    ``names`` are the parts whose facts stand in ``folder``; ``domains`` and ``linked`` are tables
    of the round before.
    """
    buckets, min_share = settings["buckets"], settings["min_share"]
    facts = [Part(join(folder, f"{facts_path(name)}.parquet"), FACT, "", -1) for name in names]
    parts = [*facts, *(dataclasses.replace(part, name=UNMATHEMATICAL) for part in domains)]
    parts += [dataclasses.replace(part, name=LINKED) for part in linked]

    def rows_to_deal(part: Part) -> pa.Table:
        if part.name == FACT:
            return read_columns(part, FACTS.names)
        if part.name == UNMATHEMATICAL:
            sites = ids = _unmathematical(part, min_share)
        else:
            table = read_columns(part, ["doc_id", "registered_domain"])
            sites = [site or "" for site in table.column("registered_domain").to_pylist()]
            ids = table.column("doc_id").to_pylist()
        rows = [
            {"bucket": bucket_of(site, buckets), "kind": part.name, "doc_id": doc_id}
            for site, doc_id in zip(sites, ids, strict=True)
        ]
        return pa.Table.from_pylist(rows, FACTS)

    with spark_errors("seed"):
        frame = frame_read_by(job.session(), parts, rows_to_deal, FACTS_DDL)
        dealt = deal(frame, "bucket", folder, "by_bucket", FACTS, [], partitions_for(buckets))
    chunks = []
    for number in range(buckets):
        task = {"bucket": number, "folder": folder, "rows": dealt.get(str(number), 0)}
        chunks.append(Chunk(f"bucket-{number:05d}", {"bucket": number}, task))
    return chunks


def _unmathematical(part: Part, min_share: float) -> list[str]:
    """Domains of which even the upper end of the recalled share is below ``min_share``."""
    table = read_columns(part, ["domain", "level", "share_high"])
    low = pc.less(table.column("share_high"), min_share)
    found = table.filter(pc.and_(low, pc.equal(table.column("level"), "domain")))
    return list(found.column("domain").to_pylist())


def choose_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """The documents of one bucket that enter, and how many sites have how many of them."""
    settings = context.settings
    recipe = iterate_of(settings)
    held_out = Twins(recipe.max_template_overlap)
    for sketch in settings["held_out"]:
        held_out.add(bytes.fromhex(sketch))
    task = chunk.task
    candidates: list[Candidate] = []
    known_names: dict[str, set[str]] = {UNMATHEMATICAL: set(), LINKED: set()}
    for row in read_dealt(task["folder"], "by_bucket", task["bucket"], task["rows"]):
        if row["kind"] == FACT:
            candidates.append(_candidate(row, recipe.seed))
        else:
            known_names[row["kind"]].add(row["doc_id"])
    totals = settings["totals"]
    known = Known(
        base_share=totals["likely"] / totals["scored"] if totals["scored"] else None,
        unmathematical=known_names[UNMATHEMATICAL],
        linked=known_names[LINKED],
        held_out=held_out,
    )
    chosen, counts = choose(candidates, known, recipe)
    chosen.sort(key=lambda row: (row.part, row.doc_id))
    rows = [dataclasses.asdict(row) for row in chosen]
    table = pa.Table.from_pylist(rows, CHOSEN)
    put_exchange(table, context.output, f"chosen/{chunk.name}")
    per_site = Counter((row.label, row.rank) for row in chosen)
    notes: list[Json] = [
        {"label": label, "rank": rank, "sites": sites}
        for (label, rank), sites in sorted(per_site.items())
    ]
    return ChunkResult(counts=counts, notes=notes)


def _candidate(row: Json, seed: int) -> Candidate:
    known = {name: value for name, value in row.items() if name not in ("bucket", "kind")}
    return Candidate(order=order_of(row["doc_id"], seed), **known)


def deal_chosen(
    job: Job, folder: str, buckets: list[str], parts: int, caps: Json
) -> dict[str, int]:
    """Deal what is chosen and under the caps to the parts that it stands in, as ``entering``;
    rows by part. ``buckets`` name the chunks of the choice, ``parts`` is their number."""

    def under_caps(part: Part) -> pa.Table:
        table = read_columns(part, CHOSEN.names)
        keep = [
            row["rank"] < caps[str(row["label"])]["per_site"]
            and row["order"] < caps[str(row["label"])]["order_end"]
            for row in table.select(["rank", "label", "order"]).to_pylist()
        ]
        return table.filter(pa.array(keep, pa.bool_())).select(ENTERING.names)

    chosen = [Part(join(folder, "chosen", f"{name}.parquet"), name, "", -1) for name in buckets]
    with spark_errors("seed"):
        frame = frame_read_by(job.session(), chosen, under_caps, ENTERING_DDL)
        partitions = min(parts, MOST_WRITERS)
        return deal(frame, "part", folder, "entering", ENTERING, ["doc_id"], partitions)


def iterate_of(settings: Json) -> Iterate:
    """The recipe table [iterate] that a plan's settings hold."""
    names = {spec.name for spec in dataclasses.fields(Iterate)} - {"labels"}
    values: dict[str, Any] = {k: settings[k] for k in sorted(names)}
    tuples: dict[str, Any] = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
    return Iterate(**{**values, **tuples})


def caps_of(chosen: list[Json], recipe: Iterate) -> Json:
    """For each label the most documents of one site, and the end of the hash order that is kept.

    Sites with more than `rank` documents of a label are counted in the notes, so their
    differences are the sites with exactly so many.
    """
    caps: Json = {}
    for label in (0, 1):
        reaching: Counter[int] = Counter()
        for note in (note for manifest in chosen for note in manifest["notes"]):
            if note["label"] == label:
                reaching[note["rank"]] += note["sites"]
        exactly = {r + 1: reaching[r] - reaching.get(r + 1, 0) for r in sorted(reaching)}
        cap = site_cap(exactly, recipe.max_site_share)
        total = sum(min(count, cap) * sites for count, sites in exactly.items())
        kept = min(1.0, recipe.max_examples / max(1, total))
        caps[str(label)] = {"per_site": cap, "order_end": int(kept * 2**64)}
    return caps
