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

from cc_math.html.items import OPEN, Item, Items
from cc_math.html.page import ParsedPage

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
_GUTTER_LITERALS = (
    "linenos", "gutter", "lineno", "line-numbers", "linenumber", "headerlink", "anchor",
    "mw-editsection", "copybtn", "clipboard-copy",
)  # fmt: skip
_SKIP = [
    "nav", "aside", "footer", "header", "form", "button", "select", ".sidebar", "#sidebar",
    ".navigation", ".navbar", ".menu", ".footer", "#footer", ".breadcrumb", ".breadcrumbs",
    ".cookie", '[role="navigation"]', '[role="search"]', '[role="banner"]',
]  # fmt: skip
_SPACE = re.compile(r"[ \t\r\n\f\v]+")


def _set_aside_code(page: ParsedPage, items: Items) -> None:
    document = page.tree.document
    if document is None:
        return
    if "<pre" in page.literals:
        for node in document.query_selector_all("pre, .CodeMirror-code").values():
            if node.parent is None or node.closest("pre pre") is not None:
                continue
            for line_break in node.query_selector_all("br").values():
                line_break.replace_with(document.create_text_node("\n"))
            text = items.expand(node.text or "").strip("\n").rstrip()
            if text.strip():
                node.text = items.add(Item("block", text))
                for name in ("class", "id", "style", "role", "hidden"):
                    if node.has_attribute(name):
                        node.remove_attribute(name)
    inline = [tag for tag in ("code", "tt", "kbd", "samp") if f"<{tag}" in page.literals]
    for node in document.query_selector_all(", ".join(inline)).values() if inline else ():
        if node.parent is None:
            continue
        text = _SPACE.sub(" ", node.text or "").strip()
        if text and "\ue000" not in text:
            node.text = items.add(Item("code", text))


def _flatten_tables(page: ParsedPage) -> None:
    document = page.tree.document
    if document is None or "<table" not in page.literals:
        return
    for table in document.query_selector_all("table").values():
        cells = table.query_selector_all("td, th").values()
        if len(cells) < 4 or table.query_selector("table, h1, h2, h3, pre, ul, ol") is not None:
            continue
        texts = [_SPACE.sub(" ", cell.text or "").strip() for cell in cells]
        if max(map(len, texts)) > MAX_CELL_CHARS:
            continue
        for cell, text in zip(cells, texts, strict=True):
            if cell.child_element_count:
                cell.text = text


def _deepen_lists(page: ParsedPage) -> None:
    document = page.tree.document
    if document is None or page.tree.body is None or "<ul" not in page.literals:
        return
    shallow = document.query_selector_all("body > ul, body > * > ul, body > * > * > ul")
    for node in shallow.values():
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


_FOLDED = (
    '[class*="dropdown"], [class*="hidden"], [class*="collaps"], [class*="expand"], '
    '[class*="toggle"], [class*="spoiler"], [aria-expanded="false"], [class*="popup"]'
)
_FOLDED_LITERALS = ("dropdown", "hidden", "collaps", "expand", "toggle", "spoiler", "popup")
MAX_FOLDED_LINK_SHARE = 0.3
"""Folded content with more of its text in links is a menu. Chosen."""


def _unfold(page: ParsedPage, items: Items) -> None:
    """Folded solutions, hints and code count as content: they hold formulas or code.

    Resiliparse drops elements whose class says dropdown, hidden or collapsed. What hides
    by style (macro definitions, tooltips) stays hidden.
    """
    document = page.tree.document
    if document is None or not items.found or page.literals.isdisjoint(_FOLDED_LITERALS):
        return
    for node in document.query_selector_all(_FOLDED).values():
        text = node.text or ""
        if OPEN not in text:
            continue
        links = sum(len(a.text or "") for a in node.query_selector_all("a").values())
        if links <= MAX_FOLDED_LINK_SHARE * len(text.strip()):
            for name in ("class", "aria-expanded"):
                if node.has_attribute(name):
                    node.remove_attribute(name)


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
    has_gutters = not page.literals.isdisjoint(_GUTTER_LITERALS)
    for node in document.query_selector_all(_GUTTERS).values() if has_gutters else ():
        if node.parent is not None:
            node.decompose()
    _set_aside_code(page, items)
    _flatten_tables(page)
    _deepen_lists(page)
    _unfold(page, items)
    return _choose(page)
