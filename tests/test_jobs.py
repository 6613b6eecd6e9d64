"""The programs in jobs/: spark-submit gives the bytes of the matching command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cc_math.cli import cli
from tests.columnar_index import index_rows, write_index
from tests.conftest import ROOT, SAMPLE
from tests.test_pipeline import tree

pytestmark = [pytest.mark.spark, pytest.mark.slow]

WARC = str(SAMPLE / "CC-SAMPLE-2026-05-00001.warc.gz")


def stage_commands(out: Path, index: Path) -> list[tuple[str, list[str]]]:
    """Each stage's command after its program's name, in an order in which they can run."""
    wanted = ["--urls", str(index / "urls.txt"), "--index", str(index), "--base", str(SAMPLE)]
    documents = ["--documents", str(out / "documents")]
    scores = ["--scores", str(out / "scores")]
    benchmarks = ["--benchmarks", str(SAMPLE / "benchmarks")]
    sidecars = ["--duplicates", str(out / "dedup"), "--contamination", str(out / "decontaminate")]
    cuts = ["--cuts", str(out / "dedup" / "cuts"), "--cuts", str(out / "decontaminate" / "cuts")]
    return [
        ("extract", ["--input", WARC, "--output", str(out)]),
        ("score", [*documents, "--output", str(out / "scores")]),
        (
            "mine_domains",
            ["--pages", str(out / "pages"), *documents, *scores, "--output", str(out / "mined")],
        ),
        ("dedup", [*documents, *scores, "--output", str(out / "dedup")]),
        ("decontaminate", [*documents, *benchmarks, "--output", str(out / "decontaminate")]),
        ("compose", [*documents, *scores, *sidecars, *cuts, "--output", str(out / "corpus")]),
        ("shard", ["--corpus", str(out / "corpus"), "--output", str(out / "shards")]),
        ("fetch", [*wanted, "--output", str(out / "fetched")]),
        ("iterate", [str(out / "loop"), "--input", WARC, "--auto", "--rounds", "1"]),
    ]


def run(command: list[str], cwd: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PYSPARK_PYTHON"] = sys.executable
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stderr[-3000:]}"


@pytest.mark.timeout(900)
def test_every_job_gives_the_bytes_of_its_command(spark: Any, tmp_path: Path) -> None:
    submit = Path(sys.executable).parent / "spark-submit"
    if not submit.exists():
        pytest.skip("spark-submit is not beside this interpreter")
    by_command, by_job = tmp_path / "command", tmp_path / "job"
    rows = index_rows([Path(WARC)])
    index = write_index(rows, tmp_path / "index", crawl="CC-SAMPLE-2026-05")
    (index / "urls.txt").write_text("".join(row["url"] + "\n" for row in rows[:20]), "utf-8")
    for name, options in stage_commands(by_command, index):  # in this process, on its session
        cli.main([name.replace("_", "-"), *options], standalone_mode=False)
    for name, options in stage_commands(by_job, index):
        job = str(ROOT / "jobs" / f"{name}.py")
        run([str(submit), "--master", "local[2]", job, *options], tmp_path)
    assert tree(by_job) == tree(by_command)
    assert len(tree(by_job)) > 25
