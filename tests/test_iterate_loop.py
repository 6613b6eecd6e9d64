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
from cc_math.spark.round_job import Source
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


@dataclasses.dataclass
class Looped:
    """A loop of two rounds, the second opened by a person, and what the command said."""

    folder: Path
    planned: str
    waiting: str
    still_waiting: str
    planned_again: str
    done: str


@pytest.fixture(scope="module")
def told(spark: Any, extracted: Path, tmp_path_factory: pytest.TempPathFactory) -> Looped:
    """The command as a person uses it: called, called again too early, the list edited, resumed."""
    folder = tmp_path_factory.mktemp("loop")
    options = [item for setting in SETTINGS for item in ("--set", setting)]
    options += ["--extracted", str(extracted), "--input", str(SAMPLE / "warc.paths.gz")]

    def said(*more: str) -> str:
        result = CliRunner().invoke(cli, ["iterate", str(folder), *more])
        assert result.exit_code == 0, result.output
        return result.output

    planned = said(*options, "--rounds", "2", "--dry-run")
    waiting = said(*options, "--rounds", "2")
    still_waiting = said()  # it remembers what it was called with
    edit(folder)
    return Looped(folder, planned, waiting, still_waiting, said("--dry-run"), said())


@pytest.fixture(scope="module")
def looped(told: Looped) -> Path:
    """The folder of that loop."""
    return told.folder


def two_rounds(spark: Any, folder: Path, *settings: str) -> Job:
    return job(spark, folder, "iterate.max_rounds=2", *settings)


def edit(folder: Path) -> None:
    """As a person does in an editor: `accept` into the first column of every row."""
    path = folder / "rounds/01/proposals.tsv"
    head, *rows = path.read_text().splitlines()
    assert rows, "the sample proposes nothing"
    path.write_text("\n".join([head, *(f"accept{row}" for row in rows)]) + "\n")


def test_the_command_plans_pauses_and_goes_on_by_itself(told: Looped) -> None:
    assert "next: round 1" in told.planned and "it would fetch 55 pages: 2 req" in told.planned
    for text in (told.waiting, told.still_waiting):
        assert "rounds/01/proposals.tsv" in text and "accept or reject" in text
    assert "next: round 2" in told.planned_again
    second = finished_rounds(str(told.folder))[1]
    fetched = second["taken_in"]["fetch"]
    cost = f"{fetched['wanted']:,} pages: {fetched['requests']:,} requests, {fetched['bytes']:,} "
    assert f"it would fetch {cost}bytes" in told.planned_again
    assert "Stopped after round 2" in told.done
    run = CliRunner().invoke(cli, ["iterate", str(told.folder), "--show", "--json"])
    assert [json.loads(line)["round"] for line in run.stdout.splitlines()] == [1, 2]


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
    spark: Any, looped: Path, extracted: Path, tmp_path: Path
) -> None:
    folder = without_the_second_round(looped, tmp_path / "loop")
    settings = ("iterate.reselect=true", "iterate.reselect_floor=0.3")
    source = Source(WARCS, str(extracted))
    iterate(two_rounds(spark, folder, *settings), source, auto=True, accept_none=False)
    rounds = finished_rounds(str(folder))
    assert rounds[1]["taken_in"]["wanted"]["reselect"] > 0
    assert rounds[1]["changed"] == [
        "iterate.reselect was False, is True",
        "iterate.reselect_floor was 0.5, is 0.3",
    ]
    parts = corpus_parts(str(folder))
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
    spark: Any, looped: Path, extracted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker dies in its task, then the driver with its model half written."""
    folder = without_the_second_round(looped, tmp_path / "loop")
    command = [sys.executable, "-m", "cc_math.cli", "iterate", str(folder), "--extracted",
               str(extracted), "--input", str(SAMPLE / "warc.paths.gz"), "--rounds", "2",
               "--master", "local[1]"]  # fmt: skip
    for setting in SETTINGS:
        command += ["--set", setting]

    def killed(operation: str, contains: str) -> int:
        plan = [{"operation": operation, "contains": contains, "nth": 2, "action": "exit"}]
        environment = {**os.environ, faults.VARIABLE: json.dumps(plan)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        return done.returncode

    source = Source(WARCS, str(extracted))
    assert killed("put_new", "_manifests/seed/") == 1
    fault = [{"operation": "put_file", "contains": "/model/", "action": "fail"}]
    monkeypatch.setenv(faults.VARIABLE, json.dumps(fault))
    monkeypatch.setattr(faults, "_calls", {})
    with pytest.raises(StorageError, match="injected"):  # so that the next needs no Spark
        iterate(two_rounds(spark, folder), source, auto=False, accept_none=False)
    monkeypatch.delenv(faults.VARIABLE)
    assert killed("put_file", "/model/") == 77
    iterate(two_rounds(spark, folder), source, auto=False, accept_none=False)
    assert tree(folder) == tree(looped)


def test_a_mistake_is_not_remembered(looped: Path) -> None:
    run = CliRunner().invoke(cli, ["iterate", str(looped), "--set", "iterate.sample_share=0.25"])
    assert run.exit_code == 2 and "iterate.sample_share was 0.5, is 0.25" in run.output
    again = CliRunner().invoke(cli, ["iterate", str(looped)])
    assert again.exit_code == 0, again.output


def test_missing_warcs_are_named(spark: Any, looped: Path, tmp_path: Path) -> None:
    loop = job(spark, tmp_path / "loop")
    with pytest.raises(JobStopped):
        iterate(loop, Source(WARCS), auto=True, accept_none=False, opened=stop)
    with pytest.raises(OutputConflict, match=r"1 missing \(CC-SAMPLE-2026-05-00001\.warc\.gz\)"):
        iterate(loop, Source(WARCS[:1]), auto=True, accept_none=False)


class JobStopped(Exception):
    """Raised once a loop is begun, before it works."""


def stop() -> None:
    raise JobStopped


def test_labels_that_measure_nothing_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    rows = [{"url": f"https://elsewhere.org/{n}", "math_score": n} for n in range(3)]
    for text, why in (
        (json.dumps({"url": "https://a.org/", "score": 5}), "no field math_score; a line is"),
        ("\n".join(json.dumps(row) for row in rows), "0 of its 3 pages are mathematics"),
    ):
        labels.write_text(text)
        recipe = load(None, (f"iterate.labels={json.dumps(str(labels))}",))
        with pytest.raises(InputError, match=why):
            iterate(
                Job(str(tmp_path / "loop"), recipe), Source(WARCS), auto=True, accept_none=False
            )
    assert not (tmp_path / "loop").exists()
