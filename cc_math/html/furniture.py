"""What a page's own mark-up names as no part of its text, taken out before the choice.

Gutters of code, anchors of headings, steps to the page before and after, forms for comments,
the comments of a blog, words for screen readers. One rule per kind of mark-up, none per site; a
rule stands here only where Resiliparse's choice lets the kind through. Every rule has a hint in
the page's bytes, so that most pages pay for none of them.
"""

from __future__ import annotations

from resiliparse.parse.html import DocumentNode, ElementNode

from cc_math.html.items import OPEN

_RULES: tuple[tuple[str, str], ...] = (
    (
        "class of gutters",
        "td.linenos, .lineno, .line-numbers-rows, .linenumber, .gutter, .mw-editsection, "
        ".copybtn, .clipboard-copy, "
        "a:is(.headerlink, .anchor-link, .anchorjs-link, .header-anchor)",
    ),
    # DocBook's and PreTeXt's steps between pages, and links that say they are such
    (
        "steps between pages",
        ".navheader, .navfooter, .ptx-content-footer, "
        'a:is(.previous-button, .next-button, .top-button, [rel~="prev"], [rel~="next"])',
    ),
    # LaTeXML sets a note's number twice and its kind before the note's text
    ("notes of LaTeXML", ".ltx_note_mark, .ltx_note_type, .ltx_tag_note"),
)
# WordPress' form and list of comments, which many engines have taken over
_COMMENTS = (
    "#respond, .comment-respond, #commentform, #comments, .comments-area, .commentlist, "
    ".comment-list"
)
_NOTE = ".ltx_note_content"
_UNSEEN = ".screen-reader-only, .sr-only, .visually-hidden, .screen-reader-text"
"""Names that frameworks (Bootstrap, WordPress) give to words set off the screen."""
MAX_UNSEEN_CHARS = 300
"""Longer text under such a name is shown after all, by a script. Chosen: labels have under 80."""
_FORMULA_SIGNS = (OPEN, "\\(", "\\[", "$")
MAX_SHARE = 0.5
"""Comments with more of the page's text than this are its content (a guest book, a forum)."""
MAX_ANCHOR_CHARS = 20
"""A sign and white space around it. Chosen."""
_ANCHOR_SIGNS = frozenset(("", "#", "¶", "§", "🔗", "∞", "\uf0c1"))


def drop_furniture(
    document: DocumentNode, body: ElementNode, hints: frozenset[str], *, in_thread: bool
) -> None:
    """Take furniture out of the tree. ``in_thread``: comments are judged by its own rules."""
    if "unseen words" in hints:
        _drop_unseen(document)
    selector = ", ".join(selector for hint, selector in _RULES if hint in hints)
    for node in document.query_selector_all(selector).values() if selector else ():
        node.decompose()  # no harm to what went with another already
    if "comments" in hints and not in_thread:
        most = MAX_SHARE * len((body.text or "").strip())
        for node in document.query_selector_all(_COMMENTS).values():
            if len(node.text or "") <= most:
                node.decompose()
    if "notes of LaTeXML" in hints:
        for note in document.query_selector_all(_NOTE).values():
            note.prepend(document.create_text_node(" ("))
            note.append(document.create_text_node(")"))


def _drop_unseen(document: DocumentNode) -> None:
    """Words for screen readers: most repeat what is shown, glued to it. Formulas stay."""
    for node in document.query_selector_all(_UNSEEN).values():
        text = node.text or ""
        if len(text) > MAX_UNSEEN_CHARS or any(sign in text for sign in _FORMULA_SIGNS):
            continue
        if any(map(str.isalnum, text)):  # a colon between two parts of a heading stays
            node.decompose()


def drop_anchors(body: ElementNode, links: list[ElementNode]) -> None:
    """Links of a heading or paragraph to itself are no words, and no links to count; a link
    into the page right below ``body`` is "skip to content" in some language."""
    for node in links:
        text = node.text or ""
        if len(text) > MAX_ANCHOR_CHARS or text.strip() not in _ANCHOR_SIGNS:
            continue
        if not node.child_element_count:
            node.decompose()
    for child in body.children.values():
        if child.tag == "a" and (child.getattr("href") or "").startswith("#"):
            child.decompose()
