"""Hevea's displayed formulas: tables of cells, with fractions stacked in tables of their own.

A display is one row of cells; a fraction in it is a table of three rows, the middle one a bar
(``td.hbar``); a sign of three rows of one cell each around ∑ and its like has limits; tall
brackets are cells of bracket pieces. Taken from what Hevea 2 writes. The same tables set
grammars of languages (the OCaml manual) and words between formulas: a display of which one
cell is not surely mathematics stays a table, so that no prose becomes a formula.
"""

from __future__ import annotations

import re

from resiliparse.parse.html import ElementNode

from cc_math.html.images import Reading
from cc_math.html.items import KEEP, OPEN
from cc_math.html.markup import Node, parse, text_of
from cc_math.html.presentation import tidy
from cc_math.html.symbols import FUNCTIONS, character_tex

MAX_LEVELS = 40
"""Nesting of tables and fonts in a display. Chosen: a fraction takes four levels."""

_CLASS = re.compile(r"""class\s*=\s*["']?([^"'>]*)""", re.I)
_FONT = re.compile(r"italic|bold", re.I)
_LETTERS = re.compile(r"([^\W\d_]+)")
_OTHER_SCRIPT = re.compile(r"[^\x00-\x7f\u0370-\u03ff\u2100-\u214f\U0001d400-\U0001d7ff]")
_LARGE = {"∑": "\\sum", "∏": "\\prod", "∐": "\\coprod", "∫": "\\int", "⋃": "\\bigcup",
          "⋂": "\\bigcap"}  # fmt: skip
_BRACKETS = {"⎛⎜⎝": "\\left(", "⎞⎟⎠": "\\right)", "⎡⎢⎣": "\\left[", "⎤⎥⎦": "\\right]"}
_INLINE = frozenset(("span", "i", "em", "font", "b", "strong"))
_NOT_HERE = re.compile("[\u2320-\u2321\u239b-\u23ae√$\\\\#%&~]|::=")
"""Pieces of signs that are not read, and characters that no formula of Hevea's has."""
MAX_PRODUCT_LETTERS = 3
"""Longest run of letters in italics that is a product (``xyz``), not a word. Chosen."""


def read_hevea_display(element: ElementNode) -> Reading:
    """A display that holds a fraction, all of whose cells are mathematics."""
    markup = element.outer_html.replace(KEEP, "")
    if OPEN in markup:
        return None
    table = next(iter(parse(markup).elements()), None)
    tex = _table(table, 0) if table is not None else None
    if tex is None or "\\frac" not in tex or tex.count("\\left") != tex.count("\\right"):
        return None
    return tidy(tex), True


def _classes(node: Node) -> list[str]:
    match = _CLASS.search(node.attributes)
    return match[1].split() if match else []


def _rows(table: Node) -> list[list[Node]]:
    rows: list[list[Node]] = []
    for child in table.elements():
        for row in child.elements() if child.name == "tbody" else [child]:
            rows.append([cell for cell in row.elements() if cell.name == "td"])
    return rows


def _table(table: Node, level: int) -> str | None:
    """LaTeX of a display or of a fraction or sum in it, None where it is something else."""
    if "display" not in _classes(table):
        return None
    rows = _rows(table)
    if len(rows) == 1:
        return _joined([_content(cell, level + 1, italic=False) for cell in rows[0]])
    if len(rows) != 3 or any(len(row) != 1 for row in rows):
        return None
    above, middle, below = (row[0] for row in rows)
    sign = _LARGE.get(text_of(middle).strip())
    bar = "hbar" in _classes(middle) and not text_of(middle).strip()
    over, under = (_content(cell, level + 1, italic=False) for cell in (above, below))
    if over is None or under is None or not (sign or bar):
        return None
    if sign:
        limits = (("_", under.strip()), ("^", over.strip()))
        return sign + "".join(f"{mark}{{{tex}}}" for mark, tex in limits if tex) + " "
    if not over.strip() or not under.strip():
        return None
    return f"\\frac{{{over.strip()}}}{{{under.strip()}}}"


def _content(node: Node, level: int, *, italic: bool) -> str | None:
    if level > MAX_LEVELS:
        return None
    if node.name == "td":
        bracket = _bracket(text_of(node))
        if bracket:
            return bracket
    parts: list[str | None] = []
    for child in node.children:
        if isinstance(child, str):
            parts.append(_text(child, italic=italic))
        elif child.name == "table":
            parts.append(_table(child, level + 1))
        elif child.name in ("sub", "sup"):
            script = _content(child, level + 1, italic=italic)
            mark = "_" if child.name == "sub" else "^"
            parts.append(script and f"{mark}{{{script.strip()}}}")
        elif child.name in _INLINE:
            parts.append(_font(child, level, italic=italic))
        elif child.name != "br":
            return None
    return _joined(parts)


def _font(node: Node, level: int, *, italic: bool) -> str | None:
    style = node.attributes
    if "decoration" in style:
        return None  # a line over or under it
    slanted = node.name in ("i", "em") or bool(_FONT.search(style))
    tex = _content(node, level + 1, italic=italic or slanted or node.name in ("b", "strong"))
    if tex and tex.strip() and (node.name in ("b", "strong") or "bold" in style):
        return f"\\mathbf{{{tex.strip()}}}"
    return tex


def _bracket(text: str) -> str:
    """The tall bracket that a cell of pieces is, else ''."""
    pieces = set("".join(text.split()))
    return next((tex for signs, tex in _BRACKETS.items() if pieces and pieces <= set(signs)), "")


def _text(text: str, *, italic: bool) -> str | None:
    """LaTeX of characters; None where they hold a word."""
    if _NOT_HERE.search(text):
        return None
    pieces = _LETTERS.split(text.replace("\u00a0", " "))
    tex: list[str | None] = ["".join(map(_sign, piece)) for piece in pieces]
    tex[1::2] = [_letters(letters, italic=italic) for letters in pieces[1::2]]
    return _joined(tex)


def _letters(letters: str, *, italic: bool) -> str | None:
    if letters in FUNCTIONS and not italic:
        return f"\\{letters} "
    longest = MAX_PRODUCT_LETTERS if italic or not letters[0].isascii() else 1
    if len(letters) > longest or _OTHER_SCRIPT.search(letters):
        return None
    return "".join(map(character_tex, letters))


def _sign(character: str) -> str:
    return _LARGE[character] + " " if character in _LARGE else character_tex(character)


def _joined(parts: list[str | None]) -> str | None:
    """Parts one after another; a command never runs into the letter after it."""
    tex = ""
    for part in parts:
        if part is None:
            return None
        if part[:1].isalpha() and re.search(r"\\[A-Za-z]+$", tex):
            tex += " "
        tex += part
    return tex
