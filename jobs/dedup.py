"""spark-submit jobs/dedup.py …: the options are those of `cc-math dedup --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("dedup")
