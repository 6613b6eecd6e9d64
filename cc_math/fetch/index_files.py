"""Where the files of Common Crawl's columnar index are: the published ones, and anybody's own.

The table lies in Parquet files below ``crawl=…/subset=…/``: a folder in S3 or on a disk, a list of
paths behind https, which has no listings.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cc_math.errors import InputError
from cc_math.inputs import COMMON_CRAWL_HTTPS, SIZE_REQUESTS, path_lines
from cc_math.storage import base_name, join, store_for

PARTITION = re.compile(r"(?:^|/)(crawl|subset)=([^/]+)(?=/)")
"""What a path says of its file: ``crawl=NAME`` and ``subset=NAME``."""
_PUBLISHED = "cc-index/table/cc-main/warc"  # commoncrawl.org/columnar-index


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One Parquet file of the index."""

    uri: str
    name: str
    size_bytes: int


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
    paths = path_lines(uri)
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
    partitions: dict[str, str] = dict(PARTITION.findall(path))
    return partitions.get("subset", "")
