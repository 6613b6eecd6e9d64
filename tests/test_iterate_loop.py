"""The loop on the embedded sample: a person's path, --auto, kills at every step, later crawls."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cc_math import faults
from cc_math.classify.proposals import read_proposals, write_proposals
from cc_math.cli import cli
from cc_math.errors import InputError, OutputConflict, StorageError
from cc_math.inputs import find_warcs
from cc_math.recipe import load
from cc_math.rounds.folders import corpus_parts, finished_rounds
from cc_math.rounds.show import read_ledger
from cc_math.spark.chunks import Job
from cc_math.spark.extract import extract
from cc_math.spark.iterate import iterate
from cc_math.spark.later_crawls import add_crawl
from cc_math.spark.mining_round import Source
from cc_math.tables import read_columns
from cc_math.verify import verify
from tests.conftest import ROOT, SAMPLE

pytestmark = [pytest.mark.spark, pytest.mark.slow]

# A small crawl needs a small model, and sites of two pages are all that it has.
SETTINGS = (
    "extract.quick_floor=0.6",
    "extract.min_formula_marks=1000000",
    "iterate.bootstrap_min_marks=3",
    "iterate.sample_share=0.5",
    "iterate.max_drop=1.0",
    "classifier.folds=2",
    "classifier.buckets=2000",
    "classifier.min_count=1",
    "domains.min_pages=2",
    "domains.auto_min_pages=2",
)
WARCS = find_warcs((str(SAMPLE / "warc.paths.gz"),))


def job(spark: Any, output: Path, *settings: str) -> Job:
    made = Job(str(output), load(None, (*SETTINGS, *settings)), say=lambda line: None)
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
def extracted(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample, extracted once; a strict first selection leaves something to come back."""
    folder = tmp_path_factory.mktemp("extracted")
    extract(job(spark, folder), WARCS)
    return folder


@pytest.fixture(scope="module")
def looped(spark: Any, extracted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of two rounds that a person opened."""
    folder = tmp_path_factory.mktemp("loop")
    source = Source(WARCS, str(extracted))
    states = []
    for _ in range(3):  # a second call before the list is edited waits on
        outcome = iterate(two_rounds(spark, folder), source, auto=False, accept_none=False)
        states.append(outcome.state)
        if len(states) == 2:
            edit(folder)
    assert states == ["paused", "paused", "stopped"]
    return folder


def two_rounds(spark: Any, folder: Path, *settings: str) -> Job:
    return job(spark, folder, "iterate.max_rounds=2", *settings)


def edit(folder: Path) -> None:
    """As a person does in an editor: `accept` into the first column of every row."""
    path = folder / "rounds/01/proposals.tsv"
    head, *rows = path.read_text().splitlines()
    assert rows, "the sample proposes nothing"
    path.write_text("\n".join([head, *(f"accept{row}" for row in rows)]) + "\n")


def test_a_person_edits_the_list_and_the_loop_goes_on(looped: Path) -> None:
    first, second = finished_rounds(str(looped))
    assert first["taken_in"] is None
    taken = second["taken_in"]
    assert taken["decided_by"] == "person"
    assert taken["documents"] > 0
    assert second["recalled"]["documents"] == first["recalled"]["documents"] + taken["documents"]
    lines = read_ledger(str(looped))
    assert [line["round"] for line in lines] == [1, 2]
    assert lines[1]["cost"]["cpu_s"] > 0


def test_each_document_knows_its_round_and_how_it_came(looped: Path) -> None:
    parts = corpus_parts(str(looped))
    assert [p.name for p in parts.documents] != []
    assert {p.name for p in parts.recalled} == {p.name for p in parts.documents}
    rows = [
        row
        for part in parts.recalled
        for row in read_columns(part, ["doc_id", "round", "source", "crawl"]).to_pylist()
    ]
    assert len({row["doc_id"] for row in rows}) == len(rows)
    assert {row["round"] for row in rows} == {1, 2}
    assert {row["source"] for row in rows if row["round"] == 1} == {"selection"}
    assert {row["crawl"] for row in rows} == {"CC-SAMPLE-2026-05"}


def test_verify_finds_nothing_wrong_in_a_loop(looped: Path) -> None:
    problems, looked_at = verify(str(looped))
    assert problems == []
    assert looked_at["stages"] > 8


def test_a_finished_loop_does_nothing_and_says_so(
    spark: Any, looped: Path, extracted: Path
) -> None:
    before = tree(looped)
    source = Source(WARCS, str(extracted))
    outcome = iterate(two_rounds(spark, looped), source, auto=True, accept_none=False)
    assert "Nothing was left to do" in outcome.says
    assert tree(looped) == before


def test_another_recipe_is_refused_with_what_changed(
    spark: Any, looped: Path, extracted: Path
) -> None:
    changed = two_rounds(spark, looped, "iterate.sample_share=0.25")
    with pytest.raises(OutputConflict, match=r"iterate\.sample_share was 0.5, is 0.25"):
        iterate(changed, Source(WARCS, str(extracted)), auto=True, accept_none=False)


def test_a_later_crawl_touches_nothing(spark: Any, looped: Path, tmp_path: Path) -> None:
    folder = tmp_path / "loop"
    shutil.copytree(looped, folder)
    before = tree(folder)
    renamed = tmp_path / "CC-LATER-2026-09"
    renamed.mkdir()
    for warc in WARCS:
        shutil.copy(warc.uri, renamed / f"{warc.name}-later.warc.gz")
    later = find_warcs((str(renamed),))
    with pytest.raises(InputError, match="in the loop already"):
        add_crawl(two_rounds(spark, folder), Source(WARCS), "again")
    body = add_crawl(two_rounds(spark, folder), Source(later), "september")
    assert body["recalled"]["recalled"] > 0
    assert body["round"] == 2
    after = tree(folder)
    assert {path: after[path] for path in before if path != "ledger.jsonl"} == {
        path: digest for path, digest in before.items() if path != "ledger.jsonl"
    }
    parts = corpus_parts(str(folder))
    assert {p.name for p in parts.recalled} == {p.name for p in parts.documents}
    assert any("later" in part.name for part in parts.recalled)
    again = add_crawl(two_rounds(spark, folder), Source(later), "september")
    assert again == body


def test_a_second_reading_takes_in_what_the_model_selects(
    spark: Any, extracted: Path, tmp_path: Path
) -> None:
    settings = ("iterate.reselect=true", "iterate.reselect_floor=0.3")
    iterate(
        two_rounds(spark, tmp_path, *settings), Source(WARCS, str(extracted)),
        auto=True, accept_none=False,
    )  # fmt: skip
    rounds = finished_rounds(str(tmp_path))
    assert rounds[1]["taken_in"]["wanted"]["reselect"] > 0
    parts = corpus_parts(str(tmp_path))
    ids = [i for p in parts.documents for i in read_columns(p, ["doc_id"])["doc_id"].to_pylist()]
    assert len(ids) == len(set(ids))


STEPS = [
    ("put_bytes", "decisions.tsv"),
    ("put_new", "decided.json"),
    ("put_new", "rounds/02/recipe.json"),
    ("put_bytes", "_manifests/want.json"),
    ("put_bytes", "_manifests/fetch.json"),
    ("put_bytes", "_manifests/seed.json"),
    ("put_file", "/model/"),
    ("put_new", "model.json"),
    ("put_bytes", "_manifests/score.json"),
    ("put_new", "threshold.json"),
    ("put_bytes", "_manifests/recall.json"),
    ("put_bytes", "_manifests/mine_domains.json"),
    ("put_new", "rounds/02/proposals.tsv"),
    ("put_new", "round.json"),
    ("put_bytes", "ledger.jsonl"),
]


def without_the_second_round(looped: Path, folder: Path) -> Path:
    shutil.copytree(looped, folder)
    shutil.rmtree(folder / "rounds/02")
    (folder / "ledger.jsonl").unlink()
    return folder


def test_a_loop_stopped_at_every_step_goes_on_to_the_same_bytes(
    spark: Any, looped: Path, extracted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store fails once at each file that ends a step, before it is written or after."""
    folder = without_the_second_round(looped, tmp_path / "loop")
    source = Source(WARCS, str(extracted))
    for number, (operation, contains) in enumerate(STEPS):
        action = "fail" if number % 2 else "fail_after"
        plan = [{"operation": operation, "contains": contains, "action": action}]
        monkeypatch.setenv(faults.VARIABLE, json.dumps(plan))
        monkeypatch.setattr(faults, "_calls", {})
        with pytest.raises(StorageError, match="injected"):
            iterate(two_rounds(spark, folder), source, auto=False, accept_none=False)
    monkeypatch.delenv(faults.VARIABLE)
    iterate(two_rounds(spark, folder), source, auto=False, accept_none=False)
    assert tree(folder) == tree(looped)


def test_a_killed_loop_goes_on_to_the_same_bytes(
    looped: Path, extracted: Path, tmp_path: Path
) -> None:
    """A worker dies in its task, then the driver with its model half written."""
    folder = without_the_second_round(looped, tmp_path / "loop")
    command = [sys.executable, "-m", "cc_math.cli", "iterate", str(folder), "--extracted",
               str(extracted), "--input", str(SAMPLE / "warc.paths.gz"), "--rounds", "2",
               "--master", "local[1]"]  # fmt: skip
    for setting in SETTINGS:
        command += ["--set", setting]
    for operation, contains, codes in (
        ("put_new", "_manifests/seed/", (1,)),
        ("put_file", "/model/", (77,)),
        ("", "", (0,)),
    ):
        plan = [{"operation": operation, "contains": contains, "nth": 2, "action": "exit"}]
        environment = {**os.environ, faults.VARIABLE: json.dumps(plan)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode in codes, (contains, done.stderr[-2000:])
    assert tree(folder) == tree(looped)


def test_the_command_pauses_and_goes_on_by_itself(
    spark: Any, looped: Path, extracted: Path, tmp_path: Path
) -> None:
    folder = without_the_second_round(looped, tmp_path / "loop")
    path = folder / "rounds/01/proposals.tsv"
    edited = path.read_bytes()
    open_rows = [dataclasses.replace(row, decision="") for row in read_proposals(str(path))]
    path.write_bytes(write_proposals(open_rows))
    run = CliRunner()
    options = [item for setting in SETTINGS for item in ("--set", setting)]
    options += ["--extracted", str(extracted), "--input", str(SAMPLE / "warc.paths.gz")]
    planned = run.invoke(cli, ["iterate", str(folder), *options, "--rounds", "2", "--dry-run"])
    assert "next: round 2" in planned.output
    waiting = run.invoke(cli, ["iterate", str(folder), *options, "--rounds", "2"])
    assert waiting.exit_code == 0, waiting.output
    assert "rounds/01/proposals.tsv" in waiting.output
    assert "accept or reject" in waiting.output
    path.write_bytes(edited)
    done = run.invoke(cli, ["iterate", str(folder)])  # it remembers what it was called with
    assert done.exit_code == 0, done.output
    assert "Stopped after round 2" in done.output
    assert tree(folder) == tree(looped)
    lines = run.invoke(cli, ["iterate", str(folder), "--show", "--json"]).stdout.splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1, 2]
