"""WARC to documents: the extract stage beside datatrove's chain, CPU seconds a page.

Runs, one after the other on the same files: this project's loop by hand (one process, no
Spark, no child), its Spark job (`cc-math extract` on one core), and datatrove's WarcReader +
Trafilatura + JsonlWriter. Prints pages per second and core, the share of time in each step,
peak memory, and what the Spark job costs over the loop, start-up apart.

    python benchmarks/end_to_end.py --input CRAWL_FOLDER [--datatrove-python PYTHON]

datatrove wants another fastText build than ours, so it may live in a virtual environment of
its own: `pip install datatrove warcio trafilatura lxml_html_clean faust-cchardet orjson`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

DATATROVE = """
import sys
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.readers import WarcReader
from datatrove.pipeline.writers.jsonl import JsonlWriter
folder, output = sys.argv[1:]
LocalPipelineExecutor(
    pipeline=[
        WarcReader(folder, glob_pattern="*.warc.gz", default_metadata={}),
        Trafilatura(favour_precision=True, timeout=60),
        JsonlWriter(output + "/documents"),
    ],
    tasks=1, workers=1, logging_dir=output + "/logs",
).run()
"""


def by_hand(warcs: list[Path], output: Path) -> dict[str, Any]:
    """The same work as the stage in one plain loop: read, judge, sort, write."""
    import pyarrow as pa
    import pyarrow.parquet

    from cc_math.extraction.child import leave_out_pandas
    from cc_math.extraction.rows import Judge
    from cc_math.recipe import Recipe, section_values
    from cc_math.tables import put_table, rows_table
    from cc_math.warc import Capture, classify_response, read_captures

    leave_out_pandas()  # as the child of the stage does
    started_s = time.process_time()
    settings = section_values(Recipe(), "extract")
    judges = [Judge(settings, "benchmark", warc.name) for warc in warcs]
    ready_s = time.process_time()
    pages = documents = 0
    steps: Counter[str] = Counter()
    for warc, judge in zip(warcs, judges, strict=True):
        rows: dict[str, list[dict[str, Any]]] = {"pages": [], "documents": []}
        with warc.open("rb") as stream:
            items = read_captures(
                stream, start_bytes=0, end_bytes=None, max_record_bytes=settings["max_record_bytes"]
            )
            for item in items:
                if isinstance(item, Capture) and classify_response(item) is None:
                    judged = judge.judge(item)
                    rows["pages"].append(judged.page)
                    if judged.document is not None:
                        rows["documents"].append(judged.document)
        pages, documents = pages + len(rows["pages"]), documents + len(rows["documents"])
        write_s = time.perf_counter()
        for table, made in rows.items():
            sorted_rows: pa.Table = rows_table(table, made).sort_by("doc_id")
            put_table(sorted_rows, table, str(output), f"{table}/{warc.name}.parquet")
        steps["write"] += time.perf_counter() - write_s
        steps.update(judge.timings_s)
    done_s = time.process_time()
    steps["read and the rest"] = done_s - ready_s - sum(steps.values())
    return {
        "pages": pages,
        "documents": documents,
        "cpu_s": done_s - ready_s,
        "start_s": ready_s - started_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "steps_s": dict(steps),
    }


def spark_job(folder: Path, output: Path) -> dict[str, Any]:
    """The stage itself on one core; what its tasks and their children used, start-up apart."""
    command = [sys.executable, "-m", "cc_math.cli", "extract", "--input", str(folder), "--output",
               str(output), "--master", "local[1]"]  # fmt: skip
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rows = [
        json.loads(line)
        for path in (output / "_run").glob("*.timings.jsonl")
        for line in path.read_text().splitlines()
    ]
    worker_s = sum(row["cpu_s"] for row in rows)
    return {
        "cpu_s": worker_s + sum(row["child_cpu"] - row["child_start_cpu"] for row in rows),
        "peak_mb": max(row["peak_memory_bytes"] for row in rows) / 2**20,
    }


def datatrove(python: str, folder: Path, output: Path) -> dict[str, Any]:
    """CPU seconds of datatrove's chain, the start of its interpreter and imports apart."""
    environment = {**os.environ, "PYTHONPATH": ""}

    def cpu_s(*arguments: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [python, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    imports = "".join(line for line in DATATROVE.splitlines(True) if line.startswith("from"))
    start_s = cpu_s("-c", imports)
    return {"cpu_s": cpu_s("-c", DATATROVE, str(folder), str(output)) - start_s, "start_s": start_s}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", required=True, type=Path, help="folder with *.warc.gz")
    parser.add_argument("--datatrove-python", help="interpreter that has datatrove")
    parser.add_argument("--files", type=int, default=1, help="how many of the WARCs (default 1)")
    options = parser.parse_args()
    warcs = sorted(options.input.glob("*.warc.gz"))[: options.files]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "in")
        folder.mkdir()
        for warc in warcs:
            (folder / warc.name).symlink_to(warc.resolve())
        ours = by_hand(warcs, Path(name, "hand"))
        rows = [("cc-math, loop by hand", ours["cpu_s"], ours["peak_mb"])]
        job = spark_job(folder, Path(name, "spark"))
        rows.append(("cc-math, Spark job, start-up apart", job["cpu_s"], job["peak_mb"]))
        if options.datatrove_python:
            peer = datatrove(options.datatrove_python, folder, Path(name, "peer"))
            rows.append(("datatrove WarcReader + Trafilatura + JsonlWriter", peer["cpu_s"], 0.0))
    pages = ours["pages"]
    print(f"{len(warcs)} WARCs, {pages} HTML pages, {ours['documents']} documents")
    print(f"{'':<52}{'CPU s':>9}{'ms/page':>9}{'pages/s/core':>14}{'peak MB':>9}")
    for label, cpu, peak in rows:
        shown = f"{peak:.0f}" if peak else "-"
        print(f"{label:<52}{cpu:>9.2f}{1000 * cpu / pages:>9.2f}{pages / cpu:>14.0f}{shown:>9}")
    print(f"Spark job / loop by hand: {job['cpu_s'] / ours['cpu_s']:.3f}")
    if options.datatrove_python:
        print(f"pages per second and core, ours / datatrove: {peer['cpu_s'] / ours['cpu_s']:.1f}")
    print("share of time by step (loop by hand):")
    for step, seconds in sorted(ours["steps_s"].items(), key=lambda pair: -pair[1]):
        print(f"  {step:<22}{seconds / ours['cpu_s']:>7.1%}")


if __name__ == "__main__":
    main()
