"""What the mining loop can be told: the `[iterate]` table of a recipe as a frozen dataclass.

Owns names, defaults, meanings and sources of the settings, and says which of them may change
while a loop stands; reads and writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from cc_math.recipe_tables import value

_PAPER = "Shao et al. 2024, section 2.1"


@dataclass(frozen=True, slots=True)
class Iterate:
    """[iterate] — the mining loop: seed, training, recall, domain discovery, again."""

    token_budget: int = value(
        0,
        "tokens that a round recalls, best scores first; 0 recalls from domains.min_score",
        f"{_PAPER}: 40 B in its first round; 0 chosen, since a crawl's size is not known here",
    )
    budget_floor: float = value(
        0.2,
        "score below which a token budget takes nothing, however much of it is left",
        "chosen: below it not one page in five is mathematics",
    )
    stop_overlap: float = value(
        0.98, "share of a round's pages that the round before had, from which the loop ends", _PAPER
    )
    max_rounds: int = value(
        8, "most rounds", f"chosen: twice those of {_PAPER}, which ended with its fourth"
    )
    max_drop: float = value(
        0.03,
        "fall of the hold-out's average precision against the round before that stops the loop",
        "chosen: on some 300 labels a smaller one is within chance",
    )
    labels: str = value(
        "", "the fixed hold-out: JSON lines with url and score; its pages never enter a seed", ""
    )
    seeds: tuple[str, ...] = value(
        (), "hand-written examples beside the mined ones, JSON lines with text and label", ""
    )
    bootstrap_min_marks: int = value(
        5, "formulas from which a document is a positive of the first seed",
        "as classifier.bootstrap_min_marks",
    )  # fmt: skip
    seed_sources: tuple[str, ...] = value(
        ("bootstrap", "random", "domain", "prefix", "link", "hard_negative", "hand"),
        "where a seed's examples come from; one that is left out gives none",
        "chosen: all; each can be switched off to see what it is worth",
    )
    max_examples: int = value(500_000, "most examples of each class, drawn by hash", _PAPER)
    max_per_site: int = value(
        150, "most examples of a class from one registered domain", "as classifier.max_per_site"
    )
    max_template_overlap: float = value(
        0.8, "overlap of shingles from which two pages of a site are one template's",
        "chosen: pages that differ in a name and a date only",
    )  # fmt: skip
    min_evidence: float = value(
        0.8,
        "probability, by its own score and its site's, from which a page of enough formulas stays "
        "a positive after the first round",
        "measured: average precision .941 in a second round, .924 where all of them stay",
    )
    min_site_evidence: float = value(
        0.5,
        "the same from which a page of an accepted site that was not recalled is a positive",
        "measured: .946 and .951 in rounds 2 and 3, at .8 .941 and .945; half of them are right",
    )
    max_hard_evidence: float = value(
        0.7,
        "the same below which a well scored page is a hard negative",
        "chosen: a little below min_evidence, so that what lies between teaches nothing",
    )
    hard_min_score: float = value(
        0.2,
        "score from which a page is well scored and can be a hard negative",
        "chosen: below it the negatives drawn by hash say the same",
    )
    hard_everywhere: bool = value(
        True,
        "hard negatives from every site that is not accepted; false takes them from rejected and "
        "clearly unmathematical sites alone",
        "measured: average precision .944 in a second round, .933 from these sites alone",
    )
    seed: int = value(1, "seed of the draws by hash", "chosen")
    sample_pages: int = value(
        20_000,
        "pages that the first selection dropped, drawn by hash, that are read as negatives",
        "chosen: enough to say what an ordinary page is",
    )
    sample_share: float = value(
        0.1, "largest share of the dropped pages in that sample",
        "chosen: on a small crawl the sample must not be the whole of it",
    )  # fmt: skip
    max_site_share: float = value(
        0.1, "largest share of a class of a seed from one registered domain",
        "measured: .05 leaves a second round 103 positives of 27 sites where .1 leaves 335",
    )  # fmt: skip
    use_domains: bool = value(True, "take in dropped pages below accepted domains", _PAPER)
    use_prefixes: bool = value(True, "take in dropped pages below accepted path prefixes", _PAPER)
    use_links: bool = value(
        True, "take in dropped pages of accepted hosts that recalled pages link to", "chosen"
    )
    reselect: bool = value(
        False,
        "read the WARCs again each round with the round's model as the quick model",
        "chosen: a second reading of everything costs as much as the first",
    )
    reselect_floor: float = value(
        0.5, "score of the visible text from which such a page is taken in", "chosen: even odds"
    )


FREE = frozenset({"max_rounds", "stop_overlap", "max_drop"})
"""Keys of [iterate] that only decide when the loop ends: they may change at any time."""

FIXED = frozenset({"labels", "sample_pages", "sample_share", "bootstrap_min_marks"})
"""Keys of [iterate] that hold for the whole loop; the others may change between two rounds."""
