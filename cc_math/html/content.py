"""The main content of a page's tree, as Resiliparse's minimal HTML.

Before Resiliparse chooses, code is set aside (its white space and its dollars must survive,
and no rule about links or words may judge it), data tables are flattened to one line a
row, and lists near the top of the tree are nested deeper, since Resiliparse takes every
``ul`` in the first levels for navigation. When the choice keeps too little of a page, the
page is taken whole, less the elements that name themselves navigation.
"""

from __future__ import annotations

import re

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import DocumentNode, ElementNode

from cc_math.html.items import KEEP, OPEN, Item, Items
from cc_math.html.page import ParsedPage
from cc_math.html.prefilter import FOLDED_WORDS

MIN_MAIN_CHARS = 200
MIN_MAIN_SHARE = 0.08
"""Main content shorter than both (characters; share of the page's whole visible text) makes
the page be taken whole. Chosen: pages whose only container looks like a sidebar."""

MAX_CELL_CHARS = 600
"""A table with a longer cell is layout. Chosen: cells of data tables are under 300."""

_GUTTERS = (
    "td.linenos, td.gutter, .lineno, .line-numbers-rows, .linenumber, .gutter, a.headerlink, "
    "a.anchor-link, a.anchorjs-link, .mw-editsection, .copybtn, .clipboard-copy, a.header-anchor"
)
_SELECTORS = (
    ("link into the page", 'a[href^="#"]'),
    ("<pre", "pre, .CodeMirror-code"),
    ("<code", "code"),
    ("<tt", "tt"),
    ("<kbd", "kbd"),
    ("<samp", "samp"),
    ("<sup", "sup"),
    ("<sub", "sub"),
    ("<section", "section[id]"),
    ("class section", "div.section[id]"),
    ("<article", "article[id]"),
    ("<table", "table"),
    ("<ul", "body > ul, body > * > ul, body > * > * > ul"),
)
"""Hint and selector of what is rewritten before the choice."""
_FOLDED = (
    *((f"class* {word}", f'[class*="{word}"]') for word in FOLDED_WORDS),
    ("class$ -like", '[class$="-like"]'),
    ("aria-expanded", '[aria-expanded="false"]'),
)
_STEPS = {
    "a": "links", "pre": "blocks", "code": "inline", "tt": "inline", "kbd": "inline",
    "samp": "inline", "sup": "scripts", "sub": "scripts", "table": "tables", "ul": "lists",
}  # fmt: skip
"""The step that rewrites an element, by its tag; all others are sections and editors."""
_SKIP = [
    "nav", "aside", "footer", "header", "form", "button", "select", ".sidebar", "#sidebar",
    ".navigation", ".navbar", ".menu", ".footer", "#footer", ".breadcrumb", ".breadcrumbs",
    ".cookie", '[role="navigation"]', '[role="search"]', '[role="banner"]',
]  # fmt: skip
_SPACE = re.compile(r"[ \t\r\n\f\v]+")


_Nodes = list[ElementNode]


def _rewritten(page: ParsedPage, document: DocumentNode) -> dict[str, _Nodes]:
    """The elements that the steps below rewrite, by step, in document order.

    One walk through the tree for all of them: a walk costs a fifth of a millisecond. What an
    earlier step takes out of the tree stays readable, without parent and children.
    """
    selector = ", ".join(selector for hint, selector in _SELECTORS if hint in page.hints)
    found: dict[str, _Nodes] = {step: [] for step in (*_STEPS.values(), "sections")}
    for node in document.query_selector_all(selector).values() if selector else ():
        step = _STEPS.get(node.tag or "", "sections")
        if step == "sections" and "CodeMirror-code" in (node.class_name or ""):
            step = "blocks"
        found[step].append(node)
    return found


def _set_aside_code(document: DocumentNode, blocks: _Nodes, inline: _Nodes, items: Items) -> None:
    for node in blocks:
        if node.parent is None:
            continue
        line_breaks = node.query_selector_all("br").values() if node.child_element_count else ()
        for line_break in line_breaks:
            line_break.replace_with(document.create_text_node("\n"))
        text = items.expand(node.text or "").strip("\n").rstrip()
        if text.strip():
            node.text = items.add(Item("block", text))
            for name in ("class", "id", "style", "role", "hidden"):
                if node.has_attribute(name):
                    node.remove_attribute(name)
    for node in inline:
        if node.parent is None:
            continue
        text = _SPACE.sub(" ", node.text or "").strip()
        if text and "\ue000" not in text:
            node.text = items.add(Item("code", text))


def _flatten_tables(tables: _Nodes) -> None:
    for table in tables:
        found = table.query_selector_all("td, th")
        if len(found) < 4 or table.query_selector("table, h1, h2, h3, pre, ul, ol") is not None:
            continue
        cells = found.values()
        texts = [_SPACE.sub(" ", cell.text or "").strip() for cell in cells]
        if max(map(len, texts)) > MAX_CELL_CHARS:
            continue
        for cell, text in zip(cells, texts, strict=True):
            if cell.child_element_count:
                cell.text = text


def _deepen_lists(document: DocumentNode, shallow: _Nodes) -> None:
    for node in shallow:
        text = node.text or ""
        links = sum(len(a.text or "") for a in node.query_selector_all("a").values())
        if links > 0.2 * len(text.strip()):
            continue  # Resiliparse's own share for a list of links
        wrapper = outer = document.create_element("div")
        for _ in range(3):
            inner = document.create_element("div")
            wrapper.append_child(inner)
            wrapper = inner
        node.replace_with(outer)
        wrapper.append_child(node)


_FORMULA_SIGNS = (OPEN, "\\(", "$")
MAX_FOLDED_LINK_SHARE = 0.3
"""Folded content with more of its text in links is a menu. Chosen."""


def _unfold(page: ParsedPage, document: DocumentNode) -> None:
    """Folded solutions, hints and code count as content: they hold formulas or code.

    Resiliparse drops elements whose class says dropdown, hidden or collapsed, and takes
    ``theorem-like`` for a "like" button. What hides by style (macro definitions, tooltips)
    stays hidden.
    """
    selector = ", ".join(selector for hint, selector in _FOLDED if hint in page.hints)
    for node in document.query_selector_all(selector).values() if selector else ():
        text = node.text or ""
        if not any(sign in text for sign in _FORMULA_SIGNS) and "-like" not in (
            node.class_name or ""
        ):
            continue
        links = sum(len(a.text or "") for a in node.query_selector_all("a").values())
        if links <= MAX_FOLDED_LINK_SHARE * len(text.strip()):
            for name in ("class", "aria-expanded"):
                if node.has_attribute(name):
                    node.remove_attribute(name)


_RAISED = str.maketrans("0123456789+-−=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
_SCRIPT_TEXT = re.compile(
    r"^(?:[A-Za-zΑ-ω]'?"  # x with index n
    r"|[A-Za-z]?[-+−]?\s?\d{1,6}[A-Za-z]?"  # a number
    r"|[\w ']*[+\-−=(),/*][\w+\-−=(),/*' ]*)$"  # an expression
)
MAX_SCRIPT_CHARS = 24
"""Longer superscripts are notes, not exponents. Chosen."""


def _write_scripts(nodes: _Nodes) -> None:
    """Exponents and indices written in HTML: 10<sup>5</sup> is not 105.

    In Unicode's raised and lowered characters where all of them exist, else after ``^`` or
    ``_`` in braces. Links (notes) and words (1<sup>st</sup>) stay as they are.
    """
    for node in nodes:
        text = (node.text or "").strip()
        if not text or len(text) > MAX_SCRIPT_CHARS or not _SCRIPT_TEXT.match(text):
            continue
        if node.child_element_count and node.query_selector("a, sup, sub") is not None:
            continue
        raised = node.tag == "sup"
        script = text.translate(_RAISED if raised else _LOWERED)
        if any(before == after for before, after in zip(text, script, strict=True)):
            script = ("^" if raised else "_") + (text if len(text) == 1 else "{" + text + "}")
        node.text = script + KEEP  # alone it would be taken for an icon, see page.py


_SUSPECT_ID = re.compile(
    r"relat|recommend|popular|featur|trend|nav|menu|foot|head|right|search|side|shar|social|"
    r"comment|logo|ad|banner|next|prev|print|links?|meta|info|tag|label|feedback|reply|modal"
)


def _unname_sections(sections: _Nodes) -> None:
    """Sections whose id was made from their heading are judged by their content.

    Sphinx, pandoc and PreTeXt turn "Related definitions" into an id that Resiliparse reads
    as a list of related articles.
    """
    for node in sections:
        if not _SUSPECT_ID.search(node.id or ""):
            continue
        text = node.text or ""
        links = sum(len(a.text or "") for a in node.query_selector_all("a").values())
        if links <= MAX_FOLDED_LINK_SHARE * len(text.strip()):
            node.remove_attribute("id")


_ANCHOR_SIGNS = frozenset(("", "#", "¶", "§", "🔗", "∞", "\uf0c1"))


def _drop_anchors(links: _Nodes) -> None:
    """Links of a heading or paragraph to itself are no words, and no links to count; a link
    into the page right below ``body`` is "skip to content" in some language."""
    for node in links:
        parent = node.parent
        if parent is None:
            continue
        sign = (node.text or "").strip() in _ANCHOR_SIGNS and not node.child_element_count
        if sign or parent.tag == "body":
            node.decompose()


def _choose(page: ParsedPage) -> str:
    main: str = extract_plain_text(
        page.tree, preserve_formatting="minimal_html", main_content=True, alt_texts=True,
        comments=True, skip_elements=["img", "area", "svg"],
    )  # fmt: skip
    if len(main) < MIN_MAIN_CHARS * 5:
        whole: str = extract_plain_text(
            page.tree, preserve_formatting="minimal_html", main_content=False, alt_texts=True,
            skip_elements=["img", "area", "svg", *_SKIP],
        )  # fmt: skip
        if (len(main) < MIN_MAIN_CHARS and len(whole) > len(main)) or (
            len(main) < MIN_MAIN_SHARE * len(whole)
        ):
            return whole
    return main


def main_content(page: ParsedPage, items: Items) -> str:
    """Minimal HTML of the main content: ``p``, ``h1``…``h6``, lists, ``br``, escaped text.

    Changes the tree: formulas must have been replaced before.
    """
    document = page.tree.document
    if document is None or page.tree.body is None:
        return ""
    if "class of gutters" in page.hints:
        for node in document.query_selector_all(_GUTTERS).values():
            if node.parent is not None:
                node.decompose()
    nodes = _rewritten(page, document)
    _drop_anchors(nodes["links"])
    _set_aside_code(document, nodes["blocks"], nodes["inline"], items)
    _write_scripts(nodes["scripts"])
    _unname_sections(nodes["sections"])
    _flatten_tables(nodes["tables"])
    _deepen_lists(document, nodes["lists"])
    _unfold(page, document)
    return _choose(page)
