"""`cc-math choose-threshold`: what each score threshold keeps, how right it is, which to take.

Options in, :mod:`cc_math.classify.thresholds` called, a table for a terminal or JSON out. Tables
go to standard output, progress and warnings to standard error. Needs no Spark; heavy imports
wait until the command runs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from cc_math.classifier_commands import SHARE, json_option, label_options, print_json
from cc_math.errors import UserError
from cc_math.options import column_options, recipe_options

if TYPE_CHECKING:
    from cc_math.classify.labelled_pages import LabelledPage
    from cc_math.classify.thresholds import Accuracy, ScoredDocuments

_MAGNITUDES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
# Thresholds shown in the table: every twentieth. A chosen one stands among them.
_SHOWN = tuple(n / 100 for n in range(5, 100, 5))


def _tell(line: str) -> None:
    click.echo(line, err=True)


def parse_count(text: str) -> int:
    """A number of tokens: 120000000, 1.2e8, 120M, 120B. Raises UserError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE]\d{1,2})?)([KMBT]?)", text.replace("_", ""))
    count = round(float(found[1]) * _MAGNITUDES[found[2]]) if found else 0
    if count < 1:
        raise UserError(f"expected a number of tokens such as 120B or 5e9, found {text!r}")
    return count


@click.command("choose-threshold")
@click.option("--documents", required=True, metavar="DIR", help="Documents of the extract stage.")
@click.option("--scores", required=True, metavar="DIR", help="Scores of these documents.")
@click.option(
    "--labels", metavar="FILE",
    help="JSON lines with url and a score, and weight if known. Without them precision and "
    "recall follow from the scores, as far as these are calibrated.",
)  # fmt: skip
@click.option("--precision", type=SHARE, help="Lowest threshold with this precision.")
@click.option("--recall", type=SHARE, help="Highest threshold with this recall.")
@click.option("--tokens", metavar="N", help="Lowest threshold that keeps at most so many: 120B.")
@click.option(
    "--lower-end", is_flag=True,
    help="Let the lower end of the interval reach the target, not the estimate.",
)  # fmt: skip
@click.option("--model", metavar="DIGEST", help="Model whose scores count, if there are several.")
@column_options
@label_options
@recipe_options
@json_option
def choose_threshold(
    documents: str,
    scores: str,
    labels: str | None,
    precision: float | None,
    recall: float | None,
    tokens: str | None,
    lower_end: bool,
    model: str | None,
    id_column: str,
    url_column: str,
    text_column: str,
    score_field: str,
    min_positive: float,
    repeats: int,
    seed: int,
    recipe: str | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """What each score threshold keeps, and how right it is; prints the line to compose with.

    Documents and tokens are counted before duplicates, contamination and the other rules of
    compose act. Recall is of all labelled pages, kept as documents or not. Of the recipe only
    compose.min_kind_scores counts, which tells a document's kind."""
    from cc_math import recipe as recipes
    from cc_math.classify import thresholds
    from cc_math.classify.labelled_pages import read_labelled_pages
    from cc_math.manifests import table_parts
    from cc_math.tables import ColumnNames

    targets = [target for target in (precision, recall, tokens) if target is not None]
    if len(targets) > 1:
        raise UserError("--precision, --recall and --tokens exclude each other: give one")
    budget = None if tokens is None else parse_count(tokens)
    pages = read_labelled_pages(labels, score_field=score_field, tell=_tell) if labels else []
    found = thresholds.tally_documents(
        table_parts(documents, "documents", "corpus"),
        table_parts(scores, "scores"),
        ColumnNames(id_column, url_column, text_column),
        head="math",
        model=model,
        min_kind_scores=dict(recipes.load(recipe, overrides).compose.min_kind_scores),
        labelled_urls=frozenset(page.url for page in pages),
        progress=_tell,
    )
    if budget is not None and found.without_token_count:
        raise UserError(
            f"{found.without_token_count:,} documents have no token_count: a budget of tokens "
            "needs documents of `cc-math extract`"
        )
    chosen = None if budget is None else thresholds.choose_by_tokens(found.every, budget)
    judged = {"min_positive": min_positive, "repeats": repeats, "seed": seed}
    accuracy, groups = _estimates(found, pages, labels, chosen, judged)
    if precision is not None:
        chosen = thresholds.choose(accuracy, "precision", precision, by_lower_end=lower_end)
    if recall is not None:
        chosen = thresholds.choose(accuracy, "recall", recall, by_lower_end=lower_end)
    _print_thresholds(found, accuracy, groups, chosen, as_json)


def _estimates(
    found: ScoredDocuments,
    pages: list[LabelledPage],
    labels: str | None,
    chosen: float | None,
    judged: dict[str, Any],
) -> tuple[Accuracy, dict[str, dict[str, Accuracy]]]:
    """Precision and recall at every threshold that is tried: of all, and by language and kind."""
    from cc_math.classify import thresholds

    tried = sorted({*thresholds.THRESHOLDS, *([] if chosen is None else [chosen])})
    if not pages:
        return thresholds.accuracy_by_scores(found.every, tried), {"language": {}, "kind": {}}
    if not found.label_scores:
        raise UserError(f"{labels}: not one labelled page is among the documents")
    missing = len(pages) - len(found.label_scores)
    if missing:
        _tell(
            f"{missing:,} of {len(pages):,} labelled pages are no document: they count as score 0"
        )
    judged["thresholds"] = tried
    return (
        thresholds.accuracy_by_labels(pages, found.label_scores, **judged),
        thresholds.accuracy_by_groups(pages, found.label_scores, **judged),
    )


def _print_thresholds(
    found: ScoredDocuments,
    accuracy: Accuracy,
    groups: dict[str, dict[str, Accuracy]],
    chosen: float | None,
    as_json: bool,
) -> None:
    from cc_math.classify.thresholds import kept_rows

    at = 0.5 if chosen is None else chosen
    every = accuracy.thresholds if as_json else sorted({*_SHOWN, at})
    rows = kept_rows(found.every, accuracy, every)
    by = _group_rows(found, groups, at)
    line = None if chosen is None else f"--set compose.min_score={chosen:g}"
    if as_json:
        return print_json(
            {"thresholds": rows, "labels": accuracy.labels, "unscored": found.unscored,
             "chosen": chosen, "option": line, "at": at, **by}
        )  # fmt: skip
    click.echo(
        f"precision and recall by {accuracy.labels} labelled pages, 95 % intervals by site"
        if accuracy.labels
        else "precision and recall by the scores themselves: right as far as they are calibrated, "
        "and recall of the documents alone; give --labels for estimates with intervals"
    )
    if found.unscored:
        click.echo(f"{found.unscored:,} documents have no score and are not counted")
    if found.without_token_count:
        click.echo(f"{found.without_token_count:,} documents have no token_count and count as 0")
    marks = ["<- chosen" if row["threshold"] == chosen else "" for row in rows]
    _print_kept("threshold", [f"{row['threshold']:g}" for row in rows], rows, marks)
    for name, group in by.items():
        click.echo(f"\nat {at:g} by {name.removeprefix('by_')}")
        _print_kept("", list(group), list(group.values()), [""] * len(group))
    if line is not None:
        click.echo(f"\nto use it: cc-math compose … {line}")


def _print_kept(head: str, names: list[str], rows: list[dict[str, Any]], marks: list[str]) -> None:
    """Rows of `kept_rows` as a table; `labels` are the labelled pages that are kept."""
    from cc_math.classify.compare_models import aligned, shown

    table = [[head, "documents", "tokens", "labels", "precision", "recall", ""]]
    for name, row, mark in zip(names, rows, marks, strict=True):
        counts = [row["documents"], row["tokens"], row.get("labels")]
        figures = [shown(row[f]) if f in row else "-" for f in ("precision", "recall")]
        cells = ["-" if count is None else f"{count:,}" for count in counts]
        table.append([name, *cells, *figures, mark])
    for line in aligned(table):
        click.echo(line)


def _group_rows(
    found: ScoredDocuments, groups: dict[str, dict[str, Accuracy]], at: float
) -> dict[str, dict[str, Any]]:
    """What the threshold `at` keeps of each language and kind, most documents first.

    A kind that no score tells but labels do has figures, and no documents to count.
    """
    from cc_math.classify.thresholds import kept_rows

    by: dict[str, dict[str, Any]] = {}
    for name, tallies in (("language", found.by_language), ("kind", found.by_kind)):
        rows = {
            key: kept_rows(tallies.get(key), groups[name].get(key), [at])[0]
            for key in {*tallies, *groups[name]}
        }
        ordered = sorted(rows.items(), key=lambda item: (-(item[1]["documents"] or 0), item[0]))
        if ordered:
            by[f"by_{name}"] = dict(ordered)
    return by
