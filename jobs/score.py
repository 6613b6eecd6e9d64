"""spark-submit jobs/score.py …: the options are those of `cc-math score --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("score")
