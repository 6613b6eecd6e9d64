"""spark-submit jobs/mine_domains.py …: the options are those of `cc-math mine-domains --help`."""

from cc_math.cli import run_job

if __name__ == "__main__":
    run_job("mine-domains")
