"""spark-submit jobs/iterate.py DIR …: the options are those of `cc-math iterate --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("iterate")
