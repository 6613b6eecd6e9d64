"""The second pass of a seed: all documents of a site meet, and those that enter are chosen.

A task has one bucket of sites, reads its batch of every part's facts and writes the chosen
doc_ids; the rules are :mod:`cc_math.rounds.seed`'s. The driver gets, for each label, how many
sites have how many documents, and makes the caps of the third pass from it.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.manifests import Json
from cc_math.rounds.seed import Known, choose, site_cap
from cc_math.rounds.settings import Iterate
from cc_math.rounds.template import Twins
from cc_math.spark.parts import part_of
from cc_math.spark.seed_facts import facts_of
from cc_math.tables import put_local_file, read_columns, scratch_folder

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


def choose_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """The documents of one bucket that enter, and how many sites have how many of them."""
    settings = context.settings
    recipe = iterate_of(settings)
    held_out = Twins(recipe.max_template_overlap)
    for sketch in settings["held_out"]:
        held_out.add(bytes.fromhex(sketch))
    candidates, sites = [], set()
    for name in chunk.task["parts"]:
        for candidate in facts_of(settings["facts"], name, chunk.task["bucket"]):
            candidates.append(candidate)
            sites.add(candidate.site)
    totals = settings["totals"]
    known = Known(
        base_share=totals["likely"] / totals["scored"] if totals["scored"] else None,
        unmathematical=_unmathematical(settings, sites),
        linked=_linked(settings, {c.doc_id for c in candidates if c.may_link}),
        held_out=held_out,
    )
    chosen, counts = choose(candidates, known, recipe)
    chosen.sort(key=lambda row: (row.part, row.doc_id))
    with scratch_folder() as folder:
        local = folder / "chosen.arrow"
        with pa.ipc.new_file(str(local), CHOSEN) as writer:
            rows = [dataclasses.asdict(row) for row in chosen]
            writer.write_batch(pa.RecordBatch.from_pylist(rows, CHOSEN))
        put_local_file(local, "chosen", context.output, f"{chunk.name}.arrow", len(chosen))
    per_site = Counter((row.label, row.rank) for row in chosen)
    notes: list[Json] = [
        {"label": label, "rank": rank, "sites": sites}
        for (label, rank), sites in sorted(per_site.items())
    ]
    return ChunkResult(counts=counts, notes=notes)


def iterate_of(settings: Json) -> Iterate:
    """The recipe table [iterate] that a plan's settings hold."""
    names = {spec.name for spec in dataclasses.fields(Iterate)} - {"labels"}
    values: dict[str, Any] = {k: settings[k] for k in sorted(names)}
    tuples: dict[str, Any] = {k: tuple(v) for k, v in values.items() if isinstance(v, list)}
    return Iterate(**{**values, **tuples})


def _unmathematical(settings: Json, sites: set[str]) -> frozenset[str]:
    """Domains of `sites` of which even the upper end of the recalled share is below the limit."""
    found: set[str] = set()
    wanted = pa.array(sorted(sites), pa.string())
    for value in settings["domains"]:
        table = read_columns(part_of(value), ["domain", "level", "share_high"])
        low = pc.less(table.column("share_high"), settings["min_share"])
        mine = pc.and_(low, pc.is_in(table.column("domain"), value_set=wanted))
        mask = pc.and_(mine, pc.equal(table.column("level"), "domain"))
        found.update(table.filter(mask).column("domain").to_pylist())
    return frozenset(found)


def _linked(settings: Json, doc_ids: set[str]) -> frozenset[str]:
    """Those of `doc_ids` to which recalled pages link."""
    found: set[str] = set()
    wanted = pa.array(sorted(doc_ids), pa.string())
    for value in settings["linked"] if doc_ids else []:
        column = read_columns(part_of(value), ["doc_id"]).column("doc_id")
        found.update(column.filter(pc.is_in(column, value_set=wanted)).to_pylist())
    return frozenset(found)


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
