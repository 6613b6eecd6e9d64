"""Small facts about TeX source that the other modules share: delimiters, braces, wrappers.

Nothing here changes what a formula says: it takes off what the page put around it
(dollar signs, ``\\displaystyle`` of image services) and nothing else.
"""

from __future__ import annotations

import re

MATH_ENVIRONMENTS = frozenset((
    "equation", "equation*", "align", "align*", "alignat", "alignat*", "aligned", "alignedat",
    "gather", "gather*", "gathered", "multline", "multline*", "eqnarray", "eqnarray*", "flalign",
    "flalign*", "displaymath", "math", "split", "array", "matrix", "pmatrix", "bmatrix",
    "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "cases", "dcases", "rcases", "CD",
    "subequations", "prooftree", "numcases", "subarray",
))  # fmt: skip
"""Environments that are mathematics without delimiters (MathJax's AMSmath and array set)."""

_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$"))
_OPENERS = ("$", "\\[", "\\(")
_BLANK_LINES = re.compile(r"\n\s*\n")
_BRACE = re.compile(r"\\.|[{}]", re.S)
_TRAILING_STYLE = re.compile(r"^\\(?:dpi\{\d+\}|bg_\w+|fn_\w+|inline|large|Large|huge|tiny|small)")


def strip_delimiters(tex: str) -> tuple[str, bool | None]:
    """Take delimiters off a formula: (TeX, display as they say, or None without any)."""
    tex = tex.strip()
    display: bool | None = None
    if not tex.startswith(_OPENERS):
        return tex, None
    for _ in range(3):
        for left, right in _DELIMITERS:
            if (
                len(tex) >= len(left) + len(right)
                and tex.startswith(left)
                and tex.endswith(right)
                and not tex.endswith("\\" + right)
                and (left != "$" or "$" not in tex[1:-1].replace("\\$", ""))
                and (left[0] == "$" or left not in tex[2:])
            ):
                display = display or left in ("$$", "\\[")
                tex = tex[len(left) : len(tex) - len(right)].strip()
                break
        else:
            break
    return tex, display


def strip_style(tex: str) -> str:
    r"""Take off the ``{\displaystyle …}`` that MediaWiki wraps formulas in."""
    if tex.startswith(("{\\displaystyle", "{\\textstyle")) and tex.endswith("}"):
        body = tex[1:-1]
        if balanced(body):
            tex = body
    for style in ("\\displaystyle", "\\textstyle"):
        if tex.startswith(style) and not tex[len(style) : len(style) + 1].isalpha():
            return tex[len(style) :].strip()
    return tex


def strip_image_options(tex: str) -> str:
    r"""Take off what an image service puts before the formula (``\dpi{110}``, ``\inline``)."""
    while True:
        match = _TRAILING_STYLE.match(tex)
        if match is None or (match[0][-1] != "}" and tex[match.end() : match.end() + 1].isalpha()):
            return strip_style(tex)
        tex = tex[match.end() :].lstrip()


def balanced(tex: str) -> bool:
    """Whether braces close in order; escaped ones do not count."""
    depth = 0
    for sign in _BRACE.findall(tex):
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth < 0:
                return False
    return depth == 0


_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n|$)")
_COMMENT_LINE = re.compile(r"^[ \t]*%[^\n]*(?:\n|$)", re.M)
_LABEL = re.compile(r"[ \t]*\\label\s*\{[^{}]*\}")


def one_line(tex: str) -> str:
    """The formula on one line: line comments go with their line breaks, as TeX reads them."""
    if "\n" not in tex:
        return tex
    return strip_comments(tex).replace("\n", " ")


def strip_comments(tex: str) -> str:
    r"""Take off comments: from a ``%`` that no backslash escapes to the end of its line
    (TeXbook, chapter 8). A formula of one line keeps its ``%``: nothing tells where a comment
    ended, or whether the page meant a percent sign."""
    if "%" not in tex or "\n" not in tex:
        return tex
    return _COMMENT.sub("\\1\n", _COMMENT_LINE.sub("", tex)).strip()


def source_formula(tex: str) -> str:
    r"""A formula's source as it is put out: no comments, no ``\label`` (the name of a place,
    not part of the formula; ``\tag`` is what the reader sees and stays), no blank lines."""
    if "%" in tex:
        tex = strip_comments(tex)
    if "\\label" in tex:
        tex = _LABEL.sub("", tex)
    tex = tex.strip()
    return _BLANK_LINES.sub("\n", tex) if "\n" in tex else tex


_DEFINITION = re.compile(
    r"\\(?:newcommand|renewcommand|providecommand|DeclareMathOperator|def|gdef|edef|let|require|"
    r"definecolor|newenvironment|newtheorem|usepackage|setcounter|DeclarePairedDelimiter)"
    r"(?![A-Za-z])\*?"
)
_ARGUMENT = re.compile(r"\s*(?:\\[A-Za-z]+|\\.|\[[^\[\]]*\]|#\d|=)")
MAX_DEFINITION_GROUPS = 2_000
"""Groups and arguments followed in one run of definitions: bounds the scan."""


def is_definition(tex: str) -> bool:
    """Whether the source only defines macros: it prints nothing, so it is no formula."""
    position = 0
    match = _DEFINITION.match(tex)
    if match is None:
        return False
    for _ in range(MAX_DEFINITION_GROUPS):
        while position < len(tex) and (tex[position].isspace() or tex[position] == "%"):
            position += 1
        if position >= len(tex):
            return True
        match = _DEFINITION.match(tex, position) or _ARGUMENT.match(tex, position)
        if match is not None:
            position = match.end()
        elif tex[position] == "{":
            position = group_end(tex, position)
        else:
            return False
    return False


def group_end(tex: str, start: int) -> int:
    """The place after the group that opens at ``start`` (the end when it never closes)."""
    depth = 0
    for match in _BRACE.finditer(tex, start):
        sign = match[0]
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    return len(tex)


_INNER_DOLLAR = re.compile(r"(?<!\\)\$")


def without_inner_dollars(tex: str) -> str:
    r"""Mathematics inside ``\text`` in the delimiters ``\(…\)``: the same to TeX, and no reader
    takes its dollars for the end of the formula around it."""
    parts = _INNER_DOLLAR.split(tex)
    if len(parts) % 2 == 0:
        return tex  # an odd dollar: leave the source as it is
    return "".join(
        p + ("" if i == len(parts) - 1 else ("\\(", "\\)")[i % 2]) for i, p in enumerate(parts)
    )
