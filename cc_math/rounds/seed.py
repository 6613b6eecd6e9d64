"""What enters a seed, and as what: the rules, on plain values.

Owns the judgement of a document by what is known of it (formulas, the round before's score, what
was decided about its site), the guards, and the caps. Reads and writes nothing; texts stay
where they are, :mod:`cc_math.spark.seed` moves the rest.

    source         label  which documents
    bootstrap      1      at least bootstrap_min_marks formulas, and after the first round likely
    random         0      no formulas, and after the first round unlikely; pages of the sample
    domain prefix  1      below what was accepted, not recalled by the round before, and likely
    link           1      the same of pages that recalled pages link to
    hard_negative  0      of rejected or clearly unmathematical sites, well scored, yet unlikely

"Likely" is a probability from two witnesses: the page's own score, and how many of the *other*
documents of its territory (its site, or the accepted or rejected part of it) score at even odds
or above. Boilerplate of a mathematical site (index, log-in, empty shell) is unlikely by its own
score and stays out; so does a page of a code blog that misses the threshold by a little.

The trade: what neither witness is sure of teaches nothing and is left out, so a seed is smaller
than the paper's and holds fewer wrong labels.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cc_math.rounds.settings import Iterate
from cc_math.rounds.template import Sketch, Twins

BOOTSTRAP, RANDOM, HARD_NEGATIVE, HAND = "bootstrap", "random", "hard_negative", "hand"
DOMAIN, PREFIX, LINK = "domain", "prefix", "link"
SOURCES = (BOOTSTRAP, RANDOM, DOMAIN, PREFIX, LINK, HARD_NEGATIVE, HAND)
POSITIVE_SOURCES = (BOOTSTRAP, DOMAIN, PREFIX, LINK)
# Documents of an average site that each territory is given beside its own: so many say as much
# about it as the crawl does. Chosen: half of the fewest pages of a proposed domain.
_PRIOR_DOCUMENTS = 5.0
# Bounds of a witness: none outvotes the other alone. Chosen: as the rounding of scores.
_SUREST = 1e-3
# A domain's share of a class is never cut below so many pages: a seed of few sites must stay one.
_FEWEST_PER_SITE = 5
_EVEN_ODDS = 0.5


class SiteDecisions(Protocol):
    """What is asked of the decisions (`cc_math.classify.proposals.AcceptedSites`)."""

    def reason(self, url: str, registered_domain: str) -> str:
        """'domain', 'prefix' or ''."""

    def rejected(self, url: str, registered_domain: str) -> bool:
        """Whether the decision that acts on a page rejects it."""

    def linked(self, url: str, registered_domain: str) -> bool:
        """Whether linked pages of this host are accepted."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a document when it is judged.

    `score` is by the round before, None where no model scored it.
    """

    doc_id: str
    part: str
    site: str
    order: int  # place in hash order, 0 to 2**64 - 1
    formulas: int
    score: float | None
    recalled: bool
    reason: str  # 'domain', 'prefix' or '' by the decisions
    may_link: bool  # whether its host's linked pages are accepted
    rejected: bool
    sketch: Sketch


@dataclass(frozen=True, slots=True)
class Chosen:
    """A document that enters, unless a cap over all sites cuts it: `rank` counts the documents of
    its site and label before it."""

    doc_id: str
    part: str
    label: int
    source: str
    score: float | None
    order: int
    rank: int


@dataclass(frozen=True, slots=True)
class Known:
    """What the sites of a bucket are judged by. `base_share` is the share of all
    scored documents that :func:`is_likely`; None in the first round."""

    base_share: float | None
    unmathematical: Collection[str]  # registered domains
    linked: Collection[str]  # doc_ids
    held_out: Twins  # sketches of labelled pages


def order_of(doc_id: str, seed: int) -> int:
    """Place of a document in hash order, 0 to 2**64 - 1."""
    digest = hashlib.blake2b(f"{seed}\0{doc_id}".encode(), digest_size=8, person=b"cc-math seed")
    return int.from_bytes(digest.digest(), "big")


def bucket_of(site: str, buckets: int) -> int:
    """The bucket in which the documents of a registered domain meet."""
    digest = hashlib.blake2b(site.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "big") % buckets


def choose(
    candidates: Iterable[Candidate], known: Known, settings: Iterate
) -> tuple[list[Chosen], dict[str, int]]:
    """The documents of whole sites that enter, in (site, hash) order, and counts of the others."""
    by_site: dict[str, list[Candidate]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for candidate in candidates:
        by_site[candidate.site or f"\0{candidate.doc_id}"].append(candidate)
    chosen = []
    for site in sorted(by_site):
        # Of two rows of one capture the scored one counts.
        found = sorted(by_site[site], key=lambda c: (c.order, c.doc_id, c.score is None, c.part))
        chosen += _chosen_of_site(found, known, settings, counts)
    return chosen, dict(counts)


def _chosen_of_site(
    candidates: list[Candidate], known: Known, settings: Iterate, counts: Counter[str]
) -> list[Chosen]:
    """The guards and caps of one site, in hash order."""
    likely = _likelihoods(candidates, known)
    entered = Twins(settings.max_template_overlap)
    ranks: Counter[int] = Counter()
    seen: set[str] = set()
    chosen = []
    for candidate in candidates:
        if candidate.doc_id in seen:
            counts["left_out.repeated"] += 1
            continue
        seen.add(candidate.doc_id)
        source = judge(candidate, likely.get(candidate.doc_id), known, settings)
        if source not in SOURCES:
            counts[f"left_out.{source}"] += 1
            continue
        label = int(source in POSITIVE_SOURCES)
        if source not in settings.seed_sources:
            counts["left_out.source_off"] += 1
        elif known.held_out.holds(candidate.sketch):
            counts["left_out.twin_of_labelled"] += 1
        elif ranks[label] >= settings.max_per_site:
            counts["left_out.over_max_per_site"] += 1
        elif entered.holds(candidate.sketch):
            counts["left_out.template"] += 1
        else:
            entered.add(candidate.sketch)
            chosen.append(
                Chosen(
                    doc_id=candidate.doc_id,
                    part=candidate.part,
                    label=label,
                    source=source,
                    score=candidate.score,
                    order=candidate.order,
                    rank=ranks[label],
                )
            )
            ranks[label] += 1
    return chosen


def judge(candidate: Candidate, likely: float | None, known: Known, settings: Iterate) -> str:
    """The source as which a document enters, or why it does not.

    `likely` is the probability that it is mathematics, None where no round has scored it: then
    its formulas alone decide, as in the first round.
    """
    formulas = candidate.formulas
    if likely is None:
        if formulas >= settings.bootstrap_min_marks:
            return BOOTSTRAP
        return RANDOM if formulas == 0 else "few_formulas"
    score = candidate.score or 0.0
    reason = candidate.reason
    if not reason and candidate.may_link and candidate.doc_id in known.linked:
        reason = LINK
    if reason and not candidate.recalled and likely >= settings.min_site_evidence:
        return reason
    outcast = candidate.rejected or candidate.site in known.unmathematical
    outcast |= settings.hard_everywhere and not reason
    if outcast and settings.hard_min_score <= score and likely < settings.max_hard_evidence:
        return HARD_NEGATIVE
    if formulas >= settings.bootstrap_min_marks:
        return BOOTSTRAP if likely >= settings.min_evidence else "unlikely"
    if formulas == 0:
        return RANDOM if likely < _EVEN_ODDS else "likely_without_formulas"
    return "few_formulas"


def _likelihoods(candidates: list[Candidate], known: Known) -> dict[str, float]:
    """Probability of each scored document of one site, by its score and the others'."""
    if known.base_share is None:
        return {}
    scored = {c.doc_id: c for c in candidates if c.score is not None}
    documents: Counter[tuple[str, bool]] = Counter()
    likely_ones: Counter[tuple[str, bool]] = Counter()
    for candidate in scored.values():
        territory = (candidate.reason, candidate.rejected)
        documents[territory] += 1
        likely_ones[territory] += is_likely(candidate.score)
    base = _bounded(known.base_share)
    likely = {}
    for candidate in scored.values():
        territory = (candidate.reason, candidate.rejected)
        others = documents[territory] - 1
        share = (likely_ones[territory] - is_likely(candidate.score) + base * _PRIOR_DOCUMENTS) / (
            others + _PRIOR_DOCUMENTS
        )
        odds = _log_odds(candidate.score or 0.0) + _log_odds(share) - _log_odds(base)
        likely[candidate.doc_id] = 1.0 / (1.0 + math.exp(-odds))
    return likely


def is_likely(score: float | None) -> bool:
    """Whether a document counts for its territory: scored at even odds or above."""
    return score is not None and score >= _EVEN_ODDS


def _bounded(share: float) -> float:
    return min(1.0 - _SUREST, max(_SUREST, share))


def _log_odds(share: float) -> float:
    return math.log(_bounded(share) / (1.0 - _bounded(share)))


def site_cap(sites_with: Mapping[int, int], max_share: float) -> int:
    """Most documents of one site in a class, so that no site has more than `max_share` of it.

    `sites_with` counts the sites by how many documents they have in the class. The cap is the
    largest that keeps the share, counted after the cut, but at least `_FEWEST_PER_SITE`: of fewer
    than 1 / max_share sites one always has more.
    """
    most = max(sites_with, default=0)
    for cap in range(most, _FEWEST_PER_SITE, -1):
        total = sum(min(count, cap) * sites for count, sites in sites_with.items())
        if cap <= max_share * total:
            return cap
    return min(most, _FEWEST_PER_SITE) if most else 0
