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
from cc_math.errors import UserError
from cc_math.options import (
    column_options,
    documents_options,
    run_options,
    set_option,
    stage_options,
    warc_options,
)
from cc_math.storage import base_name, parent

if TYPE_CHECKING:
    from cc_math.inputs import WarcFile
    from cc_math.manifests import Json, Part
    from cc_math.spark.chunks import Job
    from cc_math.tables import ColumnNames


def _job(
    output: str,
    recipe: str | None,
    overrides: tuple[str, ...],
    overwrite: bool,
    master: str | None,
    partitions: int | None,
) -> Job:
    from cc_math.spark.chunks import Job

    resolved = recipes.load(recipe, overrides)
    return Job(
        output, resolved, master, partitions, overwrite, lambda line: click.echo(line, err=True)
    )


def _quoted(value: str) -> str:
    """A TOML string; JSON's form of it but for escaped characters beyond the basic plane."""
    return json.dumps(value, ensure_ascii=False)


def _names(id_column: str, url_column: str, text_column: str) -> ColumnNames:
    from cc_math.tables import ColumnNames

    return ColumnNames(id_column, url_column, text_column)


def _parts(uri: str | None, *tables: str) -> list[Part] | None:
    from cc_math.manifests import table_parts

    return None if uri is None else table_parts(uri, *tables)


def _documents(uri: str) -> list[Part]:
    return _parts(uri, "documents", "corpus") or []


def _print_counts(stage: str, manifest: Json) -> None:
    click.echo(f"{stage}:")
    for name, number in manifest["counts"].items():
        click.echo(f"  {name:<32} {number:>14,}")
    for note in manifest["notes"][:20]:
        click.echo(f"  note: {json.dumps(note, ensure_ascii=False)}")


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
        overrides = (*overrides, f"decontaminate.benchmarks={_quoted(benchmarks)}")
    job = _job(overrides=overrides, **common)
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
    job = _job(overrides=overrides, **common)
    warcs = _warcs(job, inputs, base, crawl, limit, sample)
    if dry_run:
        return _show_plan(warcs, job)
    _print_counts("extract", extract_stage(job, warcs))


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
        overrides = (*overrides, f"classifier.exclude_sites={_quoted(exclude_sites)}")
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
    documents: str,
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
        beside = ", ".join(map(_quoted, models[1:]))
        overrides = (*overrides, f"score.model={_quoted(models[0])}", f"score.beside=[{beside}]")
    names = _names(id_column, url_column, text_column)
    if explain is not None:
        if output is not None or len(models) > 1:
            raise UserError("--explain prints and takes one --model at most; leave out --output")
        chosen = recipes.load(common["recipe"], overrides).score.model
        return print_explanations(_documents(documents), names, chosen, explain, as_json)
    if output is None:
        raise UserError("score needs --output DIR to write to, or --explain DOC to print")
    from cc_math.spark.score import score as score_stage

    job = _job(output=output, overrides=overrides, **common)
    _print_counts("score", score_stage(job, _documents(documents), names))


@click.command("mine-domains")
@click.option("--pages", required=True, metavar="DIR", help="Pages of the extract stage.")
@click.option("--documents", required=True, metavar="DIR", help="Documents of the extract stage.")
@click.option("--scores", required=True, metavar="DIR", help="Scores of these documents.")
@stage_options
def mine_domains(pages: str, documents: str, scores: str, **common: Any) -> None:
    """What share of each site was recalled, and candidates for the next round.

    Writes DIR/domains, and DIR/proposals.tsv for a person to read."""
    from cc_math.spark.mine_domains import mine_domains as mine_stage

    job = _job(**common)
    tables = [_parts(pages, "pages"), _parts(documents, "documents"), _parts(scores, "scores")]
    _print_counts("mine-domains", mine_stage(job, *(parts or [] for parts in tables)))


@click.command()
@documents_options
@click.option("--scores", metavar="DIR", help="Scores: they rank twins and set the loose floor.")
@stage_options
def dedup(
    documents: str,
    id_column: str,
    url_column: str,
    text_column: str,
    scores: str | None,
    **common: Any,
) -> None:
    """Duplicates by URL, exact text and verified MinHash candidates.

    Writes DIR/duplicate_pairs (every verified pair), DIR/duplicates (what goes if nothing else
    decides) and DIR/cuts (passages repeated within a document)."""
    from cc_math.spark.dedup import dedup as dedup_stage

    job = _job(**common)
    names = _names(id_column, url_column, text_column)
    manifest = dedup_stage(job, _documents(documents), _parts(scores, "scores"), names)
    _print_counts("dedup", manifest)


@click.command()
@documents_options
@click.option("--benchmarks", metavar="DIR", help="Folder of JSON lines: id, question, answer.")
@stage_options
def decontaminate(
    documents: str,
    id_column: str,
    url_column: str,
    text_column: str,
    benchmarks: str | None,
    overrides: tuple[str, ...],
    **common: Any,
) -> None:
    """Passages that a benchmark's test set contains.

    Writes DIR/contamination (hits) and DIR/cuts (the passages around them). What happens to
    them is decided by compose.contamination in the recipe."""
    from cc_math.spark.decontaminate import decontaminate as decontaminate_stage
    from cc_math.spark.pipeline import NO_BENCHMARKS, require_benchmarks

    if benchmarks is not None:
        overrides = (*overrides, f"decontaminate.benchmarks={_quoted(benchmarks)}")
    job = _job(overrides=overrides, **common)
    require_benchmarks(job.recipe.decontaminate.benchmarks)
    if job.recipe.decontaminate.benchmarks == NO_BENCHMARKS:
        raise UserError("decontaminate.benchmarks is 'none': there is nothing for this stage to do")
    names = _names(id_column, url_column, text_column)
    _print_counts("decontaminate", decontaminate_stage(job, _documents(documents), names))


@click.command()
@documents_options
@click.option("--scores", metavar="DIR", help="Scores; without them no threshold acts.")
@click.option("--duplicates", metavar="DIR", help="Output of dedup, or its duplicate_pairs.")
@click.option("--contamination", metavar="DIR", help="Output of decontaminate, or its table.")
@click.option(
    "--cuts", multiple=True, metavar="DIR", help="Passages to leave out; may be given again."
)
@stage_options
def compose(
    documents: str,
    id_column: str,
    url_column: str,
    text_column: str,
    scores: str | None,
    duplicates: str | None,
    contamination: str | None,
    cuts: tuple[str, ...],
    **common: Any,
) -> None:
    """Joins the sidecars, applies the thresholds, writes the corpus.

    All thresholds act here. Duplicates are chosen among what passes every other rule."""
    from cc_math.spark.compose import compose as compose_stage

    job = _job(**common)
    names = _names(id_column, url_column, text_column)
    manifest = compose_stage(
        job, _documents(documents), names,
        scores=_parts(scores, "scores"),
        pairs=_parts(_pairs_folder(duplicates), "duplicate_pairs"),
        contamination=_parts(contamination, "contamination"),
        cuts=[_parts(uri, "cuts") or [] for uri in cuts],
    )  # fmt: skip
    _print_counts("compose", manifest)


def _pairs_folder(duplicates: str | None) -> str | None:
    """`--duplicates` may name either table of dedup; survivors are chosen from the pairs."""
    if duplicates is not None and base_name(duplicates) == "duplicates":
        return parent(duplicates)
    return duplicates


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
        overrides = (*overrides, f"shard.tokenizer={_quoted(tokenizer)}")
    if formats:
        overrides = (*overrides, f"shard.formats={json.dumps(list(formats))}")
    job = _job(overrides=overrides, **common)
    names = _names(id_column, url_column, text_column)
    _print_counts("shard", shard_stage(job, _parts(corpus, "corpus", "documents") or [], names))


COMMANDS: tuple[click.Command, ...] = (
    run, extract, train_classifier, score, mine_domains, dedup, decontaminate, compose, shard,
)  # fmt: skip
