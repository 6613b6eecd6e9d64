r"""Definitions of macros in TeX: ``\newcommand`` and its like, ``\def``, ``\let``.

Reads one definition at a place of a source, and the arguments of commands, as TeX does
(TeXbook, chapter 20; LaTeX2e for ``\newcommand``). What it does not understand is no
definition; nothing raises.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cc_math.html.tex import group_end

_MAX_OPTIONAL_CHARS = 1_000  # of an argument in square brackets; chosen


class Macro(NamedTuple):
    """A definition. ``primitive``: the body is final, as ``\\let`` to a command of TeX."""

    n_arguments: int
    default: str | None
    body: str
    primitive: bool = False


DEFINING = re.compile(
    r"\\(newcommand|renewcommand|providecommand|DeclareMathOperator|def|gdef|edef|xdef|let)"
    r"(?![A-Za-z])\*?"
)
DEFINING_NAMES = frozenset(
    ("newcommand", "renewcommand", "providecommand", "DeclareMathOperator", "def", "gdef", "edef",
     "xdef", "let")
)  # fmt: skip
_NAME = re.compile(r"\s*\{?\s*\\([A-Za-z]+|[^A-Za-z\s])\s*\}?")
_COUNT = re.compile(r"\s*\[\s*(\d)\s*\]")
_PARAMETERS = re.compile(r"\s*((?:#\d)*)\s*(?=\{)")
_LET = re.compile(r"\s*=?\s*(\\(?:[A-Za-z]+|[^A-Za-z])|[^\\{}\s])")
CONTROL = re.compile(r"\\([A-Za-z]+|.)", re.S)


def read_definition(tex: str, position: int, macros: dict[str, Macro]) -> int | None:
    """Read the definition at a place into ``macros``; the place after it, None without one.

    A ``\\def`` with delimited arguments is read over and defines nothing.
    """
    command = DEFINING.match(tex, position)
    name = _NAME.match(tex, command.end()) if command else None
    if command is None or name is None:
        return None
    kind, position = command[1], name.end()
    if kind == "let":
        target = _LET.match(tex, position)
        if target is None:
            return None
        known = macros.get(target[1][1:]) if target[1][0] == "\\" else None
        macros[name[1]] = known or Macro(0, None, target[1], primitive=True)
        return target.end()
    n_arguments, default, usable = 0, None, True
    if kind.endswith("def"):
        parameters = _PARAMETERS.match(tex, position)
        if parameters is not None:
            n_arguments = len(parameters[1]) // 2
            position = parameters.end()
        else:
            usable = False
            position = tex.find("{", position, position + 100)
            if position < 0:
                return None
    elif kind.endswith("command"):
        count = _COUNT.match(tex, position)
        if count is not None:
            n_arguments, position = int(count[1]), count.end()
            default, position = optional_argument(tex, position)
    body = argument(tex, position)
    if body is None:
        return None
    tex_body, position = body
    if kind == "DeclareMathOperator":
        star = "*" if command[0].endswith("*") else ""
        tex_body = f"\\operatorname{star}{{{tex_body}}}"
    if usable and not (kind == "providecommand" and name[1] in macros):
        macros[name[1]] = Macro(n_arguments, default, tex_body)
    return position


def optional_argument(tex: str, position: int) -> tuple[str | None, int]:
    """The argument in square brackets at a place, or None."""
    start = position
    while start < len(tex) and tex[start].isspace():
        start += 1
    if tex[start : start + 1] != "[":
        return None, position
    depth = 0
    for index in range(start + 1, min(start + _MAX_OPTIONAL_CHARS, len(tex))):
        character = tex[index]
        if character == "]" and depth == 0:
            return tex[start + 1 : index], index + 1
        depth += (character == "{") - (character == "}")
    return None, position


def argument(tex: str, position: int) -> tuple[str, int] | None:
    """The argument at a place (a group without its braces, or one token), and what follows."""
    while position < len(tex) and tex[position].isspace():
        position += 1
    if position >= len(tex) or tex[position] == "}":
        return None
    if tex[position] == "{":
        end = group_end(tex, position)
        return (tex[position + 1 : end - 1], end) if tex[end - 1] == "}" else None
    control = CONTROL.match(tex, position)
    end = control.end() if control else position + 1
    return tex[position:end], end
