"""`cc-math mine-domains`: what share of each site was recalled, and what to propose from it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from cc_math.classify.proposals import (
    auto_decisions,
    merge_decisions,
    read_proposals,
    write_proposals,
)
from cc_math.command_job import make_job, parts_of, print_counts
from cc_math.options import stage_options
from cc_math.storage import join, store_for


@click.command("mine-domains")
@click.option("--pages", required=True, metavar="DIR", help="Pages of the extract stage.")
@click.option("--documents", required=True, metavar="DIR", help="Documents of the extract stage.")
@click.option("--scores", required=True, metavar="DIR", help="Scores of these documents.")
@click.option(
    "--decisions",
    metavar="FILE",
    help="An edited list of proposals: its decisions are copied to DIR/decisions.tsv.",
)
@click.option(
    "--auto",
    is_flag=True,
    help="Write DIR/decisions.tsv, open rows decided by domains.auto_min_share.",
)
@stage_options
def mine_domains(
    pages: str,
    documents: str,
    scores: str,
    decisions: str | None,
    auto: bool,
    **common: Any,
) -> None:
    """What share of each site was recalled, and candidates for the next round.

    Writes DIR/domains (each registered domain, and the path prefixes in which the share of
    recalled pages differs from the rest of the site), DIR/linked_pages (pages that recalled
    ones link to) and DIR/proposals.tsv, one site a line. In a copy of it write accept or
    reject into the first column, edit the path, add lines of your own (decision, level,
    domain, path); `cc-math iterate` goes on from there.

    What counts as recalled and what is proposed stands in the recipe's [domains]; see
    `cc-math recipe`, and override with --set domains.min_score=0.7, for example.
    """
    from cc_math.spark.mine_domains import mine_domains as mine_stage

    job = make_job(**common)
    decided = [] if decisions is None else read_proposals(decisions)  # its mistakes show first
    tables = (("pages", pages), ("documents", documents), ("scores", scores))
    print_counts("mine-domains", mine_stage(job, *(parts_of(u, n) or [] for n, u in tables)))
    if auto or decisions is not None:
        rows = merge_decisions(read_proposals(join(job.output, "proposals.tsv")), decided)
        if auto:
            rows = auto_decisions(rows, recipe=job.recipe.domains)
        uri = join(job.output, "decisions.tsv")
        store_for(uri).put_bytes(write_proposals(rows), uri)
        numbers = Counter(row.decision or "open" for row in rows)
        said = ", ".join(f"{number:,} {name}" for name, number in sorted(numbers.items()))
        click.echo(f"  {uri}: {said}")
