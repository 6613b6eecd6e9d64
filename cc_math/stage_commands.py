"""The commands of the stages, and of the whole run: options in, one stage function called.

Each is a thin layer: resolve the recipe, name the parts, call the stage of
:mod:`cc_math.spark`, print its counts. Heavy imports wait until a command runs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cc_math import recipe as recipes
from cc_math.classifier_commands import explain_options, print_explanations
from cc_math.command_job import (
    column_names,
    documents_of,
    make_job,
    parts_of,
    print_counts,
    quoted,
)
from cc_math.corpus_commands import compose, decontaminate, dedup
from cc_math.domains_command import mine_domains
from cc_math.errors import UserError
from cc_math.options import (
    column_options,
    documents_options,
    run_options,
    set_option,
    stage_options,
    warc_options,
)

if TYPE_CHECKING:
    from cc_math.inputs import WarcFile
    from cc_math.spark.chunks import Job


@click.command()
@warc_options
@stage_options
@click.option(
    "--benchmarks", metavar="DIR", help="Benchmarks to decontaminate against (JSON lines)."
)
def run(
    inputs: tuple[str, ...],
    base: str | None,
    crawl: str | None,
    limit: int | None,
    sample: float | None,
    dry_run: bool,
    benchmarks: str | None,
    overrides: tuple[str, ...],
    **common: Any,
) -> None:
    """All stages: WARCs to token shards, in one folder."""
    from cc_math.spark.pipeline import look_ahead
    from cc_math.spark.pipeline import run as run_all

    if benchmarks is not None:
        overrides = (*overrides, f"decontaminate.benchmarks={quoted(benchmarks)}")
    job = make_job(overrides=overrides, **common)
    look_ahead(job.recipe)
    warcs = _warcs(job, inputs, base, crawl, limit, sample)
    if dry_run:
        return _show_plan(warcs, job)
    from cc_math.report.account import print_account

    print_account(job.output, run_all(job, warcs), click.echo)


def _warcs(
    job: Job,
    inputs: tuple[str, ...],
    base: str | None,
    crawl: str | None,
    limit: int | None,
    sample: float | None,
) -> list[WarcFile]:
    """The WARCs of the options; where they name none, those of the recipe's [input]."""
    from cc_math.inputs import find_warcs

    given = job.recipe.input
    if not inputs and crawl is None:
        inputs, crawl = given.uris, given.crawl or None
    return find_warcs(
        inputs,
        base=base or given.base or None,
        crawl=crawl,
        limit=limit or given.limit or None,
        sample=sample or (given.sample if given.sample < 1 else None),
    )


def _show_plan(warcs: list[WarcFile], job: Job) -> None:
    from cc_math.spark.extract import warc_chunks

    chunks = sum(len(warc_chunks(warc, job.recipe.extract.chunk_bytes)) for warc in warcs)
    size = sum(warc.size_bytes or 0 for warc in warcs)
    click.echo(
        f"{len(warcs)} WARCs, {size:,} bytes, {chunks} chunks; recipe {job.recipe.digest()[:16]}"
    )
    for warc in warcs[:20]:
        size_text = "MISSING" if warc.size_bytes is None else f"{warc.size_bytes:,}"
        click.echo(f"  {size_text:>16}  {warc.uri}")
    if len(warcs) > 20:
        click.echo(f"  … and {len(warcs) - 20} more")


@click.command()
@warc_options
@stage_options
@click.option("--keep-html", is_flag=True, help="Store the compressed source of kept pages too.")
def extract(
    inputs: tuple[str, ...],
    base: str | None,
    crawl: str | None,
    limit: int | None,
    sample: float | None,
    dry_run: bool,
    keep_html: bool,
    overrides: tuple[str, ...],
    **common: Any,
) -> None:
    """WARC records to pages seen and documents kept, every formula as LaTeX.

    Writes DIR/pages (a row for every HTML page) and DIR/documents (the pages that pass the
    first selection), with --keep-html also DIR/html."""
    from cc_math.spark.extract import extract as extract_stage

    overrides = (*overrides, "extract.keep_html=true") if keep_html else overrides
    job = make_job(overrides=overrides, **common)
    warcs = _warcs(job, inputs, base, crawl, limit, sample)
    if dry_run:
        return _show_plan(warcs, job)
    print_counts("extract", extract_stage(job, warcs))


@click.command("train-classifier")
@click.argument("recipe", metavar="RECIPE.toml")
@click.option("--output", metavar="DIR", help="Folder for the model, its card and its metrics.")
@click.option("--exclude-sites", metavar="FILE", help="Registered domains kept out of training.")
@set_option
def train_classifier(
    recipe: str, output: str | None, exclude_sites: str | None, overrides: tuple[str, ...]
) -> None:
    """Train a classifier by the [classifier] table of a recipe: model, metrics, model card."""
    from pathlib import Path

    from cc_math.classify.train import train_classifier as train

    if exclude_sites is not None:
        overrides = (*overrides, f"classifier.exclude_sites={quoted(exclude_sites)}")
    settings = recipes.load(recipe, overrides).classifier
    folder = Path(output) if output is not None else Path(recipe).with_suffix("")
    result = train(settings, folder, lambda line: click.echo(line, err=True))
    click.echo(f"model {result.digest} in {result.model_path}")
    click.echo(f"metrics in {result.metrics_path}, card in {result.card_path}")


@click.command()
@documents_options
@run_options
@click.option("--output", metavar="DIR", help="Folder to write to (local or s3://).")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="FILE",
    help="Model file; default is the shipped one. Given again: scored beside it, to compare.",
)
@explain_options
def score(
    documents: tuple[str, ...],
    id_column: str,
    url_column: str,
    text_column: str,
    output: str | None,
    models: tuple[str, ...],
    explain: str | None,
    as_json: bool,
    overrides: tuple[str, ...],
    **common: Any,
) -> None:
    """Calibrated classifier scores beside the documents: a `scores` part for every part.

    With --explain it prints the words and features of a score instead, without Spark."""
    if models:
        beside = ", ".join(map(quoted, models[1:]))
        overrides = (*overrides, f"score.model={quoted(models[0])}", f"score.beside=[{beside}]")
    names = column_names(id_column, url_column, text_column)
    if explain is not None:
        if output is not None or len(models) > 1:
            raise UserError("--explain prints and takes one --model at most; leave out --output")
        chosen = recipes.load(common["recipe"], overrides).score.model
        return print_explanations(documents_of(documents), names, chosen, explain, as_json)
    if output is None:
        raise UserError("score needs --output DIR to write to, or --explain DOC to print")
    from cc_math.spark.score import score as score_stage

    job = make_job(output=output, overrides=overrides, **common)
    print_counts("score", score_stage(job, documents_of(documents), names))


@click.command()
@click.option("--corpus", required=True, metavar="DIR", help="A corpus: ours, or any Parquet.")
@column_options
@click.option("--tokenizer", metavar="FILE", help="tokenizer.json, a folder or a hub name.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(["megatron", "parquet"]),
    help="Format to write; may be given again. Default: both.",
)
@stage_options
def shard(
    corpus: str,
    id_column: str,
    url_column: str,
    text_column: str,
    tokenizer: str | None,
    formats: tuple[str, ...],
    overrides: tuple[str, ...],
    **common: Any,
) -> None:
    """Token shards for training stacks, train and validation split by site.

    Writes DIR/megatron (.bin, .idx), DIR/parquet, DIR/shards.parquet and DIR/tokenizer.json."""
    from cc_math.spark.shard import shard as shard_stage

    if tokenizer is not None:
        overrides = (*overrides, f"shard.tokenizer={quoted(tokenizer)}")
    if formats:
        overrides = (*overrides, f"shard.formats={json.dumps(list(formats))}")
    job = make_job(overrides=overrides, **common)
    names = column_names(id_column, url_column, text_column)
    print_counts("shard", shard_stage(job, parts_of(corpus, "corpus", "documents") or [], names))


COMMANDS: tuple[click.Command, ...] = (
    run, extract, train_classifier, score, mine_domains, dedup, decontaminate, compose, shard,
)  # fmt: skip
