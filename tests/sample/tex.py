"""A small reader of LaTeX formulas, for the sample crawl only.

Turns the subset of LaTeX that the sample's pages use into a tree and writes it as
MathML, HTML with sub and sup, or AsciiMath, so that one page source can be published
the way different sites publish formulas. It is no part of the pipeline, which must not
be tested against its own conversions: the trees go one way, from LaTeX.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|[A-Za-z]|\s+|.")

# Each name with the letter that it stands for.
LETTERS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "varepsilon": "ε", "epsilon": "ϵ",
    "zeta": "ζ", "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
    "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "varphi": "φ", "phi": "ϕ",
    "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ",
    "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Omega": "Ω", "infty": "∞", "partial": "∂",
    "nabla": "∇", "emptyset": "∅", "ell": "ℓ",
}  # fmt: skip
OPERATORS = {
    "cdot": "⋅", "times": "×", "div": "÷", "pm": "±", "le": "≤", "leq": "≤", "ge": "≥",
    "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈", "equiv": "≡", "in": "∈", "notin": "∉",
    "subset": "⊂", "subseteq": "⊆", "cup": "∪", "cap": "∩", "to": "→", "mapsto": "↦",
    "Rightarrow": "⇒", "iff": "⟺", "mid": "∣", "nmid": "∤", "ldots": "…", "dots": "…",
    "cdots": "⋯", "sum": "∑", "prod": "∏", "int": "∫", "forall": "∀", "exists": "∃",
    "circ": "∘", "setminus": "∖", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
    "langle": "⟨", "rangle": "⟩", "{": "{", "}": "}", "|": "‖", "angle": "∠", "perp": "⊥",
    "sim": "∼", "oplus": "⊕", "cong": "≅", ",": " ", ";": " ", "!": "",
    " ": " ", "colon": ":", "vdots": "⋮", "ddots": "⋱", "%": "%", "neg": "¬", "land": "∧",
    "lor": "∨", "otimes": "⊗", "triangle": "△", "parallel": "∥",
}  # fmt: skip
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "log", "ln", "exp", "lim", "max", "min", "gcd", "det", "dim", "ker",
    "sup", "inf", "arctan", "arcsin", "deg", "bmod",
})  # fmt: skip
DOUBLE_STRUCK = dict(zip("NZQRCFPE", "ℕℤℚℝℂ𝔽ℙ𝔼", strict=True))
LIMITS = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
ACCENTS = {"overline": "―", "bar": "¯", "hat": "^", "vec": "→", "tilde": "~", "dot": "˙"}
FENCES = {
    "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "vmatrix": ("|", "|"), "cases": ("{", "."),
    "aligned": (".", "."),
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """One piece of a formula: a leaf with text, or a MathML element with children."""

    tag: str
    text: str = ""
    children: tuple[Node, ...] = ()
    attributes: str = ""


class _Reader:
    def __init__(self, tex: str) -> None:
        self.tokens = TOKEN.findall(tex)
        self.at = 0

    def peek(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def row(self, *ends: str) -> Node:
        items: list[Node] = []
        while self.peek() and self.peek() not in ends:
            items.append(self.scripted())
        return items[0] if len(items) == 1 else Node("mrow", children=tuple(items))

    def scripted(self) -> Node:
        base = self.atom()
        below: Node | None = None
        above: Node | None = None
        while self.peek() in ("_", "^", "'"):
            sign = self.next()
            if sign == "'":
                above = Node("mo", "′")
            elif sign == "_":
                below = self.atom()
            else:
                above = self.atom()
        if below and above:
            return Node("msubsup", children=(base, below, above))
        if below:
            return Node("msub", children=(base, below))
        return Node("msup", children=(base, above)) if above else base

    def words(self) -> str:
        """A braced argument taken as it stands, spaces and all."""
        self.next()
        end = self.tokens.index("}", self.at)
        inner = "".join(self.tokens[self.at : end])
        self.at = end + 1
        return inner

    def fence(self) -> Node:
        """The bracket after \\left or \\right."""
        token = self.next()
        return Node("mo", OPERATORS[token[1:]] if token[0] == "\\" else token)

    def environment(self) -> Node:
        name = self.words()
        rows: list[Node] = []
        cells: list[Node] = []
        while True:
            cells.append(Node("mtd", children=(self.row("&", "\\\\", "\\end"),)))
            end = self.next()
            if end != "&":
                rows.append(Node("mtr", children=tuple(cells)))
                cells = []
            if end == "\\end":
                self.words()
                break
        table = Node("mtable", children=tuple(rows))
        left, right = FENCES[name]
        fenced = [Node("mo", left)] * (left != ".") + [table] + [Node("mo", right)] * (right != ".")
        return Node("mrow", children=tuple(fenced))

    def command(self, name: str) -> Node:
        if name in ("frac", "dfrac", "tfrac", "binom"):
            top, bottom = self.atom(), self.atom()
            if name != "binom":
                return Node("mfrac", children=(top, bottom))
            stack = Node("mfrac", children=(top, bottom), attributes=' linethickness="0"')
            return Node("mrow", children=(Node("mo", "("), stack, Node("mo", ")")))
        if name == "sqrt":
            if self.peek() == "[":
                self.next()
                index = self.row("]")
                self.next()
                return Node("mroot", children=(self.atom(), index))
            return Node("msqrt", children=(self.atom(),))
        if name in ("text", "operatorname", "mathrm"):
            return Node("mtext" if name == "text" else "mi", self.words())
        if name == "mathbb":
            return Node("mi", DOUBLE_STRUCK[self.words()])
        if name in ("mathbf", "mathcal"):
            return Node("mi", self.words())
        if name in ACCENTS:
            return Node("mover", children=(self.atom(), Node("mo", ACCENTS[name])))
        if name == "left":
            opening = self.fence()
            inner = self.row("\\right")
            self.next()
            parts = inner.children if inner.tag == "mrow" else (inner,)
            return Node("mrow", children=(opening, *parts, self.fence()))
        if name == "begin":
            return self.environment()
        if name == "pmod":
            modulus = (Node("mo", "("), Node("mi", "mod"), self.atom(), Node("mo", ")"))
            return Node("mrow", children=modulus)
        if name == "quad":
            return Node("mspace", attributes=' width="1em"')
        if name in LETTERS:
            return Node("mi", LETTERS[name])
        if name in FUNCTIONS:
            return Node("mi", name)
        return Node("mo", OPERATORS[name])

    def atom(self) -> Node:
        token = self.next()
        if token == "{":
            inner = self.row("}")
            self.next()
            return inner
        if token[0] == "\\":
            return self.command(token[1:])
        if token[0].isdigit():
            return Node("mn", token)
        return Node("mi" if token.isalpha() else "mo", "−" if token == "-" else token)


def parse(tex: str) -> Node:
    """The tree of a formula. Raises KeyError for a command outside the subset."""
    return _Reader(tex).row()


def mathml(node: Node, prefix: str = "", display: bool = False) -> str:
    """Presentation MathML of a tree, without the <math> element around it.

    In a display the limits of sums and the like stand below and above their sign.
    """
    tag = node.tag
    if display and tag in LIMITS and node.children[0].text in ("∑", "∏", "lim", "max", "min"):
        tag = LIMITS[tag]
    inner = html.escape(node.text, quote=False)
    inner = inner or "".join(mathml(child, prefix, display) for child in node.children)
    return f"<{prefix}{tag}{node.attributes}>{inner}</{prefix}{tag}>"


def sub_sup(node: Node) -> str:
    """The tree as a careful author of plain HTML writes it: <i>, <sup>, <sub>, a/b."""
    parts = [sub_sup(child) for child in node.children]
    if node.tag == "mi":
        return f"<i>{node.text}</i>" if len(node.text) == 1 else f"{node.text} "
    if node.tag == "mo":
        wide = node.text in "=≤≥≠≈≡+−→⇒∈" and node.text
        return f" {html.escape(node.text)} " if wide else html.escape(node.text)
    if not parts:
        return html.escape(node.text)
    if node.tag in ("msup", "msub"):
        tag = node.tag[1:]
        return f"{parts[0]}<{tag}>{parts[1]}</{tag}>"
    if node.tag == "msubsup":
        return f"{parts[0]}<sub>{parts[1]}</sub><sup>{parts[2]}</sup>"
    if node.tag == "mfrac":
        grouped = [
            f"({p})" if c.tag == "mrow" else p for p, c in zip(parts, node.children, strict=True)
        ]
        return f"{grouped[0]}/{grouped[1]}"
    if node.tag == "msqrt":
        return f"√({parts[0]})"
    return "".join(parts)


def ascii_math(node: Node) -> str:
    """The tree in AsciiMath, the notation that some sites put between back-ticks."""
    names = {"−": "-", "⋅": "*", "≤": "<=", "≥": ">=", "∑": "sum", "∫": "int", "∞": "oo",
             "π": "pi", "→": "->", "±": "+-", "θ": "theta", "≠": "!="}  # fmt: skip
    parts = [ascii_math(child) for child in node.children]
    if not parts:
        return names.get(node.text, node.text)
    if node.tag in ("msup", "msub"):
        return f"{parts[0]}{'^' if node.tag == 'msup' else '_'}({parts[1]})"
    if node.tag == "msubsup":
        return f"{parts[0]}_({parts[1]})^({parts[2]})"
    if node.tag == "mfrac":
        return f"({parts[0]})/({parts[1]})"
    if node.tag == "msqrt":
        return f"sqrt({parts[0]})"
    return " ".join(parts)
