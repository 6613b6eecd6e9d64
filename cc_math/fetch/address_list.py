"""Addresses of a list, one a line, and which pages of an index they mean.

Two kinds of list: URLs, each meant exactly as captured (or, by canonical form, as one page
however it is written), and sites: registered domains, hosts, or a host with the start of a path.
Reads lines; matches columns of URLs and hosts. A list may be longer than memory: what is matched
at a time is a block of it (:mod:`cc_math.fetch.sorted_list`), chosen by :func:`site_key`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from cc_math.errors import InputError
from cc_math.urls import host_of, url_key

# of domains Common Crawl's index, too, takes the section of the registries alone
_PUBLIC_SUFFIXES = PublicSuffixList(accept_unknown=True, only_icann=True)
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]")  # RFC 1123, RFC 3986
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_IP_ADDRESS = re.compile(r"[0-9.]+|\[.*")
_HOSTS_CACHED = 1 << 16  # chosen: some 10 MB; lists and indexes name a host's pages together


@dataclass(frozen=True, slots=True)
class Site:
    """A line of a list of sites: pages of ``host`` and below it, or of one host by path."""

    host: str
    path: str


@dataclass(frozen=True, slots=True)
class Address:
    """A line of a list. Lines with the same ``match`` mean the same pages; ``key`` is the
    :func:`site_key` of its host."""

    key: str
    match: str


def parse_address(line: str, kind: str) -> Address:
    """The address that ``line`` of a list of ``kind`` is: `urls` (exact), `canonical` (URLs by
    canonical form) or `domains` (sites). Raises InputError for what is none, without the place."""
    if kind == "domains":
        site = parse_site(line)
        return Address(site_key(site.host), site.host + site.path)
    host = host_of(line)
    if not host or not _SCHEME.match(line):
        raise InputError("expected a URL that begins with http:// or https://")
    url = line.partition("#")[0]  # the crawler sends no fragment
    return Address(site_key(host), url_key(url) if kind == "canonical" else url)


def parse_site(line: str) -> Site:
    """``example.org``, ``math.example.org`` or ``example.org/path``, with or without a scheme.

    Raises InputError for what is no host, and for a public suffix: it is nobody's site.
    """
    rest = _SCHEME.sub("", line, count=1).removeprefix("*.")
    name, slash, path = rest.partition("/")
    host = host_of(f"https://{name}")
    is_address = _IP_ADDRESS.fullmatch(host) is not None
    if not _HOST.fullmatch(host) or ("." not in host and not is_address):
        raise InputError("expected a domain, a host, or a host and a path")
    if not is_address and _PUBLIC_SUFFIXES.privatesuffix(host) is None:
        raise InputError(f"{host} is a public suffix; name the domains below it")
    return Site(host, slash + path.partition("#")[0].removesuffix("*") if path else "")


@functools.lru_cache(maxsize=_HOSTS_CACHED)
def site_key(host: str) -> str:
    """The registered domain of a host, its labels from the last to the first: ``org,example``.

    Sorted by it, hosts stand in the order of the index. Of whatever name between the host and
    its registered domain the index gives (the suffixes of its day and of today may differ), the
    key is the same. '' for a host without one, such as an IP address, of which the index gives
    none either.
    """
    if _IP_ADDRESS.fullmatch(host) or "." not in host:
        return ""
    domain = _PUBLIC_SUFFIXES.privatesuffix(host) or ""
    return ",".join(reversed(domain.split(".")))


@functools.lru_cache(maxsize=_HOSTS_CACHED)
def possible_domains(host: str) -> tuple[str, ...]:
    """Every name that an index may give as registered domain of pages of ``host``: the host and
    what is above it up to a public suffix. '' stands for a host that has none."""
    if _IP_ADDRESS.fullmatch(host) or "." not in host:
        return host, ""
    names = _names_above(host)
    return tuple(name for name in names if _PUBLIC_SUFFIXES.privatesuffix(name) is not None)


def host_of_match(match: str, kind: str) -> str:
    """The host of :attr:`Address.match`."""
    return host_of(match if kind == "urls" else f"https://{match}")


class Addresses:
    """Some addresses of a list, ready to be matched.

    ``matches`` are as :attr:`Address.match`, ``numbers`` say the same of the lines that mean the
    same: the number of the first such line.
    """

    def __init__(self, kind: str, matches: pa.Array, numbers: pa.Array) -> None:
        self._kind = kind
        self._matches, self._numbers = matches, numbers
        self._paths_of_host: dict[str, list[tuple[str, int]]] = {}
        if kind == "domains":
            pairs = zip(matches.to_pylist(), numbers.to_pylist(), strict=True)
            for match, number in dict(pairs).items():
                host, slash, path = match.partition("/")
                self._paths_of_host.setdefault(host, []).append((slash + path, number))

    def of_pages(self, pages: Pages) -> Iterator[tuple[int, int]]:
        """Pairs (row, number of the line) of the pages that are meant; a page may be meant by
        several lines."""
        if self._kind == "domains":
            yield from self._site_matches(pages)
            return
        found = pc.index_in(pages.matches, value_set=self._matches)
        rows = pc.indices_nonzero(found.is_valid())
        numbers = self._numbers.take(found.take(rows))
        yield from zip(rows.to_pylist(), numbers.to_pylist(), strict=True)

    def _site_matches(self, pages: Pages) -> Iterator[tuple[int, int]]:
        named = pages.hosts.dictionary_encode()
        meant = [self._meant_of_host(host or "") for host in named.dictionary.to_pylist()]
        if not any(meant):
            return
        for row, index in enumerate(named.indices.to_pylist()):
            if index is None or not meant[index]:
                continue
            path = path_of(pages.urls[row].as_py() or "")
            for start, number in meant[index]:
                if path.startswith(start):
                    yield row, number

    def _meant_of_host(self, host: str) -> list[tuple[str, int]]:
        """(start of path, number) of the lines that mean pages of ``host``."""
        found = []
        for name in _names_above(host):
            for path, number in self._paths_of_host.get(name, ()):
                if not path or host in (name, f"www.{name}"):
                    found.append((path or "/", number))
        return found


class Pages:
    """Rows of an index, to be matched with one block of a list after another.

    ``urls`` and ``hosts`` are string arrays of one length.
    """

    def __init__(self, kind: str, urls: pa.Array, hosts: pa.Array) -> None:
        self.urls, self.hosts = urls.cast(pa.string()), hosts.cast(pa.string())
        self.matches = self.urls
        if kind == "canonical":
            keys = [url_key(url or "") for url in self.urls.to_pylist()]
            self.matches = pa.array(keys, pa.string())


def path_of(url: str) -> str:
    """Path and query of an absolute URL, beginning with a slash."""
    rest = url.partition("://")[2].partition("#")[0]
    host = re.split(r"[/?]", rest, maxsplit=1)[0]
    path = rest[len(host) :]
    return path if path.startswith("/") else f"/{path}"


def _names_above(host: str) -> list[str]:
    """``host`` and, unless it is an IP address, the names above it."""
    if _IP_ADDRESS.fullmatch(host):
        return [host]
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]
