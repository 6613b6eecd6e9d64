"""`make demo`: the main job on the embedded sample crawl, its account, and three documents.

Run as ``python -m cc_math.report.demo FOLDER``. The three documents are the published ones
with the most formulas, of three sites, so that a person sees what extraction keeps.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cc_math.cli import cli
from cc_math.manifests import table_parts
from cc_math.tables import read_columns

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"
SHOWN_CHARS = 900  # chosen: three documents fit on a screen or two
SHORT_CHARS = 4000  # chosen: a page that a person wrote, not a table of formulas


def most_formulas(output: str, documents: int = 3) -> list[dict[str, Any]]:
    """Published documents with the most formulas, each of another site and representation."""
    rows: list[dict[str, Any]] = []
    columns = ["doc_id", "url", "registered_domain", "score", "text", "char_count", "metadata"]
    for part in table_parts(f"{output}/corpus", "corpus"):
        rows += read_columns(part, columns).to_pylist()
    for row in rows:
        counts = json.loads(row["metadata"])["formula_counts"]
        row["representation"] = max(counts, key=lambda name: (counts[name], name), default="")
        row["formulas"] = sum(counts.values())
    rows = [row for row in rows if row["formulas"] and row["char_count"] < SHORT_CHARS]
    rows.sort(key=lambda row: (-row["formulas"], row["doc_id"]))
    chosen: list[dict[str, Any]] = []
    for row in rows:
        new = all(
            row[key] != other[key]
            for other in chosen
            for key in ("registered_domain", "representation")
        )
        if new and len(chosen) < documents:
            chosen.append(row)
    return chosen


def main(arguments: list[str]) -> None:
    """Entry point; see the module."""
    output = arguments[0] if arguments else "demo-output"
    command = ["run", "--input", str(SAMPLE / "warc.paths.gz"), "--output", output, "--overwrite",
               "--benchmarks", str(SAMPLE / "benchmarks"),
               "--set", "shard.validation_share=0.2"]  # fmt: skip  # of some sixty sites
    print(f"cc-math {' '.join(command)}\n", flush=True)
    code = cli.main(command, prog_name="cc-math", standalone_mode=False)
    if code:
        sys.exit(code)
    for row in most_formulas(output):
        source = f"{row['formulas']} formulas, mostly {row['representation']}"
        print(f"\n--- {row['url']}  (score {row['score']:.2f}; {source})\n")
        text = row["text"]
        print(text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + " […]")
    print(f"\nAll of it is in {output}/; `.venv/bin/cc-math verify {output}` checks every byte.")


if __name__ == "__main__":
    main(sys.argv[1:])
