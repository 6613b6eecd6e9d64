"""The extraction gate: every representation of a formula, and scores on real pages.

The fixtures of ``tests/extraction_fixtures.py`` are written for the project, one representation
each. The real pages are part of the development data; their scores have pinned floors in
``extraction_floors.json``, per representation and over all, with a hash over the inputs.
``CC_MATH_DEV_DATA=DIR python -m tests.test_extraction_gate --update`` raises the floors to what
is reached now. It refuses where a score has fallen; where the inputs are others, falls are
told apart by nobody but a person, who says ``--update --inputs-changed``.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import os
import re
import sys
from html import unescape
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cc_math.html import Document, extract
from cc_math.html.macros import expand, page_macros
from cc_math.html.prefilter import find_hints
from tests.extraction_fixtures import FIXTURES, NEGATIVES, Fixture

FLOORS = Path(__file__).with_name("extraction_floors.json")
INPUTS = ("dev_pages.jsonl.gz", "score_extraction.py")
HIGHER_IS_BETTER = ("recall", "prec", "recall~", "delim", "text", "code")
LOWER_IS_BETTER = ("boil", "falsemath")

Scores = dict[str, dict[str, float]]
"""Per group of pages (representation, ALL, …): the scorer's figures in percent."""


@pytest.mark.parametrize("fixture", (*FIXTURES, *NEGATIVES), ids=lambda fixture: fixture.name)
def test_fixture(fixture: Fixture) -> None:
    result = extract(fixture.page)
    assert isinstance(result, Document), result
    found = [result.text[f.start_char : f.end_char] for f in result.formulas]
    assert found == list(fixture.formulas)
    for formula, text in zip(result.formulas, found, strict=True):
        mark = "$$" if formula.display else "$"
        assert text == mark + formula.tex + mark
    for wanted in fixture.text:
        assert wanted in result.text
    for unwanted in fixture.absent:
        assert unwanted not in result.text


def test_fixtures_have_names_of_their_own() -> None:
    names = [fixture.name for fixture in (*FIXTURES, *NEGATIVES)]
    assert len(names) == len(set(names))
    assert all(fixture.formulas for fixture in FIXTURES)
    assert not any(fixture.formulas for fixture in NEGATIVES)


# --- real pages ---------------------------------------------------------------------------


def scorer(folder: Path) -> ModuleType:
    path = folder / "webpages" / "score_extraction.py"
    spec = importlib.util.spec_from_file_location("score_extraction", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN_GOLD = "(macros as they stand)"
"""Group of all pages scored against the gold as it is. Its formulas hold the pages' own macros
(``\\card``), which extraction expands; the other groups compare with the gold expanded."""


def expanded(page: dict[str, Any]) -> dict[str, Any]:
    """A page of the scorer with its own macros expanded in its gold."""
    macros = page_macros(page["html"], find_hints(page["html"].encode("utf-8", "replace")))
    if not macros:
        return page
    return page | {
        name: [
            expand(gold["tex"] if isinstance(gold, dict) else gold, macros) for gold in page[name]
        ]
        for name in ("gold_formulas", "optional_formulas")
    }


IMGMATH = re.compile(
    r'<div class="math[^"]*"[^>]*>\s*<p>(?:<span class="eqno">.*?</span>)?\s*'
    r'<img [^>]*?alt="([^"]*)"',
    re.DOTALL,
)
"""A displayed formula of Sphinx's imgmath. The reference lists none of them (twelve on two
pages, read and right), so they count as optional: neither required nor wrong."""


def completed(page: dict[str, Any]) -> dict[str, Any]:
    """A page of the scorer with imgmath's displayed formulas among its optional ones."""
    found = [unescape(alt) for alt in IMGMATH.findall(page["html"])]
    return page | {"optional_formulas": [*(page.get("optional_formulas") or ()), *found]}


def scores(folder: Path) -> Scores:
    """What extraction reaches on the real pages now."""
    with gzip.open(folder / "webpages" / "dev_pages.jsonl.gz", "rt", encoding="utf-8") as lines:
        pages = [completed(json.loads(line)) for line in lines]
    texts: dict[str, str] = {}
    for page in pages:
        result = extract(page["html"].encode("utf-8", "replace"), page["url_like"])
        texts[page["id"]] = result.text if isinstance(result, Document) else ""
    score = scorer(folder).evaluate
    plain, _ = score(pages, texts)
    figures, _ = score([expanded(page) for page in pages], texts)
    figures[PLAIN_GOLD] = plain["ALL"]
    names = HIGHER_IS_BETTER + LOWER_IS_BETTER
    return {
        group: {name: row[name] for name in names if row.get(name) is not None}
        for group, row in sorted(figures.items())
    }


def inputs_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in INPUTS:
        digest.update((folder / "webpages" / name).read_bytes())
    return digest.hexdigest()


def falls(old: Scores, new: Scores) -> list[str]:
    """Scores that are worse than their floor, and floors whose score is no longer there."""
    found = []
    for group, row in old.items():
        for name, floor in row.items():
            value = new.get(group, {}).get(name)
            if value is None:
                found.append(f"{group} {name}: no score, floor {floor}")
            elif value > floor if name in LOWER_IS_BETTER else value < floor:
                found.append(f"{group} {name}: {value}, floor {floor}")
    return found


def refusals(path: Path, digest: str, new: Scores, *, inputs_changed: bool) -> list[str]:
    """Why the floors of a file may not become these scores."""
    if not path.exists():
        return []
    pinned: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if pinned["inputs_sha256"] != digest and inputs_changed:
        return []
    return falls(pinned["floors"], new)


def write_floors(path: Path, digest: str, new: Scores) -> None:
    content = {"inputs_sha256": digest, "floors": new}
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def update(path: Path, digest: str, new: Scores, *, inputs_changed: bool) -> int:
    """Raise the floors to the scores of now; 1 and nothing written where one would fall."""
    lower = refusals(path, digest, new, inputs_changed=inputs_changed)
    if lower:
        print("refused, these would fall:", *lower, sep="\n  ")
        return 1
    write_floors(path, digest, new)
    return 0


def test_scores_on_real_pages_hold_their_floors(dev_data: Path) -> None:
    pinned: dict[str, Any] = json.loads(FLOORS.read_text("utf-8"))
    assert pinned["inputs_sha256"] == inputs_digest(dev_data), "other pages: update the floors"
    assert falls(pinned["floors"], scores(dev_data)) == []


def test_floors_are_pinned_for_every_representation_and_over_all(dev_data: Path) -> None:
    pinned: Scores = json.loads(FLOORS.read_text("utf-8"))["floors"]
    with gzip.open(dev_data / "webpages" / "dev_pages.jsonl.gz", "rt", encoding="utf-8") as lines:
        kinds = {name for line in lines for name in json.loads(line)["representations"]}
    assert kinds | {"ALL", "(pages as found)", "(re-rendered pages)", PLAIN_GOLD} == set(pinned)
    assert set(pinned["ALL"]) == {*HIGHER_IS_BETTER, *LOWER_IS_BETTER}


def test_falls_are_found() -> None:
    old = {"ALL": {"recall": 90.0, "boil": 5.0}}
    assert falls(old, {"ALL": {"recall": 90.0, "boil": 5.0}}) == []
    assert len(falls(old, {"ALL": {"recall": 89.9, "boil": 5.1}})) == 2
    assert len(falls(old, {"ALL": {"recall": 95.0}})) == 1


def test_an_update_raises_floors_and_refuses_to_lower_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "floors.json"
    assert update(path, "a", {"ALL": {"recall": 90.0, "boil": 5.0}}, inputs_changed=False) == 0
    assert update(path, "a", {"ALL": {"recall": 91.0, "boil": 4.0}}, inputs_changed=False) == 0
    written = path.read_bytes()
    assert json.loads(written)["floors"] == {"ALL": {"recall": 91.0, "boil": 4.0}}
    worse = {"ALL": {"recall": 99.0, "boil": 4.1}}
    assert update(path, "a", worse, inputs_changed=False) == 1
    assert "ALL boil: 4.1, floor 4.0" in capsys.readouterr().out
    assert update(path, "a", worse, inputs_changed=True) == 1, "the inputs are the same"
    assert update(path, "b", worse, inputs_changed=False) == 1
    assert path.read_bytes() == written
    assert update(path, "b", worse, inputs_changed=True) == 0
    assert json.loads(path.read_bytes()) == {"inputs_sha256": "b", "floors": worse}


def main(arguments: list[str]) -> int:
    place = os.environ.get("CC_MATH_DEV_DATA")
    if "--update" not in arguments or not place:
        print(__doc__)
        return 2
    folder = Path(place)
    return update(
        FLOORS,
        inputs_digest(folder),
        scores(folder),
        inputs_changed="--inputs-changed" in arguments,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
