"""The command line: one command a stage, and run, text, verify, recipe.

Exit codes: 0 done; 1 the job failed; 2 the user's mistake; 3 the page was dropped (`text`) or
problems were found (`verify`); 130 interrupted, the same command goes on from there.
The commands of the stages live in :mod:`cc_math.stage_commands`; the programs in jobs/ call
the same ones.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from cc_math import classifier_commands, fetch_command, iterate_command
from cc_math import recipe as recipes
from cc_math.annotate_command import annotate
from cc_math.diff_command import diff
from cc_math.errors import CcMathError, InputError, was_interrupted
from cc_math.file_kinds import not_a_page
from cc_math.options import recipe_options
from cc_math.stage_commands import COMMANDS
from cc_math.threshold_command import choose_threshold
from cc_math.version import __version__

INTERRUPTED = 130
_WITHOUT_CHUNKS = ("train-classifier", "evaluate-classifier", "choose-threshold", "verify", "text")
"""Long commands that begin anew after an interrupt."""


class _Group(click.Group):
    """Turns exceptions into messages and exit codes, and lists commands in pipeline order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            if was_interrupted(error):
                kept = "; finished chunks are kept, and the same command goes on from there"
                resumes = ctx.invoked_subcommand not in _WITHOUT_CHUNKS
                click.echo(f"\ncc-math: interrupted{kept if resumes else ''}", err=True)
                ctx.exit(INTERRUPTED)
            if not isinstance(error, CcMathError):
                raise
            click.echo(f"cc-math: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cc-math")
def cli() -> None:
    """Mathematics from Common Crawl: WARCs in, a corpus and token shards out.

    Exit codes: 0 done, 1 the job failed, 2 the user's mistake, 3 dropped (text) or problems
    found (verify), 130 interrupted (the same command goes on from there).
    """


for command in (
    *COMMANDS,
    *fetch_command.COMMANDS,
    *iterate_command.COMMANDS,
    diff,
    *classifier_commands.COMMANDS,
    choose_threshold,
    annotate,
):
    cli.add_command(command)


@cli.command()
@click.argument("folder", metavar="DIR")
@click.option("--json", "as_json", is_flag=True, help="Problems as JSON lines.")
def verify(folder: str, as_json: bool) -> None:
    """Re-read all that a run or a stage wrote; exit 3 where something is wrong."""
    from cc_math.verify import problems_json
    from cc_math.verify import verify as verify_folder

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
@click.option(
    "--json", "as_json", is_flag=True, help="The whole document with its formulas as JSON."
)
def text(file: str, url: str | None, content_type: str | None, as_json: bool) -> None:
    """One page (a file, or -) to text on standard output; exit 3 where it is dropped."""
    from cc_math import html
    from cc_math.schema import Drop

    payload = sys.stdin.buffer.read() if file == "-" else _read_file(file)
    if found := not_a_page(payload):
        raise InputError(f"{'standard input' if file == '-' else file} is no HTML page but {found}")
    result = html.extract(payload, url, content_type)
    if isinstance(result, Drop):
        click.echo(
            f"dropped: {result.reason.value}" + (f" ({result.detail})" if result.detail else ""),
            err=True,
        )
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
