"""What is content and what is furniture; quotations, definitions, folded and shared parts."""

from __future__ import annotations

import time
from base64 import b64encode

import pytest

from cc_math.html import Document, extract
from cc_math.html.items import Item, Items
from cc_math.html.markdown import to_markdown
from cc_math.html.quotes import apply_marks

WORDS = "This paragraph has words enough to count as the main content of a page. " * 4


def document(body: str, head: str = "") -> Document:
    page = f"<html><head><meta charset=utf-8>{head}</head><body>{body}</body></html>"
    result = extract(page.encode())
    assert isinstance(result, Document), result
    return result


def article(body: str, head: str = "") -> str:
    text = document(f"<article><p>{WORDS}</p>{body}<p>{WORDS}</p></article>", head).text
    return text[len(WORDS) : -len(WORDS)].strip()


def test_quotations_are_quoted_line_by_line() -> None:
    text = article("<blockquote><p>One said.</p><blockquote>Deeper.</blockquote></blockquote><p>So")
    assert text == "> One said.\n\n> > Deeper.\n\nSo"


def test_code_and_lists_stay_inside_their_quotation() -> None:
    text = article("<blockquote><p>See</p><pre>a\n  b</pre><ul><li>one<li>two</ul></blockquote>")
    assert text == "> See\n\n> ```\n> a\n>   b\n> ```\n\n> - one\n> - two"


def test_a_formula_in_a_quotation_keeps_its_place() -> None:
    result = document(
        f"<article><p>{WORDS}</p><blockquote><p>By <script type='math/tex'>x</script> it holds.</p>"
        f"</blockquote><p>{WORDS}</p></article>"
    )
    (formula,) = result.formulas
    assert result.text[formula.start_char : formula.end_char] == "$x$"
    assert "> By $x$ it holds." in result.text


def test_a_quotation_in_a_list_is_indented() -> None:
    assert "- one\n  > said" in article("<ul><li>one<blockquote>said</blockquote></ul>")


def test_marks_without_their_end_quote_nothing() -> None:
    items = Items()
    token = items.add(Item("mark", "quote"))
    assert apply_marks(f"{token}text", items) == "text"


def test_definitions_stand_under_their_terms() -> None:
    text = article("<dl><dt>Ring</dt><dd>A set.</dd><dt>Field</dt><dd><p>A ring.</p></dd></dl>")
    assert "Ring\n: A set.\nField\n\nA ring." in text


@pytest.mark.parametrize(
    "furniture",
    [
        "<div id='respond' class='comment-respond'><h3>Leave a gone</h3><p>gone</p></div>",
        "<ol class='comment-list'><li><p>gone, I think, says somebody at some length</p></ol>",
        "<div class='navheader'><table><tr><td>gone</td><td></td><td>gone</td></tr></table></div>",
        "<div><a class='previous-button button'>gone</a><a class='next-button b'>gone</a></div>",
        "<p><a rel='prev' href='a'>gone</a> <a rel='next' href='b'>gone</a></p>",
    ],
)
def test_furniture_is_gone(furniture: str) -> None:
    assert "gone" not in article(furniture)


def test_comments_that_are_the_page_stay() -> None:
    text = document(f"<h1>Guests</h1><div id='comments'><p>{WORDS}</p><p>{WORDS}</p></div>").text
    assert WORDS.strip() in text


def test_an_article_named_for_its_share_buttons_stays() -> None:
    text = document(
        f"<main><div class='entry share'><p>Kept. {WORDS}</p><p>{WORDS}</p></div>"
        f"<p>{WORDS}</p></main>"
    ).text
    assert "Kept." in text


def test_a_list_of_sentences_with_links_stays_and_a_menu_goes() -> None:
    item = "<li>it is a <a href='x'>literal type</a> of C</li>"
    assert "- it is a literal type of C" in article(f"<p>Either</p><ul>{item}{item}</ul>")
    menu = "<li><a href='x'>gone</a></li>"
    assert "gone" not in article(f"<p>Either</p><ul>{menu * 8}</ul>")


def test_notes_of_latexml_stand_apart() -> None:
    note = (
        "<span class='ltx_note'><sup class='ltx_note_mark'>1</sup><span class='ltx_note_outer'>"
        "<span class='ltx_note_content'><sup class='ltx_note_mark'>1</sup>"
        "<span class='ltx_note_type'>endnote: </span>See there.</span></span></span>"
    )
    assert article(f"<p>roots{note} and more</p>") == "roots (See there.) and more"


def test_an_equation_beside_its_number_is_no_table() -> None:
    text = article(
        "<table><tr><td><script type='math/tex'>a=b</script></td><td>(2.71)</td></tr></table>"
        "<table><tr><td><script type='math/tex'>c</script></td><td>2.7</td></tr></table>"
    )
    assert "$a=b$ (2.71)" in text and "| $c$ | 2.7 |" in text


def test_lists_nest_and_tables_keep_cells_apart() -> None:
    text = to_markdown("<ul><li>a<ol><li>b</li><li>c<br>d</li></ol></li></ul>x\t\ty\n1\t\t2")
    assert text == "- a\n  1. b\n  2. c\n    d\n\n| x | y |\n| --- | --- |\n| 1 | 2 |"


@pytest.mark.parametrize(
    "unit",
    ["<blockquote>", "<blockquote>a</blockquote>", "<i>x</i><sup>2</sup>", "<dd>a", "`",
     "<a href='../a'>x</a>", "<div class=para>a", "<div class=para>a</div>", "<i class=sr-only>a",
     "<div class=ltx_listing><div class=ltx_listing_data>"
     "<a href='data:text/plain;base64,YQ=='></a></div></div>"],
)  # fmt: skip
def test_time_is_linear_in_size(unit: str) -> None:
    def cost(count: int) -> float:
        started_s = time.process_time()
        extract((f"<article><p>{WORDS}</p><pre>" + unit * count).encode() if unit == "`" else
                (f"<article><p>{WORDS}</p>" + unit * count).encode())  # fmt: skip
        return time.process_time() - started_s

    cost(200)
    assert cost(8_000) < 16 * (cost(1_000) + 0.02)


@pytest.mark.parametrize(
    "name", ["screen-reader-only", "sr-only", "visually-hidden", "screen-reader-text"]
)
def test_words_for_screen_readers_go_and_formulas_stay(name: str) -> None:
    assert article(f"<p><span class='{name}'>Question</span>Question 1</p>") == "Question 1"
    formula = f"<p>so <span class='{name}'><script type='math/tex'>x</script></span></p>"
    assert article(formula) == "so $x$"


def test_signs_for_screen_readers_stay() -> None:
    assert article("<h2>Part<span class='sr-only'>:</span> one</h2>") == "## Part: one"


def test_paragraphs_of_pretext_stand_apart() -> None:
    para = "<div class='para'>"
    text = article(
        f"{para}\n<em>One</em>.</div>{para}Two.</div><div class='para logical'>{para}So:</div>"
        f"<ol><li>{para}a</div></li><li>{para}b</div></li></ol>{para}Three.</div></div>"
    )
    assert text == "One.\n\nTwo.\n\nSo:\n\n1. a\n2. b\n\nThree."


def listing(encoded: str, line: str = "f(x)") -> str:
    return article(
        "<div class='ltx_lstlisting ltx_listing'><div class='ltx_listing_data'>"
        f"<a href='data:text/plain;base64,{encoded}' download=''>⬇</a></div>"
        f"<div class='ltx_listingline'><span class='ltx_tag'>1</span>{line}</div></div>"
    )


def test_listings_of_latexml_are_their_source() -> None:
    source = "if x:\n    y = '$a$'"
    assert listing(b64encode(source.encode()).decode()) == f"```\n{source}\n```"


@pytest.mark.parametrize("encoded", ["a", "!!!!", "/////w==", ""])
def test_a_listing_whose_source_does_not_decode_stays(encoded: str) -> None:
    assert "f(x)" in listing(encoded)


def test_a_listing_with_formulas_keeps_them() -> None:
    encoded = b64encode(b"f").decode()
    assert "$x$" in listing(encoded, "<script type='math/tex'>x</script>")
