"""The command line: one command a stage, and run, text, verify, recipe.

Exit codes: 0 done; 1 the job failed; 2 the user's mistake; 3 the page was dropped (`text`) or
problems were found (`verify`); 130 interrupted, the same command goes on from there.
Options are defined once, here; the programs in jobs/ call the same commands.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cc_math import recipe as recipes
from cc_math.errors import CcMathError, InputError, UserError
from cc_math.stages import stage_named
from cc_math.version import __version__

if TYPE_CHECKING:
    from cc_math.inputs import WarcFile
    from cc_math.manifests import Json, Part
    from cc_math.spark.chunks import Job
    from cc_math.tables import ColumnNames

Command = Callable[..., Any]

INTERRUPTED = 130


class _Group(click.Group):
    """Turns exceptions into messages and exit codes, and lists commands in pipeline order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CcMathError as error:
            click.echo(f"cc-math: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(
                "\ncc-math: interrupted; finished chunks are kept, and the same command goes on "
                "from there",
                err=True,
            )
            ctx.exit(INTERRUPTED)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cc-math")
def cli() -> None:
    """Mathematics from Common Crawl: WARCs in, a corpus and token shards out.

    Exit codes: 0 done, 1 the job failed, 2 the user's mistake, 3 dropped (text) or problems
    found (verify), 130 interrupted (the same command goes on from there).
    """


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several click options as one decorator, in the order they are given."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


recipe_options = options(
    click.option("--recipe", metavar="FILE", help="Recipe (TOML); see `cc-math recipe`."),
    click.option(
        "--set", "overrides", metavar="TABLE.KEY=VALUE", multiple=True,
        help="Override one value of the recipe; may be given again.",
    ),
)
stage_options = options(
    recipe_options,
    click.option("--output", required=True, metavar="DIR", help="Folder to write to (local or s3://)."),
    click.option("--overwrite", is_flag=True, help="Replace results made from other input or recipe."),
    click.option("--master", metavar="URL", help="Spark master; default local[*], or spark-submit's."),
    click.option("--partitions", type=click.IntRange(1), help="Spark partitions; changes no byte."),
)
warc_options = options(
    click.option(
        "--input", "inputs", multiple=True, metavar="URI",
        help="A WARC, a folder, a glob, or a warc.paths.gz; local, s3:// or https://.",
    ),
    click.option("--base", metavar="URI", help="What the lines of a paths file are relative to."),
    click.option("--crawl", metavar="CC-MAIN-YYYY-WW", help="A whole crawl of Common Crawl."),
    click.option("--limit", type=click.IntRange(1), help="Only the first N WARCs, for a trial run."),
    click.option(
        "--sample", type=click.FloatRange(0, 1, min_open=True),
        help="Only this share of the WARCs, chosen by hash, for a trial run.",
    ),
    click.option("--dry-run", is_flag=True, help="Show what would be read and stop."),
)  # fmt: skip
documents_options = options(
    click.option("--documents", required=True, metavar="DIR", help="Documents: ours, or any Parquet."),
    click.option("--id-column", default="doc_id", show_default=True, help="Its name for the id."),
    click.option("--url-column", default="url", show_default=True, help="Its name for the URL."),
    click.option("--text-column", default="text", show_default=True, help="Its name for the text."),
)


def _job(
    output: str, recipe: str | None, overrides: tuple[str, ...], overwrite: bool,
    master: str | None, partitions: int | None,
) -> Job:
    from cc_math.spark.chunks import Job

    resolved = recipes.load(recipe, overrides)
    return Job(output, resolved, master, partitions, overwrite, lambda line: click.echo(line, err=True))


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


@cli.command()
@warc_options
@stage_options
@click.option("--benchmarks", metavar="DIR", help="Benchmarks to decontaminate against (JSON lines).")
def run(
    inputs: tuple[str, ...], base: str | None, crawl: str | None, limit: int | None,
    sample: float | None, dry_run: bool, benchmarks: str | None, overrides: tuple[str, ...],
    **common: Any,
) -> None:
    """All stages: WARCs to token shards, in one folder."""
    from cc_math.spark.pipeline import require_benchmarks, run as run_all

    if benchmarks is not None:
        overrides = (*overrides, f"decontaminate.benchmarks={json.dumps(benchmarks)}")
    job = _job(overrides=overrides, **common)
    require_benchmarks(job.recipe.decontaminate.benchmarks)
    warcs = _warcs(job, inputs, base, crawl, limit, sample)
    if dry_run:
        return _show_plan(warcs, job)
    from cc_math.report.account import print_account

    print_account(job.output, run_all(job, warcs), click.echo)


def _warcs(
    job: Job, inputs: tuple[str, ...], base: str | None, crawl: str | None, limit: int | None,
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
    click.echo(f"{len(warcs)} WARCs, {size:,} bytes, {chunks} chunks; recipe {job.recipe.digest()[:16]}")
    for warc in warcs[:20]:
        size_text = "MISSING" if warc.size_bytes is None else f"{warc.size_bytes:,}"
        click.echo(f"  {size_text:>16}  {warc.uri}")
    if len(warcs) > 20:
        click.echo(f"  … and {len(warcs) - 20} more")


@cli.command(help=f"Extract: {stage_named('extract').purpose}.")
@warc_options
@stage_options
@click.option("--keep-html", is_flag=True, help="Store the compressed source of kept pages too.")
def extract(
    inputs: tuple[str, ...], base: str | None, crawl: str | None, limit: int | None,
    sample: float | None, dry_run: bool, keep_html: bool, overrides: tuple[str, ...], **common: Any,
) -> None:
    from cc_math.spark.extract import extract as extract_stage

    overrides = (*overrides, "extract.keep_html=true") if keep_html else overrides
    job = _job(overrides=overrides, **common)
    warcs = _warcs(job, inputs, base, crawl, limit, sample)
    if dry_run:
        return _show_plan(warcs, job)
    _print_counts("extract", extract_stage(job, warcs))


@cli.command("train-classifier")
@click.argument("recipe", metavar="RECIPE.toml")
@click.option("--output", metavar="DIR", help="Folder for the model, its card and its metrics.")
@click.option("--exclude-sites", metavar="FILE", help="Registered domains kept out of training.")
@click.option(
    "--set", "overrides", metavar="TABLE.KEY=VALUE", multiple=True,
    help="Override one value of the recipe; may be given again.",
)
def train_classifier(
    recipe: str, output: str | None, exclude_sites: str | None, overrides: tuple[str, ...]
) -> None:
    """Train a classifier by the [classifier] table of a recipe: model, metrics, model card."""
    from pathlib import Path

    from cc_math.classify.train import train_classifier as train

    if exclude_sites is not None:
        overrides = (*overrides, f"classifier.exclude_sites={json.dumps(exclude_sites)}")
    settings = recipes.load(recipe, overrides).classifier
    folder = Path(output) if output is not None else Path(recipe).with_suffix("")
    result = train(settings, folder, lambda line: click.echo(line, err=True))
    click.echo(f"model {result.digest} in {result.model_path}")
    click.echo(f"metrics in {result.metrics_path}, card in {result.card_path}")


@cli.command(help=f"Score: {stage_named('score').purpose}.")
@documents_options
@stage_options
@click.option("--model", metavar="FILE", help="Model file; default is the shipped one.")
def score(
    documents: str, id_column: str, url_column: str, text_column: str, model: str | None,
    overrides: tuple[str, ...], **common: Any,
) -> None:
    from cc_math.spark.score import score as score_stage

    if model is not None:
        overrides = (*overrides, f"score.model={json.dumps(model)}")
    job = _job(overrides=overrides, **common)
    names = _names(id_column, url_column, text_column)
    _print_counts("score", score_stage(job, _documents(documents), names))


@cli.command("mine-domains", help=f"Mine domains: {stage_named('mine_domains').purpose}.")
@click.option("--pages", required=True, metavar="DIR", help="Pages of the extract stage.")
@click.option("--documents", required=True, metavar="DIR", help="Documents of the extract stage.")
@click.option("--scores", required=True, metavar="DIR", help="Scores of these documents.")
@stage_options
def mine_domains(pages: str, documents: str, scores: str, **common: Any) -> None:
    from cc_math.spark.mine_domains import mine_domains as mine_stage

    job = _job(**common)
    tables = [_parts(pages, "pages"), _parts(documents, "documents"), _parts(scores, "scores")]
    _print_counts("mine-domains", mine_stage(job, *(parts or [] for parts in tables)))


@cli.command(help=f"Dedup: {stage_named('dedup').purpose}.")
@documents_options
@click.option("--scores", metavar="DIR", help="Scores: they rank twins and set the loose floor.")
@stage_options
def dedup(
    documents: str, id_column: str, url_column: str, text_column: str, scores: str | None,
    **common: Any,
) -> None:
    from cc_math.spark.dedup import dedup as dedup_stage

    job = _job(**common)
    names = _names(id_column, url_column, text_column)
    manifest = dedup_stage(job, _documents(documents), _parts(scores, "scores"), names)
    _print_counts("dedup", manifest)


@cli.command(help=f"Decontaminate: {stage_named('decontaminate').purpose}.")
@documents_options
@click.option("--benchmarks", metavar="DIR", help="Folder of JSON lines: id, question, answer.")
@stage_options
def decontaminate(
    documents: str, id_column: str, url_column: str, text_column: str, benchmarks: str | None,
    overrides: tuple[str, ...], **common: Any,
) -> None:
    from cc_math.spark.decontaminate import decontaminate as decontaminate_stage
    from cc_math.spark.pipeline import NO_BENCHMARKS, require_benchmarks

    if benchmarks is not None:
        overrides = (*overrides, f"decontaminate.benchmarks={json.dumps(benchmarks)}")
    job = _job(overrides=overrides, **common)
    require_benchmarks(job.recipe.decontaminate.benchmarks)
    if job.recipe.decontaminate.benchmarks == NO_BENCHMARKS:
        raise UserError("decontaminate.benchmarks is 'none': there is nothing for this stage to do")
    names = _names(id_column, url_column, text_column)
    _print_counts("decontaminate", decontaminate_stage(job, _documents(documents), names))


@cli.command(help=f"Compose: {stage_named('compose').purpose}.")
@documents_options
@click.option("--scores", metavar="DIR", help="Scores; without them no threshold acts.")
@click.option("--duplicates", metavar="DIR", help="Output of dedup, or its duplicate_pairs.")
@click.option("--contamination", metavar="DIR", help="Output of decontaminate, or its table.")
@click.option("--cuts", multiple=True, metavar="DIR", help="Passages to leave out; may be given again.")
@stage_options
def compose(
    documents: str, id_column: str, url_column: str, text_column: str, scores: str | None,
    duplicates: str | None, contamination: str | None, cuts: tuple[str, ...], **common: Any,
) -> None:
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
    if duplicates is not None and duplicates.rstrip("/").endswith("/duplicates"):
        return duplicates.rstrip("/").removesuffix("/duplicates")
    return duplicates


@cli.command(help=f"Shard: {stage_named('shard').purpose}.")
@click.option("--corpus", required=True, metavar="DIR", help="A corpus: ours, or any Parquet.")
@click.option("--id-column", default="doc_id", show_default=True, help="Its name for the id.")
@click.option("--url-column", default="url", show_default=True, help="Its name for the URL.")
@click.option("--text-column", default="text", show_default=True, help="Its name for the text.")
@click.option("--tokenizer", metavar="FILE", help="tokenizer.json, a folder or a hub name.")
@click.option(
    "--format", "formats", multiple=True, type=click.Choice(["megatron", "parquet"]),
    help="Format to write; may be given again. Default: both.",
)
@stage_options
def shard(
    corpus: str, id_column: str, url_column: str, text_column: str, tokenizer: str | None,
    formats: tuple[str, ...], overrides: tuple[str, ...], **common: Any,
) -> None:
    from cc_math.spark.shard import shard as shard_stage

    if tokenizer is not None:
        overrides = (*overrides, f"shard.tokenizer={json.dumps(tokenizer)}")
    if formats:
        overrides = (*overrides, f"shard.formats={json.dumps(list(formats))}")
    job = _job(overrides=overrides, **common)
    names = _names(id_column, url_column, text_column)
    _print_counts("shard", shard_stage(job, _parts(corpus, "corpus", "documents") or [], names))


@cli.command()
@click.argument("folder", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Problems as JSON lines.")
def verify(folder: str, as_json: bool) -> None:
    """Re-read all that a run or a stage wrote; exit 3 where something is wrong."""
    from cc_math.verify import problems_json, verify as verify_folder

    problems, looked_at = verify_folder(folder, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(problems_json(problems), nl=False)
    else:
        for problem in problems:
            click.echo(f"{problem.path}: {problem.what}")
        summary = ", ".join(f"{number:,} {name}" for name, number in looked_at.items())
        click.echo(f"{len(problems) or 'no'} problems in {summary}")
    if problems:
        sys.exit(3)


@cli.command()
@click.argument("file", metavar="FILE")
@click.option("--url", help="Address of the page; links are resolved against it.")
@click.option("--content-type", help="Content-Type header of the page.")
@click.option("--json", "as_json", is_flag=True, help="The whole document with its formulas as JSON.")
def text(file: str, url: str | None, content_type: str | None, as_json: bool) -> None:
    """One page (a file, or -) to text on standard output; exit 3 where it is dropped."""
    from cc_math import html
    from cc_math.schema import Drop

    payload = sys.stdin.buffer.read() if file == "-" else _read_file(file)
    result = html.extract(payload, url, content_type)
    if isinstance(result, Drop):
        click.echo(f"dropped: {result.reason.value}" + (f" ({result.detail})" if result.detail else ""), err=True)
        sys.exit(3)
    if as_json:
        import dataclasses

        click.echo(json.dumps(dataclasses.asdict(result), ensure_ascii=False, indent=2))
    else:
        click.echo(result.text)


def _read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


@cli.command("recipe")
@recipe_options
@click.option("--digest", is_flag=True, help="Only the digest of the resolved recipe.")
def show_recipe(recipe: str | None, overrides: tuple[str, ...], digest: bool) -> None:
    """Print the resolved recipe: every value, its meaning and its source."""
    resolved = recipes.load(recipe, overrides)
    click.echo(resolved.digest() if digest else recipes.to_toml(resolved))


def run_job(command: str) -> None:
    """Entry of a program in jobs/: the command ``command`` with the program's arguments."""
    cli.main([command, *sys.argv[1:]], prog_name="cc-math")


def main() -> None:
    """Entry of the program cc-math."""
    cli(prog_name="cc-math")


if __name__ == "__main__":
    main()
