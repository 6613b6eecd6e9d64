r"""AsciiMath to LaTeX.

The grammar and the names of symbols are those of asciimath.org ("Syntax"): constants,
unary and binary commands, scripts, fractions by a slash, brackets that only group taken off
arguments, matrices as brackets of brackets, text in quotes. The trade: brackets are set with
``\left`` and ``\right`` only around something tall, since that is how people write LaTeX.

One pass over the tokens, each read once; nesting beyond :data:`MAX_DEPTH` comes out as the
signs that stand there. Never raises: AsciiMath has no errors, every text means something.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cc_math.html.asciimath_symbols import (
    BINARY,
    CONSTANTS,
    FUNCTIONS,
    LEFT,
    LONGEST_NAME,
    NAMES,
    RIGHT,
    UNARY,
    WORDS,
)
from cc_math.html.symbols import text_tex, trim

MAX_SOURCE_CHARS = 5_000
"""A longer source is no formula. Chosen: a hundred lines of one; what is longer was not typed
by hand, and a conversion spends ten microseconds on a character."""

MAX_DEPTH = 60
"""Nesting that the parser follows. Chosen: far beyond what people type, well inside
Python's own stack (a level costs three calls)."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_QUOTED = re.compile(r'"([^"]*)"')
_TEXT_COMMAND = re.compile(r"\\?(?:text|mbox)\s*(?:\(([^()]*)\)|\[([^\[\]]*)\]|\{([^{}]*)\})")
_LONG_WORD = re.compile(r"[A-Za-z]{4,}")
_ENDS_IN_COMMAND = re.compile(r"\\[A-Za-z]+$")
_TALL = re.compile(r"\\(?:d?frac|begin|sum|prod|int|oint|sqrt|over|under|stackrel|big)")
_ESCAPES = {
    "\\": "\\backslash", "%": "\\%", "#": "\\#", "&": "\\&", "$": "\\$", "~": "\\sim",
    "{": "\\{", "}": "\\}",
}  # fmt: skip
_MATRICES = {
    ("(", ")"): "pmatrix", ("[", "]"): "bmatrix", ("|", "|"): "vmatrix", ("{", ""): "cases",
    ("\\{", "\\}"): "Bmatrix", ("\\|", "\\|"): "Vmatrix", ("", ""): "matrix",
    ("\\{", ""): "cases",
}  # fmt: skip
_GROUPING = frozenset("([{")


class _Token(NamedTuple):
    """A sign: what it does, how it is spelt, and its LaTeX."""

    kind: str  # constant, number, text, function, unary, binary, left, right, bar, infix, end
    name: str
    tex: str


_END = _Token("end", "", "")


class _Part(NamedTuple):
    """A parsed piece. ``inner``: its LaTeX without the brackets around it, None without any;
    ``cells``: the pieces between its commas (bracketed pieces only)."""

    tex: str
    inner: str | None = None
    cells: tuple[str, ...] = ()
    brackets: tuple[str, str] = ("", "")


def asciimath_to_tex(source: str) -> str:
    """LaTeX of a formula in AsciiMath, without delimiters; '' beyond the longest source."""
    if len(source) > MAX_SOURCE_CHARS:
        return ""
    parser = _Parser(_pair_bars(_tokens(source)))
    parts: list[str] = []
    while parser.token.kind != "end":
        parts.append(parser.expression(0))
        if parser.token.kind in ("right", "bar"):  # nothing opened it
            parts.append(parser.next().tex)
    return trim(_join(parts))


def is_plausible(source: str) -> bool:
    """Whether a text between backticks reads as AsciiMath, not as code or prose: a run of
    four letters or more begins with a name of AsciiMath and adds two letters at most."""
    for match in _LONG_WORD.finditer(_TEXT_COMMAND.sub("", _QUOTED.sub("", source))):
        lengths = [len(token.name) for token in _tokens(match[0])]
        if lengths[0] < 2 or lengths.count(1) > 2:
            return False
    return bool(source.strip())


def _tokens(source: str) -> list[_Token]:
    """The signs of a formula, longest name first at each place."""
    out: list[_Token] = []
    position, end = 0, len(source)
    while position < end:
        character = source[position]
        if character.isspace():
            position += 1
            continue
        match = _QUOTED.match(source, position) or (
            _TEXT_COMMAND.match(source, position) if character in "tm\\" else None
        )
        if match:
            text = next((group for group in match.groups() if group is not None), "")
            out.append(_Token("text", text, text_tex(text)))
            position = match.end()
            continue
        match = _NUMBER.match(source, position)
        if match:
            out.append(_Token("number", match[0], match[0]))
            position = match.end()
            continue
        if character == "\\" and source[position + 1 : position + 2] not in ("", "\\", " "):
            position += 1
        name = _longest_name(source, position)
        out.append(_token(name))
        position += len(name)
    return out


def _longest_name(source: str, position: int) -> str:
    for length in range(min(LONGEST_NAME, len(source) - position), 1, -1):
        name = source[position : position + length]
        if name in NAMES:
            return name
    return source[position]


def _token(name: str) -> _Token:
    if name in CONSTANTS:
        return _Token("constant", name, CONSTANTS[name])
    if name in WORDS:
        return _Token("constant", name, "\\text{ " + WORDS[name] + " }")
    for kind, table in (
        ("function", FUNCTIONS), ("unary", UNARY), ("binary", BINARY), ("left", LEFT),
        ("right", RIGHT),
    ):  # fmt: skip
        if name in table:
            return _Token(kind, name, table[name])
    if name in ("|", "||"):
        return _Token("bar", name, "|" if name == "|" else "\\|")
    if name in ("/", "^", "_"):
        return _Token("infix", name, name)
    return _Token("constant", name, _ESCAPES.get(name, name))


def _pair_bars(tokens: list[_Token]) -> list[_Token]:
    """Bars in pairs become brackets; a bar alone inside its brackets is "divides"."""
    out = list(tokens)
    open_bars: list[int] = [-1]  # per level of brackets: where a bar is open
    for index, token in enumerate(tokens):
        if token.kind == "left":
            open_bars.append(-1)
        elif token.kind == "right" and len(open_bars) > 1:
            lonely = open_bars.pop()
            if lonely >= 0:
                out[lonely] = _Token("constant", "|", "\\mid")
        elif token.kind == "bar":
            start = open_bars[-1]
            if start < 0 or tokens[start].name != token.name:
                open_bars[-1] = index if start < 0 else start
                out[index] = _Token("constant", token.name, "\\mid")
            elif start == index - 1:
                continue
            else:
                out[start] = _Token("left", token.name, token.tex)
                out[index] = _Token("right", token.name, token.tex)
                open_bars[-1] = -1
    return out


def _join(parts: list[str]) -> str:
    """Pieces one after another; a command never runs into the letter after it."""
    out: list[str] = []
    for part in parts:
        if not part:
            continue
        if out and part[0].isalpha() and _ENDS_IN_COMMAND.search(out[-1][-40:]):
            out.append(" ")
        out.append(part)
    return "".join(out)


def _group(tex: str) -> str:
    return "{" + trim(tex) + "}"


def _script(tex: str) -> str:
    return tex if len(tex) == 1 else _group(tex)


def _argument(part: _Part) -> str:
    """A command's argument: brackets that only group are taken off."""
    return part.tex if part.inner is None else part.inner


class _Parser:
    """A place in a list of tokens; the methods are the grammar's rules."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.position = 0

    @property
    def token(self) -> _Token:
        return self.tokens[self.position] if self.position < len(self.tokens) else _END

    def next(self) -> _Token:
        token = self.token
        self.position += 1
        return token

    def expression(self, depth: int) -> str:
        """E: pieces and fractions up to a closing bracket."""
        return _join([part.tex for part in self.pieces(depth)])

    def pieces(self, depth: int) -> list[_Part]:
        parts: list[_Part] = []
        while self.token.kind not in ("end", "right"):
            parts.append(self.fraction(depth))
        return parts

    def fraction(self, depth: int) -> _Part:
        """I or I/I; in a/b/c the second slash is a slash."""
        part = self.scripted(depth)
        if self.token.name == "/" and self.token.kind == "infix":
            self.next()
            if self.token.kind in ("end", "right"):
                return _Part(part.tex + "/")
            below = self.scripted(depth)
            part = _Part("\\frac" + _group(_argument(part)) + _group(_argument(below)))
        return part

    def scripted(self, depth: int) -> _Part:
        """S with its scripts; a function takes what follows them as its argument."""
        first = self.token
        part = self.simple(depth)
        marks = ""
        while (
            self.token.kind == "infix" and self.token.name in "_^" and self.token.name not in marks
        ):
            mark = self.next().name
            marks += mark
            if self.token.kind in ("end", "right"):
                break
            value = trim(_argument(self.simple(depth)))
            part = _Part(_join([part.tex]) + mark + _script(value))
        if marks and first.kind == "function" and depth < MAX_DEPTH:
            following = self.token
            takes = following.kind not in ("infix", "right", "bar", "end")
            if takes and (len(first.name) > 1 or following.kind == "left"):
                part = _Part(_join([part.tex, self.scripted(depth + 1).tex]))
        return part

    def simple(self, depth: int) -> _Part:
        """S: one sign, a bracketed expression, or a command with its arguments."""
        token = self.next()
        if depth >= MAX_DEPTH:
            return _Part(token.tex)
        if token.kind == "left":
            return self.bracketed(token, depth + 1)
        if token.kind == "function":
            return self.function(token, depth + 1)
        if token.kind == "unary":
            if self.token.kind in ("end", "right"):
                return _Part(token.tex.partition("@")[0].rstrip("{"))
            return _Part(token.tex.replace("@", trim(_argument(self.simple(depth + 1)))))
        if token.kind == "binary":
            return self.binary(token, depth + 1)
        if token.kind == "infix":
            return _Part("{}" + token.tex if token.name != "/" else "/")
        return _Part(token.tex)

    def function(self, token: _Token, depth: int) -> _Part:
        """A function keeps the brackets of its argument."""
        following = self.token
        if following.kind in ("end", "right", "infix") or following.name in ("|", ","):
            return _Part(token.tex)
        if len(token.name) == 1 and following.kind != "left":
            return _Part(token.tex)
        return _Part(_join([token.tex, self.simple(depth).tex]))

    def binary(self, token: _Token, depth: int) -> _Part:
        if self.token.kind in ("end", "right"):
            return _Part(token.tex.partition("@")[0].rstrip("{[("))
        first = trim(_argument(self.simple(depth)))
        second = "" if self.token.kind in ("end", "right") else _argument(self.simple(depth))
        head, middle, tail = token.tex.partition("@1")
        tex = head + first + tail if middle else head
        return _Part(tex.replace("@2", trim(second), 1))

    def bracketed(self, left: _Token, depth: int) -> _Part:
        """A bracketed expression, or the matrix that it is."""
        parts = self.pieces(depth)
        if self.token.kind == "end":
            return _Part(_join([left.tex, *(part.tex for part in parts)]))
        right = self.next()
        matrix = _matrix(left, right, parts)
        if matrix:
            return _Part(matrix)
        body = _join([part.tex for part in parts])
        opening, closing = left.tex, right.tex
        if (opening or closing) and (_TALL.search(body) or not (opening and closing)):
            shown = f"\\left{_spaced(opening) or '.'}{body}\\right{_spaced(closing) or '.'}"
        else:
            shown = _join([opening, body, closing])
        groups = left.name in _GROUPING and right.name in (")", "]", "}")
        invisible = left.name == "{:" and right.name == ":}"
        cells = _cells(parts)
        inner = body if groups or invisible else None
        return _Part(shown, inner, cells, (left.name, right.name))


def _spaced(bracket: str) -> str:
    return bracket + " " if bracket[-1:].isalpha() else bracket


def _cells(parts: list[_Part]) -> tuple[str, ...]:
    """The pieces between the commas of a bracketed expression."""
    cells: list[list[str]] = [[]]
    for part in parts:
        if part.tex == ",":
            cells.append([])
        else:
            cells[-1].append(part.tex)
    return tuple(_join(cell) for cell in cells)


def _matrix(left: _Token, right: _Token, parts: list[_Part]) -> str:
    """The matrix of rows in brackets, apart by commas; '' when it is none."""
    rows = parts[::2]
    brackets = rows[0].brackets if rows else ("", "")
    if brackets not in (("(", ")"), ("[", "]")) or right.name == "}":
        return ""
    width = len(rows[0].cells)
    if any(row.brackets != brackets or len(row.cells) != width for row in rows):
        return ""
    if len(parts) % 2 == 0 or any(part.tex != "," for part in parts[1::2]):
        return ""
    if len(rows) == 1 and width == 1:
        return ""
    bars = [i for i in range(width) if all(row.cells[i] in ("|", "\\mid") for row in rows)]
    kept = [i for i in range(width) if i not in bars]
    body = " \\\\ ".join(" & ".join(trim(row.cells[i]) for i in kept) for row in rows)
    name = _MATRICES.get((left.tex, right.tex))
    if bars or name is None:
        columns = "".join("|" if i in bars else "c" for i in range(width))
        opening, closing = _spaced(left.tex) or ".", _spaced(right.tex) or "."
        return f"\\left{opening}\\begin{{array}}{{{columns}}} {body} \\end{{array}}\\right{closing}"
    return f"\\begin{{{name}}} {body} \\end{{{name}}}"
