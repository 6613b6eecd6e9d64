"""Page bytes to documents: :func:`extract`, and its steps for callers that stop half-way.

``read`` decodes the bytes, ``SourcePage.quick_text`` and ``.formula_marks`` give what the first
selection judges, ``parse`` builds the tree, ``extract_page`` makes the document. A page that is
not a document is a :class:`cc_math.schema.Drop`, never an exception.
"""

from __future__ import annotations

from cc_math.html.document import (
    MAX_FORMULAS,
    MAX_TEXT_CHARS,
    Document,
    Formula,
    extract_page,
)
from cc_math.html.page import MAX_BYTES, MAX_NODES, ParsedPage, SourcePage, parse, read
from cc_math.html.prefilter import formula_marks
from cc_math.schema import Drop

__all__ = [
    "Document",
    "Formula",
    "ParsedPage",
    "SourcePage",
    "extract",
    "extract_page",
    "formula_marks",
    "parse",
    "read",
]


def extract(
    html: bytes,
    url: str | None = None,
    content_type: str | None = None,
    *,
    max_bytes: int = MAX_BYTES,
    max_nodes: int = MAX_NODES,
    max_formulas: int = MAX_FORMULAS,
    max_text_chars: int = MAX_TEXT_CHARS,
) -> Document | Drop:
    """Make a page's bytes a document: Markdown with formulas as LaTeX in dollars.

    ``url`` resolves the page's links; ``content_type`` is the HTTP header's value. Budgets
    drop a page with a reason; nothing raises on any bytes.
    """
    source = read(html, content_type, max_bytes=max_bytes)
    if isinstance(source, Drop):
        return source
    page = parse(source, max_nodes=max_nodes)
    if isinstance(page, Drop):
        return page
    return extract_page(page, url, max_formulas=max_formulas, max_text_chars=max_text_chars)
