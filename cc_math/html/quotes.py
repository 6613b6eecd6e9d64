"""Structure that Resiliparse's minimal HTML does not hold, carried past it by marks.

A mark is an item among the page's :class:`cc_math.html.items.Items` whose placeholder stands
in the tree where a quotation opens or closes, or where a line of pure structure belongs. After
the choice of the main content :func:`apply_marks` turns marks into Markdown: quoted lines
begin with ``> ``, and a line of structure stands in a paragraph of its own. Marks add no
words: only signs, and numbers that stand in the page.
"""

from __future__ import annotations

import re

from resiliparse.parse.html import DocumentNode

from cc_math.html.items import OPEN, PLACEHOLDER, Item, Items

_QUOTE, _END_OF_QUOTE = "quote", "end of quote"
_LINE_START = re.compile(r"^( *)(?=\S)", re.M)
_INLINE_DEFINITION = (
    "dd:not(:has(> p, > div, > dl, > ul, > ol, > pre, > table, > blockquote, > section))"
)
_PARAGRAPH = "div.para:not(.logical):not(li > :first-child):not(li > .logical > :first-child)"
MAX_QUOTE_DEPTH = 5
"""Deeper quotations are set no deeper. Chosen: mail threads; bounds what nesting can add."""


def mark_quotes(document: DocumentNode, items: Items) -> None:
    """Set a mark at both ends of every quotation. Changes the tree."""
    for node in document.query_selector_all("blockquote").values():
        if not (node.text or "").strip():
            continue
        for kind, put in ((_QUOTE, node.prepend), (_END_OF_QUOTE, node.append)):
            put(document.create_text_node(items.add(Item("mark", kind))))


def mark_definitions(document: DocumentNode) -> None:
    """Set ``: `` before a definition of one paragraph, as pandoc's definition lists have it."""
    for node in document.query_selector_all(_INLINE_DEFINITION).values():
        if (node.text or "").strip():
            node.prepend(document.create_text_node(": "))


def mark_paragraphs(document: DocumentNode) -> None:
    """PreTeXt's ``div.para`` become ``p``: a ``div`` ends a line, not a paragraph.

    Those that begin an item of a list stay with its number. Moves children, no copies.
    """
    for node in document.query_selector_all(_PARAGRAPH).values():
        paragraph = document.create_element("p")
        paragraph.append(*node.child_nodes.values())
        node.replace_with(paragraph)


def apply_marks(text: str, items: Items) -> str:
    """Turn the marks in a page's Markdown into structure. Linear; other items stay."""
    if OPEN not in text or not any(item.kind == "mark" for item in items.found):
        return text
    marks: list[tuple[int, int, int]] = []
    for match in PLACEHOLDER.finditer(text):
        number = int(match[1])
        if number < len(items.found) and items.found[number].kind == "mark":
            marks.append((match.start(), match.end(), number))
    there = {number for _, _, number in marks}
    out: list[str] = []
    depth = last = 0
    for start, end, number in marks:
        out.append(_quoted(text[last:start], depth))
        last = end
        kind = items.found[number].text
        if kind == _QUOTE:
            depth += number + 1 in there  # its end is the item added next
            in_list = bool(text[text.rfind("\n", 0, start) + 1 : start].isspace())
            out.append("" if in_list else "\n\n")
        elif kind == _END_OF_QUOTE:
            depth -= number - 1 in there
            out.append("\n\n")
        else:
            out.append(f"\n\n{kind}\n\n")
    out.append(_quoted(text[last:], depth))
    return re.sub(r"\n{3,}", "\n\n", "".join(out)).strip()


def _quoted(text: str, depth: int) -> str:
    if depth <= 0 or not text.strip():
        return text
    prefix = "> " * min(depth, MAX_QUOTE_DEPTH)
    return _LINE_START.sub(lambda match: match[1] + prefix, text.strip("\n"))
