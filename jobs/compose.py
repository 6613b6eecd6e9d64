"""spark-submit jobs/compose.py …: the options are those of `cc-math compose --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("compose")
