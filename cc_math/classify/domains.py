"""Domain discovery: what a site is, how an address stands in it, and what its share means.

Shao et al. 2024, section 2.1: after a round, a domain of which more than 10 % of the pages were
collected is looked at by hand, and the paths that hold its mathematics are added to the seed.
This module owns the names: an address becomes a *site key*, a line of tokens (labels of the
host below the registered domain, segments of the path, names and values of the query), whose
beginnings are the prefixes that :mod:`cc_math.classify.path_trie` counts, and a person reads
and edits a prefix as a *pattern*:

    math.example.org/notes/     the host (``www.`` or not) and all below the folder
    *.math.example.org/         the host and all hosts below it
    example.org/forum?board=7   addresses whose first parameter, in alphabetical order, is this
    example.org/forum?board=    any value of it

Keys and patterns go through :func:`cc_math.urls.url_key`: a session id, a tracking parameter,
an index file make no difference, neither to the counts nor to what a pattern matches. The trade:
a page is an *address*, so its second capture, and its twins by session id, count once; a
calendar or a shop's facets do count, page by page, and are told apart by where they lie.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

from cc_math.urls import url_key

DOMAIN, PREFIX, LINK = "domain", "prefix", "link"
EXAMPLES = 5  # what a person reads before taking a site into the seed
SEPARATOR = "\t"  # between tokens of a key; url_key escapes it, and it sorts before all of them
MAX_TOKENS = 12  # chosen: deeper prefixes are single pages; bounds the work for spider traps
MAX_TOKEN_CHARS = 100  # chosen: longer segments are titles and encoded state, not folders
_Z = 1.959964  # two-sided 95 % of the normal distribution


def site_key(url: str, registered_domain: str) -> str:
    """Where the page ``url`` stands in its domain: tokens joined by :data:`SEPARATOR`.

    The labels below the domain, outermost first (``www`` left out), a token for the end of the
    host (``/``, with a port ``:8080/``), the path's segments, ``?name`` and ``=value`` of each
    parameter. Cut before a token of more than MAX_TOKEN_CHARS, and after MAX_TOKENS.
    """
    return key_of_address(url_key(url), registered_domain)


def key_of_address(address: str, registered_domain: str) -> str:
    """As :func:`site_key`, of an address that `url_key` has made canonical."""
    tokens = _tokens(address, registered_domain)
    if len(address) > MAX_TOKEN_CHARS:
        long = (i for i, token in enumerate(tokens) if len(token) > MAX_TOKEN_CHARS)
        tokens = tokens[: next(long, None)]
    return SEPARATOR.join(tokens[:MAX_TOKENS])


def _tokens(address: str, registered_domain: str) -> list[str]:
    head, _, query = address.partition("?")
    authority, *segments = head.split("/")
    host, port = authority, ""
    if ":" in authority and not authority.endswith("]"):  # an IPv6 address keeps its colons
        host, _, port = authority.rpartition(":")
    tokens: list[str] = []
    if host != registered_domain and host.endswith("." + registered_domain):
        tokens = host[: -len(registered_domain) - 1].split(".")[::-1]
    tokens.append(f":{port}/" if port else "/")
    tokens += segments
    last = ""
    for pair in query.split("&") if query else ():
        name, equals, value = pair.partition("=")
        if name != last:  # of a name given twice the first value; none without a name
            tokens += ["?" + name, "=" + value] if equals else ["?" + name]
            last = name
    return tokens


def pattern_of(tokens: Sequence[str], registered_domain: str) -> str:
    """The pattern of a prefix; '' for the domain itself, which has no tokens."""
    end = next((i for i, token in enumerate(tokens) if token.endswith("/")), None)
    labels = tokens if end is None else tokens[:end]
    host = ".".join([*reversed(labels), registered_domain])
    if end is None:
        return f"*.{host}/" if labels else ""
    path, query = [], ""
    for token in tokens[end + 1 :]:
        if token.startswith("?"):
            query += ("&" if query else "?") + token[1:] + "="
        elif query:
            query += token[1:]
        else:
            path.append(token)
    text = host + tokens[end] + "/".join(path)
    return text + query if query else text + ("/" if path else "")


def tokens_of(pattern: str, registered_domain: str) -> tuple[str, ...]:
    """Tokens of a pattern that a person may have edited; () for the whole domain.

    Raises ValueError, with what is wrong and the mend, for one that names nothing below the
    domain or that no page's key can begin with.
    """
    text = pattern.strip()
    if not text:
        return ()
    any_host = text.startswith("*.")
    address = url_key(text.removeprefix("*."))
    host = address.partition("?")[0].partition("/")[0]
    name = host if host.endswith("]") else host.partition(":")[0]
    bare = registered_domain.removeprefix("www.")
    if "*" in host or not (name == registered_domain or f".{name}".endswith("." + bare)):
        raise ValueError(
            f"the path {text!r} does not lie in {registered_domain}; begin it with the host, as in "
            f"{registered_domain}/folder/"
        )
    tokens = _tokens(address, registered_domain)
    if any_host:
        if tokens[-1] != "/":
            raise ValueError(f"{text!r}: a pattern with '*.' names hosts and ends behind the host")
        return tuple(tokens[:-1])
    path = re.sub(r"^[a-z]+://|\?.*", "", text, flags=re.IGNORECASE)
    written = sum(bool(segment) for segment in path.split("/")[1:])
    if SEPARATOR.join(tokens) != key_of_address(address, registered_domain):
        raise ValueError(
            f"{text!r} is too deep or has too long a name: {MAX_TOKENS} folders and "
            f"{MAX_TOKEN_CHARS} characters tell pages apart; write a folder above"
        )
    if written > address.partition("?")[0].count("/"):
        raise ValueError(f"{text!r} names a page that stands for its folder; write the folder")
    return tuple(tokens)


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


@dataclass(slots=True)
class SiteCounts:
    """Counts of one domain or prefix. ``examples`` are (doc_id, url) of recalled pages, those
    of the smallest doc_ids, which are hashes: a fair draw that is the same every time."""

    pages: int = 0
    recalled: int = 0
    tokens: int = 0
    score_sum: int = 0  # math scores of the recalled pages in ten-thousandths
    languages: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    examples: list[tuple[bytes, str]] = field(default_factory=list)

    @property
    def score(self) -> float:
        """Mean score of the recalled pages, 0-1, rounded to 1e-4; 0 without any."""
        return round(self.score_sum / max(1, self.recalled) / 1e4, 4)

    def add(self, other: SiteCounts) -> None:
        """Add the counts of other pages."""
        self.pages += other.pages
        if not other.recalled:
            return
        self.recalled += other.recalled
        self.tokens += other.tokens
        self.score_sum += other.score_sum
        for mine, theirs in ((self.languages, other.languages), (self.kinds, other.kinds)):
            for name, number in theirs.items():
                mine[name] = mine.get(name, 0) + number
        self.examples = sorted(self.examples + other.examples)[:EXAMPLES]
