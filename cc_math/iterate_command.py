"""`cc-math iterate`: the mining loop from the command line, a round's worth of words at a time.

Remembers below DIR/_run what the loop was called with, so that `cc-math iterate DIR` alone goes
on; what is given again stands in front of it.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from cc_math import recipe as recipes
from cc_math.errors import UserError
from cc_math.options import options, recipe_options, warc_options
from cc_math.storage import is_local, join, store_for

if TYPE_CHECKING:
    from cc_math.manifests import Json
    from cc_math.recipe import Recipe
    from cc_math.spark.chunks import Job
    from cc_math.spark.round_job import Source

_EXTRACT_S_PER_GB = 240.0  # core seconds; measured: four tasks of a minute for a WARC of 1 GB

loop_options = options(
    click.option(
        "--extracted", metavar="RUN_DIR",
        help="Start from the pages and documents of this `extract` or `run`; --input then names "
        "its WARCs, which the rounds fetch from.",
    ),
    click.option(
        "--labels", metavar="FILE",
        help="The fixed hold-out: JSON lines with url and math_score (0 to 5; another field: --set "
        "classifier.score_field=NAME). Its pages never enter a seed.",
    ),
    click.option("--auto", is_flag=True, help="Decide by the rule of [domains], without a person."),
    click.option(
        "--accept-none", is_flag=True, help="Go on without a decision: take in nothing new."
    ),
    click.option(
        "--redo", is_flag=True,
        help="Begin the unfinished round again, after a drift or with other values or decisions.",
    ),
    click.option("--rounds", type=click.IntRange(1), help="Most rounds, as iterate.max_rounds."),
    click.option(
        "--reselect", is_flag=True,
        help="Each round reads the WARCs again with the last round's model as the quick model.",
    ),
    click.option(
        "--add", "crawl_name", metavar="NAME",
        help="Judge a later crawl (--input, --crawl) by the last round, beside what is there.",
    ),
    click.option("--show", is_flag=True, help="Print the ledger of the loop and stop."),
    click.option("--json", "as_json", is_flag=True, help="With --show: a JSON line a round."),
    recipe_options,
    click.option(
        "--master", metavar="URL", help="Spark master; default local[*], or spark-submit's."
    ),
    click.option("--partitions", type=click.IntRange(1), help="Spark partitions; changes no byte."),
)  # fmt: skip


@click.command()
@click.argument("folder", metavar="DIR")
@warc_options
@loop_options
def iterate(
    folder: str,
    recipe: str | None,
    overrides: tuple[str, ...],
    labels: str | None,
    auto: bool,
    accept_none: bool,
    redo: bool,
    rounds: int | None,
    reselect: bool,
    crawl_name: str | None,
    show: bool,
    as_json: bool,
    dry_run: bool,
    master: str | None,
    partitions: int | None,
    **where: Any,
) -> None:
    """The mining loop: rounds of seed, training, recall and domains until nothing new turns up.

    Keeps everything in DIR: rounds/NN, ledger.jsonl, later crawls. After each round it waits for
    a person to edit proposals.tsv, or decides with --auto; the same command goes on."""
    if show:
        return _show(folder, as_json)
    if as_json:
        raise UserError("--json belongs to --show")
    if auto and accept_none:
        raise UserError("--auto decides and --accept-none decides nothing; give one of them")
    if labels is not None:
        overrides = (*overrides, f"iterate.labels={json.dumps(_absolute(labels))}")
    if rounds is not None:
        overrides = (*overrides, f"iterate.max_rounds={rounds}")
    if reselect:
        overrides = (*overrides, "iterate.reselect=true")
    resolved = _recipe(folder, recipe, overrides)
    given = _places(folder, where, remembered=crawl_name is None)
    from cc_math.spark.chunks import Job

    job = Job(folder, resolved, master, partitions, False, lambda line: click.echo(line, err=True))
    source = _source(resolved, given)
    if dry_run:
        return _print_plan(job, source, crawl_name, auto=auto)
    if crawl_name is not None:
        return _add(job, source, crawl_name)
    from cc_math.rounds.folders import remove_unfinished
    from cc_math.rounds.show import print_ledger
    from cc_math.spark.iterate import iterate as run_loop

    def opened() -> None:  # not before, lest a mistake be remembered
        _remember(folder, resolved, given)
        if redo:
            click.echo(f"round {remove_unfinished(folder)} begins again", err=True)

    outcome = run_loop(job, source, auto=auto, accept_none=accept_none, opened=opened)
    print_ledger(folder, click.echo)
    if outcome.state == "stopped":
        named = " ".join(f"--{table} {folder}" for table in ("documents", "scores", "recalled"))
        click.echo(f"`cc-math compose {named} --output CORPUS` makes the corpus.", err=True)


def _show(folder: str, as_json: bool) -> None:
    from cc_math.rounds.show import print_ledger, read_ledger

    if not as_json:
        return print_ledger(folder, click.echo)
    for line in read_ledger(folder):
        click.echo(json.dumps(line, sort_keys=True, ensure_ascii=False))


def _add(job: Job, source: Source, name: str) -> None:
    from cc_math.spark.later_crawls import add_crawl

    if source.extracted is not None:
        raise UserError("--add extracts the crawl itself: name its WARCs, without --extracted")
    body = add_crawl(job, source, name)
    found = body["recalled"]
    click.echo(
        f"crawl {name}, by the model of round {body['round']}: {found['recalled']:,} of "
        f"{found['documents']:,} documents recalled, {found['tokens']:,} tokens"
    )


def _recipe(folder: str, recipe: str | None, overrides: tuple[str, ...]) -> Recipe:
    """The recipe given, else the one that the loop was last called with."""
    saved = join(folder, "_run", "recipe.toml")
    if recipe is None and store_for(saved).size_bytes(saved) is not None:
        recipe = saved
    return recipes.load(recipe, overrides)


def _places(folder: str, where: Json, *, remembered: bool) -> Json:
    """Where the pages lie: as given, else as the loop was last called."""
    from cc_math.manifests import read_json

    given: Json = {**where, "inputs": [_absolute(uri) for uri in where["inputs"]]}
    for key in ("extracted", "base"):
        given[key] = _absolute(given[key]) if given[key] else None
    saved = read_json(join(folder, "_run", "command.json")) if remembered else None
    if saved and not any(given[key] for key in ("inputs", "crawl", "extracted")):
        return saved
    if saved and saved["extracted"] and not given["extracted"]:
        given["extracted"] = saved["extracted"]
    return given


def _absolute(uri: str) -> str:
    return os.path.abspath(uri) if is_local(uri) and not uri.startswith("file:") else uri


def _remember(folder: str, recipe: Recipe, given: Json) -> None:
    """What `cc-math iterate DIR` alone goes on with; places, so outside identity."""
    from cc_math.manifests import canonical_json

    for name, data in (
        ("recipe.toml", recipes.to_toml(recipe).encode()),
        ("command.json", canonical_json(given)),
    ):
        uri = join(folder, "_run", name)
        store_for(uri).put_bytes(data, uri)


def _source(recipe: Recipe, given: Json) -> Source:
    from cc_math.inputs import find_warcs
    from cc_math.spark.round_job import Source

    stated = recipe.input
    inputs, crawl = tuple(given["inputs"]), given["crawl"]
    if not inputs and crawl is None:
        inputs, crawl = stated.uris, stated.crawl or None
    if given["extracted"] and not inputs and crawl is None:
        return Source([], given["extracted"], given["base"])
    warcs = find_warcs(
        inputs,
        base=given["base"] or stated.base or None,
        crawl=crawl,
        limit=given["limit"] or stated.limit or None,
        sample=given["sample"] or (stated.sample if stated.sample < 1 else None),
    )
    return Source(warcs, given["extracted"], given["base"])


def _print_plan(job: Job, source: Source, crawl_name: str | None, *, auto: bool) -> None:
    """What a call would do, and roughly what it costs."""
    from cc_math.rounds.costs import costs_by_place
    from cc_math.rounds.folders import finished_rounds
    from cc_math.rounds.stop import why_stopped

    size_bytes = sum(warc.size_bytes or 0 for warc in source.warcs)
    missing = sum(warc.size_bytes is None for warc in source.warcs)
    if source.warcs or source.extracted is None:
        click.echo(f"{len(source.warcs):,} WARCs, {size_bytes:,} bytes, {missing} missing")
    reading = _hours(size_bytes / 1e9 * _EXTRACT_S_PER_GB)
    if crawl_name is not None:
        place = join(job.output, "crawls", crawl_name)
        click.echo(f"would extract them into {place}: about {reading}, then fetch what it dropped "
                   "below accepted sites and score it")  # fmt: skip
        return
    rounds = finished_rounds(job.output)
    stopped = why_stopped(rounds, job.recipe.iterate)
    if stopped:
        click.echo(f"{len(rounds)} rounds are done. {stopped} Nothing would be done.")
        return
    if source.extracted is not None:
        click.echo(f"pages and documents of {source.extracted}")
    elif not rounds:
        click.echo(f"extraction: about {reading}, unless it is done")
    at_most = job.recipe.iterate.max_rounds - len(rounds)
    click.echo(f"next: round {len(rounds) + 1}; at most {at_most} more")
    _print_fetch(job, source, auto=auto)
    last = costs_by_place(job.output).get(f"rounds/{len(rounds):02d}")
    if last is not None:
        click.echo(f"the last round cost {_hours(last.cpu_s)}, {last.wall_s / 60:,.1f} minutes")
    else:
        click.echo("a round trains a model for each fold and one more, and scores all documents")
    if job.recipe.iterate.reselect:
        click.echo(f"--reselect reads all WARCs again in each round: about {reading}")


def _hours(core_s: float) -> str:
    return f"{core_s / 3600:,.1f} core hours" if core_s >= 3600 else f"{core_s:,.0f} core seconds"


def _print_fetch(job: Job, source: Source, *, auto: bool) -> None:
    """What the coming round would fetch: pages, requests, bytes."""
    from cc_math.spark.round_plan import planned_fetch
    from cc_math.spark.take_in import reads_of

    pieces = planned_fetch(job, source, auto=auto)
    if pieces is None:
        return click.echo("what it would fetch is known when pages are extracted and decided about")
    pages = sum(piece.records for piece in pieces)
    reads = reads_of(pieces, job.recipe.fetch.whole_from_pages)
    click.echo(
        f"it would fetch {pages:,} pages: {reads['requests']:,} requests, {reads['bytes']:,} bytes"
    )


COMMANDS: tuple[click.Command, ...] = (iterate,)
