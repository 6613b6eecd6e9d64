"""Renderers' HTML without its source, back to LaTeX.

MathJax 3 and 4 CHTML names each box after its MathML element and each glyph by its code
point (``mjx-c1D450``), so it is turned back into MathML and converted there. KaTeX's HTML
names boxes by TeX's atom types; vertical lists stand bottom-up, which tells subscripts from
superscripts and denominators from numerators.
"""

from __future__ import annotations

import re

from cc_math.html.items import KEEP
from cc_math.html.markup import Node, parse, text_of
from cc_math.html.presentation import MAX_DEPTH, convert, tidy
from cc_math.html.symbols import ACCENTS, FUNCTIONS, character_tex

_GLYPH = re.compile(r"\bmjx-c([0-9A-Fa-f]{2,6})\b")
_CLASS = re.compile(r"""class\s*=\s*["']([^"']*)["']""")
_MJX_SKIPPED = frozenset(
    ("mjx-surd", "mjx-line", "mjx-nstrut", "mjx-dstrut", "mjx-tstrut", "mjx-strut", "mjx-spacer",
     "mjx-assistive-mml", "mjx-labels", "mjx-mspace", "mjx-line-box")
)  # fmt: skip
_MJX_LEAVES = {"mjx-mi": "mi", "mjx-mo": "mo", "mjx-mn": "mn", "mjx-mtext": "mtext"}


def _classes(node: Node) -> list[str]:
    match = _CLASS.search(node.attributes)
    return match[1].split() if match else []


def _glyphs(node: Node) -> str:
    parts: list[str] = []
    pending: list[Node | str] = [node]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        glyph = _GLYPH.search(item.attributes) if item.name != "mjx-mo" else None
        if glyph and item.name in ("mjx-c", "mjx-stretchy-v", "mjx-stretchy-h"):
            code = int(glyph[1], 16)
            parts.append(chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "")
            continue
        pending.extend(reversed(item.children))
    return "".join(parts)


def mathjax_html_to_tex(markup: str) -> str:
    """LaTeX of a MathJax 3 or 4 CHTML container without assistive MathML."""
    root = parse(markup.replace(KEEP, ""))
    return tidy(convert(_mathml(root, 0), 0))


def _new(name: str, children: list[Node]) -> Node:
    node = Node(name, "")
    node.children = list(children)
    return node


def _find(node: Node, name: str) -> Node | None:
    pending = [node]
    while pending:
        item = pending.pop()
        if item.name == name:
            return item
        pending.extend(reversed(item.elements()))
    return None


def _contents(node: Node | None, depth: int) -> Node:
    """The MathML of an element's content, as one row."""
    if node is None:
        return Node("mrow", "")
    kids = [_mathml(kid, depth + 1) for kid in node.elements() if kid.name not in _MJX_SKIPPED]
    return kids[0] if len(kids) == 1 else _new("mrow", kids)


def _mathml(node: Node, depth: int) -> Node:
    """The MathML element that a CHTML element was made from."""
    name = node.name
    if depth > MAX_DEPTH or name in _MJX_SKIPPED:
        return Node("mrow", "")
    if name in _MJX_LEAVES:
        leaf = Node(_MJX_LEAVES[name], "")
        leaf.children = [_glyphs(node).replace("\xa0", " ")]
        return leaf
    if name in ("mjx-msub", "mjx-msup", "mjx-msubsup", "mjx-munder", "mjx-mover", "mjx-munderover"):
        return _scripts(node, depth)
    if name == "mjx-mfrac":
        fraction = _new(
            "mfrac",
            [_contents(_find(node, "mjx-num"), depth), _contents(_find(node, "mjx-den"), depth)],
        )
        frame = _find(node, "mjx-frac")
        if frame is not None and 'atop="true"' in frame.attributes:
            fraction.attributes = 'linethickness="0"'
        return fraction
    if name in ("mjx-msqrt", "mjx-mroot"):
        body = _contents(_find(node, "mjx-box"), depth)
        index = _find(node, "mjx-root")
        return _new("mroot", [body, _contents(index, depth)]) if index else _new("msqrt", [body])
    if name == "mjx-mtable":
        table = Node("mtable", "")
        pending = [node]
        while pending:
            item = pending.pop(0)
            if item.name in ("mjx-mtr", "mjx-mlabeledtr"):
                cells = [
                    _new("mtd", [_contents(cell, depth)])
                    for cell in item.elements()
                    if cell.name == "mjx-mtd"
                ]
                table.children.append(_new("mtr", cells))
            else:
                pending.extend(item.elements())
        return table
    return _contents(node, depth)


def _scripts(node: Node, depth: int) -> Node:
    kids = [kid for kid in node.elements() if kid.name not in _MJX_SKIPPED]
    script = next((kid for kid in kids if kid.name == "mjx-script"), None)
    if script is not None:
        base = _mathml(kids[0], depth + 1) if kids[0] is not script else Node("mrow", "")
        parts = [
            _mathml(kid, depth + 1) for kid in script.elements() if kid.name not in _MJX_SKIPPED
        ]
        if len(parts) >= 2:  # above first
            return _new("msubsup", [base, parts[1], parts[0]])
        raised = "vertical-align: -" not in script.attributes
        return _new("msup" if raised else "msub", [base, *parts])
    base_box = _find(node, "mjx-base")
    over, under = _find(node, "mjx-over"), _find(node, "mjx-under")
    base = _contents(base_box, depth)
    if over is not None and under is not None:
        return _new("munderover", [base, _contents(under, depth), _contents(over, depth)])
    if under is not None:
        return _new("munder", [base, _contents(under, depth)])
    return _new("mover", [base, _contents(over, depth)])


def html_to_tex(markup: str) -> str:
    """LaTeX of a formula set with ``sub``, ``sup`` and italics (pandoc's HTML mathematics)."""
    return tidy(_html(parse(markup.replace(KEEP, "")), 0))


def _html(node: Node, depth: int) -> str:
    parts: list[str] = []
    for child in node.children:
        if isinstance(child, str):
            part = "".join(character_tex(c) for c in child)
        else:
            part = _html(child, depth + 1) if depth < MAX_DEPTH else text_of(child)
            mark = {"sub": "_", "sup": "^"}.get(child.name)
            if mark and part.strip():
                part = mark + "{" + part.strip() + "}"
            elif child.name in ("strong", "b") and part.strip():
                part = "\\mathbf" + "{" + part.strip() + "}"
        parts.append(part)
    return "".join(parts)


# KaTeX ---------------------------------------------------------------------------------

_KATEX_SKIPPED = frozenset(
    ("strut", "pstrut", "vlist-s", "frac-line", "nulldelimiter", "katex-strut", "katex-mathml",
     "arraycolsep", "hide-tail", "overline-line", "underline-line", "tag", "katex-tag")
)  # fmt: skip
_KATEX_FONTS = {
    "mathbb": "\\mathbb", "mathcal": "\\mathcal", "mathbf": "\\mathbf", "mathfrak": "\\mathfrak",
    "mathscr": "\\mathscr", "mathsf": "\\mathsf", "mathtt": "\\mathtt", "mathrm": "\\mathrm",
    "mathit": "\\mathit", "boldsymbol": "\\boldsymbol", "amsrm": "",
}  # fmt: skip


def katex_html_to_tex(markup: str) -> str:
    """LaTeX of KaTeX's HTML without its MathML."""
    return tidy(_katex(parse(markup.replace(KEEP, "")), 0))


def _vlist(node: Node) -> list[Node]:
    """The boxes of the first vertical list below a node, bottom-up."""
    found = next((n for n in _walk(node) if "vlist" in _classes(n)), None)
    return found.elements() if found is not None else []


def _walk(node: Node) -> list[Node]:
    out: list[Node] = []
    pending = [node]
    while pending:
        item = pending.pop()
        out.append(item)
        pending.extend(reversed(item.elements()))
    return out


def _brace(tex: str) -> str:
    tex = tex.strip()
    return tex if len(tex) == 1 else "{" + tex + "}"


def _katex(node: Node, depth: int) -> str:
    classes = _classes(node)
    if depth > MAX_DEPTH or _KATEX_SKIPPED.intersection(classes):
        return ""
    if "mspace" in classes:
        return " "
    if "msupsub" in classes:
        boxes = [_katex(box, depth + 1).strip() for box in _vlist(node)]
        below = any("vlist-t2" in _classes(kid) for kid in _walk(node)[:4])
        if len(boxes) >= 2:
            return "_" + _brace(boxes[0]) + "^" + _brace(boxes[1])
        if not boxes:
            return ""
        if set(boxes[0]) == {"'"}:
            return boxes[0]
        return ("_" if below else "^") + _brace(boxes[0])
    if "mfrac" in classes:
        boxes = [_katex(box, depth + 1).strip() for box in _vlist(node)]
        filled = [box for box in boxes if box]
        if len(filled) == 2:
            line = any("frac-line" in _classes(kid) for kid in _walk(node))
            return (
                f"\\frac{{{filled[1]}}}{{{filled[0]}}}"
                if line
                else f"{{{filled[1]} \\atop {filled[0]}}}"
            )
    if "sqrt" in classes:
        index = next((kid for kid in node.elements() if "root" in _classes(kid)), None)
        rest = [kid for kid in node.elements() if kid is not index]
        body = "".join(_katex(kid, depth + 1) for kid in rest).strip()
        return (
            f"\\sqrt[{_katex(index, depth + 1).strip()}]{{{body}}}"
            if index
            else f"\\sqrt{{{body}}}"
        )
    if "op-limits" in classes:
        return _katex_limits(node, depth)
    if "accent" in classes:
        parts = _vlist(node)
        if len(parts) >= 2:
            return f"{_katex_accent(parts[-1])}{{{_katex(parts[0], depth + 1).strip()}}}"
    if "overline" in classes or "underline" in classes:
        command = "\\overline" if "overline" in classes else "\\underline"
        body = "".join(_katex(box, depth + 1) for box in _vlist(node)).strip()
        return f"{command}{{{body}}}"
    if "mtable" in classes:
        return _katex_table(node, depth)
    return _katex_atom(node, classes, depth)


def _katex_accent(node: Node) -> str:
    """The command of the box that carries an accent."""
    text = text_of(node).replace("\u200b", "").strip()
    if text in ACCENTS:
        return ACCENTS[text][0]
    return "\\vec" if "vec" in {name for kid in _walk(node) for name in _classes(kid)} else "\\hat"


def _katex_limits(node: Node, depth: int) -> str:
    base, before, after = "", "", ""
    for box in _vlist(node):
        tex = _katex(box, depth + 1).strip()
        if any("mop" in _classes(kid) or "op-symbol" in _classes(kid) for kid in _walk(box)):
            base = tex
        elif base:
            after = tex
        else:
            before = tex
    return base + (f"_{{{before}}}" if before else "") + (f"^{{{after}}}" if after else "") + " "


def _katex_table(node: Node, depth: int) -> str:
    columns = []
    for kid in node.elements():
        if any(name.startswith("col-align") for name in _classes(kid)):
            columns.append([_katex(box, depth + 1).strip() for box in _vlist(kid)])
    rows = max(map(len, columns), default=0)
    lines = [
        " & ".join(column[row] if row < len(column) else "" for column in columns)
        for row in range(rows)
    ]
    return "\\begin{matrix} " + " \\\\ ".join(lines) + " \\end{matrix}"


def _katex_atom(node: Node, classes: list[str], depth: int) -> str:
    parts: list[str] = []
    for child in node.children:
        if isinstance(child, str):
            text = child.replace("\u200b", "")
            if "text" in classes:
                parts.append(text)
            else:
                parts.append("".join(character_tex(c) for c in text.strip()))
        else:
            part = _katex(child, depth + 1)
            if parts and part[:1].isalpha() and re.search(r"\\[A-Za-z]+$", parts[-1]):
                parts.append(" ")
            parts.append(part)
    tex = "".join(parts)
    if "text" in classes:
        return "\\text{" + tex + "}" if tex.strip() else ""
    font = next((_KATEX_FONTS[name] for name in classes if name in _KATEX_FONTS), "")
    if "mop" in classes and tex.strip() in FUNCTIONS:
        return f"\\{tex.strip()} "
    if font and tex.strip() and not (font == "\\mathrm" and not tex.strip().isalnum()):
        return font + "{" + tex.strip() + "}"
    return tex
