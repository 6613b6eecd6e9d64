"""spark-submit jobs/fetch.py …: the options are those of `cc-math fetch --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("fetch")
