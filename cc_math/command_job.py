"""From a command's options to the job that a stage function takes, and back to the terminal.

What the commands of the stages share: the resolved recipe as a :class:`Job`, the parts of a
table that an option names, and the counts of a manifest, printed. Heavy imports wait until a
command runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from cc_math import recipe as recipes
from cc_math.errors import InputError
from cc_math.storage import base_name, parent

if TYPE_CHECKING:
    from cc_math.manifests import Json, Part
    from cc_math.rounds.folders import CorpusParts
    from cc_math.spark.chunks import Job
    from cc_math.tables import ColumnNames


def make_job(
    output: str,
    recipe: str | None,
    overrides: tuple[str, ...],
    overwrite: bool,
    master: str | None,
    partitions: int | None,
) -> Job:
    """The job of :data:`cc_math.options.stage_options`."""
    from cc_math.spark.chunks import Job

    resolved = recipes.load(recipe, overrides)
    return Job(
        output, resolved, master, partitions, overwrite, lambda line: click.echo(line, err=True)
    )


def quoted(value: str) -> str:
    """A TOML string; JSON's form of it but for escaped characters beyond the basic plane."""
    return json.dumps(value, ensure_ascii=False)


def column_names(id_column: str, url_column: str, text_column: str) -> ColumnNames:
    """What a documents table calls its columns, by :data:`cc_math.options.column_options`."""
    from cc_math.tables import ColumnNames

    return ColumnNames(id_column, url_column, text_column)


def round_parts(uri: str) -> CorpusParts | None:
    """The parts of a loop of `cc-math iterate` as its last finished round left it, or of the round
    whose folder ``uri`` is; None for any other folder.

    Raises InputError where the round is not finished.
    """
    from cc_math.rounds.folders import corpus_parts, is_loop

    if is_loop(uri):
        return corpus_parts(uri)
    number, rounds = base_name(uri), parent(uri)
    if number.isdigit() and base_name(rounds) == "rounds" and is_loop(parent(rounds)):
        return corpus_parts(parent(rounds), int(number))
    return None


def parts_of(uri: str | None, *tables: str) -> list[Part] | None:
    """Parts of the first of ``tables`` that stands at ``uri``; None without an address. A loop of
    `cc-math iterate`, or one of its rounds, stands for all its parts of that table."""
    from cc_math.manifests import table_parts

    if uri is None:
        return None
    if tables[0] in ("documents", "pages", "scores", "recalled") and (found := round_parts(uri)):
        return list(getattr(found, tables[0]))
    return table_parts(uri, *tables)


def parts_of_all(uris: Iterable[str], *tables: str) -> list[Part]:
    """Parts of a table at one or more places, sorted by name.

    Raises InputError where two places hold parts of one name: sidecars find their documents by
    that name, which follows from the WARC's.
    """
    place_of: dict[str, str] = {}
    found: list[Part] = []
    for uri in uris:
        for part in parts_of(uri, *tables) or []:
            if part.name in place_of:
                raise InputError(
                    f"{tables[0]}: part {part.name} stands at {place_of[part.name]} and at {uri}; "
                    "parts are told apart by name, so give places that have none in common"
                )
            place_of[part.name] = uri
            found.append(part)
    return sorted(found, key=lambda part: part.name)


def documents_of(uris: Iterable[str]) -> list[Part]:
    """The documents, ours or any Parquet, at one or more places."""
    return parts_of_all(uris, "documents", "corpus")


def sidecar_groups(places: Iterable[list[Part]]) -> list[list[Part]]:
    """Sidecars at several places, put together to as few as may be: those of other documents are
    one (the cuts of two crawls), those of the same are two (cuts for two reasons)."""
    groups: list[list[Part]] = []
    for parts in places:
        names = {part.name for part in parts}
        for group in groups:
            if names.isdisjoint(part.name for part in group):
                group.extend(parts)
                break
        else:
            groups.append(list(parts))
    return groups


def print_counts(stage: str, manifest: Json) -> None:
    """Say what a stage counted, and the first of its notes."""
    click.echo(f"{stage}:")
    for name, number in manifest["counts"].items():
        click.echo(f"  {name:<32} {number:>14,}")
    for note in manifest["notes"][:20]:
        click.echo(f"  note: {json.dumps(note, ensure_ascii=False)}")
