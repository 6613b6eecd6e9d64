"""`cc-math diff`: what is kept, changed, moved, gained and lost, and its lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cc_math.diff_command import diff_lines, side_of
from cc_math.recipe import load
from cc_math.spark.chunks import Job
from cc_math.spark.diff import _first_change, diff
from cc_math.spark.diff_rows import Side
from cc_math.tables import ColumnNames, rows_table, write_table
from cc_math.verify import verify


def page(number: int, url: str, text: str, tokens: int, **given: Any) -> dict[str, Any]:
    return {
        "doc_id": f"{number:032x}", "url": url, "text": text, "token_count": tokens,
        "registered_domain": url.split("/")[2].removeprefix("www."), "language": "en", **given,
    }  # fmt: skip


BEFORE = [
    page(1, "https://a.example/kept", "The same text.", 10),
    page(2, "https://a.example/anew", "x is y\nold line", 20),
    page(3, "https://a.example/captured", "first visit", 30),
    page(4, "https://b.example/lost?utm_source=x", "nobody has this any more", 40),
    page(5, "https://b.example/old-address", "a text that moves", 50),
]
AFTER = [
    page(11, "http://www.a.example/kept", "The same text.", 10),  # one canonical address
    page(2, "https://a.example/anew", "x is y\nnew line", 25),  # one capture, another text
    page(13, "https://a.example/captured", "second visit", 35),
    page(15, "https://c.example/new-address", "a text that moves", 50),
    page(16, "https://d.example/gained", "nobody had this before", 60, language="de"),
    page(17, "https://d.example/gained/", "a later copy of one address", 61, language="de"),
]


def side(folder: Path, parts: dict[str, list[dict[str, Any]]], table: str = "documents") -> Side:
    folder.mkdir()
    for name, rows in parts.items():
        write_table(rows_table(table, rows), table, folder / f"{name}.parquet")
    return side_of(str(folder), ColumnNames())


def job_in(spark: Any, output: Path, partitions: int | None = None) -> Job:
    job = Job(str(output), load(None), partitions=partitions, say=lambda line: None)
    job._sessions.append(spark)
    return job


@pytest.mark.spark
def test_pages_are_kept_changed_moved_gained_or_lost(spark: Any, tmp_path: Path) -> None:
    before = side(tmp_path / "a", {"x": BEFORE[:2], "y": BEFORE[2:]})
    after = side(tmp_path / "b", {"x": AFTER})
    output = tmp_path / "out"
    found = diff(job_in(spark, output), before, after, examples=2, domains=5, with_lists=True)
    assert {k: found["before"][k] for k in ("pages", "tokens", "domains")} == {
        "pages": 5, "tokens": 150, "domains": 2,
    }  # fmt: skip
    assert found["after"]["pages"] == 5  # of the two rows of one address the first by id
    assert found["pages"] == {
        "kept": {"pages": 1, "tokens_before": 10, "tokens_after": 10},
        "changed": {"pages": 2, "tokens_before": 50, "tokens_after": 60},
        "moved": {"pages": 2, "tokens_before": 50, "tokens_after": 50},
        "gained": {"pages": 1, "tokens_before": 0, "tokens_after": 60},
        "lost": {"pages": 1, "tokens_before": 40, "tokens_after": 0},
    }
    assert found["extracted_again"] == 1
    assert found["by_language"]["de"] == {
        "gained": {"pages": 1, "tokens_before": 0, "tokens_after": 60}
    }
    domains = found["domains"]
    assert (domains["kept"], domains["gained"], domains["lost"]) == (1, 2, 1)
    assert [d["domain"] for d in domains["most_gained"]] == ["d.example", "c.example", "a.example"]
    assert domains["most_lost"][0]["domain"] == "b.example"
    assert domains["most_lost"][0]["tokens_before"] == 90
    (lost,) = found["examples"]["lost"]
    assert lost["url"] == "https://b.example/lost?utm_source=x"
    anew = next(e for e in found["examples"]["changed"] if e["same_capture"])
    assert anew["text"] == ["old line", "new line"]
    lines = "\n".join(diff_lines(found))
    assert "lost     1      40           0" in lines
    assert "- old line\n    + new line" in lines


@pytest.mark.spark
def test_lists_name_every_page_that_is_not_kept(spark: Any, tmp_path: Path) -> None:
    before = side(tmp_path / "a", {"x": BEFORE[:2], "y": BEFORE[2:]})
    after = side(tmp_path / "b", {"x": AFTER})
    contents = []
    for partitions in (1, 4):
        output = tmp_path / f"out{partitions}"
        job = job_in(spark, output, partitions)
        diff(job, before, after, examples=0, domains=0, with_lists=True)
        assert verify(str(output))[0] == []
        files = sorted((output / "differences").iterdir())
        contents.append([file.read_bytes() for file in files])
        rows = [row for file in files for row in pq.read_table(file).to_pylist()]
    assert contents[0] == contents[1]
    told = {(r["status"], r["side"], r["url"], r["tokens_before"], r["tokens_after"]) for r in rows}
    assert told == {
        ("changed", "after", "https://a.example/anew", 20, 25),
        ("changed", "after", "https://a.example/captured", 30, 35),
        ("lost", "before", "https://b.example/lost?utm_source=x", 40, None),
        ("moved", "before", "https://b.example/old-address", 50, None),
        ("moved", "after", "https://c.example/new-address", None, 50),
        ("gained", "after", "https://d.example/gained", None, 60),
    }
    assert [r["same_capture"] for r in rows if r["url"].endswith("anew")] == [True]


@pytest.mark.spark
def test_a_corpus_tells_its_kinds_and_is_compared_by_text(spark: Any, tmp_path: Path) -> None:
    kind = json.dumps({"kind": "problem_solution"})
    documents = side(tmp_path / "a", {"x": BEFORE})
    rows = [{**BEFORE[0], "metadata": kind}, {**BEFORE[3], "metadata": "no JSON"}]
    corpus = side(tmp_path / "b", {"x": rows}, "corpus")
    found = diff(job_in(spark, tmp_path), documents, corpus, examples=1, domains=1,
                 with_lists=False)  # fmt: skip
    assert found["pages"]["kept"]["pages"] == 2
    assert found["by_kind"]["problem_solution"]["kept"]["pages"] == 1
    assert found["by_kind"]["unknown"]["kept"]["pages"] == 1


def test_the_first_change_is_shown_from_shortly_before_it() -> None:
    assert _first_change("a\nb\nc", "a\nB\nc") == ["b", "B"]
    assert _first_change("a", "a\nmore") == ["", "more"]
    shown = _first_change("x" * 500 + "y", "x" * 500 + "z")
    assert [line[0] + line[-1] for line in shown] == ["…y", "…z"]
    assert _first_change("same", "same") == ["", ""]
