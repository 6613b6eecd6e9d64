"""Files of labels: every mistake names its line, repeats count once, contradictions stop."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cc_math.classify.labelled_pages import read_labelled_pages, texts_of_pages
from cc_math.errors import InputError
from cc_math.tables import ColumnNames


def labels(folder: Path, *rows: dict[str, Any] | str) -> str:
    path = folder / "labels.jsonl"
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


ONE = {"url": "https://a.example/1", "math_score": 4, "kind": "qa", "lang": "en"}
TWO = {"url": "https://b.example/2", "math_score": "3.5", "weight": 2}


def test_labels_are_read_by_address(tmp_path: Path) -> None:
    told: list[str] = []
    uri = labels(tmp_path, TWO, "", ONE)
    one, two = read_labelled_pages(uri, score_field="math_score", tell=told.append)
    assert (one.url, one.site, one.score, one.kind, one.weight) == (
        ONE["url"], "a.example", 4.0, "qa", 1.0,
    )  # fmt: skip
    assert (two.score, two.weight, two.kind) == (3.5, 2.0, "")
    assert told == []


def test_a_label_that_stands_there_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    uri = labels(tmp_path, ONE, TWO, {**ONE, "note": "again"})
    assert len(read_labelled_pages(uri, score_field="math_score", tell=told.append)) == 2
    assert told == [f"{uri}: labels repeated: 1; each address counts once"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"math_score": 1}, "score 4.0 and 1.0"),
        ({"kind": "spam"}, "kind 'qa' and 'spam'"),
        ({"weight": 3}, "weight 1.0 and 3.0"),
    ],
)
def test_labels_that_disagree_name_their_lines(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    uri = labels(tmp_path, ONE, TWO, {**ONE, **change})
    with pytest.raises(InputError, match=f"lines 1 and 3 label https://a.example/1 .*{says}"):
        read_labelled_pages(uri, score_field="math_score")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({**ONE, "math_score": "high"}, ':2: math_score must be a number, found "high"'),
        ({**ONE, "math_score": None}, ":2: math_score must be a number, found null"),
        ({**ONE, "math_score": True}, ":2: math_score must be a number, found true"),
        ({**ONE, "weight": 0}, ":2: weight must be above 0, found 0"),
        ({"url": "u"}, ":2: no field math_score"),
        ("{", ":2: not JSON"),
        ("[1]", ":2: no field url, math_score"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, row: dict[str, Any] | str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_labelled_pages(labels(tmp_path, TWO, row), score_field="math_score")
    assert says in str(caught.value)


def test_labels_without_a_text_are_told(tmp_path: Path) -> None:
    told: list[str] = []
    pages = read_labelled_pages(
        labels(tmp_path, {**ONE, "text": "x"}, TWO), score_field="math_score"
    )
    assert texts_of_pages(pages, None, ColumnNames(), told.append) == {ONE["url"]: "x"}
    assert told == ["1 of 2 labelled pages have no text beside the label: they count as score 0"]
