"""Presentation MathML to LaTeX.

Reads the mark-up as text with its own small tokenizer: it comes out of an HTML parser or an
attribute, so it may be HTML-flavoured (prefixes, no namespace, entities, broken nesting),
and a tenth of the time of walking the parser's nodes. A TeX annotation or ``alttext`` wins
over conversion, since it is the source. Elements follow MathML Core and MathML 3, chapter 3;
the names of characters are in :mod:`cc_math.html.symbols`.

Conversion is a pure function of the element. Depth is bounded (:data:`MAX_DEPTH`): what lies
deeper comes out as its text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

from cc_math.html.markup import Node, parse, text_of
from cc_math.html.symbols import ACCENTS, FENCES, FUNCTIONS, VARIANTS, character_tex

MAX_DEPTH = 200
"""Nesting that the converter follows; real formulas stay under 60."""

_ANNOTATION = re.compile(
    r"""<(?:[\w]+:)?annotation\s[^>]*?encoding\s*=\s*["'](?:application/x-tex|TeX|LaTeX|text/x-tex|application/x-latex)["'][^>]*>(.*?)</(?:\w+:)?annotation""",
    re.S | re.I,
)
_ALTTEXT = re.compile(r"""<(?:\w+:)?math\b[^>]*?\salttext\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.S)
_DISPLAY = re.compile(
    r"""<(?:\w+:)?math\b[^>]*?(?:\sdisplay\s*=\s*["']?block|\smode\s*=\s*["']?display)""", re.S
)
_SPACES = re.compile(r"\s+")


def tex_annotation(markup: str) -> str | None:
    """The TeX annotation in some MathML, or None."""
    if "annotation" not in markup:
        return None
    match = _ANNOTATION.search(markup)
    return unescape(match[1]).strip() if match and match[1].strip() else None


def mathml_to_tex(markup: str) -> tuple[str, bool]:
    """(TeX, display) of a ``math`` element given as mark-up. Never raises."""
    display = _DISPLAY.search(markup[:2000]) is not None
    tex = tex_annotation(markup)
    if tex is None and "alttext" in markup[:4000]:
        match = _ALTTEXT.search(markup)
        if match:
            tex = unescape(match[1] if match[1] is not None else match[2]).strip()
            if not re.search(r"[\\^_{}=+<>()\d]|^\S{1,3}$", tex):
                tex = None  # words for a screen reader
    if tex:
        if tex.startswith("\\displaystyle") and "display=" not in markup[:400]:
            display = True
        return tex, display
    return tidy(convert(parse(markup), 0)), display


def tidy(tex: str) -> str:
    """Single spaces; none before punctuation and closing brackets."""
    tex = _SPACES.sub(" ", tex).strip()
    return re.sub(r"(?<!\\) (?=[,.;)\]])|(?<=[{(\[]) (?!\\? )", "", tex)


def _group(tex: str) -> str:
    return "{" + tex.strip() + "}"


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


def _identifier(node: Node, depth: int) -> str:
    text = text_of(node).strip()
    if not text:
        return ""
    variant = node.get("mathvariant")
    plain = text.replace("\u2061", "")
    if plain in FUNCTIONS:
        return f"\\{plain} "
    tex = "".join(character_tex(c) for c in text)
    if variant in VARIANTS:
        return VARIANTS[variant] + _group(tex) if VARIANTS[variant] else tex
    if len(plain) > 1 and plain.isalpha() and plain.isascii():
        return ("\\operatorname" if variant != "italic" else "\\mathit") + _group(plain)
    if variant == "normal" and len(plain) == 1 and plain.isascii() and plain.isalpha():
        return "\\mathrm" + _group(plain)
    return tex


def _operator(node: Node, depth: int) -> str:
    text = text_of(node).strip()
    if text == "mod":
        return "\\bmod "
    if text in FUNCTIONS:
        return f"\\{text} "
    if len(text) > 1 and text.isalpha() and text.isascii():
        return "\\operatorname" + _group(text)
    return "".join(character_tex(c) for c in text)


_SCRIPT_ORDER = {"msub": "_", "msup": "^", "msubsup": "_^"}


def _scripts(node: Node, depth: int) -> str:
    kids = node.elements()
    order = _SCRIPT_ORDER[node.name]
    base = convert(kids[0], depth + 1) if kids else ""
    tex = _base(base, kids[0] if kids else None)
    for mark, kid in zip(order, kids[1:], strict=False):
        value = convert(kid, depth + 1).strip()
        if not value:
            continue
        if mark == "^" and set(value.replace("\\prime", "'").replace(" ", "")) == {"'"}:
            tex += value.replace("\\prime", "'").replace(" ", "")
            continue
        tex = tex.rstrip() + mark + (value if len(value) == 1 else _group(value))
    return tex


def _base(tex: str, node: Node | None) -> str:
    tex = tex.strip()
    if (
        node is not None
        and node.name in ("mrow", "mstyle", "mpadded", "mphantom")
        and len(node.elements()) > 1
    ):
        return _group(tex) if not (tex.startswith("\\left") or tex[-1:] in ")]}|") else tex
    if node is not None and node.name in ("msub", "msup", "msubsup", "mfrac", "munder", "mover"):
        return _group(tex)
    return tex


def _under_over(node: Node, depth: int) -> str:
    kids = node.elements()
    if not kids:
        return ""
    base = convert(kids[0], depth + 1).strip()
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
        base, over = accent + _group(base), None
    if below:
        base, under = below + _group(base), None
    if under is None and over is None:
        return base
    limits = re.match(
        r"\\(?:sum|prod|coprod|int|iint|iiint|oint|big\w+|lim|limsup|liminf|max|min|sup|inf|det|gcd|Pr|operatorname|underbrace|overbrace|argmax|argmin|underset|overset)",
        base,
    )
    if limits:
        tex = base
        if under is not None:
            tex += "_" + _group(convert(under, depth + 1))
        if over is not None:
            tex += "^" + _group(convert(over, depth + 1))
        return tex
    tex = base
    if over is not None:
        over_tex = convert(over, depth + 1).strip()
        tex = f"\\overset{_group(over_tex)}{_group(tex)}" if over_tex else tex
    if under is not None:
        under_tex = convert(under, depth + 1).strip()
        tex = f"\\underset{_group(under_tex)}{_group(tex)}" if under_tex else tex
    return tex


def _fraction(node: Node, depth: int) -> str:
    parts = [convert(kid, depth + 1) for kid in node.elements()[:2]] + ["", ""]
    if node.get("linethickness") in ("0", "0px", "0pt", "0em"):
        return "{" + parts[0].strip() + " \\atop " + parts[1].strip() + "}"
    return "\\frac" + _group(parts[0]) + _group(parts[1])


def _row_of_table(node: Node, depth: int) -> str:
    cells = [kid for kid in node.elements() if kid.name == "mtd"]
    if node.name == "mlabeledtr":
        cells = cells[1:]
    return " & ".join(_row(list(cell.children), depth + 2).strip() for cell in cells)


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


def _mrow(node: Node, depth: int) -> str:
    kids = node.elements()
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
        parts.append(convert(kid, depth + 1).strip())
    left = "".join(map(character_tex, opening)).strip() or "."
    right = "".join(map(character_tex, closing)).strip() or "."
    return f"\\left{left} " + " ".join(parts) + f" \\right{right}"


def _multiscripts(node: Node, depth: int) -> str:
    kids = node.elements()
    if not kids:
        return ""
    base, rest = convert(kids[0], depth + 1).strip(), kids[1:]
    split = next((i for i, kid in enumerate(rest) if kid.name == "mprescripts"), len(rest))

    def pairs(nodes: list[Node]) -> str:
        tex = ""
        for mark, kid in zip("_^" * (len(nodes) // 2 + 1), nodes, strict=False):
            value = "" if kid.name == "none" else convert(kid, depth + 1).strip()
            if value:
                tex += mark + _group(value)
        return tex

    before = pairs(rest[split + 1 :])
    return ("{}" + before if before else "") + base + pairs(rest[:split])


def _words(node: Node, depth: int) -> str:
    text = text_of(node).replace("\xa0", " ")
    if not text.strip():
        return "\\ " if text else ""
    if len(text.strip()) == 1 and not text.strip().isalpha():
        return character_tex(text.strip())
    return "\\text{" + re.sub(r"([#$%&_{}])", r"\\\1", _SPACES.sub(" ", text)) + "}"


def _enclosed(node: Node, depth: int) -> str:
    inner = _row(node.children, depth)
    notation = node.get("notation")
    if "box" in notation:
        return "\\boxed" + _group(inner)
    if "strike" in notation:
        return "\\cancel" + _group(inner)
    if "radical" in notation:
        return "\\sqrt" + _group(inner)
    return inner


def _number(node: Node, depth: int) -> str:
    tex = "".join(character_tex(c) for c in text_of(node).strip())
    variant = VARIANTS.get(node.get("mathvariant"), "")
    return variant + _group(tex) if variant else tex


def _space(node: Node, depth: int) -> str:
    return {"1em": "\\quad ", "2em": "\\qquad "}.get(node.get("width"), " ")


def _root(node: Node, depth: int) -> str:
    if node.name == "msqrt":
        return "\\sqrt" + _group(_row(node.children, depth))
    parts = [convert(kid, depth + 1).strip() for kid in node.elements()[:2]] + ["", ""]
    return f"\\sqrt[{parts[1]}]{{{parts[0]}}}"


def _phantom(node: Node, depth: int) -> str:
    return "\\phantom" + _group(_row(node.children, depth))


def _semantics(node: Node, depth: int) -> str:
    kids = node.elements()
    return convert(kids[0], depth + 1) if kids else ""


def _nothing(node: Node, depth: int) -> str:
    return ""


_CONVERTERS: dict[str, Callable[[Node, int], str]] = {
    "mi": _identifier,
    "mo": _operator,
    "mn": _number,
    "mtext": _words,
    "ms": _words,
    "mspace": _space,
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
        _nothing,
    ),
    **dict.fromkeys(("mrow", "math", "mstyle", "mpadded", "merror", "mtd"), _mrow),
}


def convert(node: Node, depth: int) -> str:
    """LaTeX of one MathML element; unknown elements stand for their content."""
    if depth > MAX_DEPTH:
        return "".join(character_tex(c) for c in text_of(node))
    converter = _CONVERTERS.get(node.name)
    return converter(node, depth) if converter else _row(node.children, depth)
