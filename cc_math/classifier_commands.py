"""The commands that judge the classifier: evaluate-classifier, choose-threshold.

Options in, functions of :mod:`cc_math.classify` called, a table for a terminal or JSON out.
Tables go to standard output, progress and warnings to standard error. None of them needs
Spark; heavy imports wait until a command runs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_math.errors import UserError
from cc_math.options import column_options, options

if TYPE_CHECKING:
    from cc_math.classify.compare_models import ScoredModel
    from cc_math.classify.labelled_pages import LabelledPage
    from cc_math.classify.thresholds import Accuracy, ScoredDocuments
    from cc_math.manifests import Part
    from cc_math.tables import ColumnNames

_SHARE = click.FloatRange(0, 1)
_MAGNITUDES = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
# Thresholds shown in the table: every twentieth. A chosen one stands among them.
_SHOWN = tuple(n / 100 for n in range(5, 100, 5))

label_options = options(
    click.option(
        "--score-field", default="math_score", show_default=True, metavar="NAME",
        help="Field of the labels' score.",
    ),
    click.option(
        "--min-positive", type=float, default=3.0, show_default=True,
        help="Score from which a labelled page is positive.",
    ),
    click.option(
        "--repeats", type=click.IntRange(0), default=1000, show_default=True,
        help="Draws of the bootstrap over sites that gives the intervals; 0 for none.",
    ),
    click.option("--seed", type=int, default=1, show_default=True, help="Seed of these draws."),
)  # fmt: skip
explain_options = options(
    click.option(
        "--explain", metavar="DOC",
        help="Print what made the score of a document, and write nothing: DOC is its doc_id or "
        "address, or a number N for the N highest scores.",
    ),
    click.option("--json", "as_json", is_flag=True, help="The explanations as JSON lines."),
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="All figures as JSON.")


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


@click.command("evaluate-classifier")
@click.argument("models", metavar="MODEL…", nargs=-1, required=True)
@click.option(
    "--labels", required=True, metavar="FILE",
    help="JSON lines with url and a score, and where known kind, lang and weight.",
)  # fmt: skip
@click.option(
    "--documents", metavar="DIR",
    help="Documents of the labelled pages: ours, or Parquet with url and text. Without them "
    "the labels hold the text.",
)  # fmt: skip
@column_options
@label_options
@click.option(
    "--threshold", type=_SHARE, default=0.5, show_default=True,
    help="Calibrated score from which a page counts as found.",
)  # fmt: skip
@click.option(
    "--min-precision", type=_SHARE, default=0.85, show_default=True,
    help="Precision at which recall is given.",
)  # fmt: skip
@click.option(
    "--leave-out", multiple=True, type=float, metavar="SCORE",
    help="Leave out pages with this label, such as 2, the doubtful ones; may be given again.",
)  # fmt: skip
@click.option(
    "--errors", type=click.IntRange(0), default=10, show_default=True,
    help="Errors listed for each model, worst first; --json lists all.",
)  # fmt: skip
@click.option("--pictures", metavar="DIR", help="Draw each model's figures there (PNG).")
@json_option
def evaluate_classifier(
    models: tuple[str, ...],
    labels: str,
    documents: str | None,
    id_column: str,
    url_column: str,
    text_column: str,
    score_field: str,
    min_positive: float,
    repeats: int,
    seed: int,
    threshold: float,
    min_precision: float,
    leave_out: tuple[float, ...],
    errors: int,
    pictures: str | None,
    as_json: bool,
) -> None:
    """Models on labelled pages, in one table with intervals by site, and their worst errors.

    MODEL is a model file, or `default` for the shipped one. A labelled page without a document
    scores 0. Figures stand plain and weighted by the labels' weight, by language and kind."""
    from cc_math.classify.compare_models import Judgement, compare_models, comparison_lines
    from cc_math.classify.labelled_pages import read_labelled_pages, texts_of_pages
    from cc_math.classify.pictures import require_matplotlib
    from cc_math.tables import ColumnNames

    if pictures is not None:
        require_matplotlib()
        try:
            Path(pictures).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"--pictures {pictures}: {error.strerror}") from None
    pages = read_labelled_pages(labels, score_field=score_field)
    pages = [page for page in pages if page.score not in leave_out]
    scorers = _load_models(models)
    if not pages:
        raise UserError(f"{labels}: --leave-out leaves no label")
    names = ColumnNames(id_column, url_column, text_column)
    texts = texts_of_pages(pages, documents, names, _tell)
    scored = [_scored(name, scorer, texts) for name, scorer in scorers.items()]
    judgement = Judgement(min_positive, threshold, min_precision, repeats, seed)
    result = compare_models(pages, scored, judgement)
    if pictures is not None:
        for model in scored:
            _draw(pages, model, judgement, Path(pictures))
    if as_json:
        return _print_json(result)
    for line in comparison_lines(result, errors):
        click.echo(line)


def _load_models(models: tuple[str, ...]) -> dict[str, Any]:
    """Classifiers by the name that the table shows: the file's, its whole path where two agree."""
    from cc_math.classify import load_classifier

    stems = [Path(model).stem for model in models]
    loaded = {}
    for model, stem in zip(models, stems, strict=True):
        name = stem if stems.count(stem) == 1 else model
        if name in loaded:
            raise UserError(f"{model} is named twice")
        loaded[name] = load_classifier(None if model == "default" else model)
    return loaded


def _scored(name: str, scorer: Any, texts: dict[str, str]) -> ScoredModel:
    from cc_math.classify.compare_models import ScoredModel

    _tell(f"scoring {len(texts)} pages by {name}")
    rows = dict(zip(texts, scorer.score_heads(list(texts.values())), strict=True))
    others = {
        url: {head: score for head, (_, score) in row.items() if head != scorer.head}
        for url, row in rows.items()
    }
    scores = {url: row[scorer.head] for url, row in rows.items()}
    return ScoredModel(name, scorer.digest, scores, others if len(scorer.heads) > 1 else {})


def _draw(pages: Any, model: ScoredModel, judgement: Any, folder: Path) -> None:
    import numpy as np

    from cc_math.classify.pictures import picture_figures, write_pictures

    figures = picture_figures(
        np.array([page.score >= judgement.min_positive for page in pages]),
        np.array([model.scores.get(page.url, (0.0, 0.0))[1] for page in pages]),
        np.ones(len(pages)),
        threshold=judgement.threshold,
        languages=[page.language for page in pages],
        kinds=[page.kind for page in pages],
    )
    for path in write_pictures(figures, folder, model.name.replace("/", "_")):
        _tell(f"wrote {path}")


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
@click.option("--precision", type=_SHARE, help="Lowest threshold with this precision.")
@click.option("--recall", type=_SHARE, help="Highest threshold with this recall.")
@click.option("--tokens", metavar="N", help="Lowest threshold that keeps at most so many: 120B.")
@click.option(
    "--lower-end", is_flag=True,
    help="Let the lower end of the interval reach the target, not the estimate.",
)  # fmt: skip
@click.option("--model", metavar="DIGEST", help="Model whose scores count, if there are several.")
@column_options
@label_options
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
    as_json: bool,
) -> None:
    """What each score threshold keeps, and how right it is; prints the line to compose with.

    Documents and tokens are counted before duplicates, contamination and the other rules of
    compose act. Recall is of all labelled pages, kept as documents or not."""
    from cc_math.classify import thresholds
    from cc_math.classify.labelled_pages import read_labelled_pages
    from cc_math.manifests import table_parts
    from cc_math.tables import ColumnNames

    targets = [target for target in (precision, recall, tokens) if target is not None]
    if len(targets) > 1:
        raise UserError("--precision, --recall and --tokens exclude each other: give one")
    budget = None if tokens is None else parse_count(tokens)
    pages = [] if labels is None else read_labelled_pages(labels, score_field=score_field)
    found = thresholds.tally_documents(
        table_parts(documents, "documents", "corpus"),
        table_parts(scores, "scores"),
        ColumnNames(id_column, url_column, text_column),
        head="math",
        model=model,
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
        return _print_json(
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


def print_explanations(
    parts: list[Part], names: ColumnNames, model: str, wanted: str, as_json: bool
) -> None:
    """What `cc-math score --explain` prints; `model` is a file, or '' for the shipped one."""
    from cc_math.classify.explain import (
        documents_to_explain,
        explain,
        explanation_json,
        explanation_lines,
    )
    from cc_math.classify.fasttext_model import SHIPPED_DEFAULT, load_model

    loaded = load_model(Path(model or SHIPPED_DEFAULT), shipped=not model)
    for number, row in enumerate(documents_to_explain(parts, names, wanted, loaded, _tell)):
        found = explain(loaded, row["text"] or "")
        if as_json:
            click.echo(json.dumps(explanation_json(row, found), ensure_ascii=False))
            continue
        if number:
            click.echo()
        for line in explanation_lines(row, found):
            click.echo(line)


COMMANDS: tuple[click.Command, ...] = (evaluate_classifier, choose_threshold)
