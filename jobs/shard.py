"""spark-submit jobs/shard.py …: the options are those of `cc-math shard --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("shard")
