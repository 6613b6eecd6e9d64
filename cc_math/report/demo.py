"""`make demo`: the main job on the embedded sample crawl, its account, and three documents.

Run as ``python -m cc_math.report.demo FOLDER``. The three documents are the published ones
with the most formulas, of three sites, so that a person sees what extraction keeps.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from cc_math.cli import cli
from cc_math.manifests import table_parts
from cc_math.tables import read_columns

SAMPLE = Path(__file__).resolve().parent.parent / "data" / "sample"
SHOWN_CHARS = 900  # chosen: three documents fit on a screen or two


def most_formulas(output: str, documents: int = 3) -> list[dict[str, Any]]:
    """The published documents with the most formulas, one a site, best first."""
    rows: list[dict[str, Any]] = []
    for part in table_parts(f"{output}/corpus", "corpus"):
        rows += read_columns(
            part, ["doc_id", "url", "registered_domain", "score", "text"]
        ).to_pylist()
    rows.sort(key=lambda row: (-row["text"].count("$"), row["doc_id"]))
    chosen: dict[str, dict[str, Any]] = {}
    for row in rows:
        chosen.setdefault(row["registered_domain"], row)
    return list(chosen.values())[:documents]


def main(arguments: list[str]) -> None:
    """Entry point; see the module."""
    output = arguments[0] if arguments else "demo-output"
    command = ["run", "--input", str(SAMPLE / "warc.paths.gz"), "--output", output, "--overwrite",
               "--benchmarks", str(SAMPLE / "benchmarks")]  # fmt: skip
    print(f"cc-math {' '.join(command)}\n", flush=True)
    code = cli.main(command, prog_name="cc-math", standalone_mode=False)
    if code:
        sys.exit(code)
    for row in most_formulas(output):
        print(f"\n--- {row['url']}  (score {row['score']:.2f})\n")
        text = row["text"]
        print(text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + " […]")
    print(f"\nAll of it is in {output}/; `.venv/bin/cc-math verify {output}` checks every byte.")


if __name__ == "__main__":
    main(sys.argv[1:])
