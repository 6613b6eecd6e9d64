"""verify on a small stage: what stands is sound, and a change of any file is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cc_math.chunks import Chunk
from cc_math.manifests import ChunkManifest, canonical_json, digest, publish_chunk, read_json
from cc_math.recipe import Recipe
from cc_math.spark.chunks import Job, Plan, finish_stage
from cc_math.tables import put_table, rows_table
from cc_math.verify import verify


def scored(folder: Path) -> Path:
    """A finished `score` of two parts, as the stage leaves it."""
    chunks = [Chunk(name, {"documents": f"sha of {name}"}, {}, 1) for name in ("a", "a-1")]
    plan = Plan("score", {c.name: f"identity of {c.name}" for c in chunks}, chunks, {})
    for number, chunk in enumerate(chunks):
        row = {"doc_id": f"{number:032x}", "model": "m", "head": "math", "raw": 0.5, "score": 0.5}
        file = put_table(
            rows_table("scores", [row]), "scores", str(folder), f"{chunk.name}.parquet"
        )
        counts = {"documents": 1, "scored": 1, "repeated": 0}
        notes: list[Any] = [{"slow": 1}] if number else []
        publish_chunk(
            str(folder),
            ChunkManifest(
                "score", chunk.name, plan.identities[chunk.name], chunk.input, [file], counts, notes
            ),
        )
    manifests = [
        read_json(str(folder / "_manifests" / "score" / f"{chunk.name}.json")) or {}
        for chunk in chunks
    ]
    finish_stage(Job(str(folder), Recipe()), plan, manifests)
    return folder


def problems(folder: Path) -> list[str]:
    return [problem.what for problem in verify(str(folder))[0]]


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    body = json.loads(path.read_bytes())
    change(body)
    path.write_bytes(canonical_json(body))


def test_what_a_stage_left_is_sound(tmp_path: Path) -> None:
    assert problems(scored(tmp_path)) == []


@pytest.mark.parametrize(
    "name",
    ["a.parquet", "_manifests/score.json", "_manifests/score/a.json", "_manifests/score/a-1.json"],
)
@pytest.mark.parametrize("how", ["flip", "truncate", "append", "delete", "empty"])
def test_a_changed_file_is_named(tmp_path: Path, name: str, how: str) -> None:
    path = scored(tmp_path) / name
    data = path.read_bytes()
    for at in (0, len(data) // 3, len(data) // 2, len(data) - 9) if how == "flip" else (0,):
        new = {
            "flip": data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :],
            "truncate": data[:-1],
            "append": data + b" ",
            "empty": b"",
            "delete": b"",
        }[how]
        path.write_bytes(new)
        if how == "delete":
            path.unlink()
        assert problems(tmp_path), at


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda body: body.update(identity="f" * 64), "another identity"),
        (lambda body: body["chunks"]["a"].update(documents="other"), "another input"),
        (lambda body: body.update(notes=[]), "other notes"),
        (lambda body: body.update(code_version="9"), "another code_version"),
        (lambda body: body.update(stage="dedup"), "another stage"),
        (lambda body: body["counts"].update(scored=1, documents=1), "scored is 2 by chunk"),
    ],
)
def test_a_stage_is_held_to_its_chunks(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    changed(scored(tmp_path) / "_manifests" / "score.json", change)
    assert any(says in what for what in problems(tmp_path))


def test_a_chunks_manifest_of_another_form_is_no_crash(tmp_path: Path) -> None:
    path = scored(tmp_path) / "_manifests" / "score" / "a.json"
    for change in (
        lambda body: body["files"][0].pop("path"),
        lambda body: body.update(counts={"scored": "many"}),
        lambda body: body.update(notes="none"),
    ):
        changed(path, change)
        assert "not a chunk's manifest" in problems(tmp_path)


def test_a_run_is_held_to_its_recipe(tmp_path: Path) -> None:
    score = json.loads((scored(tmp_path / "scores") / "_manifests" / "score.json").read_bytes())
    keys = ("identity", "code_version", "counts", "notes")
    body = {
        "recipe": Recipe().identity_dict(),
        "recipe_digest": digest(Recipe().identity_dict()),
        "stages": {"score": {key: score[key] for key in keys}},
    }
    path = tmp_path / "manifest.json"
    path.write_bytes(canonical_json(body))
    assert problems(tmp_path) == []
    changed(path, lambda body: body["recipe"]["compose"].update(min_score=0.1))
    assert problems(tmp_path) == ["its recipe is not that of its recipe_digest"]
    path.write_text(json.dumps(body), encoding="utf-8")
    (what,) = problems(tmp_path)
    assert "not in the form" in what
    path.write_text("{}", encoding="utf-8")
    assert problems(tmp_path) == ["is not the manifest of a run: it names no stages"]
