"""Between two rounds: what was proposed, what a person (or the stated rule) decided.

A finished round leaves ``proposals.tsv`` in its folder, the one file of a loop that is meant to
be edited. Opening the next round freezes it there as ``decisions.tsv``; later edits of the
proposals change nothing that stands. The decisions of all rounds together say which sites are
taken in; a later decision on the same site replaces an earlier one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cc_math.classify.proposals import (
    ACCEPT,
    REJECT,
    UNDECIDED,
    AcceptedSites,
    Proposal,
    auto_decisions,
    merge_decisions,
    read_proposals,
    write_proposals,
)
from cc_math.manifests import Json, read_json
from cc_math.recipe import Recipe
from cc_math.rounds.folders import round_folder, write_once
from cc_math.rounds.identity import file_digest
from cc_math.rounds.settings import Iterate
from cc_math.storage import join, store_for

PERSON, AUTO, NOBODY = "person", "auto", "nobody"
Site = tuple[str, str, tuple[str, ...]]
"""What a row names: level, domain, tokens of its path."""
SITES_IN_LEDGER = 50  # chosen: what a person looks through; all are in decisions.tsv


@dataclass(frozen=True, slots=True)
class Decisions:
    """The decisions that opened a round. ``by`` is 'auto', 'person' or 'nobody'."""

    proposals: list[Proposal]
    by: str


def proposals_uri(folder: str, number: int) -> str:
    """The file that a person edits after round ``number``."""
    return join(round_folder(folder, number), "proposals.tsv")


def decisions_uri(folder: str, number: int) -> str:
    """The frozen decisions that round ``number`` began with."""
    return join(round_folder(folder, number), "decisions.tsv")


def offer_proposals(folder: str, number: int, found: str) -> None:
    """Put round ``number``'s proposals (the file ``found``) where a person edits them.

    What a person decided for earlier rounds stands in it already; what a rule decided is open
    again, to be judged by the newer evidence.
    """
    earlier = _by_person(folder, number)
    merged = merge_decisions(read_proposals(found), earlier) if earlier else read_proposals(found)
    uri = proposals_uri(folder, number)
    store_for(uri).put_new(write_proposals(merged), uri)  # what a person has edited stays


def decide(
    folder: str,
    number: int,
    recipe: Recipe,
    *,
    auto: bool,
    accept_none: bool,
    say: Callable[[str], None],
) -> Decisions | None:
    """The decisions that round ``number`` opens with, frozen; None where a person is waited for.

    A person is not waited for where every proposal is decided already, or there is none. Raises
    InputError, with the line, for a file that was edited into something else.
    """
    frozen, edited = decisions_uri(folder, number), proposals_uri(folder, number - 1)
    store = store_for(frozen)
    by = _decided_by(folder, number)
    if by and store.size_bytes(frozen) is not None:
        if file_digest(edited) != _frozen(folder, number).get("proposals"):
            say(f"{edited} was changed after round {number} began; the change is ignored")
        return Decisions(read_proposals(frozen), by)
    offered = read_proposals(edited)
    open_rows = [row for row in offered if row.decision == UNDECIDED]
    fresh = _fresh_decisions(folder, number, offered)
    if not auto and not accept_none and open_rows and not fresh:
        return None
    decided = auto_decisions(offered, recipe=recipe.domains) if auto else offered
    by = PERSON if fresh else AUTO if auto else NOBODY
    store.put_bytes(write_proposals(decided), frozen)
    body = {"decided_by": by, "proposals": file_digest(edited), "decisions": file_digest(frozen)}
    write_once(_decided_uri(folder, number), body)
    counts = Counter(row.decision or "left open" for row in decided)
    said = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    say(f"round {number} opens; decided by {by}: {said or f'no row stands in {edited}'}")
    return Decisions(decided, by)


def _decided_uri(folder: str, number: int) -> str:
    return join(round_folder(folder, number), "decided.json")


def _frozen(folder: str, number: int) -> Json:
    return read_json(_decided_uri(folder, number)) or {}


def _decided_by(folder: str, number: int) -> str:
    return str(_frozen(folder, number).get("decided_by", ""))


def _by_person(folder: str, number: int) -> list[Proposal]:
    """The decisions of those rounds up to ``number`` that a person opened."""
    found: list[Proposal] = []
    for opened in range(2, number + 1):
        if _decided_by(folder, opened) == PERSON:
            found += read_proposals(decisions_uri(folder, opened))
    return found


def _fresh_decisions(folder: str, number: int, offered: list[Proposal]) -> list[Proposal]:
    """Decisions that a person made since the proposals of the round before were written."""
    standing = {row.site: row.decision for row in _by_person(folder, number - 1)}
    return [
        row for row in offered
        if row.decision != UNDECIDED and standing.get(row.site) != row.decision
    ]  # fmt: skip


def all_decisions(folder: str, number: int) -> list[Proposal]:
    """The decisions that opened rounds 2 to ``number``, in order."""
    found: list[Proposal] = []
    for opened in range(2, number + 1):
        found += read_proposals(decisions_uri(folder, opened))
    return found


def accepted_sites(decisions: list[Proposal], settings: Iterate) -> AcceptedSites:
    """The sites that ``decisions`` take in, of the levels that the recipe uses."""
    uses = {"domain": settings.use_domains, "prefix": settings.use_prefixes,
            "link": settings.use_links}  # fmt: skip
    return AcceptedSites([d for d in decisions if d.decision != ACCEPT or uses[d.site[0]]])


def decisions_summary(
    decisions: Decisions, earlier: list[Proposal], in_crawl: Mapping[Site, int]
) -> Json:
    """What the ledger says of decisions: counts by level of what is new against those of
    ``earlier`` rounds, and the largest sites newly accepted, with their evidence: of those that a
    person wrote the pages of the crawl, by ``in_crawl``."""
    standing = {row.site: row.decision for row in earlier}
    new = [p for p in decisions.proposals if standing.get(p.site, UNDECIDED) != p.decision]
    accepted = [p for p in new if p.decision == ACCEPT]
    accepted.sort(key=lambda p: (-p.tokens, p.level, p.domain, p.path))
    rejected = Counter(p.level for p in new if p.decision == REJECT)
    return {
        "decided_by": decisions.by,
        "accepted": dict(sorted(Counter(p.level for p in accepted).items())),
        "rejected": dict(sorted(rejected.items())),
        "sites": [_site(proposal, in_crawl) for proposal in accepted[:SITES_IN_LEDGER]],
    }


def written_by_hand(
    decisions: Decisions, earlier: list[Proposal], proposed_uri: str
) -> list[Proposal]:
    """The sites newly accepted that ``proposed_uri``, what the round before found, does not have:
    added or edited by a person, so that nobody knows yet whether the crawl has such pages."""
    known = {row.site for row in earlier if row.decision == ACCEPT}
    known |= {row.site for row in read_proposals(proposed_uri)}
    return [row for row in decisions.proposals if row.decision == ACCEPT and row.site not in known]


def _site(proposal: Proposal, in_crawl: Mapping[Site, int]) -> Json:
    named = {"level": proposal.level, "where": proposal.path or proposal.domain}
    if proposal.site in in_crawl:
        return {**named, "by_hand": True, "pages": in_crawl[proposal.site]}
    return {
        **named,
        "pages": proposal.pages,
        "recalled": proposal.recalled,
        "share_low": round(proposal.share_low, 4),
        "share_high": round(proposal.share_high, 4),
        "tokens": proposal.tokens,
        "example": proposal.example,
    }
