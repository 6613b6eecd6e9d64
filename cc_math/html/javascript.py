"""Literals of JavaScript, read out of a script's source without evaluating anything.

A small tolerant reader for configurations: strings, numbers and arrays are taken; functions,
variables and whatever else stands there is skipped. Linear in what it reads.
"""

from __future__ import annotations

import re

_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.S)
_STRING = re.compile(
    r"""(?:String\.raw)?(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|`((?:\\.|[^`\\])*)`)""", re.S
)
_KEY = re.compile(r"""(?:"((?:\\.|[^"\\\n])*)"|'((?:\\.|[^'\\\n])*)'|([\w$]+))\s*:""")
_NUMBER = re.compile(r"-?\d+")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.S)
_LETTER_ESCAPES = {"n": "\n", "t": " ", "r": "", "b": "", "f": "", "v": "", "\n": ""}
MAX_ENTRIES = 1_000
"""Entries of an object that are read. Chosen: ten times the longest list of macros seen."""

Literal = str | int | list["Literal"] | None


def unescape_js(value: str) -> str:
    """The characters that a JavaScript string stands for (escapes of letters: the letter)."""
    return re.sub(r"\\(.)", r"\1", value)


def read_object(source: str, start: int) -> dict[str, Literal]:
    """The strings, numbers and arrays of the object literal whose ``{`` ends at ``start``.

    Tolerant: what is no such literal is skipped to the next comma. Linear.
    """
    entries: dict[str, Literal] = {}
    position = start
    for _ in range(MAX_ENTRIES):
        position = _after_blanks(source, position)
        if source[position : position + 1] in ("", "}"):
            break
        if source[position] == ",":
            position += 1
            continue
        key = _KEY.match(source, position)
        if key is None:
            position = _skip(source, position)
            continue
        value, position = _read_value(source, _after_blanks(source, key.end()), 0)
        if value is not None:
            name = key[3] or unescape_js(key[1] if key[1] is not None else key[2])
            entries[name] = value
        position = _skip(source, position)
    return entries


def _after_blanks(source: str, position: int) -> int:
    match = _BLANK.match(source, position)
    return match.end() if match else position


def _read_value(source: str, position: int, depth: int) -> tuple[Literal, int]:
    text = _STRING.match(source, position)
    if text is not None:
        raw = text[0].startswith("String")
        body = next(group for group in text.groups() if group is not None)
        return body if raw else _ESCAPE.sub(_unescape, body), text.end()
    number = _NUMBER.match(source, position)
    if number is not None:
        return int(number[0][:9]), number.end()
    if source[position : position + 1] != "[" or depth > 3:
        return None, position
    values: list[Literal] = []
    position += 1
    for _ in range(MAX_ENTRIES):
        position = _after_blanks(source, position)
        if source[position : position + 1] in ("", "]"):
            break
        if source[position] == ",":
            position += 1
            continue
        value, after = _read_value(source, position, depth + 1)
        values.append(value)
        position = _skip(source, after)
    return values, position + 1


def _unescape(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    if code:
        return chr(int(code, 16))
    return _LETTER_ESCAPES.get(match[3], match[3])


_INTERESTING = re.compile(r"""["'`,(){}\[\]]""")


def _skip(source: str, position: int) -> int:
    """The place of the next comma or closing bracket of this level."""
    depth = 0
    while True:
        match = _INTERESTING.search(source, position)
        if match is None:
            return len(source)
        sign = match[0]
        if sign in "\"'`":
            text = _STRING.match(source, match.start())
            position = text.end() if text else match.end()
            continue
        if depth == 0 and sign in ",)]}":
            return match.start()
        depth += (sign in "([{") - (sign in ")]}")
        position = match.end()
