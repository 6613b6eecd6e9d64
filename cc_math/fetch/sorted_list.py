"""A list of addresses, sorted as the index is: found again by site, a block in memory at a time.

Lines stand in parts, Parquet files sorted by (key, match, number), which
:mod:`cc_math.spark.fetch_list` writes. The index is sorted by host from its last label, and so
is the list: the rows of a row group of the index meet few blocks of the list, and no row of
either travels to meet the other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cc_math.errors import JobError
from cc_math.fetch.address_list import Addresses, host_of_match, possible_domains, site_key
from cc_math.manifests import Json, read_json
from cc_math.storage import random_access

LINES = pa.schema(
    [
        ("key", pa.string()),
        ("match", pa.string()),
        ("number", pa.int64()),
        ("line", pa.string()),
    ]
)
"""A line of a list: its address (key, match), its place in the list, how it was given."""
SORTED_LINES = pa.schema([*LINES, pa.field("first", pa.int64())])
"""LINES sorted by (key, match, number), without repeated ones; ``first`` is the number of the
first line that means the same pages."""
BLOCK_LINES = 1 << 14  # chosen: some 2 MB of URLs, a row group of a part
MAX_DOMAINS = 10_000
"""Most domains by which row groups of the index are told apart unread. Chosen: with more, one
of them falls into nearly every row group, and telling costs more than the domain column."""
_BLOCKS_HELD = 4  # chosen: what a row group of the index meets, for the next one


@dataclass(frozen=True, slots=True)
class LinesPart:
    """A part of a sorted list: its file, its lines, its first and last key; how many lines were
    left out of it as repeated; and the names that an index may give as registered domain of its
    lines, None where they are more than MAX_DOMAINS."""

    uri: str
    rows: int
    first_key: str
    last_key: str
    repeated: int
    domains: list[str] | None


def write_lines_part(
    batches: Iterable[pa.RecordBatch], kind: str, path: Path, uri: str
) -> LinesPart:
    """Write sorted rows of LINES as the part that is to be at ``uri``; each line once."""
    domains: set[str] | None = set()
    rows = 0
    given = _Counted(batches)
    first_key = last_key = ""
    with pq.ParquetWriter(
        path, SORTED_LINES, compression="zstd", use_dictionary=["key"], write_statistics=["key"]
    ) as writer:
        for table in _blocks(_distinct(given)):
            keys = table.column("key")
            first_key = first_key if rows else keys[0].as_py()
            last_key = keys[-1].as_py()
            rows += table.num_rows
            if domains is not None:
                for match in table.column("match").to_pylist():
                    domains.update(possible_domains(host_of_match(match, kind)))
                domains = domains if len(domains) <= MAX_DOMAINS else None
            writer.write_table(table, row_group_size=BLOCK_LINES)
    names = None if domains is None else sorted(domains)
    return LinesPart(uri, rows, first_key, last_key, given.rows - rows, names)


class _Counted:
    """Batches, and how many rows have come."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches, self.rows = batches, 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


def _distinct(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of SORTED_LINES from sorted rows of LINES, each line once, the first of its kind."""
    group: tuple[str, str] | None = None
    first, seen = 0, set[str]()
    for batch in batches:
        keep, firsts = [], []
        columns = (batch.column(name).to_pylist() for name in LINES.names)
        for key, match, number, line in zip(*columns, strict=True):
            if (key, match) != group:
                group, first, seen = (key, match), number, set()
            keep.append(line not in seen)
            firsts.append(first)
            seen.add(line)
        arrays = [batch.column(name).cast(LINES.field(name).type) for name in LINES.names]
        arrays.append(pa.array(firsts, pa.int64()))
        rows = pa.RecordBatch.from_arrays(arrays, schema=SORTED_LINES)
        yield rows.filter(pa.array(keep, pa.bool_()))


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows in tables of BLOCK_LINES, none of them empty."""
    table = SORTED_LINES.empty_table()
    for batch in batches:
        table = pa.concat_tables([table, pa.Table.from_batches([batch])])
        while table.num_rows >= BLOCK_LINES:
            yield table.slice(0, BLOCK_LINES)
            table = table.slice(BLOCK_LINES)
    if table.num_rows:
        yield table


class SortedList:
    """A sorted list of addresses, read as it is needed.

    ``domains`` are the names that an index may give as registered domain of pages that are
    meant, '' for none; None where they are too many to be of use.
    """

    def __init__(self, kind: str, parts: Iterable[LinesPart], domains: Iterable[str] | None):
        self.kind = kind
        self._parts = [part for part in parts if part.rows]
        self._domains = None if domains is None else sorted(domains)
        self._files: OrderedDict[str, pq.ParquetFile] = OrderedDict()
        self._keys: OrderedDict[tuple[str, int], frozenset[str]] = OrderedDict()
        self._blocks: OrderedDict[tuple[str, int], Addresses] = OrderedDict()

    def may_hold(self, lowest: str, highest: str, with_null: bool) -> bool:
        """Whether pages may be meant whose domains are between two, or have none."""
        if self._domains is None:
            return True
        at = bisect_left(self._domains, lowest)
        within = at < len(self._domains) and self._domains[at] <= highest
        return within or (with_null and "" in self._domains)

    def domains_meant(self, domains: Iterable[str | None]) -> set[str | None]:
        """Those of an index's ``domains`` below which pages may be meant; None is one, too."""
        by_key: dict[str, set[str | None]] = {}
        for domain in domains:
            by_key.setdefault(site_key(domain or ""), set()).add(domain)
        meant: set[str | None] = set()
        for group in self._groups(sorted(by_key)):
            for key in self._keys_of(group) & by_key.keys():
                meant |= by_key[key]
        return meant

    def blocks(self, domains: Iterable[str | None]) -> Iterator[Addresses]:
        """The lines whose sites are among ``domains`` (and others), a block after another."""
        keys = {site_key(domain or "") for domain in domains}
        for group in self._groups(sorted(keys)):
            if keys & self._keys_of(group):
                yield self._block(group)

    def close(self) -> None:
        """Close the files."""
        while self._files:
            self._files.popitem()[1].close()

    def _groups(self, keys: list[str]) -> Iterator[tuple[str, int]]:
        """Row groups (file, number) whose range of keys holds one of ``keys`` (sorted)."""
        for part in self._parts:
            if not _holds(keys, part.first_key, part.last_key):
                continue
            metadata = self._file(part.uri).metadata
            for number in range(metadata.num_row_groups):
                statistics = metadata.row_group(number).column(0).statistics
                unknown = statistics is None or not statistics.has_min_max
                if unknown or _holds(keys, statistics.min, statistics.max):
                    yield part.uri, number

    def _file(self, uri: str) -> pq.ParquetFile:
        file = self._files.get(uri)
        if file is None:
            file = self._files[uri] = pq.ParquetFile(random_access(uri))
            if len(self._files) > _BLOCKS_HELD:
                self._files.popitem(last=False)[1].close()
        return file

    def _keys_of(self, group: tuple[str, int]) -> frozenset[str]:
        keys = self._keys.get(group)
        if keys is None:
            column = self._file(group[0]).read_row_group(group[1], columns=["key"]).column(0)
            keys = self._keys[group] = frozenset(pc.unique(column).to_pylist())
            if len(self._keys) > _BLOCKS_HELD:
                self._keys.popitem(last=False)
        return keys

    def _block(self, group: tuple[str, int]) -> Addresses:
        block = self._blocks.get(group)
        if block is None:
            table = self._file(group[0]).read_row_group(group[1], columns=["match", "first"])
            matches, numbers = (table.column(n).combine_chunks() for n in ("match", "first"))
            block = self._blocks[group] = Addresses(self.kind, matches, numbers)
            if len(self._blocks) > _BLOCKS_HELD:
                self._blocks.popitem(last=False)
        return block


def _holds(keys: list[str], lowest: str, highest: str) -> bool:
    at = bisect_left(keys, lowest)
    return at < len(keys) and keys[at] <= highest


def read_sorted_list(uri: str) -> SortedList:
    """The list whose parts are named at ``uri``, as :func:`sorted_list_json` gives them."""
    stands = read_json(uri)
    if stands is None:
        raise JobError(f"{uri} is gone; the same command makes it again")
    return SortedList(stands["kind"], [LinesPart(**p) for p in stands["parts"]], stands["domains"])


def sorted_list_json(kind: str, parts: list[LinesPart]) -> Json:
    """The parts of a list as JSON, and its domains where they are few."""
    parts = sorted((part for part in parts if part.rows), key=lambda part: part.uri)
    names: set[str] | None = set()
    for part in parts:
        names = None if names is None or part.domains is None else names.union(part.domains)
    domains = sorted(names) if names is not None and len(names) <= MAX_DOMAINS else None
    plain = [asdict(replace(part, domains=None)) for part in parts]
    return {"kind": kind, "parts": plain, "domains": domains}
