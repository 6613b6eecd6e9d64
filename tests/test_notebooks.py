"""The notebooks: committed without outputs, and run to their end on the sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cc_math.classify.heads import KINDS
from cc_math.classify.labelled_pages import read_labelled_pages
from tests.conftest import ROOT

FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def test_notebooks_are_numbered() -> None:
    assert [path.name[:3] for path in NOTEBOOKS] == ["01_", "02_", "03_"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    for cell in cells(path):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_asks_one_question_and_draws(path: Path) -> None:
    first, *rest = cells(path)
    title, _, question = "".join(first["source"]).split("\n")[:3]
    assert title.startswith(f"# {int(path.name[:2])}. ")
    assert question.startswith("*") and question.endswith("?*")
    text = "\n".join("".join(cell["source"]) for cell in rest)
    assert text.count("plt.subplots") >= 2


def test_labels_beside_the_notebooks_are_whole() -> None:
    pages = read_labelled_pages(str(FOLDER / "sample_labels.jsonl"), score_field="math_score")
    assert len(pages) > 150
    assert {page.kind for page in pages} <= set(KINDS)
    lines = (FOLDER / "swedish_labels.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    sites = {part: {r["url"].split("/")[2] for r in rows if r["part"] == part}
             for part in ("train", "test")}  # fmt: skip
    assert not sites["train"] & sites["test"]
    assert sum(row["part"] == "train" for row in rows) == 50
    assert all("\\\\" not in row["text"] for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(path: Path, tmp_path: Path) -> None:
    for module in ("nbmake", "ipykernel", "matplotlib"):
        pytest.importorskip(module, reason=f"the notebooks need {module} (extra notebooks)")
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")  # the project's own turn the libraries' warnings to errors
    options = ["--nbmake", "--nbmake-timeout=240", "-q", "-p", "no:cacheprovider"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    before = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(settings), *options, str(path)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "1 passed" in done.stdout
    assert path.read_bytes() == before
