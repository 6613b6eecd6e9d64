"""Proposals for the next round, which a person decides about, and what the decisions match.

``proposals.tsv`` is a table of tab-separated text, a row for each site that a round found: a
domain, a path prefix of one, or the pages of a host that recalled pages link to. A person writes
``accept`` or ``reject`` into the first column, may edit the path, or add rows of their own with
the first four columns. The counts of a row are of the pages that it decides about: of two rows
that match a page the longer path acts, so the pages of a listed prefix count there alone.

:func:`auto_decisions` decides by a rule; :class:`AcceptedSites` answers for millions of
addresses what was decided. Reads and writes no other table.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cc_math.classify.domains import (
    DOMAIN,
    LINK,
    PREFIX,
    SEPARATOR,
    site_key,
    tokens_of,
)
from cc_math.classify.separated_text import read_rows
from cc_math.errors import InputError
from cc_math.recipe_tables import Domains
from cc_math.urls import registered_domain

ACCEPT, REJECT, UNDECIDED = "accept", "reject", ""
LEVELS = (DOMAIN, PREFIX, LINK)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A row of ``proposals.tsv``; its columns, in their order.

    Of level `link`, ``pages`` are the pages of a host that recalled pages link to and
    the crawl holds, and ``recalled`` those among them that are recalled themselves.
    """

    decision: str  # accept, reject or '' for none yet
    level: str  # domain, prefix or link
    domain: str  # registered domain
    path: str  # pattern of a prefix or host, see cc_math.classify.domains; '' for the whole domain
    pages: int = 0
    recalled: int = 0
    share: float = 0.0
    share_low: float = 0.0
    share_high: float = 1.0
    score: float = 0.0  # mean score of the recalled pages
    tokens: int = 0
    languages: str = ""  # such as 'en 12, de 3', of the recalled pages
    kinds: str = ""
    why: str = ""  # a phrase of evidence
    example: str = ""  # URL of a recalled page; of level `link` of one that is not recalled yet

    @property
    def site(self) -> tuple[str, str, tuple[str, ...]]:
        """What the row names, however its path is spelt: level, domain, tokens of the path."""
        level = LINK if self.level == LINK else PREFIX if self.path else DOMAIN
        return level, self.domain, tokens_of(self.path, self.domain)


COLUMNS = tuple(spec.name for spec in dataclasses.fields(Proposal))
_COUNTS = ("pages", "recalled", "tokens")
_SHARES = ("share", "share_low", "share_high", "score")


def write_proposals(proposals: Iterable[Proposal]) -> bytes:
    """The bytes of a proposals file, which :func:`read_proposals` gives back."""
    lines = ["\t".join(COLUMNS)]
    for row in proposals:
        lines.append("\t".join(_cell(name, getattr(row, name)) for name in COLUMNS))
    return ("\n".join(lines) + "\n").encode()


def _cell(name: str, value: Any) -> str:
    """A value of column ``name``: one line, no tab, no quote that a spreadsheet would take."""
    text = f"{value:.4f}" if name in _SHARES else " ".join(str(value).split())
    return text.lstrip('"') if text.startswith('"') else text


def read_proposals(uri: str) -> list[Proposal]:
    """The rows of a proposals file, in their order.

    Raises InputError, with file, line and mend, for what a person can get wrong: an unknown
    decision or level, a domain that is none, a path outside of it, a number that is none,
    broken columns, and the same site decided twice in two ways.
    """
    proposals: list[Proposal] = []
    lines: dict[tuple[Any, ...], tuple[int, str]] = {}
    for row in read_rows(uri, COLUMNS[:4], COLUMNS):
        where = f"{uri}:{row.line}"
        proposal = _proposal(row.cells, where)
        line, decision = lines.setdefault(proposal.site, (row.line, proposal.decision))
        if decision != proposal.decision:
            raise InputError(
                f"{where}: {proposal.path or proposal.domain} is decided twice: "
                f"{proposal.decision or 'open'!r} here, {decision or 'open'!r} in line {line}; "
                "remove one of the two"
            )
        if line == row.line:
            proposals.append(proposal)
    return proposals


def _proposal(cells: dict[str, str], where: str) -> Proposal:
    decision, level = cells["decision"].lower(), cells["level"].lower()
    if decision not in (ACCEPT, REJECT, UNDECIDED):
        raise InputError(
            f"{where}: unknown decision {cells['decision']!r}; write accept, reject, or nothing"
        )
    if level not in LEVELS:
        raise InputError(f"{where}: unknown level {cells['level']!r}; it is one of {LEVELS}")
    domain = cells["domain"].lower().rstrip(".")
    found = registered_domain(domain if "://" in domain else f"http://{domain}/") if domain else ""
    if not domain or found != domain:
        rest = re.sub(r"^[a-z]+://", "", cells["domain"], flags=re.IGNORECASE)
        mend = f"write the level prefix, the domain {found} and the path {rest.rstrip('/')}/"
        mend = mend if found else "name one, as in example.org"
        raise InputError(f"{where}: {cells['domain']!r} is no registered domain; {mend}")
    path = cells["path"]
    if level == DOMAIN and path:
        raise InputError(
            f"{where}: level domain takes the whole of {domain} and no path, found {path!r}; "
            "for a path write prefix as the level"
        )
    try:
        tokens = tokens_of(path, domain)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if level != DOMAIN and not tokens:
        raise InputError(f"{where}: level {level} needs a path, such as {domain}/folder/")
    numbers: dict[str, Any] = {
        name: _number(name, cells[name], where) for name in _COUNTS + _SHARES
    }
    texts: dict[str, Any] = {n: cells[n] for n in ("languages", "kinds", "why", "example")}
    return Proposal(decision, level, domain, path, **numbers, **texts)


def _number(name: str, text: str, where: str) -> Any:
    """A count or share; spreadsheets write decimal commas and group digits."""
    plain = re.sub(r"[\s\u00a0\u202f]", "", text)
    try:
        if name in _SHARES:
            return float(plain.replace(",", ".")) if plain else float(name == "share_high")
        return int(re.sub(r"(?<=\d)[.,](?=\d{3}(?:\D|$))", "", plain)) if plain else 0
    except ValueError:
        raise InputError(
            f"{where}: {name} wants a number, found {text!r}; did a tab get lost or added?"
        ) from None


def auto_decisions(proposals: Iterable[Proposal], *, recipe: Domains) -> list[Proposal]:
    """The proposals with a decision by rule where none was made; recipe table [domains].

    Accepted are those of at least ``auto_min_pages`` pages of which, by the lower end of
    the 95 % interval, at least the share ``auto_min_share`` is recalled, and whose recalled pages
    score as high as those of the whole list on average (less ``auto_score_slack``): a young
    model recalls sites that are near to mathematics almost whole, but with lower scores.
    Rejected are prefixes inside of an accepted site whose upper end is below that share. All
    else stays open: that little of a site was recalled may be the model's fault, so that
    no site is rejected for it, and a prefix that may be either goes with its site.
    """
    rows = list(proposals)
    counted = [row for row in rows if row.level != LINK]  # which share no page
    recalled = sum(row.recalled for row in counted)
    mean = round(sum(row.score * row.recalled for row in counted) / max(1, recalled), 4)
    for index, row in enumerate(rows):
        enough = row.pages >= recipe.auto_min_pages and row.share_low >= recipe.auto_min_share
        high = row.score >= mean - recipe.auto_score_slack
        if row.decision == UNDECIDED and enough and high:
            rows[index] = dataclasses.replace(row, decision=ACCEPT)
    accepted = {row.site for row in rows if row.decision == ACCEPT}
    for index, row in enumerate(rows):
        low = row.level == PREFIX and row.share_high < recipe.auto_min_share
        if row.decision == UNDECIDED and low and _lies_in(row, accepted):
            rows[index] = dataclasses.replace(row, decision=REJECT)
    return rows


def _lies_in(row: Proposal, sites: set[tuple[str, str, tuple[str, ...]]]) -> bool:
    _, domain, tokens = row.site
    beginnings = [(PREFIX, domain, tokens[:length]) for length in range(1, len(tokens))]
    return any(site in sites for site in [(DOMAIN, domain, ()), *beginnings])


def merge_decisions(fresh: Iterable[Proposal], decided: Iterable[Proposal]) -> list[Proposal]:
    """Fresh proposals with the decisions that stand in an older list.

    A row is the same where level, domain and path are, however the path is spelt. Decided rows
    that are not proposed any more, or that a person wrote, follow at the end with their evidence.
    """
    standing = {row.site: row for row in decided if row.decision != UNDECIDED}
    merged = []
    for row in fresh:
        old = standing.pop(row.site, None)
        keep = old is not None and row.decision == UNDECIDED
        merged.append(dataclasses.replace(row, decision=old.decision) if old and keep else row)
    return [*merged, *standing.values()]


class AcceptedSites:
    """What the decisions of all rounds say about an address; the longest match wins.

    Of two decisions about the same site the later one acts, so give the rounds in their
    order. Plain dictionaries inside: it can be pickled into Spark tasks, and
    :meth:`to_json` is its identity.
    """

    def __init__(self, proposals: Iterable[Proposal] = ()) -> None:
        self._sites: dict[str, dict[str, str]] = {}  # domain -> beginning of a key -> decision
        self._links: dict[str, dict[str, str]] = {}
        for row in proposals:
            if row.decision != UNDECIDED:
                level, domain, tokens = row.site
                table = self._links if level == LINK else self._sites
                table.setdefault(domain, {})[SEPARATOR.join(tokens)] = row.decision

    def __bool__(self) -> bool:
        return bool(self._sites or self._links)

    def reason(self, url: str, registered_domain: str) -> str:
        """Why a page is accepted: 'domain' or 'prefix', the level of the row that acts; else ''."""
        decision, level = _decided(self._sites.get(registered_domain), url, registered_domain)
        return level if decision == ACCEPT else ""

    def rejected(self, url: str, registered_domain: str) -> bool:
        """Whether the row that acts on a page rejects it."""
        decision, _ = _decided(self._sites.get(registered_domain), url, registered_domain)
        return decision == REJECT

    def linked(self, url: str, registered_domain: str) -> bool:
        """Whether pages of this host are accepted where recalled pages link to them, and no
        row for its domain or prefix rejects this one."""
        decision, _ = _decided(self._links.get(registered_domain), url, registered_domain)
        return decision == ACCEPT and not self.rejected(url, registered_domain)

    @property
    def takes_links(self) -> bool:
        """Whether any host's linked pages are accepted."""
        return any(ACCEPT in decisions.values() for decisions in self._links.values())

    def to_json(self) -> dict[str, Any]:
        """The decisions as plain values, sorted: 'site' or 'link', domain, key, decision."""
        rows = [
            [kind, domain, key, decision]
            for kind, table in (("site", self._sites), (LINK, self._links))
            for domain, decisions in table.items()
            for key, decision in decisions.items()
        ]
        return {"decisions": sorted(rows)}

    @staticmethod
    def from_json(value: dict[str, Any]) -> AcceptedSites:
        """What :meth:`to_json` wrote; nothing is parsed, since every task does this."""
        made = AcceptedSites()
        for kind, domain, key, decision in value["decisions"]:
            table = made._links if kind == LINK else made._sites
            table.setdefault(domain, {})[key] = decision
        return made


def _decided(decisions: dict[str, str] | None, url: str, registered_domain: str) -> tuple[str, str]:
    """Decision of the longest match and its level; ('', '') without one."""
    if not decisions:
        return "", ""
    whole = decisions.get("", "")
    if len(decisions) > 1 or not whole:
        key = site_key(url, registered_domain)
        while key:
            if key in decisions:
                return decisions[key], PREFIX
            key = key.rpartition(SEPARATOR)[0]
    return whole, DOMAIN if whole else ""
