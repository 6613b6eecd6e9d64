"""Counts that must add up: within a stage, across stages, in a loop's ledger; and the search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cc_math.classify.proposals import write_proposals
from cc_math.stages import stage_named
from cc_math.verify import find_stages
from cc_math.verify_counts import FoundStage, across_problems, count_problems, loop_problems


def found(
    name: str, counts: dict[str, int], rows: dict[str, int] | None = None,
    root: str = "/run", chunks: dict[str, Any] | None = None,
) -> FoundStage:  # fmt: skip
    files = [
        {"table": table, "path": f"{table}.parquet", "bytes": 1, "sha256": f"{name}-{table}",
         "rows": number}
        for table, number in (rows or {}).items()
    ]  # fmt: skip
    manifest = {"counts": counts, "files": files, "chunks": chunks or {}}
    return FoundStage(stage_named(name), root, manifest)


COMPOSED = {
    "documents": 10, "published": 4, "dropped.too_short": 1, "dropped.over_kind_share": 5,
    "tokens": 90, "kind.qa.documents": 3, "kind.qa.tokens": 60, "kind.unknown.documents": 1,
    "kind.unknown.tokens": 30, "over_kind_share.qa.documents": 5, "over_kind_share.qa.tokens": 70,
}  # fmt: skip
FETCHED = {
    "wanted": 5, "wanted.by_range": 5, "missed.not_there": 1, "records.response": 4,
    "responses.html": 3, "responses.not_html": 1, "pages.document": 2, "pages.too_short": 1,
}  # fmt: skip
RECALLED = {
    "documents": 9, "recalled": 4, "below": 3, "repeated": 1, "unscored": 1, "new": 1, "kept": 3,
    "source.selection": 3, "source.domain": 1, "tokens": 40,
}  # fmt: skip
SOUND = [
    ("compose", COMPOSED, {"corpus": 4, "quality": 10}),
    ("fetch", FETCHED, {"pages": 3, "documents": 2}),
    ("recall", RECALLED, {"recalled": 4}),
    ("want", {"pages": 9, "dropped": 4, "wanted": 3, "wanted.domain": 2, "wanted.link": 1},
     {"wanted": 3}),
    ("seed", {"documents": 9, "seed.positives.domain": 2, "seed.negatives.random": 3,
              "left_out.labelled": 1}, {"seed": 5, "hold_out": 1}),
    ("reselect", {"read": 9, "documents": 2, "pages": 2}, {"documents": 2, "pages": 2}),
    ("diff", {"gained": 2, "lost": 1}, {"differences": 3}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "counts", "rows"), SOUND)
def test_what_adds_up_is_no_problem(
    name: str, counts: dict[str, int], rows: dict[str, int]
) -> None:
    assert count_problems(found(name, counts, rows)) == []


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("compose", {"published": 5}, "published and dropped are 11"),
        ("compose", {"kind.qa.documents": 2}, "published are 4, these by kind are 3"),
        ("compose", {"tokens": 91}, "tokens are 91, these by kind are 90"),
        ("compose", {"over_kind_share.qa.documents": 4}, "for the shares of kinds are 5"),
        ("fetch", {"wanted": 6}, "wanted are 6, responses and missed are 5"),
        ("fetch", {"pages.document": 3}, "kept pages are 3, rows of documents are 2"),
        ("recall", {"below": 4}, "documents are 9, recalled and left out are 10"),
        ("recall", {"kept": 2}, "new and kept are 3"),
        ("want", {"wanted.link": 2}, "these by reason are 4"),
        ("seed", {"seed.positives.domain": 3}, "examples by source are 6, rows of seed are 5"),
        ("reselect", {"documents": 3}, "documents are 3, rows are 2"),
        ("diff", {"lost": 2}, "pages of each status are 4"),
    ],
)
def test_what_does_not_add_up_is_named(name: str, change: dict[str, int], says: str) -> None:
    counts, rows = next((c, r) for stage, c, r in SOUND if stage == name)
    problems = count_problems(found(name, {**counts, **change}, rows))
    assert any(says in problem.what for problem in problems), problems


def test_documents_counted_are_those_of_the_parts_read_wherever_they_stand() -> None:
    crawl = found("extract", {"pages.document": 7}, {"documents": 7}, "/loop/extract")
    fetched = found("fetch", {"pages.document": 2}, {"documents": 2}, "/loop/rounds/02/fetched")
    given = {"a": {"documents": "extract-documents"}, "b": {"documents": "fetch-documents"}}
    scored = {"documents": 9, "scored": 9, "repeated": 0}
    right = found("score", scored, root="/loop/rounds/02/scores", chunks=given)
    assert across_problems([crawl, fetched, right]) == []
    less = found("score", {**scored, "documents": 7}, root="/loop/rounds/02/scores", chunks=given)
    (problem,) = across_problems([crawl, fetched, less])
    assert problem.what == "score read 7 documents, its parts hold 9"
    # of a run whose scores stand beside, every document of extract must have been read
    beside = found("score", {**scored, "documents": 6}, root="/loop/extract/scores")
    (problem,) = across_problems([crawl, beside])
    assert problem.what == "score read 6 documents, extract wrote 7"


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def write_round(folder: Path, body: dict[str, Any]) -> None:
    """A first round's files that no stage's manifest names, its model empty."""
    write_json(folder / "round.json", body)
    write_json(folder / "recipe.json", {"recipe": {}})
    write_json(folder / "model.json", {"digest": "d", "file": "math.bin", "files": {}})
    write_json(
        folder / "threshold.json", {"threshold": body["threshold"], "histogram": body["histogram"]}
    )
    (folder / "proposals.tsv").write_bytes(write_proposals([]))


def test_a_loop_is_held_to_its_rounds(tmp_path: Path) -> None:
    assert loop_problems(str(tmp_path), []) == []
    body = {
        "round": 1,
        "model": {"digest": "d"},
        "threshold": {"min_score": 0.5},
        "histogram": [],
        "recalled": {
            key: RECALLED.get(key, 0) for key in ("documents", "recalled", "tokens", "new", "lost")
        },
    }
    write_json(tmp_path / "iterate.json", {"recipe": {}, "input": {}})
    write_round(tmp_path / "rounds" / "01", body)
    (tmp_path / "ledger.jsonl").write_text(json.dumps(body) + "\n", encoding="utf-8")
    recall = found("recall", RECALLED, root=str(tmp_path / "rounds" / "01"))
    assert loop_problems(str(tmp_path), [recall]) == []
    (tmp_path / "ledger.jsonl").write_text(json.dumps({**body, "round": 2}), encoding="utf-8")
    (problem,) = loop_problems(str(tmp_path), [recall])
    assert "not those of the finished rounds" in problem.what
    other = found("recall", {**RECALLED, "tokens": 41}, root=recall.root)
    what = [problem.what for problem in loop_problems(str(tmp_path), [other])]
    assert "tokens recalled: it says 40, the table's stage 41" in what
    assert "no finished table" in loop_problems(str(tmp_path), [])[0].what


def test_stages_are_found_in_any_folder_but_not_in_exchange_files(tmp_path: Path) -> None:
    manifest = {"counts": {}, "files": [], "chunks": {}}
    write_json(tmp_path / "own name" / "_manifests" / "dedup.json", manifest)
    write_json(tmp_path / "rounds" / "02" / "fetched" / "_manifests" / "fetch.json", manifest)
    write_json(tmp_path / "_manifests" / "want.json", manifest)
    write_json(tmp_path / "_run" / "compose" / "_manifests" / "judge.json", manifest)
    write_json(tmp_path / "crawls" / "new" / "_manifests" / "recall" / "chunk.json", manifest)
    write_json(tmp_path / "x" / "_manifests" / "polish.json", manifest)
    problems: list[Any] = []
    stages = find_stages(str(tmp_path), problems)
    assert [(each.stage.name, each.root.removeprefix(str(tmp_path))) for each in stages] == [
        ("want", ""), ("dedup", "/own name"), ("fetch", "/rounds/02/fetched"),
    ]  # fmt: skip
    assert sorted(problem.what for problem in problems) == [
        "polish is no stage that this version knows",
        "stage recall is not finished: run the same command again",
    ]
