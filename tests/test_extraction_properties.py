"""What holds for extraction whatever the page: nothing raises, nothing is invented or lost, and
time grows with the page's size and no faster.

Examples are drawn from pieces of mark-up and TeX and from the fixtures, always the same ones
(``derandomize``): a page that fails once should fail for everybody. Times are the process's own
and the best of several, and are compared as ratios.
"""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import gzip
import json
import re
import time
import unicodedata
from collections.abc import Callable
from html import escape, unescape
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cc_math.html import Document, extract, formula_marks
from cc_math.schema import Drop, DropReason
from tests.extraction_fixtures import FIXTURES, NEGATIVES, WORDS, Fixture

PROFILE = settings(
    max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
DOLLARS = (
    "<script>MathJax = {tex: {inlineMath: [['$', '$'], ['\\\\(', '\\\\)']], processEscapes: true}}"
    "</script>"
)


def page(body: str, head: str = "") -> bytes:
    return (
        f"<html><head>{head}</head><body><article><p>{WORDS}</p>{body}<p>{WORDS}</p></article>"
    ).encode("utf-8", "replace")


def formulas(document: Document) -> list[tuple[str, bool]]:
    return [(formula.tex, formula.display) for formula in document.formulas]


def without_spaces(document: Document) -> list[tuple[str, bool]]:
    return [("".join(tex.split()), display) for tex, display in formulas(document)]


# --- nothing raises -----------------------------------------------------------------------


def assert_bears(payload: bytes, content_type: str | None = None) -> None:
    result = extract(payload, "https://example.org/", content_type)
    if isinstance(result, Drop):
        assert result.reason is not DropReason.extraction_error, result.detail
        return
    result.text.encode("utf-8")
    end = 0
    for formula in result.formulas:
        assert end <= formula.start_char < formula.end_char <= len(result.text)
        end = formula.end_char


@PROFILE
@given(
    st.binary(max_size=3000),
    st.sampled_from((None, "text/html; charset=gbk", "text/html; charset=utf-16", "x;;=")),
)
def test_arbitrary_bytes_are_a_document_or_a_drop(payload: bytes, content_type: str | None) -> None:
    assert_bears(payload, content_type)
    assert formula_marks(payload) >= 0


@PROFILE
@given(
    st.sampled_from(FIXTURES),
    st.sampled_from(FIXTURES),
    st.lists(
        st.tuples(st.integers(0, 4000), st.integers(0, 60), st.binary(max_size=6)), max_size=5
    ),
)
def test_damaged_pages_are_documents_or_drops(
    first: Fixture, second: Fixture, cuts: list[tuple[int, int, bytes]]
) -> None:
    payload = first.page[:-30] + second.body.encode()
    for start, length, put in cuts:
        start %= len(payload)
        payload = payload[:start] + put + payload[start + length :]
    assert_bears(payload)


# --- nothing is invented ------------------------------------------------------------------

_ATOMS = (
    "x",
    "y_1",
    "z^{2}",
    "\\alpha",
    "\\beta_{i}",
    "2",
    "\\frac{1}{n}",
    "\\sqrt{u}",
    "(a)",
    "é",
)
_SIGNS = ("+", "=", " < ", "\\le ", " \\cdot ", " & ", "\\, ", "\n")
TEX = st.lists(st.tuples(st.sampled_from(_ATOMS), st.sampled_from(_SIGNS)), max_size=5).map(
    lambda pairs: "\\gamma_0 = " + "".join(map("".join, pairs)) + "\\delta"
)
"""Well-formed TeX that no reader takes for prose, so that evidence need not be repeated."""


def in_attribute(tex: str) -> str:
    return escape(tex, quote=True).replace("\n", "&#10;")


def in_mathml(tex: str) -> str:
    annotation = f"<annotation encoding='application/x-tex'>{escape(tex)}</annotation>"
    return f"<semantics><mi>x</mi>{annotation}</semantics>"


INLINE: dict[str, Callable[[str], str]] = {
    "script": lambda tex: f"<script type='math/tex'>{tex}</script>",
    "dollars": lambda tex: f"${escape(tex)}$",
    "parentheses": lambda tex: f"\\({escape(tex)}\\)",
    "KaTeX": lambda tex: (
        f"<span class='katex'><span class='katex-mathml'><math>{in_mathml(tex)}</math></span>"
        f"<span class='katex-html'>x</span></span>"
    ),
    "annotation": lambda tex: f"<math>{in_mathml(tex)}</math>",
    "alttext": lambda tex: f"<math alttext='{in_attribute(tex)}'><mi>x</mi></math>",
    "MediaWiki": lambda tex: (
        f"<span class='mwe-math-element'><img alt='{in_attribute(tex)}'></span>"
    ),
    "image": lambda tex: f"<img class='latex' alt='{in_attribute(tex)}'>",
    "data-tex": lambda tex: f"<span data-tex='{in_attribute(tex)}'>x</span>",
    "container": lambda tex: f"<span class='math-container'>${escape(tex)}$</span>",
    "class": lambda tex: f"<span class='math inline'>\\({escape(tex)}\\)</span>",
    "itex": lambda tex: f"[itex]{escape(tex)}[/itex]",
}
DISPLAYED: dict[str, Callable[[str], str]] = {
    "script": lambda tex: f"<script type='math/tex; mode=display'>{tex}</script>",
    "dollars": lambda tex: f"$${escape(tex)}$$",
    "brackets": lambda tex: f"\\[{escape(tex)}\\]",
    "MathJax 4": lambda tex: (
        f"<mjx-container display='true'><mjx-math data-latex='{in_attribute(tex)}'>x</mjx-math></mjx-container>"
    ),
}
WRITTEN = st.one_of(
    st.tuples(TEX, st.just(False), st.sampled_from(sorted(INLINE))),
    st.tuples(TEX, st.just(True), st.sampled_from(sorted(DISPLAYED))),
)


@PROFILE
@given(st.lists(WRITTEN, min_size=1, max_size=6), st.sampled_from(("p", "li", "td", "blockquote")))
def test_formulas_come_out_once_each_in_order(
    written: list[tuple[str, bool, str]], element: str
) -> None:
    body = "".join(
        f"<{element}>then {(DISPLAYED if display else INLINE)[kind](tex)} holds</{element}>"
        for tex, display, kind in written
    )
    body = {"li": f"<ol>{body}</ol>", "td": f"<table><tr>{body}</tr></table>"}.get(element, body)
    result = extract(page(body, DOLLARS))
    assert isinstance(result, Document), result
    # white space apart: a formula of a table's row stands on one line
    wanted = [("".join(tex.split()), display) for tex, display, _ in written]
    assert without_spaces(result) == wanted


PIECES = st.lists(
    st.one_of(
        TEX,
        st.sampled_from(
            ("$", "$$", "\\(", "\\)", "\\[", "\\]", "{", "}", "\\$", "\\\\", "\\begin{align}", "\\end{align}",
             "\\text{if $a$}", "[itex]", "[/itex]", "[tex]", "[/tex]", " price 5 ", " words here ", "$5 ", "&lt;", "&amp;lt;",
             "&#36;", "% note\n", "\n\n", "<br>", "<p>", "</p>", "<em>", "</em>", "<code>", "</code>", "<pre>", "</pre>",
             "<li>", "<td>", "<table>", "</table>", "<script type='math/tex'>", "</script>", "<span class='math'>",
             "<span class='math-container'>", "</span>", "<img class='tex' alt='u_1 = 2'>", "<span data-tex='v_1 &lt; 2'>", "\u2061",
             "<math alttext='w_1'>", "</math>", "`", "```", "\x00", "\u00a0")
        ),
    ),
    max_size=25,
).map("".join)  # fmt: skip


def squashed(text: str) -> str:
    """Without white space, controls and the comment, mathematics inside text in dollars."""
    text = text.replace("\\(", "$").replace("\\)", "$")
    return re.sub(r"[\s\x00-\x1f]+", "", text).replace("%note", "")


@PROFILE
@given(PIECES, st.sampled_from(("", DOLLARS, "<script src='mathjax.js'></script>")))
def test_no_formula_is_put_out_that_is_not_in_the_page(source: str, head: str) -> None:
    payload = page(f"<p>{source}</p>", head)
    result = extract(payload)
    if isinstance(result, Drop):
        return
    source = payload.decode()  # a script that nobody closes goes on to the end of the page
    bare = re.sub(r"<[^<>]*>", "", source)
    places = [squashed(text) for text in (source, unescape(source), bare, unescape(bare))]
    for formula in result.formulas:
        assert any(squashed(formula.tex) in place for place in places), formula


def words_outside_formulas(document: Document) -> set[str]:
    parts, last = [], 0
    for formula in document.formulas:
        parts.append(document.text[last : formula.start_char])
        last = formula.end_char
    plain = unicodedata.normalize("NFKC", " ".join([*parts, document.text[last:]]))
    return set(re.findall(r"[^\W\d_]{3,}", plain))


def words_not_in(document: Document, source: str) -> list[str]:
    """Words of a document that its page does not hold, however its elements cut them."""
    places = (unescape(source), unescape(re.sub(r"<[^<>]*>", "", source)), source)
    joined = "\n".join("".join(unicodedata.normalize("NFKC", place).split()) for place in places)
    joined = re.sub("[\u00ad\u200b-\u200f\ue000-\ue003]", "", joined)
    return sorted(word for word in words_outside_formulas(document) if word not in joined)


@PROFILE
@given(PIECES, st.sampled_from(("", DOLLARS)))
def test_every_word_put_out_stands_in_the_page(source: str, head: str) -> None:
    assume("<pre>" not in source and "<code>" not in source)  # a formula there is its letters
    payload = page(f"<p>{source}</p>", head)
    result = extract(payload)
    if isinstance(result, Document):
        assert words_not_in(result, payload.decode()) == []


MATHML = st.recursive(
    st.sampled_from(
        ("<mi>x</mi>", "<mn>12</mn>", "<mo>+</mo>", "<mo>(</mo>", "<mtext>if </mtext>", "<mi>sin</mi>", "<mspace width='1em'/>")
    ),
    lambda inner: st.tuples(
        st.sampled_from(("mrow", "msup", "msub", "mfrac", "msqrt", "mroot", "munderover", "mover", "mtable", "mtr", "mtd", "mfenced", "mstyle", "menclose", "mmultiscripts", "semantics", "mpadded")),
        st.lists(inner, max_size=3),
    ).map(lambda pair: f"<{pair[0]}>{''.join(pair[1])}</{pair[0]}>"),
    max_leaves=12,
)  # fmt: skip


@PROFILE
@given(MATHML)
def test_conversion_depends_on_nothing_but_the_element(mathml: str) -> None:
    element = f"<math>{mathml}</math>"
    found = []
    for body in (
        f"<p>{element}</p>",
        f"<p>Let <b>{element}</b> be $x$.</p>",
        f"<ul><li>a {element}</ul>",
    ):
        result = extract(page(body))
        assert isinstance(result, Document), result
        found.append(formulas(result))
    assert found[0] == found[1] == found[2]


# --- nothing is lost when a document's text is read again -----------------------------------

_FENCED = re.compile(r"^(`{3,})\n(.*?)\n\1$", re.S | re.M)
_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.S)


def as_html(document: Document) -> str:
    """A document's Markdown as HTML: code as code, paragraphs as paragraphs, formulas as text."""
    parts, last = [], 0
    for number, formula in enumerate(document.formulas):
        parts.append(document.text[last : formula.start_char] + f"\x02{number}\x03")
        last = formula.end_char
    text = escape("".join(parts) + document.text[last:], quote=False)
    text = _FENCED.sub(lambda m: f"<pre>{m[2]}</pre>".replace("\n\n", "\n \n"), text)
    text = _INLINE_CODE.sub(lambda m: f"<code>{m[2]}</code>", text)
    text = re.sub(r"\\[(\[]", r"<code>\g<0></code>", text)  # no delimiters where dollars are
    html = "".join(f"<p>{paragraph}</p>" for paragraph in text.split("\n\n"))
    spans = [document.text[f.start_char : f.end_char] for f in document.formulas]
    return re.sub("\x02(\\d+)\x03", lambda m: escape(spans[int(m[1])], quote=False), html)


def assert_survives(first: Document) -> None:
    """White space apart, which HTML joins."""
    second = extract(f"<html><head>{DOLLARS}</head><body>{as_html(first)}</body></html>".encode())
    assert isinstance(second, Document), second
    assert without_spaces(second) == without_spaces(first)


@pytest.mark.parametrize("fixture", (*FIXTURES, *NEGATIVES), ids=lambda fixture: fixture.name)
def test_a_fixture_keeps_its_formulas_when_read_again(fixture: Fixture) -> None:
    first = extract(fixture.page)
    assert isinstance(first, Document)
    assert_survives(first)


@PROFILE
@given(st.lists(st.sampled_from((*FIXTURES, *NEGATIVES)), min_size=1, max_size=5))
def test_pages_keep_their_formulas_when_read_again(chosen: list[Fixture]) -> None:
    first = extract(page("".join(f.body for f in chosen), "".join({f.head: None for f in chosen})))
    assert isinstance(first, Document)
    assert_survives(first)


MAX_PAGES_WITH_NEW_WORDS = 2
"""Of 218: links that only a style sheet sets apart run together in Chinese. May only fall."""


def test_real_pages_keep_their_formulas_when_read_again_and_their_words(dev_data: Path) -> None:
    path = dev_data / "webpages" / "dev_pages.jsonl.gz"
    changed, with_new_words = [], []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            first = extract(record["html"].encode("utf-8", "replace"), record["url_like"])
            assert isinstance(first, Document), record["id"]
            second = extract(f"<head>{DOLLARS}</head><body>{as_html(first)}</body>".encode())
            if isinstance(second, Drop) or without_spaces(second) != without_spaces(first):
                changed.append(record["id"])
            if words_not_in(first, record["html"]):
                with_new_words.append(record["id"])
    assert changed == []
    assert len(with_new_words) <= MAX_PAGES_WITH_NEW_WORDS, with_new_words


# --- time and memory are bounded ------------------------------------------------------------


def timed(payload: bytes) -> tuple[float, Document | Drop]:
    start_s = time.process_time()
    result = extract(payload)
    return time.process_time() - start_s, result


MAX_SECONDS = 20.0
"""Bound of the largest pages, which take one or two seconds. Chosen: never met by chance, and
met by anything that is not linear."""


@pytest.mark.parametrize(
    "tag",
    [
        "div",
        "span",
        "b",
        "blockquote",
        "ul><li",
        "table><tr><td",
        "font",
        "section",
        "mrow",
        "sup",
        "em",
    ],
)
def test_nesting_a_hundred_thousand_deep_ends_soon(tag: str) -> None:
    inside = f"<{tag}>" * 100_000 + "x"
    seconds, result = timed((f"<math>{inside}" if tag == "mrow" else inside).encode())
    assert isinstance(result, Drop) and seconds < MAX_SECONDS
    assert result.reason in (DropReason.too_many_nodes, DropReason.empty_page), result


@pytest.mark.parametrize(
    ("payload", "reasons"),
    [
        (b"mathjax $x_1$ " + b"$x$ " * 1_000_000, {DropReason.text_too_long}),
        (b"mathjax \\(x_1\\) " + b"\\(x\\) " * 400_000, {DropReason.too_many_formulas}),
        (b"<script type='math/tex'>x</script>" * 200_000, {DropReason.too_many_formulas}),
        (b"<script type='math/tex'>x</script>" * 1_000_000, {DropReason.too_large_bytes}),
        (b"<math><mi>x</mi></math>" * 300_000, {DropReason.too_many_nodes}),
        (b"<p>" + b"word " * 20_000_000, {DropReason.too_large_bytes}),
        (b"<p>" + b"word " * 1_500_000, {DropReason.text_too_long}),
    ],
    ids=[
        "dollars",
        "parentheses",
        "scripts",
        "a million scripts",
        "MathML",
        "100 MB",
        "7 MB of words",
    ],
)
def test_pages_beyond_a_budget_are_counted_drops(payload: bytes, reasons: set[DropReason]) -> None:
    seconds, result = timed(payload)
    assert isinstance(result, Drop) and result.reason in reasons, result
    assert seconds < MAX_SECONDS


RUNS = (
    "$", "$ ", "$a ", "$$ ", "\\(", "\\( a ", "\\[", "{", "{$", "<", "<!--", "</", "[", "[tex]", "`", "` ", " ", "\n", "&", "&#", "&amp;",
    "\\begin{", "\\begin{align}", "\\", "\\\\[", "\\newcommand{\\a}{", "\\def\\a", "%", "%\n", "'", "<a href=\"", "<img alt=\"", "x_", "x^{",
    "\\text{$", "<br>", "<sup>2</sup>", "<i>x</i><sub>2</sub>", "<mi>x</mi>", "数", "e\u0301", "1 ", "- ", "| ",
)  # fmt: skip
PLACES: dict[str, Callable[[str], bytes]] = {
    "text": lambda run: page(f"<p>{run}</p>"),
    "text of a page with a renderer": lambda run: page(f"<p>\\(x_1\\) {run}</p>", DOLLARS),
    "code": lambda run: page(f"<pre>{run}</pre>"),
    "script": lambda run: page(f"<script type='math/tex'>{run}</script>"),
    "AsciiMath": lambda run: page(f"<script type='math/asciimath'>{run}</script>"),
    "attribute": lambda run: page(f"<p><img class='tex' alt='{run}'></p>"),
    "address": lambda run: page(f"<p><img src='/latex.php?latex={run}'></p>"),
    "cell": lambda run: page(f"<table><tr><td>a<td>{run}<td>b<td>\\(c^2\\)</table>"),
    "MathML": lambda run: page(f"<math><mrow>{run}</mrow></math>"),
    "alttext": lambda run: page(f"<math alttext='{run}'><mi>x</mi></math>"),
    "configuration": lambda run: page(
        "<p>$x$</p>", f"<script>MathJax inlineMath: [['{run}</script>"
    ),
    "macros": lambda run: page("<p>$x$</p>", f"<script>MathJax macros: {{a: '{run}</script>"),
    "head": lambda run: f"<html lang=en><head><meta name=robots content=none>{run}".encode(),
}
RUN_CHARS = 24_000
SHORT_RUN_CHARS = {"AsciiMath": 2_400}
"""Where a converter spends microseconds on every character, a shorter run shows as much."""
MAX_SECONDS_PER_MEGABYTE = 5.0
"""Bound of a megabyte of openers, which takes half a second to one. Chosen: a machine five
times slower still passes; weighing every opener's content took forty seconds."""
NEGLIGIBLE_S = 0.06
"""Twice the run takes up to 30 ms where time is linear. A quadratic pattern takes a second or
more at this length, so what ends sooner needs no ratio."""


@pytest.mark.parametrize("place", PLACES)
def test_time_grows_no_faster_than_a_run(place: str) -> None:
    length_chars = SHORT_RUN_CHARS.get(place, RUN_CHARS)
    for unit in RUNS:
        times = length_chars // len(unit)
        payloads = [PLACES[place](unit * n) for n in (times, 2 * times)]
        best = [float("inf"), float("inf")]
        for _ in range(4):
            best = [min(was, timed(p)[0]) for was, p in zip(best, payloads, strict=True)]
            if best[1] < NEGLIGIBLE_S or best[1] < 3 * best[0]:
                break
        assert best[1] < NEGLIGIBLE_S or best[1] < 3 * best[0], f"{unit!r}: {best}"


@pytest.mark.parametrize(
    "unit",
    [
        "\\(" * 5_000 + " foo bar one two three\\)",
        "\\(" * 9_900 + "\\)",
        "\\[ foo " * 2_500 + "\\]",
        "\\(\\\\" * 2_500 + "\\)",
        "\\(\\[" * 2_500 + "\\] foo bar\\)",
        "\\( foo " * 2_500,
    ],
)
def test_openers_that_a_page_never_closes_cost_what_their_text_does(unit: str) -> None:
    """No renderer here: every opener must be weighed, and none encloses mathematics."""
    n_mega = 1_000_000 // len(unit)
    best = [float("inf"), float("inf")]
    for _ in range(3):
        for index, n in enumerate((n_mega // 4, n_mega)):
            seconds, result = timed(page(f"<p>{unit * n}</p>"))
            assert isinstance(result, Document) and not result.formulas
            best[index] = min(best[index], seconds)
        if best[1] < 6 * best[0]:
            break
    assert best[1] < 6 * best[0], best
    assert best[1] < MAX_SECONDS_PER_MEGABYTE, best


def test_time_is_linear_in_the_length_of_a_page() -> None:
    body = "".join(fixture.body for fixture in FIXTURES)
    heads = "".join({fixture.head: None for fixture in FIXTURES})
    payloads = [page(body * n, heads) for n in (4, 16)]
    best = [min(timed(payload)[0] for _ in range(3)) for payload in payloads]
    assert best[1] < 8 * best[0], best
