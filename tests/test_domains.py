"""Where an address stands in its site, patterns that a person reads, shares and their intervals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.classify.domains import (
    MAX_TOKENS,
    SEPARATOR,
    SiteCounts,
    pattern_of,
    site_key,
    tokens_of,
    wilson_interval,
)


def key(url: str, domain: str = "uni.example") -> list[str]:
    return site_key(url, domain).split(SEPARATOR)


def test_a_key_is_host_labels_then_folders_then_the_query() -> None:
    assert key("https://www.uni.example/") == ["/"]
    assert key("http://num.math.uni.example/a/b.html") == ["math", "num", "/", "a", "b.html"]
    assert key("http://uni.example:8080/a/") == [":8080/", "a"]
    assert key("https://uni.example/f/index.php?topic=5&board=2") == [
        "/", "f", "?board", "=2", "?topic", "=5",
    ]  # fmt: skip
    assert key("https://uni.example/q?tag") == ["/", "q", "?tag"]


def test_what_records_a_visit_is_not_part_of_a_key() -> None:
    plain = site_key("https://uni.example/notes/1", "uni.example")
    for url in (
        "http://www.uni.example/notes/1/",
        "https://uni.example/notes/1?utm_source=mail",
        "https://uni.example/notes;jsessionid=08F1/1",
        "https://uni.example/notes/1/index.html#top",
    ):
        assert site_key(url, "uni.example") == plain, url


def test_a_site_of_its_own_is_told_from_its_neighbour() -> None:
    assert key("https://ann.pages.example/x", "ann.pages.example") == ["/", "x"]
    assert key("https://notuni.example/x") == ["/", "x"]  # of another domain: never asked for


def test_keys_end_before_long_tokens_and_at_a_depth() -> None:
    assert key("https://uni.example/a/" + "x" * 101 + "/b") == ["/", "a"]
    assert len(key("https://uni.example/" + "a/" * 50)) == MAX_TOKENS


@pytest.mark.parametrize(
    ("pattern", "tokens"),
    [
        ("uni.example/notes/", ("/", "notes")),
        ("https://www.uni.example/notes", ("/", "notes")),
        ("math.uni.example/", ("math", "/")),
        ("*.math.uni.example/", ("math",)),
        ("uni.example/q?tag=algebra", ("/", "q", "?tag", "=algebra")),
        ("uni.example/q?tag=", ("/", "q", "?tag")),
        ("UNI.example/Notes/", ("/", "Notes")),
        ("", ()),
    ],
)
def test_patterns_mean_beginnings_of_keys(pattern: str, tokens: tuple[str, ...]) -> None:
    assert tokens_of(pattern, "uni.example") == tokens


@pytest.mark.parametrize(
    "pattern",
    ["other.example/notes/", "notuni.example/", "/notes/", "*.uni.example/notes/", "*/notes",
     "uni.example/" + "a/" * 30, "uni.example/q?title=" + "x" * 120, "uni.example/a/index.html"],
)  # fmt: skip
def test_patterns_that_name_nothing_in_the_domain_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"lie in|behind the host|too deep|stands for its folder"):
        tokens_of(pattern, "uni.example")


_SEGMENTS = st.text("abcXYZ019-._~%+=@äπ ", min_size=1, max_size=12).filter(
    lambda text: text.strip(". ") != ""
)


@given(
    st.lists(st.sampled_from(["math", "num", "a"]), max_size=3),
    st.lists(_SEGMENTS, max_size=4),
    st.lists(st.tuples(_SEGMENTS, _SEGMENTS), max_size=2),
)
def test_every_beginning_of_a_key_has_a_pattern_that_reads_back(
    labels: list[str], segments: list[str], query: list[tuple[str, str]]
) -> None:
    host = ".".join([*labels, "uni.example"])
    url = f"https://{host}/" + "/".join(segments)
    if query:
        url += "?" + "&".join(f"{name}={value}" for name, value in query)
    tokens = key(url)
    for length in range(len(tokens) + 1):
        pattern = pattern_of(tokens[:length], "uni.example")
        assert tokens_of(pattern, "uni.example") == tuple(tokens[:length])


def test_wilson_interval() -> None:
    # Newcombe 1998, table I: 81 of 263
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 10)[0] == pytest.approx(0.0, abs=1e-9)


@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_an_interval_holds_its_share(trials: int, successes: int) -> None:
    successes = min(successes, trials)
    low, high = wilson_interval(successes, trials)
    assert 0 <= low <= successes / trials + 1e-9
    assert successes / trials - 1e-9 <= high <= 1


def test_counts_add_up_and_keep_the_examples_of_the_smallest_ids() -> None:
    total = SiteCounts()
    for number in reversed(range(9)):
        counts = SiteCounts(1, 1, 100, 9000 + number, {"en": 1}, {"qa": 1})
        counts.examples = [(bytes([number]), f"u{number}")]
        total.add(counts)
    total.add(SiteCounts(1))
    assert (total.pages, total.recalled, total.tokens) == (10, 9, 900)
    assert total.score == 0.9004
    assert (total.languages, total.kinds) == ({"en": 9}, {"qa": 9})
    assert [url for _, url in total.examples] == ["u0", "u1", "u2", "u3", "u4"]
