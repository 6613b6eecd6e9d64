"""spark-submit jobs/decontaminate.py …: the options are those of `cc-math decontaminate --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("decontaminate")
