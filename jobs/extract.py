"""spark-submit jobs/extract.py …: the options are those of `cc-math extract --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("extract")
