"""Rows of one domain: captures to addresses, what is proposed, what is cut out, what links say."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.domains import SiteCounts, site_key
from cc_math.classify.proposals import Proposal
from cc_math.classify.site_rows import (
    Capture,
    HostLinks,
    Repeats,
    addresses,
    rows_of_domain,
    territories_of,
)
from cc_math.recipe_tables import Domains

RECIPE = Domains()


def capture(address: str, doc: str, tokens: int | None, language: str = "en") -> Capture:
    score = None if tokens is None else 9000
    key = f"/\t{address}"
    return Capture(key, address.encode(), doc.encode(), tokens, score, language, "qa", address)


def test_a_capture_met_again_and_another_capture_count_with_their_address() -> None:
    repeats = Repeats()
    rows = [capture("a", "1", None), capture("a", "1", 7), capture("a", "2", 9),
            capture("b", "3", None)]  # fmt: skip
    found = list(addresses(rows, repeats))
    assert [(key, c.pages, c.recalled, c.tokens) for key, c in found] == [
        ("/\ta", 1, 1, 7), ("/\tb", 1, 0, 0),
    ]  # fmt: skip
    assert (repeats.repeated, repeats.other_captures) == (1, 1)
    assert list(addresses([], Repeats())) == []


@given(st.permutations([(7, "en"), (None, "en"), (9, "de"), (7, "fr")]))
def test_the_order_of_equal_docs_does_not_matter(rows: list[tuple[int | None, str]]) -> None:
    same = [capture("a", "1", tokens, language) for tokens, language in rows]
    ((_, counts),) = addresses(same, Repeats())
    assert (counts.tokens, counts.languages) == (9, {"de": 1})


def mined(*folders: tuple[str, int, int], links: list[HostLinks] | None = None) -> list[Proposal]:
    """Proposals of uni.example from (path, pages, recalled) of its folders."""
    rows = [
        (site_key(f"https://uni.example{path}{n}", "uni.example"), SiteCounts(1, int(n < recalled)))
        for path, pages, recalled in folders
        for n in range(pages)
    ]
    found = territories_of(sorted(rows, key=lambda row: row[0]), RECIPE)
    rows_of, proposals = rows_of_domain("uni.example", found, links or [], RECIPE)
    assert sum(row["proposed"] for row in rows_of) == len(proposals)
    return proposals


def listed(proposals: list[Proposal]) -> list[tuple[str, str, int, int]]:
    return [(p.level, p.path, p.pages, p.recalled) for p in proposals]


def test_a_mathematical_site_is_proposed_with_the_part_that_is_none_beside_it() -> None:
    proposals = mined(("/notes/", 60, 42), ("/exams/", 40, 28), ("/shop/", 50, 0))
    assert listed(proposals) == [("domain", "", 100, 70), ("prefix", "uni.example/shop/", 50, 0)]
    assert [p.why for p in proposals] == [
        "70 % of the site recalled; apart from 1 listed within; with them 47 %",
        "0 % recalled here, 70 % around it in uni.example",
    ]


def test_a_mathematical_part_is_proposed_without_its_site() -> None:
    assert listed(mined(("/maths/", 50, 40), ("/news/", 500, 5), ("/law/", 500, 5))) == [
        ("prefix", "uni.example/maths/", 50, 40)
    ]


@pytest.mark.parametrize(
    ("folders", "proposed"),
    [
        ([("/", 9, 9)], 0),  # few pages
        ([("/", 100, 9)], 0),  # below ten in a hundred
        ([("/", 100, 10)], 1),
        ([("/", 100, 0)], 0),
    ],
)
def test_the_thresholds_of_the_paper(folders: list[tuple[str, int, int]], proposed: int) -> None:
    assert len(mined(*folders)) == proposed


def test_linked_pages_are_proposed_where_links_tell_more_than_the_site() -> None:
    linked = [HostLinks("uni.example", 40, 30, 90, examples=[(b"1", "https://uni.example/x")])]
    proposals = mined(*itertools.repeat(("/", 400, 50), 1), links=linked)
    assert listed(proposals)[-1] == ("link", "uni.example/", 40, 30)
    assert proposals[-1].example == "https://uni.example/x"
    assert proposals[-1].why == (
        "75 % of the pages that recalled ones link to are recalled, 6 % of the others; "
        "10 linked ones are not (90 links in all)"
    )
    alike = [HostLinks("uni.example", 40, 6, 90)]
    assert [p.level for p in mined(("/", 400, 50), links=alike)] == ["domain"]
    whole = [HostLinks("uni.example", 40, 40, 90)]  # nothing is left to take
    assert [p.level for p in mined(("/", 400, 50), links=whole)] == ["domain"]
