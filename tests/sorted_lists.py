"""Sorted lists of addresses for tests, without Spark."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from cc_math.fetch.address_list import parse_address
from cc_math.fetch.sorted_list import LINES, SortedList, sorted_list_json, write_lines_part


def lines_table(kind: str, lines: list[str]) -> pa.Table:
    """Rows of LINES, numbered from 1 and sorted."""
    rows = []
    for number, line in enumerate(lines, 1):
        address = parse_address(line, kind)
        rows.append((address.key, address.match, number, line))
    columns = list(zip(*sorted(rows), strict=True))
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, LINES, strict=True)],
        schema=LINES,
    )


def sorted_list(kind: str, lines: list[str], folder: Path, *, parts: int = 1) -> SortedList:
    """The list of ``lines`` as its parts in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    table = lines_table(kind, lines)
    size, made = -(-table.num_rows // parts), []
    for number in range(parts):
        path = folder / f"{number}.parquet"
        batches = table.slice(number * size, size).to_batches(max_chunksize=3)
        made.append(write_lines_part(batches, kind, path, str(path)))
    return SortedList(kind, made, sorted_list_json(kind, made)["domains"])
