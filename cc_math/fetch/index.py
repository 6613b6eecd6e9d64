"""Rows of Common Crawl's columnar index: which of them a list of addresses means.

The table (https://github.com/commoncrawl/cc-index-table, cc-index-schema-flat.json) has one row
a capture, sorted by SURT key, in Parquet files below ``crawl=…/subset=…/``. Of each file only
those row groups are read whose range of registered domains can hold a page that is meant, of
these first the domain column alone, then the URLs where it matches, and the rest of the rows that
are meant.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cc_math.errors import InputError
from cc_math.fetch.address_list import Pages
from cc_math.fetch.index_files import PARTITION
from cc_math.fetch.sorted_list import SortedList
from cc_math.schema import arrow_schema
from cc_math.storage import random_access
from cc_math.urls import registered_domain, url_key
from cc_math.warc import doc_id

REQUIRED = (
    "url",
    "url_host_name",
    "url_host_registered_domain",
    "fetch_time",
    "fetch_status",
    "warc_filename",
    "warc_record_offset",
    "warc_record_length",
)
"""Columns of the published schema without which a page cannot be found or fetched."""
OPTIONAL = ("content_digest", "content_mime_type", "content_mime_detected", "crawl")
_END_OF_TIME_S = 253_402_300_800  # the year 10000: a later capture has no time of four digits
_WHOLE_NUMBERS = ("fetch_status", "warc_record_offset", "warc_record_length")
Row = dict[str, Any]
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})  # as cc_math.warc takes them
_CRAWL_IN_PATH = re.compile(r"(?:^|/)crawl-data/([^/]+)/")

CANDIDATES = pa.schema(
    [*arrow_schema("wanted"), pa.field("fetch_time", pa.string()), pa.field("page", pa.string())]
)
"""Columns of `wanted`, the capture's time, and what captures of one page share."""
FOUND = pa.schema(
    [
        ("first", pa.int64()),
        ("captures", pa.int64()),
        ("left_out", pa.int64()),
        ("why", pa.string()),
    ]
)
"""By line of the list, as :data:`cc_math.fetch.sorted_list.SORTED_LINES` number it: captures taken
in one batch, captures left out and why the first of them was."""


@dataclass(slots=True)
class Matched:
    """What one file of the index gave: tables of CANDIDATES, tables of FOUND, counts."""

    candidates: list[pa.Table] = field(default_factory=list)
    found: list[pa.Table] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def match_file(
    uri: str, addresses: SortedList, *, any_type: bool, matched: Matched | None = None
) -> Iterator[Matched]:
    """What the file at ``uri`` holds of ``addresses``, after each row group that was read.

    ``candidates`` and ``found`` of the one object that comes are of that row group alone, unless
    ``matched`` is given to gather them. Captures with another status than 200 or of another type
    than HTML are left out and counted, unless ``any_type``; so are rows that name no WARC or no
    place in it. Raises InputError where the file is not a part of such an index.
    """
    gathered = matched is not None
    matched = matched or Matched()
    crawl = dict(PARTITION.findall(uri)).get("crawl", "")
    with _opened(uri) as file:
        columns = _columns(file, uri)
        for number in possible_row_groups(file, addresses):
            matched.counts["index.row_groups_read"] += 1
            try:
                _match_row_group(file, number, columns, addresses, any_type, crawl, matched)
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{uri}: row group {number} cannot be read: {error}") from error
            yield matched
            if not gathered:
                matched.candidates, matched.found = [], []
        matched.counts["index.row_groups"] += file.metadata.num_row_groups
        yield matched


def _columns(file: pq.ParquetFile, uri: str) -> list[str]:
    """The columns to read. Raises InputError where they are not those of the index."""
    types = {field.name: field.type for field in file.schema_arrow}
    expected = "expected Common Crawl's columnar index (cc-index-table, flat schema)"
    missing = [name for name in REQUIRED if name not in types]
    if missing:
        raise InputError(
            f"{uri}: no column {', '.join(missing)}; {expected}, found "
            f"{', '.join(sorted(types))[:300]}"
        )
    for name in (*REQUIRED, *OPTIONAL):
        if name in types and not _is_of(name, types[name]):
            raise InputError(f"{uri}: column {name} is {types[name]}; {expected}")
    return [name for name in (*REQUIRED, *OPTIONAL) if name in types]


def _is_of(name: str, given: pa.DataType) -> bool:
    """Whether a column may have that type; text may come as a dictionary of texts."""
    if name in _WHOLE_NUMBERS:
        return bool(pa.types.is_integer(given))
    if name == "fetch_time":
        return bool(pa.types.is_timestamp(given))
    given = given.value_type if pa.types.is_dictionary(given) else given
    return bool(pa.types.is_string(given) or pa.types.is_large_string(given))


def possible_row_groups(file: pq.ParquetFile, addresses: SortedList) -> list[int]:
    """Row groups whose statistics do not rule out the domains of ``addresses``."""
    column = file.schema_arrow.get_field_index("url_host_registered_domain")
    possible = []
    for number in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(number).column(column).statistics
        if statistics is None or not statistics.has_min_max:
            possible.append(number)
            continue
        nulls = bool(statistics.null_count or not statistics.has_null_count)
        if addresses.may_hold(statistics.min, statistics.max, nulls):
            possible.append(number)
    return possible


def _match_row_group(
    file: pq.ParquetFile,
    number: int,
    columns: list[str],
    addresses: SortedList,
    any_type: bool,
    crawl: str,
    matched: Matched,
) -> None:
    domains = _text(file.read_row_group(number, columns=["url_host_registered_domain"]).column(0))
    matched.counts["index.rows_read"] += len(domains)
    meant = addresses.domains_meant(pc.unique(domains).to_pylist())
    if not meant:
        return
    names = sorted(name for name in meant if name is not None)
    mask = pc.is_in(domains, value_set=pa.array(names, pa.string()))
    if None in meant:
        mask = pc.or_(mask, domains.is_null())
    pairs = _pairs(file, number, mask, addresses, meant)
    rows, lines_of_row = np.unique(pairs[:, 0], return_counts=True)
    places = np.zeros(len(domains), dtype=bool)
    places[rows] = True
    lines, counts = iter(pairs[:, 1].tolist()), iter(lines_of_row.tolist())
    for batch in _filtered_batches(file, number, columns, pa.array(places)):
        taken: list[Row] = []
        found: dict[int, Row] = {}
        for row in _rows(batch):
            why = _why_unusable(row) or ("" if any_type else _why_left_out(row))
            matched.counts["index.captures"] += 1
            if why:
                matched.counts[f"index.left_out.{why.partition(' ')[0]}"] += 1
            else:
                taken.append(_candidate(row, crawl, addresses.kind))
            for line in itertools.islice(lines, next(counts)):
                _count_line(found, line, why)
        matched.counts["index.candidates"] += len(taken)
        matched.candidates.append(pa.Table.from_pylist(taken, schema=CANDIDATES))
        told = [found[line] for line in sorted(found)]
        matched.found.append(pa.Table.from_pylist(told, schema=FOUND))


def _pairs(
    file: pq.ParquetFile,
    number: int,
    mask: pa.ChunkedArray,
    addresses: SortedList,
    domains: set[str | None],
) -> npt.NDArray[np.int64]:
    """Pairs (row of a row group, line that means it), sorted, of shape (pairs, 2). Of the rows of
    ``mask`` the URLs and hosts are held, of the list a block at a time."""
    batches = list(_filtered_batches(file, number, ["url", "url_host_name"], mask))
    table = pa.Table.from_batches(batches).combine_chunks()
    urls, hosts = (_array(_text(table.column(name))) for name in ("url", "url_host_name"))
    pages = Pages(addresses.kind, urls, hosts)
    found = [np.empty((0, 2), np.int64)]
    for block in addresses.blocks(domains):
        found.append(np.fromiter(block.of_pages(pages), np.dtype((np.int64, 2))))
    pairs = np.unique(np.concatenate(found), axis=0)
    places = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
    pairs[:, 0] = places[pairs[:, 0]]
    return pairs


def _rows(batch: pa.RecordBatch) -> list[Row]:
    """Rows of a batch; the time of a capture as whole seconds from 1970 on, in UTC."""
    at = batch.schema.get_field_index("fetch_time")
    seconds = batch.column(at).cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    return list(batch.set_column(at, "fetch_time", seconds).to_pylist())


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def _filtered_batches(
    file: pq.ParquetFile, number: int, columns: list[str], mask: pa.ChunkedArray
) -> Iterator[pa.RecordBatch]:
    """Batches of a row group with the rows of ``mask`` alone."""
    start, keep = 0, mask.combine_chunks() if isinstance(mask, pa.ChunkedArray) else mask
    for batch in file.iter_batches(1 << 16, row_groups=[number], columns=columns):
        kept = batch.filter(keep.slice(start, batch.num_rows))
        start += batch.num_rows
        if kept.num_rows:
            yield kept


def _why_unusable(row: Row) -> str:
    """Why the record of a row cannot be asked for, '' if it can."""
    name, offset, length = (row[column] for column in REQUIRED[-3:])
    if not row["url"] or not name:
        return f"place unknown ({'warc_filename' if row['url'] else 'url'} is empty)"
    if ".." in name.split("/"):  # it would lead out of --base
        return "place unknown (warc_filename holds ..)"
    if offset is None or length is None or offset < 0 or length <= 0:
        return f"place unknown ({length} bytes at {offset})"
    return ""


def _why_left_out(row: Row) -> str:
    if row["fetch_status"] != 200:
        return f"status {row['fetch_status']}"
    mime = row.get("content_mime_detected") or row.get("content_mime_type") or ""
    mime = mime.partition(";")[0].strip().lower()
    if not mime or mime in _HTML_TYPES:
        return ""
    return "type " + "".join(c if c.isprintable() else "?" for c in mime[:100])


def _count_line(found: dict[int, Row], line: int, why: str) -> None:
    row = found.setdefault(line, {"first": line, "captures": 0, "left_out": 0, "why": ""})
    row["left_out" if why else "captures"] += 1
    row["why"] = row["why"] or why


def _candidate(row: Row, crawl: str, kind: str) -> Row:
    url, time = row["url"], row["fetch_time"]
    fetch_time = ""
    if time is not None and 0 <= time < _END_OF_TIME_S:
        fetch_time = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = row.get("content_digest") or ""
    digest = digest if ":" in digest or not digest else f"sha1:{digest}"
    in_path = _CRAWL_IN_PATH.search(row["warc_filename"])
    return {
        "doc_id": doc_id(url, fetch_time, digest),
        "url": url,
        "registered_domain": registered_domain(url),
        "crawl": row.get("crawl") or crawl or (in_path.group(1) if in_path else ""),
        "warc_filename": row["warc_filename"],
        "warc_record_offset": row["warc_record_offset"],
        "warc_record_length": row["warc_record_length"],
        "reason": "index",
        "fetch_time": fetch_time,
        "page": url_key(url) if kind == "canonical" else url,
    }


@contextmanager
def _opened(uri: str) -> Iterator[pq.ParquetFile]:
    """The Parquet file at a URI; what cannot be opened is an InputError."""
    try:
        file = pq.ParquetFile(random_access(uri), pre_buffer=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{uri} is not a Parquet file: {error}") from None
    with file:
        yield file
