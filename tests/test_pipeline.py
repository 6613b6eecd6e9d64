"""The main job on the sample crawl: complete, verified, repeatable, resumable."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cc_math.errors import ChunksFailed, OutputConflict, UserError
from cc_math.inputs import find_warcs
from cc_math.recipe import load
from cc_math.spark.chunks import Job
from cc_math.spark.extract import extract
from cc_math.spark.pipeline import run
from cc_math.verify import verify
from tests.conftest import ROOT, SAMPLE

pytestmark = [pytest.mark.spark, pytest.mark.slow]

SETTINGS = (
    f"decontaminate.benchmarks={json.dumps(str(SAMPLE / 'benchmarks'))}",
    "shard.validation_share=0.2",
    "extract.chunk_bytes=200000",
)


def job(spark: Any, output: Path, *settings: str, partitions: int | None = None) -> Job:
    said: list[str] = []
    made = Job(
        str(output), load(None, (*SETTINGS, *settings)), partitions=partitions, say=said.append
    )
    made._sessions.append(spark)
    return made


def tree(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder but those of `_run`, which hold timings."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "_run" not in path.parts
    }


@pytest.fixture(scope="module")
def made(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One run of everything over the sample."""
    output = tmp_path_factory.mktemp("run") / "out"
    manifest = run(job(spark, output), find_warcs((str(SAMPLE / "warc.paths.gz"),)))
    return output, manifest


def test_the_run_leaves_what_it_promises(made: tuple[Path, dict[str, Any]]) -> None:
    output, manifest = made
    for name in ("pages", "documents", "scores", "dedup", "decontaminate", "corpus", "shards"):
        assert (output / name).is_dir(), name
    counts = {name: stage["counts"] for name, stage in manifest["stages"].items()}
    assert counts["extract"]["responses.html"] >= 150
    assert counts["dedup"]["removed"] >= 6
    assert counts["decontaminate"]["contaminated"] >= 2
    assert counts["shard"]["train.tokens"] > counts["shard"]["validation.tokens"] > 0
    assert (output / "proposals.tsv").is_file()


def test_verify_finds_nothing_wrong(made: tuple[Path, dict[str, Any]]) -> None:
    problems, looked_at = verify(str(made[0]))
    assert problems == []
    assert looked_at["stages"] == 7


def test_a_second_run_changes_nothing(spark: Any, made: tuple[Path, dict[str, Any]]) -> None:
    output, manifest = made
    before = tree(output)
    again = job(spark, output)
    assert run(again, find_warcs((str(SAMPLE / "warc.paths.gz"),))) == manifest
    assert tree(output) == before


def test_other_partitions_give_the_same_bytes(
    spark: Any, made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    run(job(spark, tmp_path, partitions=1), find_warcs((str(SAMPLE / "warc.paths.gz"),)))
    assert tree(tmp_path) == tree(made[0])


def test_a_killed_run_goes_on_to_the_same_bytes(
    made: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "cc_math.cli", "run", "--input", str(SAMPLE / "warc.paths.gz"),
               "--output", str(tmp_path), "--master", "local[1]", "--partitions", "7"]  # fmt: skip
    for setting in SETTINGS:
        command += ["--set", setting]
    plan = [{"operation": "put_new", "contains": "extract/", "nth": 2, "action": "exit"}]
    killed = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CC_MATH_FAULTS": json.dumps(plan)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert killed.returncode == 1, killed.stderr[-2000:]
    assert "goes on from there" in killed.stderr
    assert not (tmp_path / "manifest.json").exists()
    resumed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr[-2000:]
    assert tree(tmp_path) == tree(made[0])


def test_a_missing_warc_fails_at_the_end_and_is_named(spark: Any, tmp_path: Path) -> None:
    listing = tmp_path / "some.paths"
    listing.write_text("CC-SAMPLE-2026-05-00001.warc.gz\nno-such.warc.gz\n")
    warcs = find_warcs((str(listing),), base=str(SAMPLE))
    with pytest.raises(ChunksFailed, match="no-such"):
        extract(job(spark, tmp_path / "out"), warcs)
    assert list((tmp_path / "out" / "documents").glob("CC-SAMPLE-2026-05-00001-*.parquet"))


def test_another_recipe_in_the_same_folder_is_refused(
    spark: Any, made: tuple[Path, dict[str, Any]]
) -> None:
    warcs = find_warcs((str(SAMPLE / "warc.paths.gz"),))
    with pytest.raises(OutputConflict, match="--overwrite"):
        extract(job(spark, made[0], "extract.min_text_chars=101"), warcs)


def test_a_run_without_benchmarks_stops(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="benchmarks=none"):
        run(job(spark, tmp_path, "decontaminate.benchmarks=''"), [])


def test_the_published_are_unique_and_above_the_threshold(
    made: tuple[Path, dict[str, Any]],
) -> None:
    rows = [
        row
        for path in (made[0] / "corpus").rglob("*.parquet")
        if not {"_run", "_quality"} & set(path.parts)
        for row in pq.ParquetFile(path).read(["doc_id", "score", "text"]).to_pylist()
    ]
    assert len({row["doc_id"] for row in rows}) == len(rows) > 30
    assert all(row["score"] >= 0.5 for row in rows)
    assert all("made-up" not in row["text"] for row in rows)


@pytest.mark.parametrize("flipped", ["documents", "corpus", "megatron"])
def test_verify_finds_a_flipped_byte(
    made: tuple[Path, dict[str, Any]], tmp_path: Path, flipped: str
) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(made[0], copy)
    folder = copy / "shards" / "megatron" if flipped == "megatron" else copy / flipped
    target = sorted(p for p in folder.rglob("*.*") if p.suffix in {".parquet", ".bin"})[0]
    data = bytearray(target.read_bytes())
    data[len(data) // 2] ^= 0xFF
    target.write_bytes(data)
    problems, _ = verify(str(copy))
    assert any(target.name in problem.path for problem in problems)
