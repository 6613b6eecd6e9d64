"""The Spark session: the one that spark-submit gives, else a local one.

Spark orders the work; Python tasks read and write the bytes. So the JVM needs little
memory, and the settings below only keep it quiet and make Python workers the same
interpreter as the driver's.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cc_math.errors import JobError, MissingExtra, UserError, was_interrupted
from cc_math.spark.java import fitting_java

LOGGING = Path(__file__).resolve().parent.parent / "data" / "log4j2.properties"  # errors only


def under_spark_submit() -> bool:
    """Whether spark-submit started this process and so decides about master and resources."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def open_session(
    name: str, master: str | None = None, shuffle_partitions: int | None = None
) -> Any:
    """A SparkSession for the job ``name``.

    ``master`` counts only where spark-submit does not run the job; None means ``local[*]``.
    Raises MissingExtra without pyspark, UserError without a Java that fits it.
    """
    try:
        import pyspark
        from pyspark.sql import SparkSession
    except ImportError:
        raise MissingExtra("this command needs pyspark: pip install 'cc-math[spark]'") from None
    # Typed Any: pyspark's own stubs differ between 3.5 and 4.x
    builder: Any = SparkSession.builder.appName(f"cc-math {name}")
    if not under_spark_submit():
        os.environ["JAVA_HOME"] = fitting_java(pyspark.__version__)[0].home
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
        master = master or "local[*]"
        settings = {
            "spark.log.level": "ERROR",
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file:{LOGGING}",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.sql.shuffle.partitions": str(shuffle_partitions or 8),
        }
        if master.startswith("local"):
            # a laptop's host name often resolves to nothing that it can bind
            settings |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        builder = builder.master(master)
        for key, setting in settings.items():
            builder = builder.config(key, setting)
    else:
        if shuffle_partitions:
            builder = builder.config("spark.sql.shuffle.partitions", str(shuffle_partitions))
        if master is not None:
            warn = logging.getLogger(__name__).warning
            warn("--master %s is ignored: spark-submit decides", master)
    try:
        with _interrupts_left_alone():
            session = builder.getOrCreate()
    except Exception as error:  # of the JVM's launch; pyspark's classes differ by version
        why = str(error).split("\n")[0]
        raise JobError(
            f"Spark could not start ({why}); JAVA_HOME is {os.environ.get('JAVA_HOME')}"
        ) from error
    session.sparkContext.setLogLevel("ERROR")
    return session


@contextmanager
def _interrupts_left_alone() -> Iterator[None]:
    """Keep the caller's handling of Ctrl-C while pyspark would put its own in place.

    pyspark's asks the JVM to cancel over the very connection whose answer is being read, which
    fails and prints two tracebacks; a plain KeyboardInterrupt reaches our own code instead.
    """
    before = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread() and before is not None:
        signal.signal(signal.SIGINT, before)
    logging.getLogger().addFilter(_is_no_interrupt)  # adding it twice changes nothing


def _is_no_interrupt(record: logging.LogRecord) -> bool:
    """False for py4j's tracebacks of a Ctrl-C, of which the command line tells in a sentence."""
    return not (record.exc_info and was_interrupted(record.exc_info[1]))


def cancel_quietly(context: Any) -> None:
    """End the running tasks after an interrupt; what they say while dying is of no use."""
    for _ in range(2):  # the interrupt broke one connection to the JVM; the next is a new one
        with suppress(Exception):  # the JVM may be gone, and the interrupt is on its way up
            context.setLogLevel("OFF")
            context.cancelAllJobs()
            return


def driver_host(session: Any) -> str:
    """The address under which workers reach the driver."""
    return str(session.sparkContext.getConf().get("spark.driver.host", "127.0.0.1"))


def write_environment() -> Path:
    """Tell the spark-submit of this interpreter's pyspark which Python and Java to use.

    Writes ``conf/spark-env.sh`` beside pyspark, which spark-submit reads; what the environment
    says already stands, unless it is a Java found here that this Spark cannot run on. Without
    it spark-submit takes the first python3 and java of the PATH. Returns the file. Raises
    MissingExtra without pyspark, UserError without a Java that fits.
    """
    try:
        import pyspark
    except ImportError:
        raise MissingExtra("this needs pyspark: pip install 'cc-math[spark]'") from None
    java, unfit = fitting_java(pyspark.__version__)
    home = shlex.quote(java.home)
    lines = [f': "${{PYSPARK_PYTHON:={sys.executable}}}"', "export PYSPARK_PYTHON"]
    homes = {os.path.dirname(os.path.dirname(other.program)) for other in unfit}
    for other in sorted(homes | {other.home for other in unfit}):
        lines.append(f'[ "${{JAVA_HOME:-}}" = {shlex.quote(other)} ] && JAVA_HOME={home}')
    lines += [f'[ -n "${{JAVA_HOME:-}}" ] || JAVA_HOME={home}', "export JAVA_HOME"]
    path = Path(pyspark.__file__).parent / "conf" / "spark-env.sh"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/usr/bin/env bash\n" + "\n".join(lines) + "\n")
    return path


if __name__ == "__main__":
    try:
        write_environment()
    except UserError as error:
        sys.exit(f"cc-math: {error}")
