"""Lists of addresses, one a line, and which pages of an index they mean.

Two kinds of list: URLs, each meant exactly as captured (or, by canonical form, as one page
however it is written), and sites: registered domains, hosts, or a host with the start of a path.
Reads text; matches columns of URLs and hosts. The trade: a list is held in memory, by the driver
and by each task, as the person who wrote it holds it in a file; an index never is.
"""

from __future__ import annotations

import functools
import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from cc_math.errors import InputError
from cc_math.storage import store_for
from cc_math.urls import host_of, url_key

KINDS = ("urls", "canonical", "domains")
"""What the lines of a list are: exact URLs, URLs by canonical form, or sites."""

_PUBLIC_SUFFIXES = PublicSuffixList(accept_unknown=True, only_icann=True)
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]")  # RFC 1123, RFC 3986
_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_IP_ADDRESS = re.compile(r"[0-9.]+|\[.*")


@dataclass(frozen=True, slots=True)
class Site:
    """A line of a list of sites: pages of ``host`` and below it, or of one host by path."""

    host: str
    path: str


class Addresses:
    """A list of addresses, ready to be matched. ``lines`` are as given, each once.

    ``domains`` holds every name that an index may give as registered domain of a page that is
    meant: the host and what is above it up to a public suffix (the private suffixes of its day
    and of today may differ). It holds '' where a host is meant that has none: an IP address.
    ``same_as`` maps a line that means the same URL as one before it to that line.
    """

    def __init__(self, kind: str, lines: tuple[str, ...]) -> None:
        self.kind, self.lines = kind, lines
        self.domains: set[str] = set()
        self.same_as: dict[str, str] = {}
        self._line_of_url: dict[str, int] = {}
        self._paths_of_host: dict[str, list[tuple[str, int]]] = {}
        for number, line in enumerate(lines):
            if kind == "domains":
                site = parse_site(line)
                self._paths_of_host.setdefault(site.host, []).append((site.path, number))
                self.domains.update(_possible_domains(site.host))
            else:
                url = line.partition("#")[0]  # the crawler sends no fragment
                key = url_key(url) if kind == "canonical" else url
                first = self._line_of_url.setdefault(key, number)
                if first != number:
                    self.same_as[line] = lines[first]
                self.domains.update(_possible_domains(host_of(url)))
        self._urls = pa.array(list(self._line_of_url), pa.string())
        self._line_numbers = list(self._line_of_url.values())

    def matches(self, urls: pa.Array, hosts: pa.Array) -> Iterator[tuple[int, int]]:
        """Pairs (row, line) of the pages that are meant; a page may be meant by several lines.

        ``urls`` and ``hosts`` are string columns of one length.
        """
        if self.kind == "urls":
            found = pc.index_in(urls.cast(pa.string()), value_set=self._urls)
            for row in pc.indices_nonzero(found.is_valid()).to_pylist():
                yield row, self._line_numbers[found[row].as_py()]
        elif self.kind == "canonical":
            for row, url in enumerate(urls.to_pylist()):
                line = self._line_of_url.get(url_key(url or ""))
                if line is not None:
                    yield row, line
        else:
            yield from self._site_matches(urls, hosts)

    def _site_matches(self, urls: pa.Array, hosts: pa.Array) -> Iterator[tuple[int, int]]:
        named = hosts.cast(pa.string()).dictionary_encode()
        meant = [self._meant_of_host(host or "") for host in named.dictionary.to_pylist()]
        if not any(meant):
            return
        for row, index in enumerate(named.indices.to_pylist()):
            if index is None or not meant[index]:
                continue
            path = path_of(urls[row].as_py() or "")
            for start, line in meant[index]:
                if path.startswith(start):
                    yield row, line

    def _meant_of_host(self, host: str) -> list[tuple[str, int]]:
        """(start of path, line) of the lines that mean pages of ``host``."""
        found = []
        for name in _names_above(host):
            for path, line in self._paths_of_host.get(name, ()):
                if not path or host in (name, f"www.{name}"):
                    found.append((path or "/", line))
        return found


def read_addresses(uri: str, kind: str) -> Addresses:
    """The list at ``uri`` (a file, a URL, gzipped or not, or '-' for standard input).

    Blank lines and lines that begin with '#' are left out. Raises InputError with the number of
    a line that is no address, and for a list without any.
    """
    return Addresses(kind, parse_lines(_read(uri), kind, "standard input" if uri == "-" else uri))


def parse_lines(text: str, kind: str, where: str) -> tuple[str, ...]:
    """The addresses of ``text``, each once. Raises InputError, naming ``where`` and the line."""
    lines: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip().removeprefix("\ufeff")
        if not line or line.startswith("#"):
            continue
        try:
            if kind == "domains":
                parse_site(line)
            elif not host_of(line) or not _SCHEME.match(line):
                raise InputError("expected a URL that begins with http:// or https://")
        except InputError as error:
            raise InputError(f"{where}:{number}: {error}, found {line[:200]!r}") from None
        lines[line] = None
    if not lines:
        what = "domains" if kind == "domains" else "URLs"
        raise InputError(f"{where}: expected {what}, one a line, found none")
    return tuple(lines)


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


@functools.lru_cache(maxsize=1 << 16)
def _possible_domains(host: str) -> tuple[str, ...]:
    if _IP_ADDRESS.fullmatch(host) or "." not in host:
        return host, ""
    names = _names_above(host)
    return tuple(name for name in names if _PUBLIC_SUFFIXES.privatesuffix(name) is not None)


def _read(uri: str) -> str:
    try:
        data = sys.stdin.buffer.read() if uri == "-" else store_for(uri).read_bytes(uri)
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{uri}:{line}: not UTF-8 text: {error.reason}") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{uri}: damaged gzip: {error}") from None
