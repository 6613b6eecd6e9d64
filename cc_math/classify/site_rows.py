"""Rows of the tables `domains` and of the proposals, for one domain at a time.

From what :mod:`cc_math.classify.path_trie` found and from the links that lead to the
domain's hosts. A site is proposed where, of the pages that its row decides about, at least
``min_pages`` were seen and at least the share ``min_share`` was recalled; inside of a proposed
site a prefix that is none itself is listed too, so that it can be rejected. A host's linked pages
are proposed where being linked to says more about a page than lying on its site.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cc_math.classify.domains import (
    DOMAIN,
    EXAMPLES,
    LINK,
    PREFIX,
    SiteCounts,
    pattern_of,
    wilson_interval,
)
from cc_math.classify.path_trie import SplitRule, Territory, effect, grow, likelihood_ratio, split
from cc_math.classify.proposals import UNDECIDED, Proposal
from cc_math.recipe_tables import Domains

_LISTED = 4  # languages and kinds named in a proposal, chosen: what fits a column


@dataclass(frozen=True, slots=True)
class Capture:
    """A row of `pages` as it is counted; ``tokens`` is None where the page was not recalled."""

    key: str  # see cc_math.classify.domains.site_key
    address: bytes  # BLAKE2b-128 of the url_key
    doc: bytes
    tokens: int | None
    score: int | None  # in ten-thousandths
    language: str
    kind: str
    url: str


@dataclass(slots=True)
class HostLinks:
    """The pages of one host that recalled pages link to and the crawl holds."""

    host: str
    pages: int = 0
    recalled: int = 0
    links: int = 0
    score_sum: int = 0  # of the recalled ones, in ten-thousandths
    examples: list[tuple[bytes, str]] = field(default_factory=list)  # not recalled


@dataclass(slots=True)
class Repeats:
    """Captures that are not counted: met again, or another capture of an address."""

    repeated: int = 0
    other_captures: int = 0


_ONE_PAGE = SiteCounts(1)


def addresses(captures: Iterable[Capture], repeats: Repeats) -> Iterator[tuple[str, SiteCounts]]:
    """(key, counts) of each address, from captures sorted by key, address and doc.

    An address is recalled where a capture of it is; that of the smallest doc speaks for it.
    """
    key, address, doc = "", b"", b""
    recalled: Capture | None = None
    for capture in captures:
        if capture.address == address and capture.key == key:
            again = capture.doc == doc
            repeats.repeated += again
            repeats.other_captures += not again
        else:
            if address:
                yield key, _counts(recalled)
            key, address, recalled = capture.key, capture.address, None
        doc = capture.doc
        if capture.tokens is not None and (recalled is None or _rank(capture) < _rank(recalled)):
            recalled = capture
    if address:
        yield key, _counts(recalled)


def _rank(capture: Capture) -> tuple[bytes, int, int, str, str, str]:
    standing = -(capture.score or 0), -(capture.tokens or 0)
    return capture.doc, *standing, capture.language, capture.kind, capture.url


def _counts(recalled: Capture | None) -> SiteCounts:
    if recalled is None:
        return _ONE_PAGE
    return SiteCounts(
        1,
        1,
        recalled.tokens or 0,
        recalled.score or 0,
        {recalled.language: 1} if recalled.language else {},
        {recalled.kind: 1} if recalled.kind else {},
        [(recalled.doc, recalled.url)],
    )


def territories_of(counted: Iterable[tuple[str, SiteCounts]], recipe: Domains) -> list[Territory]:
    """The domain and the prefixes of it that stand alone."""
    rule = SplitRule(recipe.min_pages, recipe.min_evidence, recipe.min_effect, recipe.max_prefixes)
    return split(grow(counted, min_pages=recipe.min_pages, max_nodes=recipe.max_nodes), rule)


def rows_of_domain(
    domain: str, territories: list[Territory], links: list[HostLinks], recipe: Domains
) -> tuple[list[dict[str, Any]], list[Proposal]]:
    """Rows of `domains`, and the proposals among them, of one registered domain."""
    high = [_is_high(territory.rest, recipe) for territory in territories]
    rows, proposals = [], []
    for territory, is_high in zip(territories, high, strict=True):
        level = PREFIX if territory.tokens else DOMAIN
        pattern = pattern_of(territory.tokens, domain)
        listed = is_high or _is_exclusion(territory, territories, high, recipe)
        rows.append(_row(pattern or domain, level, domain, territory.whole, listed))
        if listed:
            why = _why(domain, territory, territories)
            proposals.append(_proposal(level, domain, pattern, territory.rest, why))
    for host in sorted(links, key=lambda found: found.host):
        counts = SiteCounts(
            host.pages, host.recalled, score_sum=host.score_sum, examples=host.examples
        )
        if host.pages >= recipe.min_pages:
            listed = _says_more(counts, territories[0].whole, recipe)
            rows.append(_row(host.host, LINK, domain, counts, listed))
            if listed:
                why = _why_linked(host, territories[0].whole)
                proposals.append(_proposal(LINK, domain, f"{host.host}/", counts, why))
    return rows, proposals


def _is_high(counts: SiteCounts, recipe: Domains) -> bool:
    enough = counts.pages >= recipe.min_pages and counts.recalled > 0
    return enough and counts.recalled >= recipe.min_share * counts.pages


def _is_exclusion(
    territory: Territory, territories: list[Territory], high: list[bool], recipe: Domains
) -> bool:
    """Whether a prefix that is not proposed lies directly in one that is."""
    inside = territory.around >= 0 and high[territory.around]
    return inside and territory.rest.pages >= recipe.min_pages


def _says_more(linked: SiteCounts, site: SiteCounts, recipe: Domains) -> bool:
    """Whether linked pages are recalled more often than the others of their site."""
    if not _is_high(linked, recipe) or linked.recalled == linked.pages:
        return False
    others, hits = site.pages - linked.pages, site.recalled - linked.recalled
    if others < 1 or hits * linked.pages >= linked.recalled * others:
        return False
    shares = tuple(np.array([n]) for n in (linked.pages, linked.recalled, others, hits))
    if effect(*shares)[0] < recipe.min_effect:
        return False
    return bool(likelihood_ratio(*shares)[0] >= recipe.min_evidence)


def _row(name: str, level: str, domain: str, counts: SiteCounts, listed: bool) -> dict[str, Any]:
    low, high = wilson_interval(counts.recalled, counts.pages)
    return {
        "domain": name,
        "level": level,
        "registered_domain": domain,
        "pages": counts.pages,
        "recalled": counts.recalled,
        "share": round(counts.recalled / max(1, counts.pages), 4),
        "share_low": round(low, 4),
        "share_high": round(high, 4),
        "score": counts.score if counts.recalled else None,
        "tokens": counts.tokens,
        "languages": sorted(counts.languages.items()),
        "kinds": sorted(counts.kinds.items()),
        "proposed": listed,
        "examples": [url for _, url in counts.examples[:EXAMPLES]],
    }


def _proposal(level: str, domain: str, path: str, counts: SiteCounts, why: str) -> Proposal:
    low, high = wilson_interval(counts.recalled, counts.pages)
    return Proposal(
        UNDECIDED,
        level,
        domain,
        path,
        counts.pages,
        counts.recalled,
        round(counts.recalled / max(1, counts.pages), 4),
        round(low, 4),
        round(high, 4),
        counts.score,
        counts.tokens,
        _listed(counts.languages),
        _listed(counts.kinds),
        why,
        counts.examples[0][1] if counts.examples else "",
    )


def _listed(counts: dict[str, int]) -> str:
    """The commonest names with their numbers, such as 'en 12, de 3'."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_LISTED]
    return ", ".join(f"{name} {number}" for name, number in ordered)


def _share(counts: SiteCounts) -> str:
    percent = 100 * counts.recalled / max(1, counts.pages)
    return f"{percent:.0f} %" if percent >= 1 or not counts.recalled else f"{percent:.1g} %"


def _why(domain: str, territory: Territory, territories: list[Territory]) -> str:
    """The evidence for a domain or prefix, in a phrase."""
    inner = sum(territories[other.around] is territory for other in territories[1:])
    apart = f"; apart from {inner} listed within" if inner else ""
    if territory.around < 0:
        whole = f"; with them {_share(territory.whole)}" if inner else ", alike in all its parts"
        return f"{_share(territory.rest)} of the site recalled{apart}{whole}"
    outer = territories[territory.around]
    name = pattern_of(outer.tokens, domain) or domain
    return (
        f"{_share(territory.rest)} recalled here, {_share(outer.rest)} around it in {name}{apart}"
    )


def _why_linked(host: HostLinks, site: SiteCounts) -> str:
    others = SiteCounts(site.pages - host.pages, site.recalled - host.recalled)
    linked = _share(SiteCounts(host.pages, host.recalled))
    return (
        f"{linked} of the pages that recalled ones link to are recalled, {_share(others)} of the "
        f"others; {host.pages - host.recalled} linked ones are not ({host.links} links in all)"
    )
