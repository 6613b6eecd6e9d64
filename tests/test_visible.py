"""Quick text from the source: what is shown and what is skipped, and that it stops and ends."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.html.visible import visible_text


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("<title>T</title><body><p>one <b>two</b> three", "T one two three"),
        ("<p>a</p><script>if (a < b) c > d;</script><p>e", "a e"),
        ("<p>a</p><SCRIPT>x</SCRIPT><STYLE>p > a {}</STYLE><p>e", "a e"),
        ("<style>p > a {}</style><!-- <p>no</p> --><p>yes", "yes"),
        ("<p>a<script>the rest of an unfinished script <p>b", "a"),
        ("<p>a<!-- unfinished <p>b", "a"),
        ("<p>a &amp; b &lt;c&gt;", "a & b <c>"),
        ("no tags at all", ""),
        ("", ""),
    ],
)
def test_visible_text(source: str, words: str) -> None:
    assert visible_text(source, 1000).split() == words.split()


def test_it_stops_when_enough_was_read() -> None:
    page = "<p>some words</p>" * 100_000
    assert 1000 <= len(visible_text(page, 1000)) < 20_000


def test_runs_across_slices_are_whole() -> None:
    page = "".join(f"<p>word{n}</p><script>var x{n};</script><!-- c -->" for n in range(5000))
    assert visible_text(page, 10**9).split() == [f"word{n}" for n in range(5000)]


@given(st.text(alphabet="<>/!-scriptyle &;\n\"'a"), st.integers(0, 50))
def test_it_never_raises(source: str, max_chars: int) -> None:
    visible_text(source, max_chars)


@pytest.mark.parametrize(
    "piece", ["<script>a</script>", "<!--", "> ", "<", "<style", "&amp", ">x<"]
)
def test_it_is_linear(piece: str) -> None:
    def cost_s(copies: int) -> float:
        started_s = time.process_time()
        visible_text(piece * copies, 10**9)
        return time.process_time() - started_s

    assert cost_s(100_000) < max(0.2, 8 * cost_s(25_000))
