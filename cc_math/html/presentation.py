"""Presentation MathML to LaTeX, element by element.

Elements follow MathML Core and MathML 3, chapter 3; the names of characters are in
:mod:`cc_math.html.symbols`. Conversion is a pure function of the element. Depth is bounded
(:data:`MAX_DEPTH`): what lies deeper comes out as its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from cc_math.html.markup import Node, text_of
from cc_math.html.mathml_tokens import group, identifier, nothing, number, operator, space, words
from cc_math.html.symbols import ACCENTS, FENCES, character_tex, trim

MAX_DEPTH = 200
"""Nesting that the converter follows; real formulas stay under 60."""

_SPACES = re.compile(r"\s+")
_TEXT = re.compile(r"(\\text\{(?:[^{}\\]|\\.)*\})", re.S)
_LOOSE_SPACE = re.compile(r"(?<!\\) (?=[,.;)\]])|(?<=[{(\[]) (?!\\? )")


def tidy(tex: str) -> str:
    """Single spaces; none before punctuation and closing brackets. Words stay as they are."""
    if "\\text{" not in tex:
        return trim(_tidy(tex))
    pieces = _TEXT.split(tex)
    pieces[::2] = map(_tidy, pieces[::2])
    return trim("".join(pieces))


def _tidy(tex: str) -> str:
    return _LOOSE_SPACE.sub("", _SPACES.sub(" ", tex))


def _row(children: list[Node | str], depth: int) -> str:
    """Children one after another; a command never runs into the letter after it."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, str):
            part = "".join(character_tex(c) for c in child.strip())
        else:
            part = convert(child, depth + 1)
        if not part:
            continue
        if parts and part[0].isalpha() and re.search(r"\\[A-Za-z]+$", parts[-1]):
            parts.append(" ")
        parts.append(part)
    return "".join(parts)


_SCRIPT_ORDER = {"msub": "_", "msup": "^", "msubsup": "_^"}


def _scripts(node: Node, depth: int) -> str:
    kids = node.elements()
    order = _SCRIPT_ORDER[node.name]
    base = convert(kids[0], depth + 1) if kids else ""
    tex = _base(base, kids[0] if kids else None) or "{}"
    for mark, kid in zip(order, kids[1:], strict=False):
        value = trim(convert(kid, depth + 1))
        if not value:
            continue
        if mark == "^" and set(value.replace("\\prime", "'").replace(" ", "")) == {"'"}:
            tex += value.replace("\\prime", "'").replace(" ", "")
            continue
        tex = trim(tex) + mark + (value if len(value) == 1 else group(value))
    return tex


def _base(tex: str, node: Node | None) -> str:
    tex = trim(tex)
    if (
        node is not None
        and node.name in ("mrow", "mstyle", "mpadded", "mphantom")
        and len(node.elements()) > 1
    ):
        return group(tex) if not (tex.startswith("\\left") or tex[-1:] in ")]}|") else tex
    if node is not None and node.name in ("msub", "msup", "msubsup", "mfrac", "munder", "mover"):
        return group(tex)
    return tex


def _under_over(node: Node, depth: int) -> str:
    kids = node.elements()
    if not kids:
        return ""
    base = trim(convert(kids[0], depth + 1))
    under = kids[1] if node.name in ("munder", "munderover") and len(kids) > 1 else None
    over_index = 2 if node.name == "munderover" else 1
    over = kids[over_index] if node.name != "munder" and len(kids) > over_index else None
    over_text = text_of(over).strip() if over is not None else ""
    under_text = text_of(under).strip() if under is not None else ""
    accent = ACCENTS.get(over_text, ("", ""))[0] if over is not None and over.name == "mo" else ""
    below = ACCENTS.get(under_text, ("", ""))[1] if under is not None and under.name == "mo" else ""
    if accent:
        wide = {"\\hat": "\\widehat", "\\tilde": "\\widetilde"}
        if accent in wide and len(text_of(kids[0]).strip()) > 1:
            accent = wide[accent]
        base, over = accent + group(base), None
    if below:
        base, under = below + group(base), None
    if under is None and over is None:
        return base
    limits = re.match(
        r"\\(?:sum|prod|coprod|int|iint|iiint|oint|big\w+|lim|limsup|liminf|max|min|sup|inf|det|gcd|Pr|operatorname|underbrace|overbrace|argmax|argmin|underset|overset)",
        base,
    )
    if limits:
        tex = base
        if under is not None:
            tex += "_" + group(_stack(under, depth + 1))
        if over is not None:
            tex += "^" + group(_stack(over, depth + 1))
        return tex
    tex = base
    if over is not None:
        over_tex = trim(convert(over, depth + 1))
        tex = f"\\overset{group(over_tex)}{group(tex)}" if over_tex else tex
    if under is not None:
        under_tex = trim(convert(under, depth + 1))
        tex = f"\\underset{group(under_tex)}{group(tex)}" if under_tex else tex
    return tex


def _fraction(node: Node, depth: int) -> str:
    kids = node.elements()[:2]
    parts = [trim(convert(kid, depth + 1)) for kid in kids] + ["", ""]
    if _without_line(node):
        return "{" + parts[0] + " \\atop " + parts[1] + "}"
    if len(kids) == 2 and all(map(_in_braces, kids)):
        return "{" + parts[0] + " \\over " + parts[1] + "}"
    return "\\frac" + group(parts[0]) + group(parts[1])


def _without_line(node: Node) -> bool:
    return node.get("linethickness") in ("0", "0px", "0pt", "0em", "0.0pt")


def _in_braces(node: Node) -> bool:
    """Whether MathJax wrote the element for braces around one sign. The argument of ``\\frac``
    loses its braces; they stay only where the source has ``{a} \\over {b}``."""
    return (
        node.name == "mrow"
        and node.get("data-mjx-texclass") == "ORD"
        and len(node.elements()) == 1
        and node.elements()[0].name in ("mi", "mn")
    )


def _binomial(kids: list[Node], depth: int) -> str:
    """The binomial coefficient of a fraction without a line in parentheses, '' when none."""
    if len(kids) != 3 or kids[1].name != "mfrac" or not _without_line(kids[1]):
        return ""
    if text_of(kids[0]).strip() != "(" or text_of(kids[2]).strip() != ")":
        return ""
    above, below = (convert(kid, depth + 1) for kid in (*kids[1].elements(), Node("mrow", ""))[:2])
    return "\\binom" + group(above) + group(below)


def _row_of_table(node: Node, depth: int) -> str:
    cells = [kid for kid in node.elements() if kid.name == "mtd"]
    if node.name == "mlabeledtr":
        cells = cells[1:]
    return " & ".join(trim(_row(list(cell.children), depth + 2)) for cell in cells)


def _table(node: Node, depth: int) -> str:
    rows = [kid for kid in node.elements() if kid.name in ("mtr", "mlabeledtr")]
    body = " \\\\ ".join(_row_of_table(row, depth + 1) for row in rows)
    align = node.get("columnalign").split()
    environment = "aligned" if align[:2] == ["right", "left"] else "matrix"
    if environment == "matrix" and align and set(align) != {"center"}:
        columns = "".join({"left": "l", "right": "r"}.get(a, "c") for a in align)
        return f"\\begin{{array}}{{{columns}}} {body} \\end{{array}}"
    return f"\\begin{{{environment}}} {body} \\end{{{environment}}}"


_FENCED_TABLE = {
    "()": "pmatrix",
    "[]": "bmatrix",
    "||": "vmatrix",
    "‖‖": "Vmatrix",
    "∥∥": "Vmatrix",
    "{}": "Bmatrix",
}


def _stack(node: Node, depth: int) -> str:
    """What stands below or above a sum: a table of one column is a stack of conditions."""
    table = _unwrap(node)
    if table.name != "mtable":
        return convert(node, depth)
    rows = [[cell for cell in row.elements() if cell.name == "mtd"] for row in table.elements()]
    if len(rows) < 2 or any(len(row) != 1 for row in rows):
        return convert(node, depth)
    body = " \\\\ ".join(trim(_row(list(row[0].children), depth + 2)) for row in rows)
    return "\\substack" + group(body)


def _mrow(node: Node, depth: int) -> str:
    kids = node.elements()
    if len(kids) == 3 and kids[1].name == "mfrac":
        binomial = _binomial(kids, depth)
        if binomial:
            return binomial
    if len(kids) >= 2 and kids[0].name == "mo":
        inner = [
            kid
            for kid in kids[1:]
            if kid.name not in ("mo",) or text_of(kid).strip("\u2061\u2062\u2063\u2064 ")
        ]
        opening = text_of(kids[0]).strip()
        table = _unwrap(inner[0]) if inner else None
        if table is not None and table.name == "mtable" and len(inner) <= 2:
            closing = text_of(inner[1]).strip() if len(inner) == 2 else ""
            name = _FENCED_TABLE.get(opening + closing)
            rows = [kid for kid in table.elements() if kid.name in ("mtr", "mlabeledtr")]
            body = " \\\\ ".join(_row_of_table(row, depth + 3) for row in rows)
            if opening == "{" and not closing:
                name = "cases"
            if name:
                return f"\\begin{{{name}}} {body} \\end{{{name}}}"
        first, last = kids[0], kids[-1]
        if (
            opening in FENCES
            and last.name == "mo"
            and text_of(last).strip() in FENCES
            and len(kids) > 2
            and first.get("stretchy") != "false"
            and last.get("stretchy") != "false"
            and any(
                k.name
                in ("mfrac", "mtable", "munderover", "munder", "mover", "msubsup", "msqrt", "msup")
                for k in kids[1:-1]
            )
        ):
            body = _row(list(kids[1:-1]), depth)
            closing = text_of(last).strip()
            left, right = character_tex(opening).strip(), character_tex(closing).strip()
            return f"\\left{left} {body} \\right{right}"
    return _row(node.children, depth)


def _unwrap(node: Node) -> Node:
    while node.name in ("mrow", "mstyle", "mpadded") and len(node.elements()) == 1:
        node = node.elements()[0]
    return node


def _fenced(node: Node, depth: int) -> str:
    attributes = node.attributes
    opening = node.get("open") if "open=" in attributes else "("
    closing = node.get("close") if "close=" in attributes else ")"
    separators = (node.get("separators") if "separators=" in attributes else ",").replace(" ", "")
    kids = node.elements()
    if len(kids) == 1 and _unwrap(kids[0]).name == "mtable":
        name = "cases" if opening == "{" and not closing else _FENCED_TABLE.get(opening + closing)
        if name:
            table = _unwrap(kids[0])
            rows = [kid for kid in table.elements() if kid.name in ("mtr", "mlabeledtr")]
            body = " \\\\ ".join(_row_of_table(row, depth + 2) for row in rows)
            return f"\\begin{{{name}}} {body} \\end{{{name}}}"
    parts = []
    for index, kid in enumerate(kids):
        if index and separators:
            parts.append(character_tex(separators[min(index - 1, len(separators) - 1)]))
        parts.append(trim(convert(kid, depth + 1)))
    left = "".join(map(character_tex, opening)).strip() or "."
    right = "".join(map(character_tex, closing)).strip() or "."
    return f"\\left{left} " + " ".join(parts) + f" \\right{right}"


def _multiscripts(node: Node, depth: int) -> str:
    kids = node.elements()
    if not kids:
        return ""
    base, rest = trim(convert(kids[0], depth + 1)), kids[1:]
    split = next((i for i, kid in enumerate(rest) if kid.name == "mprescripts"), len(rest))

    def pairs(nodes: list[Node]) -> str:
        tex = ""
        for mark, kid in zip("_^" * (len(nodes) // 2 + 1), nodes, strict=False):
            value = "" if kid.name == "none" else trim(convert(kid, depth + 1))
            if value:
                tex += mark + group(value)
        return tex

    before = pairs(rest[split + 1 :])
    return ("{}" + before if before else "") + base + pairs(rest[:split])


def _enclosed(node: Node, depth: int) -> str:
    inner = _row(node.children, depth)
    notation = node.get("notation")
    if "box" in notation:
        return "\\boxed" + group(inner)
    if "strike" in notation:
        return "\\cancel" + group(inner)
    if "radical" in notation:
        return "\\sqrt" + group(inner)
    return inner


def _root(node: Node, depth: int) -> str:
    if node.name == "msqrt":
        return "\\sqrt" + group(_row(node.children, depth))
    parts = [trim(convert(kid, depth + 1)) for kid in node.elements()[:2]] + ["", ""]
    return f"\\sqrt[{parts[1]}]{{{parts[0]}}}"


def _phantom(node: Node, depth: int) -> str:
    return "\\phantom" + group(_row(node.children, depth))


def _semantics(node: Node, depth: int) -> str:
    kids = node.elements()
    return convert(kids[0], depth + 1) if kids else ""


_CONVERTERS: dict[str, Callable[[Node, int], str]] = {
    "mi": identifier,
    "mo": operator,
    "mn": number,
    "mtext": words,
    "ms": words,
    "mspace": space,
    "mfrac": _fraction,
    "msub": _scripts,
    "msup": _scripts,
    "msubsup": _scripts,
    "munder": _under_over,
    "mover": _under_over,
    "munderover": _under_over,
    "msqrt": _root,
    "mroot": _root,
    "mtable": _table,
    "mfenced": _fenced,
    "mmultiscripts": _multiscripts,
    "menclose": _enclosed,
    "mphantom": _phantom,
    "semantics": _semantics,
    **dict.fromkeys(
        ("annotation", "annotation-xml", "none", "mprescripts", "maligngroup", "malignmark"),
        nothing,
    ),
    **dict.fromkeys(("mrow", "math", "mstyle", "mpadded", "merror", "mtd"), _mrow),
}


def convert(node: Node, depth: int) -> str:
    """LaTeX of one MathML element; unknown elements stand for their content."""
    if depth > MAX_DEPTH:
        return "".join(character_tex(c) for c in text_of(node))
    converter = _CONVERTERS.get(node.name)
    return converter(node, depth) if converter else _row(node.children, depth)
