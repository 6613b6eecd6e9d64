"""The commands between scored documents and the corpus: dedup, decontaminate, compose.

Each takes documents from one or more places (crawls, fetched rounds, a whole loop of
`cc-math iterate`), whose parts are put together, and calls its stage of :mod:`cc_math.spark`.
Heavy imports wait until a command runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from cc_math.command_job import (
    column_names,
    documents_of,
    make_job,
    parts_of,
    parts_of_all,
    print_counts,
    quoted,
    sidecar_groups,
)
from cc_math.errors import InputError, UserError
from cc_math.options import documents_options, stage_options
from cc_math.storage import base_name, join, parent, random_access

if TYPE_CHECKING:
    from cc_math.manifests import Part

_TELLING = {
    "scores": "head", "recalled": "round", "duplicate_pairs": "other_doc_id",
    "contamination": "benchmark", "cuts": "start_char",
}  # fmt: skip
"""A column by which the table that an option wants is known."""


@click.command()
@documents_options
@click.option(
    "--scores", multiple=True, metavar="DIR",
    help="Scores: they rank twins and set the loose floor; may be given again.",
)  # fmt: skip
@stage_options
def dedup(
    documents: tuple[str, ...],
    id_column: str,
    url_column: str,
    text_column: str,
    scores: tuple[str, ...],
    **common: Any,
) -> None:
    """Duplicates by URL, exact text and verified MinHash candidates.

    Writes DIR/duplicate_pairs (every verified pair), DIR/duplicates (what goes if nothing else
    decides) and DIR/cuts (passages repeated within a document)."""
    from cc_math.spark.dedup import dedup as dedup_stage

    job = make_job(**common)
    names = column_names(id_column, url_column, text_column)
    parts = _sidecar(scores, "scores")
    print_counts("dedup", dedup_stage(job, documents_of(documents), parts, names))


@click.command()
@documents_options
@click.option("--benchmarks", metavar="DIR", help="Folder of JSON lines: id, question, answer.")
@stage_options
def decontaminate(
    documents: tuple[str, ...],
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
        overrides = (*overrides, f"decontaminate.benchmarks={quoted(benchmarks)}")
    job = make_job(overrides=overrides, **common)
    require_benchmarks(job.recipe.decontaminate.benchmarks)
    if job.recipe.decontaminate.benchmarks == NO_BENCHMARKS:
        raise UserError("decontaminate.benchmarks is 'none': there is nothing for this stage to do")
    names = column_names(id_column, url_column, text_column)
    print_counts("decontaminate", decontaminate_stage(job, documents_of(documents), names))


@click.command()
@documents_options
@click.option(
    "--scores", multiple=True, metavar="DIR",
    help="Scores; without them no threshold acts. May be given again.",
)  # fmt: skip
@click.option(
    "--recalled", multiple=True, metavar="DIR",
    help="Publish only what this table of `cc-math iterate`, or this loop, recalled; may be given "
    "again.",
)  # fmt: skip
@click.option("--duplicates", metavar="DIR", help="Output of dedup, or its duplicate_pairs.")
@click.option(
    "--contamination", multiple=True, metavar="DIR",
    help="Output of decontaminate, or its table; may be given again.",
)  # fmt: skip
@click.option(
    "--cuts", multiple=True, metavar="DIR", help="Passages to leave out; may be given again."
)
@stage_options
def compose(
    documents: tuple[str, ...],
    id_column: str,
    url_column: str,
    text_column: str,
    scores: tuple[str, ...],
    recalled: tuple[str, ...],
    duplicates: str | None,
    contamination: tuple[str, ...],
    cuts: tuple[str, ...],
    **common: Any,
) -> None:
    """Joins the sidecars, applies the thresholds, writes the corpus.

    Writes DIR/CRAWL/*.parquet, DIR/README.md (the corpus card: what it holds, and by what it was
    chosen) and DIR/_quality (signals of every document).

    All thresholds act here. Duplicates are chosen among what passes every other rule, then
    compose.min_kind_shares and max_kind_shares set the mix of kinds of pages by tokens. A
    document's kind is the likeliest of the model's heads kind:NAME, or one that reaches its
    compose.min_kind_scores; of the rubric's ten kinds a model knows those of which it saw
    labels enough (the shipped one not qa and spam).

    DIR may be a folder of `cc-math iterate`, or one of its rounds: it stands for all documents,
    scores and recalled rows of the last finished round, or of that one. With --recalled the
    round's threshold has decided, and compose.min_score does not act."""
    from cc_math.spark.compose import CARD
    from cc_math.spark.compose import compose as compose_stage

    job = make_job(**common)
    names = column_names(id_column, url_column, text_column)
    manifest = compose_stage(
        job, documents_of(documents), names,
        scores=_sidecar(scores, "scores"),
        recalled=_sidecar(recalled, "recalled"),
        pairs=_told(parts_of(_pairs_folder(duplicates), "duplicate_pairs"), "duplicate_pairs"),
        contamination=_sidecar(contamination, "contamination"),
        cuts=sidecar_groups(_told(parts_of(uri, "cuts"), "cuts") or [] for uri in cuts),
    )  # fmt: skip
    listed = ("language.", "crawl.", "score.")  # the card has these as tables
    counts = {n: c for n, c in manifest["counts"].items() if not n.startswith(listed)}
    print_counts("compose", {**manifest, "counts": counts})
    if any(f["path"] == CARD for f in manifest["files"]):
        click.echo(f"  card: {join(job.output, CARD)}")


def _sidecar(uris: Sequence[str], table: str) -> list[Part] | None:
    """Parts of a table at one or more places; None where no place is given."""
    return _told(parts_of_all(uris, table), table) if uris else None


def _told(parts: list[Part] | None, table: str) -> list[Part] | None:
    """``parts``. Raises InputError, before any work, where they are another table's."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for part in (parts or [])[:1]:
        try:
            names = pq.read_schema(random_access(part.uri)).names
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{part.uri} is not a Parquet file: {error}") from None
        if _TELLING[table] not in names:
            raise InputError(
                f"{part.uri}: expected a part of {table}, which has a column {_TELLING[table]}; "
                f"found {', '.join(names)}"
            )
    return parts


def _pairs_folder(duplicates: str | None) -> str | None:
    """`--duplicates` may name either table of dedup; survivors are chosen from the pairs."""
    if duplicates is not None and base_name(duplicates) == "duplicates":
        return parent(duplicates)
    return duplicates
