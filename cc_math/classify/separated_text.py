"""Tab-separated text that a person edited: rows by column name, or a mistake with its line.

Reads what editors and spreadsheets write: UTF-8 with or without byte order mark, Excel's
"Unicode text" (UTF-16), any line ends, cells put in quotes with the quotes inside doubled, cells
missing at the end of a line, empty lines. Refuses, by file and line, what would shift cells or
lose some: another separator, more cells than columns, a quote that never closes.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cc_math.errors import InputError
from cc_math.storage import store_for


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: its number, counted from 1, and its cells by column."""

    line: int
    cells: dict[str, str]


def read_rows(uri: str, required: Sequence[str], known: Sequence[str]) -> list[Row]:
    """The rows of the file ``uri``; cells of columns that it lacks are ''.

    The first line names the columns, in any order; ``required`` ones must be there, and other
    columns than ``known`` are left alone. Raises InputError with file, line and mend.
    """
    lines = re.split("\r\n|\r|\n", _text(store_for(uri).read_bytes(uri), uri))
    filled = [(n, line) for n, line in enumerate(lines, 1) if line.strip()]
    if not filled:
        raise InputError(f"{uri}: the file is empty; expected a line with {', '.join(required)}")
    number, head = filled[0]
    columns = [name.lower() for name in _cells(head, f"{uri}:{number}")]
    _check_columns(columns, required, known, head, f"{uri}:{number}")
    rows = []
    for number, line in filled[1:]:
        cells = _cells(line, f"{uri}:{number}")
        while len(cells) > len(columns) and not cells[-1]:
            cells.pop()
        if len(cells) > len(columns):
            raise InputError(
                f"{uri}:{number}: {len(cells)} cells, but {len(columns)} columns; is there a tab "
                "too many, or was a cell pasted that holds one?"
            )
        named = dict(zip(columns, cells, strict=False))
        if any(named.values()):
            rows.append(Row(number, {name: named.get(name, "") for name in known}))
    return rows


def _text(data: bytes, uri: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{uri}:{line}: not UTF-8; save the file as text in UTF-8 (or as Unicode text)"
        ) from None


def _cells(line: str, where: str) -> list[str]:
    cells = []
    for cell in line.split("\t"):
        text = cell.strip()
        if text.startswith('"'):
            if len(text) < 2 or not text.endswith('"'):
                raise InputError(
                    f"{where}: a quote opens the cell {text[:40]!r} and does not close; remove it"
                )
            text = text[1:-1].replace('""', '"').strip()
        cells.append(text)
    return cells


def _check_columns(
    columns: list[str], required: Sequence[str], known: Sequence[str], head: str, where: str
) -> None:
    missing = [name for name in required if name not in columns]
    if missing and "\t" not in head:
        found = "commas" if "," in head else "semicolons" if ";" in head else "no tabs"
        raise InputError(
            f"{where}: expected columns separated by tabs, found {found}; save the file as "
            "tab-separated text"
        )
    if missing:
        others = [name for name in columns if name not in known]
        near = difflib.get_close_matches(missing[0], others, n=1, cutoff=0.5)
        mend = f"is {near[0]!r} meant?" if near else f"found {', '.join(columns)}"
        if len(missing) >= len(required) - 1:  # a cell may be called like a column
            mend = f"the line with the names is gone: begin the file with {', '.join(known)}"
        raise InputError(f"{where}: no column {missing[0]!r} in the first line; {mend}")
    twice = sorted({name for name in columns if columns.count(name) > 1 and name in known})
    if twice:
        raise InputError(f"{where}: column {twice[0]!r} stands there twice; remove one")
