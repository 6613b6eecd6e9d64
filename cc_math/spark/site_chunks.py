"""The Python tasks of mine-domains: pages to places in their sites, sorted places to rows.

:func:`place_chunk` reads one part of pages, documents and scores and writes two exchange files:
`places`, a row a page with its site key and, where it was recalled, what it counts for; and
`links`, where recalled pages link to. :func:`site_chunk` goes once through the sorted places of
one part of the output and writes its rows of `domains` and `linked_pages`. Memory is bounded
by a part of the input, and by the prefixes and links of one domain.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from operator import itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cc_math.chunks import Chunk, ChunkContext, ChunkResult
from cc_math.classify.domains import EXAMPLES, key_of_address
from cc_math.classify.site_rows import (
    Capture,
    HostLinks,
    Repeats,
    addresses,
    rows_of_domain,
    territories_of,
)
from cc_math.errors import JobError
from cc_math.manifests import Json, read_json
from cc_math.recipe_tables import Domains
from cc_math.schema import arrow_schema, doc_key
from cc_math.spark.dealt_rows import put_exchange
from cc_math.spark.linked_pages import LINKS
from cc_math.spark.parts import part_of
from cc_math.storage import join
from cc_math.tables import (
    local_copy,
    put_table,
    read_columns,
    rows_table,
)
from cc_math.urls import url_key

PLACES = pa.schema(
    [
        ("site", pa.int64()),  # hash of the domain, which says where its rows meet
        ("domain", pa.string()),
        ("key", pa.string()),
        ("address", pa.binary()),  # BLAKE2b-128 of the url_key
        ("doc", pa.binary()),
        ("part", pa.int32()),
        ("tokens", pa.int32()),  # null where the page was not recalled, as the next four
        ("score", pa.int32()),  # in ten-thousandths
        ("language", pa.string()),
        ("kind", pa.string()),
        ("url", pa.string()),
    ]
)
PLACES_DDL = (
    "site bigint, domain string, key string, address binary, doc binary, part int, tokens int, "
    "score int, language string, kind string, url string"
)
PROPOSED = pa.schema(
    [
        ("weight", pa.int64()),  # recalled pages of the domain
        ("domain", pa.string()),
        ("place", pa.int32()),  # among the rows of the domain
        ("proposal", pa.string()),  # JSON
    ]
)
PROPOSED_DDL = "weight bigint, domain string, place int, proposal string"
SORTED = "sorted.json"  # in the exchange folder: rows of the sorted files, once they are whole
_BATCH_ROWS = 16384  # chosen: some MB of Python objects at a time
_BLOCK_ROWS = 4096  # rows of `domains` held as Python objects, chosen likewise


def proposals_uri(folder: str, number: int) -> str:
    """Where the proposals of part ``number`` of the output stand until the end."""
    return join(folder, "proposals", f"{number}.parquet")


@dataclasses.dataclass(frozen=True, slots=True)
class _Recalled:
    tokens: int
    score: int
    language: str
    kind: str
    links: list[str]


def place_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """`places` and `links` of one part of pages. Rows in = places + without_domain."""
    recalled = _recalled(chunk, context.settings["min_score"])
    number = chunk.task["number"]
    pages = read_columns(part_of(chunk.task["pages"]), ["doc_id", "url", "registered_domain"])
    columns: dict[str, list[Any]] = {name: [] for name in PLACES.names}
    links: dict[tuple[bytes, int], tuple[bytes, int]] = {}
    without_domain = 0
    linked_from: set[bytes] = set()
    for batch in pages.to_batches(max_chunksize=_BATCH_ROWS):
        rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
        for doc_id, url, domain in rows:
            if not domain:
                without_domain += 1
                continue
            address = url_key(url)
            site, doc = _site(domain), doc_key(doc_id)
            found = recalled.get(doc_id)
            known: tuple[Any, ...] = (None,) * 5
            if found:
                known = (found.tokens, found.score, found.language, found.kind, url)
            key = key_of_address(address, domain)
            row = (site, domain, key, _digest(address), doc, number, *known)
            for values, value in zip(columns.values(), row, strict=True):
                values.append(value)
            if found and doc not in linked_from:
                linked_from.add(doc)
                for target in {_digest(url_key(link)) for link in found.links}:
                    first, docs = links.get((target, site), (doc, 0))
                    links[(target, site)] = (min(first, doc), docs + 1)
        context.heartbeat.send({"done_weight": len(columns["doc"]) + without_domain})
    targets = sorted((target, site, *rest) for (target, site), rest in links.items())
    places = [pa.array(columns[field.name], field.type) for field in PLACES]
    put_exchange(
        pa.Table.from_arrays(places, schema=PLACES), context.output, f"places/{chunk.name}"
    )
    table = pa.Table.from_pylist(
        [
            {"target": target, "site": site, "doc": doc, "part": number, "n_docs": docs}
            for target, site, doc, docs in targets
        ],
        schema=LINKS,
    )
    put_exchange(table, context.output, f"links/{chunk.name}")
    counts = {"pages": pages.num_rows, "without_domain": without_domain}
    return ChunkResult(counts=counts)


def _recalled(chunk: Chunk, min_score: float) -> dict[str, _Recalled]:
    """What the recalled documents of a part count for, by doc_id."""
    names = ["doc_id", "model", "head", "score"]
    scores = read_columns(part_of(chunk.task["scores"]), names)
    if scores.num_rows:  # of several models the one that stands first acts
        scores = scores.filter(pc.equal(scores["model"], scores["model"][0]))
    rounded = pc.round(scores["score"].cast(pa.float64()), 4)
    is_recalled = pc.and_(pc.equal(scores["head"], "math"), pc.greater_equal(rounded, min_score))
    ids = pc.unique(scores["doc_id"].filter(is_recalled))
    points = pc.cast(pc.round(pc.multiply(rounded.filter(is_recalled), 10_000)), pa.int32())
    score_of = dict(
        zip(scores["doc_id"].filter(is_recalled).to_pylist(), points.to_pylist(), strict=True)
    )
    heads = scores.filter(
        pc.and_(pc.starts_with(scores["head"], "kind:"), pc.is_in(scores["doc_id"], ids))
    )
    best: dict[str, tuple[float, str]] = {}
    kinds = (heads[name].to_pylist() for name in ("doc_id", "head", "score"))
    for doc_id, head, score in zip(*kinds, strict=True):
        kind = (-score, head.removeprefix("kind:"))  # of equals the first by name
        best[doc_id] = min(kind, best.get(doc_id, kind))
    names = ["doc_id", "token_count", "language", "out_links"]
    documents = read_columns(part_of(chunk.task["documents"]), names)
    documents = documents.filter(pc.is_in(documents["doc_id"], ids))
    return {
        row["doc_id"]: _Recalled(
            row["token_count"] or 0,
            score_of[row["doc_id"]],
            row["language"] or "",
            best[row["doc_id"]][1] if row["doc_id"] in best else "",
            row["out_links"] or [],
        )
        for row in documents.to_pylist()
    }


def _digest(address: str) -> bytes:
    return hashlib.blake2b(address.encode("utf-8", "replace"), digest_size=16).digest()


@lru_cache(maxsize=1 << 16)
def _site(domain: str) -> int:
    hashed = hashlib.blake2b(domain.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(hashed, "big", signed=True)


def site_chunk(chunk: Chunk, context: ChunkContext) -> ChunkResult:
    """Rows of `domains` and `linked_pages` for one part of the output, and its proposals.

    Places in = addresses + repeated + other_captures.
    """
    recipe = Domains(**context.settings)
    folder, number = chunk.task["folder"], chunk.task["number"]
    repeats = Repeats()
    counts = dict.fromkeys(("addresses", "recalled", "domains", "prefixes", "link_hosts"), 0)
    levels = {"domain": "domains", "prefix": "prefixes", "link": "link_hosts"}
    blocks, rows = [rows_table("domains", [])], []
    proposed: list[Json] = []
    with ExitStack() as stack:
        sites = stack.enter_context(_sorted_rows(folder, "sites", number))
        linked = stack.enter_context(_sorted_rows(folder, "linked", number))
        links = _LinksByDomain(linked)
        for domain, captures in _captures_by_domain(sites):
            territories = territories_of(addresses(captures, repeats), recipe)
            found, proposals = rows_of_domain(domain, territories, links.take(domain), recipe)
            counts["addresses"] += territories[0].whole.pages
            counts["recalled"] += territories[0].whole.recalled
            for row in found:
                counts[levels[row["level"]]] += 1
            rows += found
            proposed += [
                {
                    "weight": territories[0].whole.recalled,
                    "domain": domain,
                    "place": place,
                    "proposal": json.dumps(dataclasses.asdict(proposal)),
                }
                for place, proposal in enumerate(proposals)
            ]
            if len(rows) >= _BLOCK_ROWS:
                blocks.append(rows_table("domains", rows))
                rows = []
                context.heartbeat.send({"done": counts["domains"]})
        pages = _linked_pages(linked)
    blocks.append(rows_table("domains", rows))
    put_exchange(pa.Table.from_pylist(proposed, schema=PROPOSED), folder, f"proposals/{number}")
    files = [
        put_table(table, name, context.output, f"{name}/{chunk.name}.parquet")
        for name, table in (("domains", pa.concat_tables(blocks)), ("linked_pages", pages))
    ]
    counts |= {"repeated": repeats.repeated, "other_captures": repeats.other_captures}
    counts |= {"linked_pages": pages.num_rows, "proposals.found": len(proposed)}
    return ChunkResult(files, counts)


@contextmanager
def _sorted_rows(folder: str, kind: str, number: int) -> Iterator[pq.ParquetFile | None]:
    """The sorted rows of a part of the output; None where it has none."""
    told = (read_json(join(folder, SORTED)) or {}).get("rows", {}).get(kind, {})
    wanted = told.get(str(number), 0)
    if not wanted:
        yield None
        return
    uri = join(folder, kind, f"{number}.parquet")
    with local_copy(uri) as path, pq.ParquetFile(path) as file:
        if file.metadata.num_rows != wanted:
            raise JobError(
                f"{uri}: expected {wanted} rows, found {file.metadata.num_rows}; remove "
                f"{join(folder, SORTED)} and try again"
            )
        yield file


def _rows(file: pq.ParquetFile | None, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Rows of a file as tuples, a batch of them in memory."""
    if file is not None:
        for batch in file.iter_batches(_BATCH_ROWS, columns=columns, use_threads=False):
            by_name = (batch.column(name).to_pylist() for name in columns)
            yield from zip(*by_name, strict=True)


def _captures_by_domain(
    file: pq.ParquetFile | None,
) -> Iterator[tuple[str, Iterator[Capture]]]:
    columns = ["domain", "key", "address", "doc", "tokens", "score", "language", "kind", "url"]
    for domain, rows in itertools.groupby(_rows(file, columns), key=itemgetter(0)):
        yield domain, (Capture(*row[1:]) for row in rows)


class _LinksByDomain:
    """The linked hosts of each domain, from rows sorted by domain; one domain in memory."""

    def __init__(self, file: pq.ParquetFile | None) -> None:
        columns = ["registered_domain", "host", "score", "n_docs", "doc_id", "url"]
        self._groups = itertools.groupby(_rows(file, columns), key=itemgetter(0))
        self._next = next(self._groups, None)

    def take(self, domain: str) -> list[HostLinks]:
        """The hosts of ``domain``; the domains must be asked for in their order."""
        if self._next is None or self._next[0] != domain:
            return []
        hosts: dict[str, HostLinks] = {}
        for _, host, score, n_docs, doc_id, url in self._next[1]:
            found = hosts.setdefault(host, HostLinks(host))
            found.pages += 1
            found.recalled += score is not None
            found.score_sum += score or 0
            found.links += n_docs
            if score is None:
                found.examples = sorted([*found.examples, (doc_key(doc_id), url)])[:EXAMPLES]
        self._next = next(self._groups, None)
        return list(hosts.values())


def _linked_pages(file: pq.ParquetFile | None) -> pa.Table:
    """Rows of `linked_pages`: what is linked to and not recalled."""
    schema = arrow_schema("linked_pages")
    if file is None:
        return rows_table("linked_pages", [])
    table = file.read(columns=[*schema.names, "score"], use_threads=False)
    return table.filter(pc.is_null(table["score"])).select(schema.names)
