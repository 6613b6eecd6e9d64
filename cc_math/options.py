"""The options that commands share, defined once.

Groups of click options as single decorators: every stage takes :data:`stage_options` (or
:data:`run_options` and an output of its own), those that read WARCs :data:`warc_options`,
those that read documents :data:`documents_options`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


def options(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several click options as one decorator, in the order they are given."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


set_option = click.option(
    "--set",
    "overrides",
    metavar="TABLE.KEY=VALUE",
    multiple=True,
    help="Override one value of the recipe; may be given again.",
)
recipe_options = options(
    click.option("--recipe", metavar="FILE", help="Recipe (TOML); see `cc-math recipe`."),
    set_option,
)
run_options = options(
    recipe_options,
    click.option(
        "--overwrite", is_flag=True, help="Replace results made from other input or recipe."
    ),
    click.option(
        "--master", metavar="URL", help="Spark master; default local[*], or spark-submit's."
    ),
    click.option("--partitions", type=click.IntRange(1), help="Spark partitions; changes no byte."),
)
stage_options = options(
    click.option(
        "--output", required=True, metavar="DIR", help="Folder to write to (local or s3://)."
    ),
    run_options,
)
warc_options = options(
    click.option(
        "--input", "inputs", multiple=True, metavar="URI",
        help="A WARC, a folder, a glob, or a warc.paths.gz; local, s3:// or https://.",
    ),
    click.option("--base", metavar="URI", help="What the lines of a paths file are relative to."),
    click.option("--crawl", metavar="CC-MAIN-YYYY-WW", help="A whole crawl of Common Crawl."),
    click.option("--limit", type=click.IntRange(1), help="Only the first N WARCs, for a trial."),
    click.option(
        "--sample", type=click.FloatRange(0, 1, min_open=True),
        help="Only this share of the WARCs, chosen by hash, for a trial run.",
    ),
    click.option("--dry-run", is_flag=True, help="Show what would be read and stop."),
)  # fmt: skip
column_options = options(
    click.option("--id-column", default="doc_id", show_default=True, help="Its name for the id."),
    click.option("--url-column", default="url", show_default=True, help="Its name for the URL."),
    click.option("--text-column", default="text", show_default=True, help="Its name for the text."),
)
documents_options = options(
    click.option(
        "--documents", required=True, multiple=True, metavar="DIR",
        help="Documents: ours, or any Parquet; may be given again, as for a later crawl.",
    ),
    column_options,
)  # fmt: skip
