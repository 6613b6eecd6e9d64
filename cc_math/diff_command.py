"""`cc-math diff A B`: two rounds, corpora or runs compared, as a table for a terminal or JSON.

Finds what each of the two names, calls :mod:`cc_math.spark.diff`, prints. Heavy imports wait
until the command runs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cc_math.command_job import column_names, make_job, round_parts
from cc_math.errors import InputError
from cc_math.options import column_options

if TYPE_CHECKING:
    from cc_math.manifests import Json
    from cc_math.spark.diff_rows import Side
    from cc_math.tables import ColumnNames

SHOWN_GROUPS = 12  # chosen: languages of a table that fits a screen; --json has all


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--output", metavar="DIR", help="Write the whole lists there: DIR/differences.")
@click.option(
    "--examples", type=click.IntRange(0), default=3, show_default=True,
    help="Pages shown of each status.",
)  # fmt: skip
@click.option(
    "--domains", type=click.IntRange(0), default=10, show_default=True,
    help="Domains shown that gained most tokens, and that lost most.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="All figures as JSON.")
@click.option("--overwrite", is_flag=True, help="Replace lists made from something else.")
@click.option("--master", metavar="URL", help="Spark master; default local[*].")
@click.option("--partitions", type=click.IntRange(1), help="Spark partitions; changes no byte.")
@column_options
def diff(
    before: str,
    after: str,
    output: str | None,
    examples: int,
    domains: int,
    as_json: bool,
    id_column: str,
    url_column: str,
    text_column: str,
    **common: Any,
) -> None:
    """What B holds that A does not: pages, domains and tokens gained, lost and changed.

    A and B are folders of a run (its corpus counts, else its documents), a corpus, documents, any
    Parquet with url and text, a folder of `cc-math iterate` (its last round) or one of its rounds
    (what it recalled). Pages are told apart by canonical address, then by text: the same address
    with another text is changed, the same text under an address of one side alone is moved.
    --output writes a row for every page that is not kept: status, url, doc_id, domain,
    language, kind, tokens before and after."""
    from cc_math.spark.diff import diff as compare

    job = make_job(output or "", None, (), **common)
    names = column_names(id_column, url_column, text_column)
    sides = [side_of(uri, names) for uri in (before, after)]
    found = compare(job, *sides, examples=examples, domains=domains, with_lists=output is not None)
    if as_json:
        return click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    for line in diff_lines(found):
        click.echo(line)
    if output is not None:
        click.echo(f"\nwhole lists in {output}/differences")


def side_of(uri: str, names: ColumnNames) -> Side:
    """What a folder stands for: a round's recalled documents, a corpus, else documents."""
    from cc_math.manifests import table_parts
    from cc_math.spark.diff_rows import Side
    from cc_math.spark.parts import document_chunks
    from cc_math.tables import ColumnNames

    found = round_parts(uri)
    if found is None:
        return Side(uri, document_chunks(table_parts(uri, "corpus", "documents"), names))
    if not found.recalled:
        raise InputError(f"{uri}: this round recalled nothing")
    chunks = document_chunks(
        found.documents, ColumnNames(), recalled=found.recalled, scores=found.scores
    )
    return Side(uri, chunks)


def diff_lines(found: Json) -> list[str]:
    """The comparison as lines for a terminal."""
    lines = []
    for letter, side in (("A", found["before"]), ("B", found["after"])):
        lines.append(
            f"{letter}  {side['name']}: {side['pages']:,} pages, {side['tokens']:,} tokens, "
            f"{side['domains']:,} domains"
        )
    lines += ["", *_status_table(found)]
    for name in ("language", "kind"):
        groups = found[f"by_{name}"]
        if set(groups) - {"unknown"}:
            lines += ["", *_group_table(name, groups)]
    lines += ["", *_domain_lines(found["domains"])]
    for status, examples in found["examples"].items():
        if examples:
            lines += ["", f"{status}, for example"]
            lines += [line for example in examples for line in _example_lines(example)]
    return lines


def _status_table(found: Json) -> list[str]:
    from cc_math.classify.compare_models import aligned

    table = [["", "pages", "tokens in A", "tokens in B"]]
    for status, cell in found["pages"].items():
        counts = (cell["pages"], cell["tokens_before"], cell["tokens_after"])
        table.append([status, *(f"{count:,}" for count in counts)])
    lines = list(aligned(table))
    if found["extracted_again"]:
        lines.append(f"of the changed pages {found['extracted_again']:,} are the same capture")
    return lines


def _group_table(name: str, groups: Json) -> list[str]:
    """Pages and tokens of each language or kind, those that moved most first."""
    from cc_math.classify.compare_models import aligned

    def of(cells: Json, status: str, what: str) -> int:
        return int(cells.get(status, {}).get(what, 0))

    def stirred(cells: Json) -> int:
        return of(cells, "gained", "tokens_after") + of(cells, "lost", "tokens_before")

    rows = sorted(groups.items(), key=lambda item: (-stirred(item[1]), item[0]))
    table = [[f"by {name}", "kept", "changed", "moved", "gained", "lost",
              "tokens gained", "tokens lost"]]  # fmt: skip
    for key, cells in rows[:SHOWN_GROUPS]:
        pages = [of(cells, s, "pages") for s in ("kept", "changed", "moved", "gained", "lost")]
        tokens = [of(cells, "gained", "tokens_after"), of(cells, "lost", "tokens_before")]
        table.append([key, *(f"{count:,}" for count in (*pages, *tokens))])
    lines = list(aligned(table))
    if len(rows) > SHOWN_GROUPS:
        lines.append(f"… and {len(rows) - SHOWN_GROUPS} more")
    return lines


def _domain_lines(domains: Json) -> list[str]:
    from cc_math.classify.compare_models import aligned

    lines = [
        f"domains: {domains['kept']:,} on both sides, {domains['gained']:,} gained, "
        f"{domains['lost']:,} lost"
    ]
    for name, title in (("most_gained", "gained most"), ("most_lost", "lost most")):
        if domains[name]:
            table = [[title, "pages A", "pages B", "gained", "lost", "tokens A", "tokens B"]]
            keys = ("pages_before", "pages_after", "gained", "lost", "tokens_before",
                    "tokens_after")  # fmt: skip
            table += [[d["domain"], *(f"{d[key]:,}" for key in keys)] for d in domains[name]]
            lines += ["", *aligned(table)]
    return lines


def _example_lines(example: Json) -> list[str]:
    counts = [example["tokens_before"], example["tokens_after"]]
    tokens = " -> ".join(f"{count:,}" for count in counts if count is not None)
    known = [example["language"], example["kind"] if example["kind"] != "unknown" else ""]
    told = ", ".join(part for part in (*known, f"{tokens} tokens") if part)
    lines = [f"  {example['url']}  ({told})"]
    if "text" in example:
        if example["same_capture"]:
            lines[0] += "  same capture"
        lines += [f"    {mark} {line}" for mark, line in zip("-+", example["text"], strict=True)]
    return lines
