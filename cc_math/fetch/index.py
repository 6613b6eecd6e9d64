"""Common Crawl's columnar index: where its files are, and which of their rows are meant.

The table (https://github.com/commoncrawl/cc-index-table, cc-index-schema-flat.json) has one row
a capture, sorted by SURT key, in Parquet files below ``crawl=…/subset=…/``. Of each file only
those row groups are read whose range of registered domains can hold a page that is meant, of
these first the domain column alone, and the others only where it matches.
"""

from __future__ import annotations

import bisect
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cc_math.errors import InputError
from cc_math.fetch.address_list import Addresses
from cc_math.inputs import COMMON_CRAWL_HTTPS, SIZE_REQUESTS
from cc_math.schema import arrow_schema
from cc_math.storage import base_name, join, random_access, store_for
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
Row = dict[str, Any]
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})  # as cc_math.warc takes them
_PARTITION = re.compile(r"(?:^|/)(crawl|subset)=([^/]+)(?=/)")
_CRAWL_IN_PATH = re.compile(r"(?:^|/)crawl-data/([^/]+)/")
_PUBLISHED = "cc-index/table/cc-main/warc"  # commoncrawl.org/columnar-index

CANDIDATES = pa.schema(
    [*arrow_schema("wanted"), pa.field("fetch_time", pa.string()), pa.field("page", pa.string())]
)
"""Columns of `wanted`, the capture's time, and what captures of one page share."""
FOUND = pa.schema(
    [
        ("line", pa.string()),
        ("captures", pa.int64()),
        ("left_out", pa.int64()),
        ("why", pa.string()),
    ]
)
"""By line of the list: captures taken, captures left out and why the first of them was."""


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One Parquet file of the index."""

    uri: str
    name: str
    size_bytes: int


@dataclass(slots=True)
class Matched:
    """What one file of the index gave: tables of CANDIDATES, rows of FOUND by line, counts."""

    candidates: list[pa.Table] = field(default_factory=list)
    found: dict[str, Row] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def crawl_index(crawl: str, base: str | None) -> list[IndexFile]:
    """The published index of ``crawl``: a folder in S3, a list of paths behind https."""
    if not re.fullmatch(r"CC-MAIN-\d{4}-\d{2}", crawl):
        raise InputError(f"--crawl {crawl}: expected the form CC-MAIN-2026-05")
    root = base or COMMON_CRAWL_HTTPS
    if not root.startswith(("https://", "http://")):
        return index_files(join(root, _PUBLISHED, f"crawl={crawl}", "subset=warc"))
    listed = join(root, "crawl-data", crawl, "cc-index-table.paths.gz")
    return _listed_files(listed, root)


def index_files(uri: str) -> list[IndexFile]:
    """Files of the index at ``uri``: a Parquet file, a folder, or a list of paths.

    Of a folder with several subsets, `warc` alone (successful captures) is taken. Raises
    InputError where there is none.
    """
    if uri.endswith((".paths", ".paths.gz", ".txt")):
        return _listed_files(uri, uri.rpartition("/")[0])
    if uri.endswith(".parquet"):
        return [_index_file(uri, base_name(uri))]
    prefix = uri.rstrip("/")
    files = []
    for entry in store_for(uri).list_files(uri):
        relative = entry.uri[len(prefix) :].lstrip("/")
        if relative.endswith(".parquet") and _subset(relative) in ("", "warc"):
            files.append(IndexFile(entry.uri, relative, entry.size_bytes))
    if not files:
        raise InputError(
            f"{uri}: expected Parquet files of Common Crawl's columnar index (such as "
            f"s3://commoncrawl/{_PUBLISHED}/crawl=CC-MAIN-2026-05/subset=warc/), found none"
        )
    return files


def _listed_files(uri: str, root: str) -> list[IndexFile]:
    data = store_for(uri).read_bytes(uri)
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{uri}: damaged gzip: {error}") from None
    paths = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    wanted = [p for p in paths if p.endswith(".parquet") and _subset(p) in ("", "warc")]
    if not wanted:
        raise InputError(f"{uri}: expected paths of Parquet files, one a line, found none")
    named = [(p if "://" in p else join(root, p), p) for p in sorted(set(wanted))]
    with ThreadPoolExecutor(SIZE_REQUESTS) as threads:
        store_for(root)  # its client is not made in threads
        return list(threads.map(lambda pair: _index_file(*pair), named))


def _index_file(uri: str, name: str) -> IndexFile:
    size_bytes = store_for(uri).size_bytes(uri)
    if size_bytes is None:
        raise InputError(f"there is no {uri}")
    return IndexFile(uri, name, size_bytes)


def _subset(path: str) -> str:
    partitions: dict[str, str] = dict(_PARTITION.findall(path))
    return partitions.get("subset", "")


def match_file(
    uri: str, addresses: Addresses, *, any_type: bool, matched: Matched | None = None
) -> Iterator[Matched]:
    """What the file at ``uri`` holds of ``addresses``, after each row group that was read.

    Captures with another status than 200 or of another type than HTML are left out and counted,
    unless ``any_type``. Raises InputError where the file is not a part of such an index.
    """
    matched = matched or Matched()
    crawl = dict(_PARTITION.findall(uri)).get("crawl", "")
    with _opened(uri) as file:
        present = set(file.schema_arrow.names)
        missing = [name for name in REQUIRED if name not in present]
        if missing:
            raise InputError(
                f"{uri}: no column {', '.join(missing)}; expected Common Crawl's columnar index "
                f"(cc-index-table, flat schema), found {', '.join(sorted(present))[:300]}"
            )
        columns = [name for name in (*REQUIRED, *OPTIONAL) if name in present]
        for number in possible_row_groups(file, addresses):
            matched.counts["index.row_groups_read"] += 1
            _match_row_group(file, number, columns, addresses, any_type, crawl, matched)
            yield matched
        matched.counts["index.row_groups"] += file.metadata.num_row_groups
        yield matched


def possible_row_groups(file: pq.ParquetFile, addresses: Addresses) -> list[int]:
    """Row groups whose statistics do not rule out the domains of ``addresses``."""
    column = file.schema_arrow.get_field_index("url_host_registered_domain")
    names = sorted(addresses.domains)
    possible = []
    for number in range(file.metadata.num_row_groups):
        statistics = file.metadata.row_group(number).column(column).statistics
        if statistics is None or not statistics.has_min_max:
            possible.append(number)
            continue
        nulls = statistics.null_count or not statistics.has_null_count
        at = bisect.bisect_left(names, statistics.min)
        within = at < len(names) and names[at] <= statistics.max
        if within or (nulls and "" in addresses.domains):
            possible.append(number)
    return possible


def _match_row_group(
    file: pq.ParquetFile,
    number: int,
    columns: list[str],
    addresses: Addresses,
    any_type: bool,
    crawl: str,
    matched: Matched,
) -> None:
    domains = file.read_row_group(number, columns=["url_host_registered_domain"]).column(0)
    mask = pc.is_in(domains, value_set=pa.array(sorted(addresses.domains), domains.type))
    if "" in addresses.domains:
        mask = pc.or_(mask, domains.is_null())
    matched.counts["index.rows_read"] += len(domains)
    if not pc.any(mask).as_py():
        return
    for batch in _filtered_batches(file, number, columns, mask):
        pairs = list(addresses.matches(batch.column("url"), batch.column("url_host_name")))
        numbers = list(dict.fromkeys(row for row, _ in pairs))
        if not numbers:
            continue
        rows = batch.take(pa.array(numbers, pa.int64())).to_pylist()
        why = {n: "" if any_type else _why_left_out(r) for n, r in zip(numbers, rows, strict=True)}
        taken = [row for number, row in zip(numbers, rows, strict=True) if not why[number]]
        candidates = [_candidate(row, crawl, addresses.kind) for row in taken]
        matched.candidates.append(pa.Table.from_pylist(candidates, schema=CANDIDATES))
        matched.counts["index.captures"] += len(rows)
        matched.counts["index.candidates"] += len(taken)
        for kind in (reason.partition(" ")[0] for reason in why.values() if reason):
            matched.counts[f"index.left_out.{kind}"] += 1
        for number_in_batch, line in pairs:
            _count_line(matched, addresses.lines[line], why[number_in_batch])


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


def _why_left_out(row: Row) -> str:
    if row["fetch_status"] != 200:
        return f"status {row['fetch_status']}"
    mime = row.get("content_mime_detected") or row.get("content_mime_type") or ""
    mime = mime.partition(";")[0].strip().lower()
    return "" if not mime or mime in _HTML_TYPES else f"type {mime}"


def _count_line(matched: Matched, line: str, why: str) -> None:
    row = matched.found.setdefault(line, {"line": line, "captures": 0, "left_out": 0, "why": ""})
    row["left_out" if why else "captures"] += 1
    row["why"] = row["why"] or why


def _candidate(row: Row, crawl: str, kind: str) -> Row:
    url, time = row["url"], row["fetch_time"]
    fetch_time = "" if time is None else time.strftime("%Y-%m-%dT%H:%M:%SZ")
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
