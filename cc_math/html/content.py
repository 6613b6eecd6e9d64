"""The main content of a page's tree, as Resiliparse's minimal HTML.

Before Resiliparse chooses, code is set aside (its white space and its dollars must survive,
and no rule about links or words may judge it), data tables are flattened to one line a
row, and lists near the top of the tree are nested deeper, since Resiliparse takes every
``ul`` in the first levels for navigation. When the choice keeps too little of a page, the
page is taken whole, less the elements that name themselves navigation.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import DocumentNode, ElementNode

from cc_math.html.furniture import drop_anchors, drop_furniture
from cc_math.html.html_formulas import write_scripts
from cc_math.html.items import OPEN, Item, Items
from cc_math.html.page import ParsedPage
from cc_math.html.prefilter import FOLDED_WORDS
from cc_math.html.questions import mark_posts
from cc_math.html.quotes import mark_definitions, mark_paragraphs, mark_quotes

MIN_MAIN_CHARS = 200
MIN_MAIN_SHARE = 0.08
"""Main content shorter than both (characters; share of the page's whole visible text) makes
the page be taken whole. Chosen: pages whose only container looks like a sidebar."""

MAX_CELL_CHARS = 600
"""A table with a longer cell is layout. Chosen: cells of data tables are under 300."""

_SELECTORS = (
    ("anchor sign", 'a[href^="#"]:not(li > a)'),
    ("<pre", "pre, .CodeMirror-code"),
    ("<code", "code:not(pre *)"),
    ("<tt", "tt:not(pre *)"),
    ("<kbd", "kbd:not(pre *)"),
    ("<samp", "samp:not(pre *)"),
    ("<sup", "sup"),
    ("<sub", "sub"),
    ("suspect section", "section[id], article[id]"),
    ("class section", "div.section[id]"),
    ("<table", "table"),
    ("<ul", "body > ul, body > * > ul, body > * > * > ul"),
)
"""Hint and selector of what is rewritten before the choice."""
_SHARED = ":is(.share, .sharing, .social, .follow, .feedback, .print):has(p + p)"
"""What is named for its buttons and holds paragraphs is the article above them."""
_FOLDED = (
    *((f"class* {word}", f'[class*="{word}"]') for word in FOLDED_WORDS),
    ("class$ -like", '[class$="-like"]'),
    ("aria-expanded", '[aria-expanded="false"]'),
    ("class share", _SHARED),
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


_RENDERERS = frozenset(("mathjax", "katex", "texme", "jsmath"))
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


_JUDGED = frozenset(("class", "id", "style", "role", "hidden"))
"""Attributes by which Resiliparse judges an element."""


def _set_aside_code(document: DocumentNode, blocks: _Nodes, inline: _Nodes, items: Items) -> None:
    for node in blocks:
        if not document.contains(node):
            continue
        line_breaks = node.query_selector_all("br").values() if node.child_element_count else ()
        for line_break in line_breaks:
            line_break.replace_with(document.create_text_node("\n"))
        text = items.expand(node.text or "").strip("\n").rstrip()
        if text.strip():
            node.text = items.add(Item("block", text))
            for name in _JUDGED.intersection(node.attribute_names):
                node.remove_attribute(name)
    for node in inline:
        text = node.text or ""
        if OPEN in text:
            continue  # holds a formula
        text = _SPACE.sub(" ", text).strip()
        if text:
            node.text = items.add(Item("code", text))


_LISTING_SOURCE = "data:text/plain;base64,"
_LISTING_LINK = f'.ltx_listing_data > a[href^="{_LISTING_SOURCE}"]'
MAX_LISTING_CHARS = 400_000
"""Longer encoded source is data, not a listing. Chosen."""


def _set_aside_listings(document: DocumentNode, items: Items) -> None:
    """LaTeXML's listings from the source that goes with them, not from their numbered lines.

    A listing with formulas in it, or with source that does not decode, stays as it is.
    """
    for listing in document.query_selector_all("div.ltx_listing").values():
        link = listing.query_selector(_LISTING_LINK)
        if link is None or listing.parent is None or OPEN in (listing.text or ""):
            continue
        encoded = (link.getattr("href") or "")[len(_LISTING_SOURCE) :]
        if len(encoded) > MAX_LISTING_CHARS:
            continue
        try:
            text = b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        text = text.replace("\r\n", "\n").strip("\n").rstrip()
        if text:
            block = document.create_element("pre")
            block.text = items.add(Item("block", text))
            listing.replace_with(block)


def _flatten_tables(tables: _Nodes) -> None:
    for table in tables:
        if not len(table.query_selector_all("td > *, th > *")):
            continue  # Resiliparse reads it well as it is; nothing is wrapped to look
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
        most = 0.2 * len((node.text or "").strip())
        if _link_chars(node, most) > most:
            continue  # Resiliparse's own share for a list of links
        wrapper = outer = document.create_element("div")
        for _ in range(3):
            inner = document.create_element("div")
            wrapper.append_child(inner)
            wrapper = inner
        node.replace_with(outer)
        wrapper.append_child(node)


_NAMED_FOR_BUTTONS = frozenset(("share", "sharing", "social", "follow", "feedback", "print"))
_LISTS = frozenset(("ul", "ol"))
_PROSE_LIST = "p + ul:has(a), p + ol:has(a), dd > ul:has(a)"
MAX_LINK_SHARE_OF_LIST = 0.6
"""Resiliparse drops lists with a fifth of their text in links; right after a paragraph a list
of sentences has up to this share. Chosen: menus have more than 0.9."""


def _judged_by_name(page: ParsedPage, document: DocumentNode) -> tuple[_Nodes, _Nodes]:
    """The lists that go on with a paragraph, and what may be folded content: one walk."""
    folded = ", ".join(selector for hint, selector in _FOLDED if hint in page.hints)
    if "<ul" not in page.hints:
        return [], document.query_selector_all(folded).values() if folded else []
    if not folded:
        return document.query_selector_all(_PROSE_LIST).values(), []
    nodes = document.query_selector_all(f"{_PROSE_LIST}, {folded}").values()
    lists = [node for node in nodes if node.tag in _LISTS and node.matches(_PROSE_LIST)]
    return lists, [node for node in nodes if node.tag not in _LISTS or node.matches(folded)]


def _unlink_lists(document: DocumentNode, lists: _Nodes) -> None:
    """Links in lists that go on with a paragraph become their text, so that they stay."""
    for node in lists:
        length = len((node.text or "").strip())
        most = MAX_LINK_SHARE_OF_LIST * length
        if 0.2 * length < _link_chars(node, most) <= most:
            for link in node.query_selector_all("a").values():
                if not link.child_element_count:
                    link.replace_with(document.create_text_node(link.text or ""))
                else:
                    link.replace_with(*link.child_nodes.values())


_FOLDING = frozenset(("class", "aria-expanded"))
_FORMULA_SIGNS = (OPEN, "\\(", "$")
MAX_FOLDED_LINK_SHARE = 0.3
"""Folded content with more of its text in links is a menu. Chosen."""


def _unfold(nodes: _Nodes) -> None:
    """Folded solutions, hints and code count as content: they hold formulas or code.

    Resiliparse drops elements whose class says dropdown, hidden or collapsed, and takes
    ``theorem-like`` for a "like" button. What hides by style (macro definitions, tooltips)
    stays hidden.
    """
    for node in nodes:
        text = node.text or ""
        names = node.class_name or ""
        if (
            not any(sign in text for sign in _FORMULA_SIGNS)
            and "-like" not in names
            and _NAMED_FOR_BUTTONS.isdisjoint(names.split())
        ):
            continue
        most = MAX_FOLDED_LINK_SHARE * len(text.strip())
        if _link_chars(node, most) <= most:
            for name in _FOLDING.intersection(node.attribute_names):
                node.remove_attribute(name)


def _link_chars(node: ElementNode, most: float) -> int:
    """How many characters of an element's text stand in links; no further than past ``most``."""
    links = node.query_selector_all("a")
    n_chars = 0
    for index in range(len(links)):
        link = links.item(index)
        n_chars += len((link.text or "") if link is not None else "")
        if n_chars > most:
            break
    return n_chars


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
        most = MAX_FOLDED_LINK_SHARE * len(text.strip())
        if _link_chars(node, most) <= most:
            node.remove_attribute("id")


def _choose(page: ParsedPage, body: ElementNode) -> str:
    main: str = extract_plain_text(
        page.tree, preserve_formatting="minimal_html", main_content=True, alt_texts=True,
        comments=True, skip_elements=["img", "area", "svg"],
    )  # fmt: skip
    if len(main) < max(MIN_MAIN_CHARS, MIN_MAIN_SHARE * len(page.source)) and (
        len(main) < MIN_MAIN_CHARS or len(main) < MIN_MAIN_SHARE * len(body.text or "")
    ):
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
    document, body = page.tree.document, page.tree.body
    if document is None or body is None:
        return ""
    in_thread = "thread" in page.hints and mark_posts(document, items)
    drop_furniture(document, body, page.hints, in_thread=in_thread)
    if "<blockquote" in page.hints:
        mark_quotes(document, items)
    if "<dd" in page.hints:
        mark_definitions(document)
    if "class para" in page.hints:
        mark_paragraphs(document)
    if "source of a listing" in page.hints:
        _set_aside_listings(document, items)
    nodes = _rewritten(page, document)
    if "link into the page" in page.hints:
        drop_anchors(body, nodes["links"])
    _set_aside_code(document, nodes["blocks"], nodes["inline"], items)
    alone = not items.n_formulas and page.hints.isdisjoint(_RENDERERS)
    write_scripts(document, nodes["scripts"], items, as_formulas=alone)
    _unname_sections(nodes["sections"])
    _flatten_tables(nodes["tables"])
    prose_lists, folded = _judged_by_name(page, document)
    _unlink_lists(document, prose_lists)
    _deepen_lists(document, nodes["lists"])
    _unfold(folded)
    return _choose(page, body)
