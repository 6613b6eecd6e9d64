"""One page: its bytes decoded, its cheap visible text, its tree parsed once.

A page comes in two steps. ``read`` decodes it; from that the first selection takes marks and
words, and most pages end there. ``parse`` looks for hints and builds the tree of the others.
The tree is Resiliparse's (lexbor underneath): it parses a page in half a millisecond and
never raises on broken mark-up. Full extraction changes the tree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resiliparse.parse.html import HTMLTree

from cc_math.html.charset import decode
from cc_math.html.items import CLOSE, HIDDEN_DOLLAR, KEEP, OPEN
from cc_math.html.prefilter import find_hints, formula_marks
from cc_math.html.thinning import without_boxes
from cc_math.html.visible import visible_text
from cc_math.schema import Drop, DropReason

MAX_BYTES = 8 * 1024 * 1024
"""Payload budget. Common Crawl cuts payloads at 1 MiB (5 MiB since March 2025); what is
longer than this came from elsewhere and is data, not prose."""

MAX_NODES = 300_000
"""Element budget: ten times the largest math page of the development crawl. A node costs
about 3 microseconds in the steps that follow, so this bounds a page near a second."""

MAX_DEPTH = 512
"""Deepest nesting. Chrome stops nesting at 512; main-content extraction takes quadratic
time in depth (0.2 s at 3,000 levels, 15 s at 20,000), so deeper pages are dropped."""

_HARMLESS_START_TAGS = 6_000
"""Fewer start tags cannot nest deep enough to matter (0.8 s at the worst); the check costs a
millisecond on pages that have as many."""

_MIN_BYTES_PER_NODE = 3  # `<p>` is the shortest element: shorter pages need no counting
_MAX_NODES_PER_TAG = 3  # a lone `<td>` brings its `tbody` and `tr` with it
_DEEP = ">".join([*["*"] * (MAX_DEPTH - 1), ":first-child"])  # siblings are equally deep
_PRIVATE = (OPEN, CLOSE, KEEP, HIDDEN_DOLLAR)
_PLACEHOLDER_CHARACTERS = dict.fromkeys(map(ord, _PRIVATE))
_LONE_CHARACTER = re.compile(
    "(>[ \n]?(?:[\u0800-\ud7ff\uf900-\uffef]|[!-;=?-~][\u0080-\u07ff]))(?=[ \n]?<)"
)
"""A text node of three UTF-8 bytes that ends beyond ASCII. Resiliparse 2.0.1 takes such a node
for the glyph of an icon font when it chooses main content (it compares bytes in the machine's
order), which loses words of Chinese, Japanese and Korean between two elements, and `2π` in
italics. A second private-use character beside it keeps it; it is taken out again at the end."""

_CLOSED_ANCHOR = re.compile(r"""(<a\s[^<>]*["'\s])/>""", re.IGNORECASE)
"""An empty anchor as XHTML writes it. HTML's parser ignores the slash: the anchor would stay
open over the blocks that follow, which then read as links and are left out as navigation."""


@dataclass(slots=True)
class SourcePage:
    """A decoded page. ``scanned``: the bytes that patterns read, which are the page's own or,
    where it came in UTF-16, its text in UTF-8."""

    source: str
    charset: str
    size_bytes: int
    scanned: bytes

    def quick_text(self, max_chars: int) -> str:
        """The page's first ``max_chars`` visible characters or a little more, title first."""
        return visible_text(self.source, max_chars)

    def formula_marks(self) -> int:
        """Number of formula marks in the page, see :mod:`cc_math.html.prefilter`."""
        return formula_marks(self.scanned)


@dataclass(slots=True)
class ParsedPage:
    """A decoded and parsed page. ``tree`` is consumed by extraction (see module).

    ``hints``: what extraction may meet in the page, by name (see the module ``prefilter``).
    ``may_be_deep``: whether there are start tags enough to nest too deep.
    """

    source: str
    tree: HTMLTree
    charset: str
    size_bytes: int
    hints: frozenset[str]
    may_be_deep: bool

    def too_deep(self) -> bool:
        """Whether elements nest deeper than :data:`MAX_DEPTH`."""
        document = self.tree.document
        if not self.may_be_deep or document is None:
            return False
        return document.query_selector(_DEEP) is not None


def read(
    payload: bytes, content_type: str | None = None, *, max_bytes: int = MAX_BYTES
) -> SourcePage | Drop:
    """Decode a page within the byte budget. Never raises on any bytes."""
    if len(payload) > max_bytes:
        return Drop(DropReason.too_large_bytes, f"{len(payload)} bytes, budget {max_bytes}")
    if not payload or payload.isspace():
        return Drop(DropReason.empty_page, "no bytes")
    source, charset = decode(payload, content_type)
    in_utf16 = charset.startswith("utf-16")
    scanned = source.encode("utf-8", "replace") if in_utf16 else payload
    return SourcePage(source, charset, len(payload), scanned)


def parse(page: SourcePage, *, max_nodes: int = MAX_NODES) -> ParsedPage | Drop:
    """Build a page's tree within the node budget. Never raises on any source."""
    source, hints = page.source, find_hints(page.scanned)
    in_ascii, in_utf8 = source.isascii(), page.charset == "utf-8"
    if not in_ascii and ("private use" in hints if in_utf8 else any(c in source for c in _PRIVATE)):
        source = source.translate(_PLACEHOLDER_CHARACTERS)  # they frame our placeholders
    markup = without_boxes(source, hints)
    if not in_ascii and (not in_utf8 or "lone character" in hints):
        markup = _LONE_CHARACTER.sub("\\1" + KEEP, markup)
    if "closed anchor" in hints:
        markup = _CLOSED_ANCHOR.sub(r"\1></a>", markup)
    tree = HTMLTree.parse(markup)
    most_nodes = len(markup) // _MIN_BYTES_PER_NODE
    n_tags = markup.count("<") if most_nodes > min(max_nodes, _HARMLESS_START_TAGS) else 0
    if most_nodes >= max_nodes < n_tags * _MAX_NODES_PER_TAG and tree.document is not None:
        n_nodes = len(tree.document.query_selector_all("*"))
        if n_nodes > max_nodes:
            return Drop(DropReason.too_many_nodes, f"{n_nodes} elements, budget {max_nodes}")
    may_be_deep = (
        n_tags >= _HARMLESS_START_TAGS and n_tags - markup.count("</") >= _HARMLESS_START_TAGS
    )
    return ParsedPage(source, tree, page.charset, page.size_bytes, hints, may_be_deep)
