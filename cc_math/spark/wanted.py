"""Dropped pages that a loop wants to read: below accepted sites, linked to, or drawn by hash.

One `wanted` part beside every part of `pages`, so that a task looks at its own pages, its own
earlier wanted parts and nothing else. Ids of linked pages reach the tasks through one exchange
file a part. Only what the first selection dropped is wanted: other drops (too large, too
short, not parsed) would be dropped again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable

import pyarrow as pa

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.classify.domains import SEPARATOR, site_key
from cc_math.classify.proposals import AcceptedSites, Proposal
from cc_math.manifests import Json, Part, digest
from cc_math.schema import DropReason, doc_key
from cc_math.spark.chunks import (
    Job,
    already_done,
    finish_stage,
    map_chunks,
    plan_stage,
    spark_errors,
)
from cc_math.spark.dealt_rows import frame_read_by
from cc_math.spark.parts import part_json, part_of
from cc_math.spark.recalled import read_keys, write_keys_by_part
from cc_math.stages import stage_named
from cc_math.storage import join
from cc_math.tables import put_table, read_columns, rows_table

COLUMNS = ["doc_id", "url", "registered_domain", "crawl", "warc_filename", "warc_record_offset",
           "warc_record_length", "outcome"]  # fmt: skip
LINK, SAMPLE = "link", "sample"
Reason = Callable[[Json], str]


def want_sample(job: Job, pages: list[Part], dropped: int) -> Json:
    """The draw of dropped pages, [iterate] sample_pages of them as far as sample_share lets.

    ``dropped`` is the number of pages that the first selection dropped. Each is drawn by the
    hash of its id, so the number is met in expectation.
    """
    settings = job.recipe.iterate
    share = min(settings.sample_share, settings.sample_pages / max(1, dropped))
    rule = {"sample_share": round(share, 9), "seed": settings.seed}
    return _want(job, [_chunk(part, []) for part in pages], rule)


def want_sites(
    job: Job,
    pages: list[Part],
    *,
    accepted: AcceptedSites,
    linked: list[Part],
    before: list[Part],
    watched: list[Proposal] | None = None,
) -> Json:
    """Dropped pages below accepted domains and prefixes, and linked pages of accepted hosts.

    ``linked`` are the parts of `linked_pages`, ``before`` all `wanted` parts of earlier rounds:
    what they hold was read already. The counts ``below.N`` are of all pages, dropped or not, below
    the site of row N of ``watched``.
    """
    earlier: dict[str, list[Part]] = {}
    for part in before:
        earlier.setdefault(part.name, []).append(part)
    chunks = [_chunk(part, earlier.get(part.name, [])) for part in pages]
    rule: Json = {"accepted": accepted.to_json(), "linked": [part.identity for part in linked]}
    rule["watched"] = [[row.domain, SEPARATOR.join(row.site[2])] for row in watched or []]

    def find_linked() -> None:
        keys = _linked_keys(job, pages, linked, accepted)
        for chunk in chunks:
            chunk.task["linked"] = keys.get(chunk.name, "")

    prepare = find_linked if linked and accepted.takes_links else None
    return _want(job, chunks, rule, prepare)


def _chunk(part: Part, before: list[Part]) -> Chunk:
    given = {"pages": part.identity, "before": [other.identity for other in before]}
    task = {"pages": part_json(part), "before": [part_json(o) for o in before], "linked": ""}
    return Chunk(part.name, given, task, max(1, part.rows))


def _want(
    job: Job, chunks: list[Chunk], rule: Json, prepare: Callable[[], None] | None = None
) -> Json:
    plan = plan_stage(stage_named("want"), job.recipe, chunks, rule, extra=digest(rule))
    done = already_done(job, plan)
    if done is not None:
        return done
    if prepare is not None:
        prepare()
    return finish_stage(job, plan, map_chunks(job, plan, want_chunk))


def _linked_keys(
    job: Job, pages: list[Part], linked: list[Part], accepted: AcceptedSites
) -> dict[str, str]:
    """By pages part: the file of keys of its linked pages on accepted hosts.

    Only pages of these hosts meet: of three billion pages some thousands.
    """

    def keys_on_hosts(part: Part) -> pa.Table:
        table = read_columns(part, ["doc_id", "url", "registered_domain"])
        keys = [
            doc_key(row["doc_id"])
            for row in table.to_pylist()
            if accepted.linked(row["url"], row["registered_domain"] or "")
        ]
        arrays = [pa.array(keys, pa.binary()), pa.array([part.name] * len(keys), pa.string())]
        return pa.Table.from_arrays(arrays, names=["doc_key", "part"])

    session = job.session()
    with spark_errors("want"):
        keys, there = (
            frame_read_by(session, parts, keys_on_hosts, "doc_key binary, part string")
            for parts in (linked, pages)
        )
        met = there.join(keys.select("doc_key").distinct(), "doc_key").distinct()
        return write_keys_by_part(met, join(job.output, "_run", "linked"))


def want_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """The wanted pages of one part of `pages`, each capture once, sorted by id."""
    reason_of = _sampled(context.settings) if "accepted" not in context.settings else None
    if reason_of is None:
        reason_of = _reason_by_site(context.settings, read_keys(chunk.task["linked"]))
    known = {
        doc_id
        for part in chunk.task["before"]
        for doc_id in read_columns(part_of(part), ["doc_id"]).column("doc_id").to_pylist()
    }
    counts: Counter[str] = Counter(pages=0, dropped=0)
    below = _Watched(context.settings.get("watched", []))
    rows: dict[str, Json] = {}
    for row in read_columns(part_of(chunk.task["pages"]), COLUMNS).to_pylist():
        counts["pages"] += 1
        counts.update(below.found(row["url"], row["registered_domain"] or ""))
        if row["outcome"] != DropReason.not_selected.value or row["doc_id"] in rows:
            continue
        counts["dropped"] += 1
        reason = reason_of(row)
        if reason and row["doc_id"] in known:
            counts["known"] += 1
        elif reason:
            rows[row["doc_id"]] = {**row, "reason": reason}
            counts[f"wanted.{reason}"] += 1
            counts["bytes"] += row["warc_record_length"] or 0
    counts["wanted"] = len(rows)
    table = rows_table("wanted", [rows[doc_id] for doc_id in sorted(rows)])
    entry = put_table(table, "wanted", context.output, f"wanted/{chunk.name}.parquet")
    return ChunkResult([entry], dict(counts))


class _Watched:
    """Which of the sites that a person wrote an address lies below."""

    def __init__(self, sites: list[list[str]]) -> None:
        self._by_domain: dict[str, list[tuple[int, str]]] = {}
        for number, (domain, key) in enumerate(sites):
            self._by_domain.setdefault(domain, []).append((number, key))

    def found(self, url: str, registered_domain: str) -> list[str]:
        """The names of their counts."""
        sites = self._by_domain.get(registered_domain)
        if not sites:
            return []
        key = f"{site_key(url, registered_domain)}{SEPARATOR}"
        return [
            f"below.{n}" for n, start in sites if not start or key.startswith(start + SEPARATOR)
        ]


def _sampled(settings: Json) -> Reason:
    limit = settings["sample_share"] * 2**64
    salt = f"{settings['seed']}\0sample\0"

    def reason(row: Json) -> str:
        drawn = hashlib.blake2b(f"{salt}{row['doc_id']}".encode(), digest_size=8).digest()
        return SAMPLE if int.from_bytes(drawn, "big") < limit else ""

    return reason


def _reason_by_site(settings: Json, linked: set[str]) -> Reason:
    accepted = AcceptedSites.from_json(settings["accepted"])

    def reason(row: Json) -> str:
        found = accepted.reason(row["url"], row["registered_domain"] or "")
        return found or (LINK if linked and doc_key(row["doc_id"]).hex() in linked else "")

    return reason
