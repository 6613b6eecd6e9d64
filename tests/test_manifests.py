"""Manifests: what exists, what conflicts, and which parts a folder has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math import faults
from cc_math.errors import InputError, JobError, OutputConflict, StorageError
from cc_math.manifests import (
    ChunkManifest,
    FileEntry,
    canonical_json,
    chunk_manifest_uri,
    digest,
    finished_chunks,
    publish_chunk,
    read_json,
    remove_stage,
    stage_identity,
    stage_manifest_uri,
    table_parts,
)
from cc_math.storage import store_for

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def manifest(chunk: str, identity: str = "i", counts: dict[str, int] | None = None) -> Any:
    files = [FileEntry("documents", f"documents/{chunk}.parquet", 3, "00", 1)]
    return ChunkManifest("extract", chunk, identity, {"warc": chunk}, files, counts or {})


def write_stage(output: Path, stage: str, files: list[dict[str, Any]]) -> None:
    uri = stage_manifest_uri(str(output), stage)
    store_for(uri).put_bytes(canonical_json({"stage": stage, "files": files}), uri)


def file_of(table: str, path: str, rows: int = 1) -> dict[str, Any]:
    return {"table": table, "path": path, "bytes": 1, "sha256": f"sha of {path}", "rows": rows}


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_json_is_canonical_and_reads_back(value: dict[str, Any]) -> None:
    data = canonical_json(value)
    assert json.loads(data) == value
    assert canonical_json(dict(reversed(value.items()))) == data
    assert data.endswith(b"\n")


def test_identity_follows_from_recipe_values_and_inputs_alone() -> None:
    first = stage_identity("extract", {"a": 1, "b": 2}, ["x"])
    assert stage_identity("extract", {"b": 2, "a": 1}, ["x"]) == first
    others = [
        stage_identity("score", {"a": 1, "b": 2}, ["x"]),
        stage_identity("extract", {"a": 1, "b": 3}, ["x"]),
        stage_identity("extract", {"a": 1, "b": 2}, ["y"]),
    ]
    assert len({first, *others}) == 4
    assert len(first) == 64


def test_a_manifest_holds_no_clock_and_sorts_what_it_holds() -> None:
    made = ChunkManifest(
        "extract", "c", "i", {},
        [FileEntry("pages", "pages/c", 1, "1", 1), FileEntry("documents", "docs/c", 1, "2", 1)],
        {"b": 1, "a": 2},
    )  # fmt: skip
    body = json.loads(made.to_bytes())
    assert [file["path"] for file in body["files"]] == ["docs/c", "pages/c"]
    assert list(body["counts"]) == ["a", "b"]
    assert set(body) == {
        "stage", "chunk", "identity", "code_version", "schema_version", "input", "files",
        "counts", "notes",
    }  # fmt: skip


def test_a_chunk_is_published_once_and_again_only_with_the_same_bytes(tmp_path: Path) -> None:
    output = str(tmp_path)
    publish_chunk(output, manifest("c", counts={"pages": 3}))
    publish_chunk(output, manifest("c", counts={"pages": 3}))
    with pytest.raises(JobError, match="not deterministic"):
        publish_chunk(output, manifest("c", counts={"pages": 4}))
    assert (read_json(chunk_manifest_uri(output, "extract", "c")) or {})["counts"] == {"pages": 3}


def test_a_lost_reply_is_no_second_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_calls", {})
    monkeypatch.setenv(faults.VARIABLE, '[{"operation": "put_new", "action": "fail_after"}]')
    with pytest.raises(StorageError):
        publish_chunk(str(tmp_path), manifest("c"))
    publish_chunk(str(tmp_path), manifest("c"))  # the retry finds its own manifest
    assert list(finished_chunks(str(tmp_path), "extract", {"c": "i"})) == ["c"]


def test_finished_chunks_are_those_with_a_manifest(tmp_path: Path) -> None:
    output = str(tmp_path)
    assert finished_chunks(output, "extract", {"a": "i", "b": "i"}) == {}
    publish_chunk(output, manifest("a"))
    done = finished_chunks(output, "extract", {"a": "i", "b": "i"})
    assert list(done) == ["a"]
    assert done["a"]["files"][0]["path"] == "documents/a.parquet"


def test_a_writer_that_died_in_the_middle_does_not_count(tmp_path: Path) -> None:
    publish_chunk(str(tmp_path), manifest("a"))
    (tmp_path / "_manifests" / "extract" / ".part-x81k").write_bytes(b'{"sta')
    assert list(finished_chunks(str(tmp_path), "extract", {"a": "i"})) == ["a"]


def test_results_of_another_recipe_or_input_conflict(tmp_path: Path) -> None:
    output = str(tmp_path)
    publish_chunk(output, manifest("a"))
    with pytest.raises(OutputConflict, match=r"another recipe, code or input \(chunk a\)"):
        finished_chunks(output, "extract", {"a": "other"})
    with pytest.raises(OutputConflict, match=r"another input \(chunk a\).*--overwrite"):
        finished_chunks(output, "extract", {"b": "i"})


def test_overwriting_removes_what_the_manifests_name(tmp_path: Path) -> None:
    output = str(tmp_path)
    kept = ["other/file", "_manifests/score.json", "_run/extract-1.timings.jsonl"]
    gone = ["documents/a.parquet", "merged/all.parquet", "_run/extract/exchange.parquet"]
    for name in (*kept, *gone):
        store_for(output).put_bytes(b"{}", f"{output}/{name}")
    publish_chunk(output, manifest("a"))
    write_stage(tmp_path, "extract", [file_of("documents", "merged/all.parquet")])
    remove_stage(output, "extract")
    left = [entry.uri.removeprefix(output + "/") for entry in store_for(output).list_files(output)]
    assert left == sorted(kept)
    assert finished_chunks(output, "extract", {"a": "other"}) == {}


def test_json_of_another_kind_is_the_callers_mistake(tmp_path: Path) -> None:
    assert read_json(str(tmp_path / "none.json")) is None
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(InputError, match="expected a JSON object, found list"):
        read_json(str(tmp_path / "list.json"))
    (tmp_path / "torn.json").write_text('{"a":')
    with pytest.raises(InputError, match="not JSON"):
        read_json(str(tmp_path / "torn.json"))


def test_parts_are_found_from_the_stage_and_from_the_table(tmp_path: Path) -> None:
    files = [
        file_of("documents", "documents/b.parquet", 2),
        file_of("documents", "documents/a.parquet", 1),
        file_of("pages", "pages/a.parquet", 9),
    ]
    write_stage(tmp_path, "extract", files)
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "stray.parquet").write_bytes(b"no manifest names it")
    from_stage = table_parts(str(tmp_path), "documents")
    from_table = table_parts(f"{tmp_path}/documents", "documents")
    assert [(part.name, part.rows) for part in from_stage] == [("a", 1), ("b", 2)]
    assert from_table == from_stage
    assert from_stage[0].uri == f"{tmp_path}/documents/a.parquet"
    assert from_stage[0].identity == "sha of documents/a.parquet"


def test_parts_of_a_stage_with_one_table_stand_in_its_own_folder(tmp_path: Path) -> None:
    write_stage(tmp_path, "compose", [file_of("corpus", "CC-MAIN-2026-05/a.parquet")])
    parts = table_parts(str(tmp_path), "documents", "corpus")
    assert [part.name for part in parts] == ["CC-MAIN-2026-05__a"]


def test_an_unfinished_stage_is_refused(tmp_path: Path) -> None:
    publish_chunk(str(tmp_path), manifest("a"))
    with pytest.raises(InputError, match="stage extract is not finished"):
        table_parts(f"{tmp_path}/documents", "documents")


def test_any_folder_of_parquet_has_parts(tmp_path: Path) -> None:
    for name in ("2024/b", "a", "_old/x", ".hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"text": ["t"]}), tmp_path / f"{name}.parquet")
    (tmp_path / "README.md").write_text("a corpus")
    parts = table_parts(str(tmp_path), "documents", "corpus")
    assert [part.name for part in parts] == ["2024__b", "a"]
    assert table_parts(f"{tmp_path}/a.parquet", "documents")[0].name == "a"


def test_identity_of_a_foreign_part_follows_its_content(tmp_path: Path) -> None:
    def identity(texts: list[str]) -> str:
        pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
        return table_parts(str(tmp_path), "documents")[0].identity

    first = identity(["x"])
    assert identity(["y"]) != first
    assert identity(["x"]) == first


def test_a_folder_without_parquet_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder with Parquet files"):
        table_parts(str(tmp_path), "documents")
    with pytest.raises(InputError, match="nowhere"):
        table_parts(str(tmp_path / "nowhere"), "documents")


def test_digest_is_sha256_of_the_canonical_form() -> None:
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    assert len(digest([])) == 64
