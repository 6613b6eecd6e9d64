"""Domain discovery: what share of each site a round recalled, and what to propose from it.

Shao et al. 2024, section 2.1: after a round, a domain of which more than 10 % of the pages were
collected is looked at by hand, and the paths that hold its mathematics are added to the seed.
Counts are of registered domains, and of path prefixes (host and first folder), since large
sites keep their mathematics in one place. The share comes with its Wilson interval, because
most sites have few pages; a site is proposed by the lower end only where the recipe says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import sqrt
from urllib.parse import urlsplit

from cc_math.urls import host_of

DOMAIN, PREFIX = "domain", "prefix"
EXAMPLES = 5  # what a person reads before taking a site into the seed
_Z = 1.959964  # two-sided 95 % of the normal distribution


@dataclass(slots=True)
class SiteCounts:
    """Counts of one domain or prefix. ``examples`` are (doc_id, url) of recalled documents, those
    of the smallest doc_ids, which are hashes: a fair draw that is the same every time."""

    pages: int = 0
    recalled: int = 0
    tokens: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


Site = tuple[str, str]  # level, name


def sites_of(url: str, registered_domain: str) -> list[Site]:
    """The domain of a page, and its prefix: host and first folder of the path."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    folders = path.split("/")[1:-1]
    host = host_of(url)
    prefix = f"{host}/{folders[0]}/" if folders else f"{host}/"
    return [(DOMAIN, registered_domain), (PREFIX, prefix)] if registered_domain else []


def count_sites(
    pages: Iterable[tuple[str, str, str]], recalled: Mapping[str, int]
) -> dict[Site, SiteCounts]:
    """Counts of one chunk: ``pages`` are (doc_id, url, registered_domain), each doc_id once,
    ``recalled`` the tokens of the recalled documents by doc_id."""
    counts: dict[Site, SiteCounts] = {}
    for doc_id, url, registered_domain in pages:
        tokens = recalled.get(doc_id)
        for site in sites_of(url, registered_domain):
            found = counts.setdefault(site, SiteCounts())
            found.pages += 1
            if tokens is not None:
                found.recalled += 1
                found.tokens += tokens
                found.examples.append((doc_id, url))
    for found in counts.values():
        found.examples = sorted(found.examples)[:EXAMPLES]
    return counts


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    centre = share + _Z * _Z / (2 * trials)
    spread = _Z * sqrt(share * (1 - share) / trials + _Z * _Z / (4 * trials * trials))
    scale = 1 + _Z * _Z / trials
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return max(0.0, low), min(1.0, high)


def is_proposed(pages: int, recalled: int, *, min_pages: int, min_share: float) -> bool:
    """Whether a site goes on the list of proposals."""
    return pages >= min_pages and recalled > 0 and recalled / pages >= min_share
