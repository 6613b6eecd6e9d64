"""What `--input`, `--base` and `--crawl` name: a list of WARCs.

An input is a WARC, a folder, a glob, or a list of paths (``warc.paths.gz``, Common Crawl's
own kind) whose lines are taken relative to ``--base``, or to the list's own folder.
``--crawl CC-MAIN-YYYY-WW`` is the list of that crawl at Common Crawl. ``--limit`` and
``--sample`` choose WARCs for a trial run; a sample is by hash of the listed path, so that it
is the same on every machine and a larger one contains a smaller.
"""

from __future__ import annotations

import fnmatch
import gzip
import hashlib
import re
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from cc_math.errors import InputError
from cc_math.storage import base_name, is_local, join, local_path, parent, store_for

COMMON_CRAWL_HTTPS = "https://data.commoncrawl.org"  # commoncrawl.org/get-started
WARC_ENDINGS = (".warc.gz", ".warc")
SIZE_REQUESTS = 16  # chosen: asks for the sizes of a crawl's 90,000 WARCs in minutes


@dataclass(frozen=True, slots=True)
class WarcFile:
    """One WARC: its URI, the path it is listed under, and its size (None where it is missing)."""

    uri: str
    listed_path: str
    size_bytes: int | None

    @property
    def name(self) -> str:
        """A file name that stands for it: safe characters, Common Crawl's folders left out."""
        path = self.listed_path
        path = base_name(path) if path.startswith("crawl-data/") else path
        for ending in WARC_ENDINGS:
            path = path.removesuffix(ending)
        return re.sub(r"[^A-Za-z0-9._-]+", "__", path.strip("/")).lstrip("._") or "warc"


def find_warcs(
    inputs: tuple[str, ...],
    *,
    base: str | None = None,
    crawl: str | None = None,
    limit: int | None = None,
    sample: float | None = None,
) -> list[WarcFile]:
    """The WARCs that the options name, each once, sorted by listed path.

    Raises InputError where nothing is named, a folder or glob holds no WARC, two WARCs would
    share a name, or none of them exists. A single missing WARC stays in the list with no size.
    """
    named: dict[str, str] = {}
    if crawl is not None:
        named.update(_crawl_paths(crawl, base))
    for uri in inputs:
        named.update(_paths_of(uri, base))
    if not named:
        raise InputError(
            "no input: give --input (a WARC, folder, glob or warc.paths.gz) or --crawl"
        )
    chosen = sorted((listed, uri) for uri, listed in named.items())
    if sample is not None:
        chosen = [pair for pair in chosen if _sampled(pair[0], sample)]
    chosen = chosen[:limit] if limit is not None else chosen
    if not chosen:
        raise InputError(f"--sample {sample} leaves none of {len(named)} WARCs; raise it")
    sizes = _sizes_bytes([uri for _, uri in chosen])
    files = [WarcFile(uri, listed, size) for (listed, uri), size in zip(chosen, sizes, strict=True)]
    names = Counter(file.name for file in files)
    for file in files:
        if names[file.name] > 1:
            raise InputError(
                f"two inputs are both called {file.listed_path}; give their parent folder"
            )
    if all(file.size_bytes is None for file in files):
        raise InputError(f"there is no {files[0].uri}" + (" (nor the others)" if files[1:] else ""))
    return files


def _sizes_bytes(uris: list[str]) -> list[int | None]:
    stores = [store_for(uri) for uri in uris]  # their clients are not made in threads
    with ThreadPoolExecutor(SIZE_REQUESTS) as threads:
        return list(threads.map(lambda store, uri: store.size_bytes(uri), stores, uris))


def _crawl_paths(crawl: str, base: str | None) -> dict[str, str]:
    if not re.fullmatch(r"CC-MAIN-\d{4}-\d{2}", crawl):
        raise InputError(f"--crawl {crawl}: expected the form CC-MAIN-2026-05")
    root = base or COMMON_CRAWL_HTTPS
    return _listed(join(root, "crawl-data", crawl, "warc.paths.gz"), root)


def _paths_of(uri: str, base: str | None) -> dict[str, str]:
    if uri.endswith(WARC_ENDINGS):
        return {uri: base_name(uri)} if not _is_glob(uri) else _globbed(uri)
    if uri.endswith((".paths.gz", ".paths", ".txt", ".txt.gz")):
        return _listed(uri, base or parent(uri))
    if _is_glob(uri):
        return _globbed(uri)
    found = _below(uri, "*")
    if not found:
        raise InputError(
            f"{uri}: expected a WARC ({' or '.join(WARC_ENDINGS)}), a folder that holds some, "
            "a glob, or a list such as warc.paths.gz"
        )
    return found


def _is_glob(uri: str) -> bool:
    if uri.startswith(("http://", "https://")) or not any(mark in uri for mark in "*?["):
        return False
    return not (is_local(uri) and local_path(uri).exists())  # a real name may hold a bracket


def _globbed(uri: str) -> dict[str, str]:
    fixed = re.split(r"[*?\[]", uri, maxsplit=1)[0]
    folder = fixed.rsplit("/", 1)[0] if "/" in fixed else "."
    pattern = uri[len(folder) :].lstrip("/") if folder != "." else uri
    found = _below(folder or "/", pattern)
    if not found:
        raise InputError(f"{uri}: no WARC matches")
    return found


def _below(folder: str, pattern: str) -> dict[str, str]:
    prefix = folder.rstrip("/")
    named = {}
    for entry in store_for(folder).list_files(folder):
        relative = entry.uri[len(prefix) :].lstrip("/")
        if relative.endswith(WARC_ENDINGS) and fnmatch.fnmatchcase(relative, pattern):
            named[entry.uri] = relative
    return named


def _listed(uri: str, root: str) -> dict[str, str]:
    lines = path_lines(uri)
    paths = [line for line in lines if line and not line.startswith("#")]
    if not paths:
        raise InputError(f"{uri}: expected one WARC path a line, found none")
    return {p if "://" in p or p.startswith("/") else join(root, p): p for p in paths}


def path_lines(uri: str) -> list[str]:
    """The stripped lines of a list of paths, gzipped or not.

    Raises InputError where it is missing or its gzip is damaged.
    """
    data = store_for(uri).read_bytes(uri)
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{uri}: damaged gzip: {error}") from None
    return [line.strip() for line in data.decode("utf-8", "replace").splitlines()]


def _sampled(listed_path: str, share: float) -> bool:
    fraction = int.from_bytes(hashlib.blake2b(listed_path.encode(), digest_size=8).digest(), "big")
    return fraction < share * 2**64
