"""A formula's mark-up as a small tree, read from text.

The mark-up comes out of an HTML parser or an attribute, so it may be HTML-flavoured
(prefixes, no namespace, entities, broken nesting). A tokenizer of its own costs a tenth of
walking the parser's nodes, and nothing in it depends on the nesting: neither recursion nor
look-back beyond a few levels.
"""

from __future__ import annotations

import re
from html import unescape

_TOKEN = re.compile(
    r"<!--.*?-->|<(/?)([A-Za-z][\w:.-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>|([^<]+)|<", re.S
)
_ATTRIBUTE = re.compile(r"""([\w:-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_VOID = frozenset(("br", "img", "none", "mprescripts", "mspace"))
_TEXT_ELEMENTS = frozenset(("mtext", "ms", "mi", "mo", "mn"))
STRAY_END_TAG_LEVELS = 5
"""How far up an end tag looks for its start. Chosen: mends crossed tags, stays linear."""


class Node:
    """An element: name without prefix, attributes, children (nodes and strings)."""

    __slots__ = ("attributes", "children", "name")

    def __init__(self, name: str, attributes: str) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Node | str] = []

    def get(self, name: str) -> str:
        """An attribute's value ('' when absent)."""
        if name not in self.attributes:
            return ""
        for match in _ATTRIBUTE.finditer(self.attributes):
            if match[1] == name:
                return unescape(match[2] if match[2] is not None else match[3])
        return ""

    def elements(self) -> list[Node]:
        return [child for child in self.children if isinstance(child, Node)]


def parse(markup: str) -> Node:
    """A tree from mark-up, whatever its nesting: a stray end tag closes up to its start."""
    root = Node("mrow", "")
    stack = [root]
    for match in _TOKEN.finditer(markup):
        closing, name, attributes, text = match.groups()
        if text is not None:
            if text.strip() or stack[-1].name in _TEXT_ELEMENTS:
                stack[-1].children.append(unescape(text))
        elif name is None:
            continue
        elif closing:
            name = name.rpartition(":")[2].lower()
            for depth in range(len(stack) - 1, max(0, len(stack) - 1 - STRAY_END_TAG_LEVELS), -1):
                if stack[depth].name == name:
                    del stack[depth:]
                    break
        else:
            node = Node(name.rpartition(":")[2].lower(), attributes)
            stack[-1].children.append(node)
            if not attributes.rstrip().endswith("/") and node.name not in _VOID:
                stack.append(node)
    return root


def text_of(node: Node) -> str:
    """All text below a node."""
    parts = []
    pending: list[Node | str] = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            parts.append(item)
        else:
            pending.extend(reversed(item.children))
    return "".join(parts)
