"""Pages to documents: text, formulas and their places, budgets, links, opt-outs."""

# ruff: noqa: E501  (mark-up is easier to read unbroken)

from __future__ import annotations

import unicodedata
from urllib.parse import urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.html import (
    Document,
    ParsedPage,
    SourcePage,
    extract,
    extract_page,
    formula_marks,
    parse,
    read,
)
from cc_math.html.charset import decode
from cc_math.html.document import opt_out
from cc_math.html.links import _joiner, out_links
from cc_math.html.prefilter import find_hints
from cc_math.schema import Drop, DropReason

WORDS = "This paragraph has words enough to count as the main content of a page. " * 4


def document(body: str, head: str = "", url: str | None = None) -> Document:
    page = f"<html lang='en'><head><title>T</title>{head}</head><body>{body}</body></html>"
    result = extract(page.encode(), url, "text/html; charset=utf-8")
    assert isinstance(result, Document), result
    return result


def article(body: str, head: str = "") -> Document:
    return document(f"<article><p>{WORDS}</p>{body}<p>{WORDS}</p></article>", head)


def test_spans_of_formulas_cover_their_delimiters() -> None:
    result = article(
        "<p>Let <script type='math/tex'>x^2</script> be &lt; 3.</p>"
        "<script type='math/tex; mode=display'>y = 1</script>"
    )
    shown = [result.text[f.start_char : f.end_char] for f in result.formulas]
    assert shown == ["$x^2$", "$$y = 1$$"]
    assert [f.display for f in result.formulas] == [False, True]
    assert result.formula_counts == {"mathjax_script": 2}


def test_headings_lists_and_paragraphs_are_markdown() -> None:
    result = article("<h2>Roots</h2><ul><li>one root</li><li>two<ol><li>a</li><li>b</li></ol></ul>")
    assert "\n\n## Roots\n\n- one root\n- two\n  1. a\n  2. b\n\n" in result.text


def test_a_data_table_keeps_its_cells_apart() -> None:
    result = article(
        "<table><tr><th>n</th><th>square</th></tr><tr><td><p>2</p></td>"
        "<td><b>4</b></td></tr></table>"
    )
    assert "| n | square |\n| --- | --- |\n| 2 | 4 |" in result.text


def test_a_row_that_sets_an_equation_is_the_equation() -> None:
    result = article(
        "<table><tr><td></td><td><math alttext='a=b' display='block'><mi>a</mi></math></td>"
        "<td></td><td>(5.1)</td></tr></table>"
    )
    assert "$$a=b$$" in result.text and "|" not in result.text


def test_exponents_and_indices_are_not_glued() -> None:
    result = article(
        "<p>10<sup>5</sup>, <i>x</i><sup>k+1</sup>, <i>a</i><sub>n</sub>, the 1<sup>st</sup>.</p>"
    )
    assert "10⁵, $x^{k+1}$, $a_{n}$, the 1st." in result.text


def test_definitions_of_macros_are_no_formulas() -> None:
    result = article(
        r"<p>\(\newcommand{\R}{\mathbb R} \def\x#1{a{#1}}\) \(\R\) mathjax \(\frac ab\)</p>"
    )
    assert [f.tex for f in result.formulas] == [r"\mathbb R", r"\frac ab"]


def test_dollars_inside_a_formula_do_not_end_it() -> None:
    result = article(r"<p>\(a \text{ if $x$ or \$ 2}\)</p>")
    assert [f.tex for f in result.formulas] == [r"a \text{ if \(x\) or \$ 2}"]


def test_code_keeps_its_white_space_and_its_dollars() -> None:
    result = article(
        "<pre><code>def f(x):\n    return $x + \\(1\\)</code></pre><p>Use <code>$x</code> here.</p>"
    )
    assert "```\ndef f(x):\n    return $x + \\(1\\)\n```" in result.text
    assert "Use `$x` here." in result.text
    assert result.formulas == ()


def test_prices_are_not_formulas_and_their_dollars_are_escaped() -> None:
    result = article("<p>It costs $5 to $10, or $x if you pay in $US and EUR.</p>")
    assert result.formulas == ()
    assert r"It costs \$5 to \$10, or \$x if you pay in \$US and EUR." in result.text


def test_prices_stay_prices_on_a_page_that_renders_dollars() -> None:
    result = article(
        "<p>It costs $5 today and $10 tomorrow; let $x$ be it.</p>",
        """<script>MathJax={tex:{inlineMath:[['$','$'],['\\\\(','\\\\)']]}}</script>""",
    )
    assert [f.tex for f in result.formulas] == ["x"]


def test_a_digit_after_a_formula_is_kept_off_the_dollar() -> None:
    result = article(
        "<p><script type='math/tex'>R</script>0 and <script type='math/tex'>S</script>"
    )
    assert "$R$ 0 and $S$" in result.text


def test_single_characters_between_elements_are_kept() -> None:
    # Resiliparse 2.0.1 takes a lone three-byte character for an icon.
    text = "这一段话说明图论的基本概念，长度足够成为正文的内容。" * 6
    result = document(
        f"<article><p>{text}</p><p><b>图</b>是<i>点</i>与<i>边</i>的集合</p><p>{text}</p></article>"
    )
    assert "图是点与边的集合" in result.text


def test_folded_solutions_are_content() -> None:
    result = article("<div class='solution dropdown'><p>Since <code>a</code> it holds.</p></div>")
    assert "Since `a` it holds." in result.text


def test_navigation_and_footer_are_left_out() -> None:
    result = document(
        f"<nav><a href='/'>Home</a></nav><main><p>{WORDS}</p></main><footer>Imprint</footer>"
    )
    assert "Home" not in result.text and "Imprint" not in result.text


def test_title_language_and_links() -> None:
    result = document(
        f"<p>{WORDS}<a href='/a#x'>a</a> <a href='http://other.org/?q=1&amp;r=2'>b</a>"
        "<a href='mailto:x@y.z'>m</a> <a href='/a'>again</a></p>",
        url="https://example.org/dir/page",
    )
    assert result.title == "T"
    assert result.declared_language == "en"
    assert result.out_links == ("https://example.org/a", "http://other.org/?q=1&r=2")


def test_out_links_stop_at_one_hundred() -> None:
    source = "".join(f"<a href='https://example.org/{n}'>x</a>" for n in range(500))
    assert len(out_links(source, None)) == 100


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        ("<meta name='robots' content='NOINDEX, follow'>", "noindex"),
        ("<meta name=robots content='noai, noimageai'>", "noai,noimageai"),
        ("<meta content='none' name='robots'>", "noindex"),
        ("<meta name='tdm-reservation' content='1'>", "tdm-reservation"),
        ("<meta name='robots' content='index, follow, max-snippet:-1'>", None),
        ("<meta name='description' content='noindex'>", None),
    ],
)
def test_opt_outs(meta: str, expected: str | None) -> None:
    assert opt_out(meta) == expected


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", DropReason.empty_page),
        (b"<html><body><script>1</script></body></html>", DropReason.empty_page),
        (b"<div>" * 100_000 + b"x", DropReason.too_many_nodes),
    ],
)
def test_pages_that_are_no_documents_are_drops(payload: bytes, reason: DropReason) -> None:
    result = extract(payload)
    assert isinstance(result, Drop) and result.reason is reason


@pytest.mark.parametrize(
    ("payload", "budget", "reason"),
    [
        (b"<script type='math/tex'>x</script>" * 50, "max_formulas", DropReason.too_many_formulas),
        (b"<p>" + b"a" * 50, "max_bytes", DropReason.too_large_bytes),
        (b"<p>a</p>" * 50, "max_nodes", DropReason.too_many_nodes),
        (b"<p>" + b"word " * 50, "max_text_chars", DropReason.text_too_long),
    ],
)
def test_budgets_drop_with_a_reason(payload: bytes, budget: str, reason: DropReason) -> None:
    result = extract(payload, **{budget: 20})  # type: ignore[arg-type]
    assert isinstance(result, Drop) and result.reason is reason


@pytest.mark.parametrize(
    "payload",
    [
        b"mathjax \\( " * 50_000,
        b"mathjax [tex]" * 50_000,
        b"mathjax \\begin{align} " * 30_000,
        b"<script>inlineMath: [['$','$']]</script><p>" + b"$ {" * 60_000,
        b"<math>" + b"<mrow>" * 400 + b"<mi>x",
        b"<" * 200_000,
        b"<a " * 100_000,
    ],
    ids=["paren", "bbcode", "environment", "dollars", "mathml", "lt", "tags"],
)
def test_hostile_pages_end_soon(payload: bytes) -> None:
    assert isinstance(extract(payload), Document | Drop)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_raise(payload: bytes) -> None:
    assert isinstance(extract(payload), Document | Drop)
    assert formula_marks(payload) >= 0


_MARKUP = st.lists(
    st.sampled_from(
        ["<p>", "</p>", "$", "$$", "\\(", "\\)", "\\[", "x^2", "\\frac{1}{2}", "<math>", "<mi>",
         "</math>", "<pre>", "</pre>", "<code>", "</code>", "<table><tr><td>", "</table>", "<ul><li>",
         "<script type='math/tex'>", "</script>", "<img class=tex alt='$a$'>", "é", "数", "5 ", "&lt;",
         "\ue0000\ue001", "\x00", "&#xd800;", "<span class=katex>", "</span>", "\n\n", "\\begin{align}"]
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(_MARKUP)
def test_documents_are_well_formed(pieces: list[str]) -> None:
    result = extract("".join(pieces).encode("utf-8"))
    if isinstance(result, Drop):
        assert result.reason is not DropReason.extraction_error, result.detail
        return
    result.text.encode("utf-8")  # no lone surrogates
    assert "\x00" not in result.text
    assert not {"\ue000", "\ue001", "\ue002", "\ue003"} & set(result.text)
    for formula in result.formulas:
        shown = result.text[formula.start_char : formula.end_char]
        assert shown.startswith("$") and shown.endswith("$")
    plain = result.text
    for formula in reversed(result.formulas):
        plain = plain[: formula.start_char] + plain[formula.end_char :]
    assert unicodedata.is_normalized("NFC", plain)


def test_quick_text_has_title_and_body() -> None:
    page = read(b"<title>One</title><p>two<script>three</script>", None)
    assert isinstance(page, SourcePage)
    assert page.quick_text(100).split() == ["One", "two"]
    parsed = parse(page)
    assert isinstance(parsed, ParsedPage)
    assert isinstance(extract_page(parsed), Document)


@pytest.mark.parametrize(
    ("body", "marked"),
    [
        (b"<script src='mathjax.js'></script><p>words", False),
        (b"<p>It costs $5 and $10</p><script>$('.x').on(/\\(foo\\)/)</script>", False),
        (b"<script type='math/tex'>x</script>", True),
        (b"<p>Let \\(x\\) be", True),
        (b"<p>Let $\\alpha$ be", True),
        (b"<span class='katex'>", True),
        (b"<img src='/latex.php?latex=x'>", True),
        (b"<math xmlns='x'>", True),
    ],
)
def test_formula_marks_count_formulas_and_not_renderers(body: bytes, marked: bool) -> None:
    assert (formula_marks(body) > 0) is marked


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b"<span class=math>x</span>", "class of TeX"),
        (b"<SPAN CLASS = 'note math'>x</SPAN>", "class of TeX"),
        (b'<img title="a > b < c" class="big-formula">', "image of TeX"),
        (b"<img src=a alt='$x$'>", "image of TeX"),
        (b'<div class="menu is-hidden">', "class* hidden"),
        (b"<m:math>", "prefixed math"),
        (b"<a class='x headerlink' href='#a'>", "class of gutters"),
        (b"<a class='x headerlink' href='#a'>", "link into the page"),
        ("<b>解</b>".encode(), "lone character"),
        ("\ue000".encode(), "private use"),
    ],
)
def test_hints_stand_where_a_selector_would_match(body: bytes, hint: str) -> None:
    assert hint in find_hints(body)


def test_words_have_no_hints() -> None:
    assert find_hints(b"<p class=text>Latex gloves, hidden maths: a < b</p>") == frozenset()


@pytest.mark.parametrize(
    ("text", "encoding", "content_type", "meta"),
    [
        ("Fläche und Größe", "cp1252", None, ""),
        ("Fläche und Größe", "utf-8", "text/html; charset=iso-8859-1", ""),
        ("数学的证明方法很重要，数列极限的定义如下。" * 5, "gb18030", None, "utf-8"),
        ("数学的证明", "gb18030", None, "gb2312"),
        ("数学の証明はとても楽しいものです。" * 5, "cp932", None, ""),
        ("수학의 아름다움은 증명에 있다고 한다. " * 5, "cp949", "text/html", "utf-8"),
        ("Теорема о пределе последовательности. " * 5, "koi8-r", None, ""),
        ("Теорема", "cp1251", "text/html; charset=windows-1251", ""),
    ],
)
def test_characters_come_out_right(
    text: str, encoding: str, content_type: str | None, meta: str
) -> None:
    head = f"<meta charset='{meta}'>" if meta else ""
    payload = f"<html><head>{head}</head><body><p>{text}</p></body></html>".encode(encoding)
    assert text in decode(payload, content_type)[0]


def test_a_byte_order_mark_wins() -> None:
    assert decode("\ufeffé".encode("utf-16-le"), "text/html; charset=latin1")[0] == "é"


@given(
    st.sampled_from(
        [
            "http://a.example/b/c/d?q=1#f",
            "https://a.example",
            "https://a.example/",
            "http://a.example:80/x/../y/z",
            "http://a.example/b//c",
            "http://u@a.example/p;x=1/q",
            "not a url",
        ]
    ),
    st.lists(st.sampled_from([*"a/?=&~:;é", "..", ".", "b.html", "%20", "//"]), min_size=1).map(
        "".join
    ),
)
def test_links_are_joined_as_the_standard_library_joins_them(base: str, href: str) -> None:
    assert _joiner(base)(href) == urljoin(base, href)
