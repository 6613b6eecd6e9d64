"""The trie of one domain and its division: exact counts, bounded, the same in any order."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.domains import SEPARATOR, SiteCounts, pattern_of, site_key
from cc_math.classify.path_trie import (
    Node,
    SplitRule,
    Territory,
    effect,
    grow,
    likelihood_ratio,
    split,
)

RULE = SplitRule(min_pages=10, min_evidence=15.1, min_effect=0.5, max_prefixes=200)
Address = tuple[str, SiteCounts]


def addresses(*folders: tuple[str, int, float]) -> list[Address]:
    """(path, pages, recalled share) of folders as sorted addresses of uni.example."""
    made = []
    for path, pages, share in folders:
        for number in range(pages):
            recalled = number < round(share * pages)
            url = f"https://uni.example{path}{number}"
            example = [(url.encode(), url)] if recalled else []
            counts = SiteCounts(1, int(recalled), 7 * recalled, examples=example)
            made.append((site_key(url, "uni.example"), counts))
    return sorted(made, key=lambda address: address[0])


def territories(*folders: tuple[str, int, float], max_nodes: int = 1000) -> dict[str, Territory]:
    root = grow(addresses(*folders), min_pages=10, max_nodes=max_nodes)
    return {pattern_of(t.tokens, "uni.example"): t for t in split(root, RULE)}


def test_an_even_domain_is_not_split() -> None:
    found = territories(("/a/", 300, 0.5), ("/b/", 200, 0.5), ("/c/d/", 100, 0.55))
    assert list(found) == [""]
    assert (found[""].rest.pages, found[""].rest.recalled) == (600, 305)


def test_the_folder_that_holds_the_mathematics_stands_alone() -> None:
    found = territories(("/", 30, 0.1), ("/jobs/", 500, 0.0), ("/science/maths/", 200, 0.9),
                        ("/science/art/", 200, 0.0))  # fmt: skip
    assert list(found) == ["", "uni.example/science/maths/"]
    assert (found[""].whole.pages, found[""].whole.recalled) == (930, 183)
    assert (found[""].rest.pages, found[""].rest.recalled) == (730, 3)
    assert found["uni.example/science/maths/"].around == 0


def test_a_part_that_is_not_like_its_mathematical_site_stands_alone() -> None:
    found = territories(("/notes/", 300, 0.8), ("/solutions/", 300, 0.7), ("/shop/", 100, 0.01))
    assert list(found) == ["", "uni.example/shop/"]


def test_a_territory_lies_in_the_nearest_one_around_it() -> None:
    found = territories(("/x/", 400, 0.0), ("/maths/", 300, 0.9), ("/maths/staff/", 100, 0.0))
    assert list(found) == ["", "uni.example/maths/", "uni.example/maths/staff/"]
    assert [t.around for t in found.values()] == [-1, 0, 1]
    maths = found["uni.example/maths/"]
    assert (maths.whole.pages, maths.rest.pages, maths.rest.recalled) == (400, 300, 270)


def test_hosts_and_query_keys_are_split_like_folders() -> None:
    rows = []
    for number in range(300):
        for url, recalled in (
            (f"https://num.uni.example/{number}", number % 10 != 0),
            (f"https://www.uni.example/forum?board=7&topic={number}", number % 5 != 0),
            (f"https://www.uni.example/forum?board=2&topic={number}", False),
            (f"https://www.uni.example/{number}", False),
        ):
            rows.append((site_key(url, "uni.example"), SiteCounts(1, int(recalled))))
    rows.sort(key=lambda row: row[0])
    found = split(grow(rows, min_pages=10, max_nodes=1000), RULE)
    patterns = [pattern_of(t.tokens, "uni.example") for t in found]
    assert patterns == ["", "uni.example/forum?board=7&topic=", "num.uni.example/"]


def test_few_pages_are_no_evidence() -> None:
    assert list(territories(("/a/", 500, 0.0), ("/b/", 9, 1.0))) == [""]


def test_a_large_but_slight_difference_is_not_listed() -> None:
    assert list(territories(("/a/", 5000, 0.50), ("/b/", 5000, 0.60))) == [""]


def test_a_calendar_without_end_is_cut_out_of_its_site() -> None:
    calendar = [(f"/calendar/{year}/", 100, 0.0) for year in range(1900, 1990)]
    notes = [(f"/{name}/", 40, 0.7) for name in "abcdef"]
    found = territories(*calendar, *notes)
    assert list(found) == ["", "uni.example/calendar/"]
    assert (found[""].rest.pages, found[""].whole.pages) == (240, 9240)


def test_no_more_prefixes_than_asked_for_and_the_strongest_stay() -> None:
    folders = [(f"/{name}/", 40 * (index + 1), 0.9) for index, name in enumerate("abcdef")]
    others = [(f"/{name}/", 2000, 0.0) for name in "uvwxyz"]
    root = grow(addresses(*others, *folders), min_pages=10, max_nodes=1000)
    for most in (9, 6, 5, 3, 1, 0):
        found = split(root, SplitRule(10, 15.1, 0.5, max_prefixes=most))
        names = "".join(t.tokens[1] for t in found[1:])
        assert "abcdef".endswith(names)
        assert len(names) == 6 if most >= 6 else len(names) <= most


_KEYS = st.lists(
    st.tuples(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), st.booleans()),
    min_size=1,
    max_size=120,
)


def counted(rows: list[tuple[list[str], bool]]) -> list[Address]:
    made = [(SEPARATOR.join(["/", *path]), SiteCounts(1, int(hit), 3 * hit)) for path, hit in rows]
    return sorted(made, key=lambda row: (row[0], row[1].recalled))


def walk(node: Node, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], tuple[int, int]]:
    found = {above: (node.pages, totals(node).recalled)}
    for child in node.children:
        found |= walk(child, (*above, child.token))
    return found


def totals(node: Node) -> SiteCounts:
    sums = SiteCounts()
    sums.add(node.own)
    for child in node.children:
        sums.add(totals(child))
    return sums


@given(_KEYS, st.integers(1, 5))
def test_every_prefix_of_enough_pages_is_counted_and_no_other(
    rows: list[tuple[list[str], bool]], min_pages: int
) -> None:
    found = walk(grow(counted(rows), min_pages=min_pages, max_nodes=10_000))
    wanted: dict[tuple[str, ...], tuple[int, int]] = {}
    for path, hit in rows:
        for length in range(len(path) + 2):
            prefix = ("/", *path)[:length]
            pages, hits = wanted.get(prefix, (0, 0))
            wanted[prefix] = (pages + 1, hits + hit)
    assert found == {p: n for p, n in wanted.items() if n[0] >= min_pages or not p}


@given(_KEYS, st.integers(1, 12))
def test_the_bound_keeps_the_largest_prefixes_and_loses_no_page(
    rows: list[tuple[list[str], bool]], max_nodes: int
) -> None:
    exact = walk(grow(counted(rows), min_pages=1, max_nodes=10_000))
    bounded = walk(grow(counted(rows), min_pages=1, max_nodes=max_nodes))
    assert len(bounded) - 1 <= max_nodes
    assert bounded.items() <= exact.items()
    assert bounded[()] == (len(rows), sum(hit for _, hit in rows))
    floor = max((n for p, (n, _) in exact.items() if p and p not in bounded), default=0)
    assert all(pages > floor / 2 for pages, _ in bounded.values())


@given(_KEYS)
def test_territories_share_out_the_pages_and_differ_from_what_is_around(
    rows: list[tuple[list[str], bool]],
) -> None:
    rule = SplitRule(min_pages=2, min_evidence=4.0, min_effect=0.5, max_prefixes=50)
    found = split(grow(counted(rows), min_pages=2, max_nodes=1000), rule)
    assert sum(t.rest.pages for t in found) == found[0].whole.pages == len(rows)
    assert sum(t.rest.recalled for t in found) == found[0].whole.recalled
    assert sum(t.rest.tokens for t in found) == found[0].whole.tokens
    assert [t.tokens for t in found] == sorted(t.tokens for t in found)
    for territory in found[1:]:
        outer = found[territory.around]
        assert territory.tokens[: len(outer.tokens)] == outer.tokens
        inner, rest = territory.rest, outer.rest
        shares = [np.array([n]) for n in (inner.pages, inner.recalled, rest.pages, rest.recalled)]
        assert effect(*shares)[0] >= rule.min_effect
        assert likelihood_ratio(*shares)[0] >= rule.min_evidence


def test_addresses_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="not sorted"):
        grow([("/\tb", SiteCounts(1)), ("/\ta", SiteCounts(1))], min_pages=1, max_nodes=9)


def test_millions_of_paths_need_the_memory_of_few() -> None:
    draw = random.Random(3)
    keys = (f"/\t{year:04}\t{draw.random()}" for year in range(3000) for _ in range(20))
    ordered = sorted(keys)
    root = grow(((k, SiteCounts(1)) for k in ordered), min_pages=10, max_nodes=100)
    assert root.pages == 60_000
    assert len(walk(root)) <= 101


def test_likelihood_ratio_and_effect_by_hand() -> None:
    def one(*numbers: int) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return [np.array([n]) for n in numbers]

    # G of the table 30/70, 10/90: 2 sum O ln(O / E)
    assert likelihood_ratio(*one(100, 30, 100, 10))[0] == pytest.approx(13.0, abs=0.1)
    assert likelihood_ratio(*one(10, 5, 20, 10))[0] == pytest.approx(0.0)
    assert effect(*one(100, 50, 100, 0))[0] == pytest.approx(np.pi / 2)
    assert effect(*one(5, 5, 0, 0))[0] == 0.0  # Cohen 1988: h is of two shares
