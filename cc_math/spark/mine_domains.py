"""The mine-domains stage: what share of each site was recalled, and what to propose from it.

Three steps. Python tasks read each part of pages, documents and scores and write, page by page,
where it stands in its site. Spark sorts these rows by site and address and joins the links of
recalled pages to the pages that the crawl holds. Python tasks then go through the sorted rows,
one part of the output at a time, a hash of the domain deciding which: they see each domain whole
and in order, so that an address met twice counts once and a domain of any size needs little
memory. The driver holds the proposals that a person is to read, and no more.

Writes `domains`, `linked_pages` and ``proposals.tsv``. The files between the steps lie below
``_run`` and are removed at the end.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math.chunks import Chunk
from cc_math.classify.proposals import Proposal, write_proposals
from cc_math.errors import AccountingError
from cc_math.manifests import (
    FileEntry,
    Json,
    Part,
    canonical_json,
    chunk_manifest_uri,
    digest,
    read_json,
)
from cc_math.recipe import section_values
from cc_math.spark.chunks import (
    Job,
    Plan,
    already_done,
    finish_stage,
    map_chunks,
    map_exchange,
    plan_stage,
    spark_errors,
)
from cc_math.spark.dealt_rows import deal, partitions_for, remove_exchange
from cc_math.spark.linked_pages import LINKED, LINKS, LINKS_DDL, linked_frame
from cc_math.spark.parts import frame_of_parts, part_json, require_same_parts
from cc_math.spark.site_chunks import (
    PLACES,
    PLACES_DDL,
    PROPOSED,
    PROPOSED_DDL,
    SORTED,
    place_chunk,
    proposals_uri,
    site_chunk,
)
from cc_math.stages import stage_named
from cc_math.storage import join, random_access, store_for
from cc_math.tables import put_local_file, scratch_folder


def mine_domains(
    job: Job,
    pages: list[Part],
    documents: list[Part],
    scores: list[Part],
    *,
    min_score: float | None = None,
) -> Json:
    """Write `domains`, `linked_pages` and ``proposals.tsv``; the stage's manifest.

    A document is recalled from ``min_score`` on (None: the recipe's `domains.min_score`). The
    same capture may stand in several parts. Raises InputError where documents and scores are
    not those of the pages.
    """
    settings = section_values(job.recipe, "domains")
    if min_score is not None:
        settings["min_score"] = min_score
    placing = _chunks(pages, documents, scores)
    stage = stage_named("mine_domains")
    given = {"given": sorted(digest(c.input) for c in placing), "min_score": settings["min_score"]}
    count = max(1, -(-sum(_rows(part) for part in pages) // job.recipe.domains.part_pages))
    folder = join(job.output, "_run", "mine_domains")
    parts = [_site_part(number, count, folder) for number in range(count)]
    plan = plan_stage(stage, job.recipe, parts, settings, extra=given)
    done = already_done(job, plan)
    if done is not None:
        job.say(f"mine-domains: nothing to do, {len(parts)} parts are done")
        return done
    identities = {c.name: digest([c.input, settings["min_score"]]) for c in placing}
    placed = map_exchange(job, folder, Plan("places", identities, placing, settings), place_chunk)
    _sort(job, plan, folder, placing)
    _remake_lost(job, plan, folder)
    manifests = map_chunks(job, plan, site_chunk)
    totals = _totals(placed, manifests)
    proposals = _proposals(job, folder, parts, job.recipe.domains.max_proposals)
    found = sum(manifest["counts"]["proposals.found"] for manifest in manifests)
    totals |= {"proposals": len(proposals), "proposals.left_out": found - len(proposals)}
    if found > len(proposals):
        job.say(
            f"mine-domains: proposals.tsv holds the {len(proposals):,} sites with most recalled "
            f"pages of {found:,}; domains.max_proposals sets how many"
        )
    body = finish_stage(job, plan, manifests, [_put_proposals(job, proposals)], totals)
    store_for(folder).delete(join(folder, SORTED))
    remove_exchange(folder, ("_manifests", "places", "links", "sites", "linked", "proposals"))
    return body


def _chunks(pages: list[Part], documents: list[Part], scores: list[Part]) -> list[Chunk]:
    """A chunk for each part of `pages`, with the documents and scores of the same name."""
    beside = {
        kind: {part.name: part for part in parts}
        for kind, parts in (("documents", documents), ("scores", scores))
    }
    for kind, found_parts in beside.items():
        unbound = {name: replace(part, made_from="") for name, part in found_parts.items()}
        require_same_parts(pages, kind, unbound)
    chunks = []
    for number, part in enumerate(sorted(pages, key=lambda part: part.name)):
        found = {kind: parts[part.name] for kind, parts in beside.items()}
        identity = {kind: other.identity for kind, other in found.items()}
        task: Json = {"pages": part_json(part), "number": number}
        task |= {kind: part_json(other) for kind, other in found.items()}
        given = {"pages": part.identity, "number": number, **identity}
        chunks.append(Chunk(part.name, given, task, max(1, part.rows)))
    return chunks


def _rows(part: Part) -> int:
    """Rows of a part; of one without a manifest by its footer."""
    if part.rows >= 0:
        return part.rows
    return int(pq.read_metadata(random_access(part.uri)).num_rows)


def _site_part(number: int, count: int, folder: str) -> Chunk:
    """The chunk that makes part ``number`` of the output."""
    name = f"part-{number:05d}"
    task = {"folder": folder, "number": number}
    return Chunk(name, {"part": number, "of": count}, task)


def _sort(job: Job, plan: Plan, folder: str, placing: list[Chunk]) -> None:
    """The rows of all parts by site, and the linked pages: a file of each for every part of the
    output, below ``folder``."""
    uri = join(folder, SORTED)
    stands = read_json(uri)
    if stands is not None and stands.get("identity") == plan.identity:
        return
    with spark_errors("mine_domains"):
        from pyspark.sql import functions as F

        session, count = job.session(), len(plan.chunks)
        given = [c.task["pages"] for c in placing]

        def frame(kind: str, schema: pa.Schema, ddl: str) -> Any:
            parts = [Part(join(folder, kind, f"{c.name}.parquet"), c.name, "", 0) for c in placing]
            return frame_of_parts(session, parts, schema.names, ddl)

        bucket = F.pmod(F.col("site"), F.lit(count)).cast("int")
        places = frame("places", PLACES, PLACES_DDL)
        linked = linked_frame(places, frame("links", LINKS, LINKS_DDL), given, bucket)
        partitions = partitions_for(count)
        rows = {
            "sites": deal(
                places.withColumn("bucket", bucket), "bucket", folder, "sites",
                pa.schema([pa.field("bucket", pa.int32()), *PLACES]),
                ["domain", "key", "address", "doc"], partitions,
            ),
            "linked": deal(
                linked, "bucket", folder, "linked", LINKED, ["registered_domain", "address"],
                partitions,
            ),
        }  # fmt: skip
    body = {"identity": plan.identity, "rows": rows}
    store_for(uri).put_bytes(canonical_json(body), uri)


def _remake_lost(job: Job, plan: Plan, folder: str) -> None:
    """Forget finished parts whose proposals are gone, so that they are made again."""
    store = store_for(folder)
    done = {e.uri for e in store.list_files(join(job.output, "_manifests", plan.stage))}
    kept = {e.uri for e in store.list_files(join(folder, "proposals"))} if done else set()
    for chunk in plan.chunks:
        manifest = chunk_manifest_uri(job.output, plan.stage, chunk.name)
        if manifest in done and proposals_uri(folder, chunk.task["number"]) not in kept:
            store.delete(manifest)


def _totals(placed: list[Json], manifests: list[Json]) -> dict[str, int]:
    """Sums over the parts read; the parts written must account for every page of them."""
    totals: dict[str, int] = {}
    for manifest in placed:
        for name, number in manifest["counts"].items():
            totals[name] = totals.get(name, 0) + number
    kinds = ("addresses", "repeated", "other_captures")
    found = sum(manifest["counts"][kind] for manifest in manifests for kind in kinds)
    if found != totals["pages"] - totals["without_domain"]:
        raise AccountingError(
            f"mine-domains: {totals['pages']:,} pages read, {totals['without_domain']:,} without a "
            f"domain, but {found:,} sorted by site; remove {SORTED} below _run and try again"
        )
    return totals


def _proposals(job: Job, folder: str, parts: list[Chunk], most: int) -> list[Proposal]:
    """The proposals of the sites with most recalled pages, the rows of a site together."""
    from pyspark.sql import functions as F

    files = [Part(proposals_uri(folder, c.task["number"]), c.name, "", 0) for c in parts]
    with spark_errors("mine_domains"):
        frame = frame_of_parts(job.session(), files, PROPOSED.names, PROPOSED_DDL)
        ordered = frame.orderBy(F.desc("weight"), "domain", "place").limit(most)
        return [Proposal(**json.loads(row.proposal)) for row in ordered.collect()]


def _put_proposals(job: Job, proposals: list[Proposal]) -> FileEntry:
    with scratch_folder() as folder:
        local = folder / "proposals.tsv"
        local.write_bytes(write_proposals(proposals))
        return put_local_file(local, "proposals", job.output, "proposals.tsv", len(proposals))
