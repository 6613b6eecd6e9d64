"""Ctrl-C at the terminal: what is finished stays, nobody goes on in the dark, a rerun ends well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, SAMPLE
from tests.test_corrupt_warc import done
from tests.test_pipeline import tree

pytestmark = [pytest.mark.spark, pytest.mark.slow]

MARK = "CC_MATH_TEST_INTERRUPT"
CHUNK = "extract.chunk_bytes=50000"  # makes a dozen chunks of the sample


def extract_command(output: Path) -> list[str]:
    return ["extract", "--input", str(SAMPLE), "--output", str(output), "--set", CHUNK]


def chunk_manifests(output: Path) -> list[Path]:
    return sorted((output / "_manifests" / "extract").glob("*.json"))


def wait_for(condition: Callable[[], Any], limit_s: float) -> bool:
    """Whether ``condition`` came true within ``limit_s``."""
    end_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.05)
    return True


def processes_marked(mark: str) -> list[str]:
    """Command lines of the living processes whose environment carries the mark."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return [line for line in found if line]  # a zombie has none


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_ctrl_c_leaves_a_state_that_the_same_command_finishes(spark: Any, tmp_path: Path) -> None:
    output, mark = tmp_path / "out", str(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "cc_math.cli", *extract_command(output), "--master", "local[1]"],
        cwd=ROOT, env={**os.environ, MARK: mark}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        # what a shell starts with & ignores the signal, and so would all that it starts
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert wait_for(lambda: len(chunk_manifests(output)) >= 2, limit_s=120)
        child = "cc_math.extraction.child"
        assert wait_for(lambda: any(child in line for line in processes_marked(mark)), limit_s=30)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, said = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 130, said[-3000:]
    assert "interrupted" in said and "the same command goes on from there" in said
    assert "Traceback" not in said and " ERROR " not in said  # of py4j and of Spark
    assert wait_for(lambda: not processes_marked(mark), limit_s=15), processes_marked(mark)

    kept = {path.name: path.stat().st_mtime_ns for path in chunk_manifests(output)}
    assert not (output / "_manifests" / "extract.json").exists()
    done(extract_command(output))
    after = {path.name: path.stat().st_mtime_ns for path in chunk_manifests(output)}
    assert kept.items() < after.items()  # done chunks were not done again, and some were left
    done(extract_command(tmp_path / "uninterrupted"))
    assert tree(output) == tree(tmp_path / "uninterrupted")
