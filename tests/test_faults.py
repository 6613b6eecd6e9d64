"""The fault injector: a store that fails where it is told to, and only there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cc_math import faults
from cc_math.errors import StorageError, UserError
from cc_math.storage import LocalStore, store_for

Plan = Callable[..., None]


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Sets the plan of faults and forgets the calls counted so far."""

    def set_plan(*planned: dict[str, Any]) -> None:
        monkeypatch.setenv(faults.VARIABLE, json.dumps(planned))
        monkeypatch.setattr(faults, "_calls", {})

    return set_plan


def test_without_a_plan_the_store_is_handed_out_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(faults.VARIABLE, raising=False)
    assert isinstance(store_for("out"), LocalStore)


def test_fail_leaves_nothing_written(plan: Plan, tmp_path: Path) -> None:
    plan({"operation": "put_new", "contains": "chunk-1", "action": "fail"})
    uri = str(tmp_path / "chunk-1.json")
    with pytest.raises(StorageError, match=r"put_new .*chunk-1\.json: injected fault"):
        store_for(uri).put_new(b"x", uri)
    assert not (tmp_path / "chunk-1.json").exists()


def test_fail_after_is_a_reply_that_was_lost(plan: Plan, tmp_path: Path) -> None:
    plan({"operation": "put_new", "action": "fail_after"})
    uri = str(tmp_path / "chunk.json")
    with pytest.raises(StorageError):
        store_for(uri).put_new(b"x", uri)
    assert (tmp_path / "chunk.json").read_bytes() == b"x"


def test_only_the_nth_matching_call_fails(plan: Plan, tmp_path: Path) -> None:
    plan({"operation": "put_bytes", "contains": "/chunk-", "nth": 2, "action": "fail"})
    uris = {name: str(tmp_path / name) for name in ("chunk-1", "other", "chunk-2", "chunk-3")}
    failed = []
    for name, uri in uris.items():
        try:
            store_for(uri).put_bytes(b"x", uri)
        except StorageError:
            failed.append(name)
    assert failed == ["chunk-2"]


def test_every_operation_can_fail(plan: Plan, tmp_path: Path) -> None:
    uri = str(tmp_path / "x")
    made = tmp_path / "made"
    made.write_bytes(b"x")
    calls: dict[str, Callable[[Any], object]] = {
        "open_range": lambda store: store.open_range(uri),
        "size_bytes": lambda store: store.size_bytes(uri),
        "list_files": lambda store: store.list_files(uri),
        "read_bytes": lambda store: store.read_bytes(uri),
        "put_bytes": lambda store: store.put_bytes(b"", uri),
        "put_new": lambda store: store.put_new(b"", uri),
        "put_file": lambda store: store.put_file(made, uri),
        "delete": lambda store: store.delete(uri),
    }
    for operation, call in calls.items():
        plan({"operation": operation, "action": "fail"})
        with pytest.raises(StorageError, match=f"{operation} .*injected"):
            call(store_for(uri))


def test_exit_ends_the_process_as_a_lost_machine_does(tmp_path: Path) -> None:
    program = (
        "import sys; from cc_math.storage import store_for\n"
        "store_for(sys.argv[1]).put_bytes(b'1', sys.argv[1] + '/first')\n"
        "try:\n"
        "    store_for(sys.argv[1]).put_bytes(b'2', sys.argv[1] + '/second')\n"
        "finally:\n"
        "    print('cleaned up')\n"
    )
    planned = [{"operation": "put_bytes", "contains": "/second", "action": "exit"}]
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={faults.VARIABLE: json.dumps(planned), "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (77, "")
    assert (tmp_path / "first").exists()
    assert not (tmp_path / "second").exists()


def test_a_plan_that_is_not_json_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(faults.VARIABLE, "put_new")
    with pytest.raises(UserError, match=faults.VARIABLE):
        store_for("out")
