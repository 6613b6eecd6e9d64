"""WARCs to a bootstrap table: what both models of a first round are trained on.

    python -m cc_math.classify.bootstrap --input FOLDER --output FILE.parquet

Owns the table `url, quick_text, text, formula_marks, n_formulas`, one row per HTML page,
kept or not: `quick_text` and `formula_marks` are what the first selection sees (for the
quick model), `text` and `n_formulas` what extraction makes of it (for the default model).
Reads WARCs, writes one Parquet file.

The trade: it extracts every page, in one process, which an extract run avoids. For a crawl
that is too large for that, train on the `documents` of an extract run with
`--set extract.quick_floor=0` on a sample of its WARCs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cc_math import html
from cc_math.errors import CcMathError
from cc_math.inputs import find_warcs
from cc_math.schema import Drop
from cc_math.storage import store_for
from cc_math.warc import Capture, classify_response, read_captures

_MAX_RECORD_BYTES = 64 << 20  # as extract.max_record_bytes
_ROWS_PER_BATCH = 500
_QUICK_CHARS = 20_000  # chosen: longer than any quick model reads, so that recipes may choose
SCHEMA = pa.schema(
    [
        ("url", pa.string()),
        ("quick_text", pa.string()),
        ("text", pa.string()),
        ("formula_marks", pa.int32()),
        ("n_formulas", pa.int32()),
    ]
)
Row = dict[str, str | int]


def bootstrap_rows(inputs: tuple[str, ...]) -> Iterator[Row]:
    """One row per HTML page of the WARCs; pages that cannot be parsed are left out."""
    for warc in find_warcs(inputs):
        if warc.size_bytes is None:
            continue
        with store_for(warc.uri).open_range(warc.uri) as stream:
            items = read_captures(
                stream, start_bytes=0, end_bytes=None, max_record_bytes=_MAX_RECORD_BYTES
            )
            for item in items:
                if isinstance(item, Capture) and classify_response(item) is None:
                    row = _row(item)
                    if row is not None:
                        yield row


def _row(capture: Capture) -> Row | None:
    source = html.read(capture.payload, capture.content_type)
    if isinstance(source, Drop):
        return None
    page = html.parse(source)
    if isinstance(page, Drop):
        return None
    document = html.extract_page(page, capture.url)
    text, formulas = ("", 0) if isinstance(document, Drop) else (
        document.text, len(document.formulas)
    )  # fmt: skip
    return {
        "url": capture.url,
        "quick_text": source.quick_text(_QUICK_CHARS),
        "text": text,
        "formula_marks": html.formula_marks(capture.payload),
        "n_formulas": formulas,
    }


def write_bootstrap(inputs: tuple[str, ...], output: Path) -> int:
    """Write the table; returns its rows."""
    output.parent.mkdir(parents=True, exist_ok=True)
    rows = 0
    with pq.ParquetWriter(output, SCHEMA, compression="zstd") as writer:
        batch: list[Row] = []
        for row in bootstrap_rows(inputs):
            batch.append(row)
            rows += 1
            if len(batch) == _ROWS_PER_BATCH:
                writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
                batch = []
        writer.write_table(pa.Table.from_pylist(batch, SCHEMA))
    return rows


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--input", action="append", required=True, help="WARC, folder or glob")
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    arguments = parser.parse_args()
    try:
        rows = write_bootstrap(tuple(arguments.input), arguments.output)
    except CcMathError as error:
        print(f"cc-math: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{rows} pages to {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
