"""`cc-math evaluate-classifier`, the explanations of `score`, and options about labels.

Options in, functions of :mod:`cc_math.classify` called, a table for a terminal or JSON out.
Tables go to standard output, progress and warnings to standard error. None of them needs
Spark; heavy imports wait until a command runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_math.errors import UserError
from cc_math.options import column_options, options

if TYPE_CHECKING:
    from cc_math.classify.compare_models import ScoredModel
    from cc_math.classify.labelled_pages import LabelledPage
    from cc_math.manifests import Part
    from cc_math.tables import ColumnNames

SHARE = click.FloatRange(0, 1)

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


def print_json(value: Any) -> None:
    """JSON for a reader: one value a line."""
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
    "--threshold", type=SHARE, default=0.5, show_default=True,
    help="Calibrated score from which a page counts as found.",
)  # fmt: skip
@click.option(
    "--min-precision", type=SHARE, default=0.85, show_default=True,
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
    scores 0. Figures stand plain and weighted by the labels' weight, by language and kind.

    Kinds are the ten of the rubric: exposition, problem_solution, qa, reference, code_docs,
    research, news_blog, listing, spam, other. A model has a head kind:NAME for those of which it
    saw labels enough (the shipped one none for qa and spam); a label of another kind counts as a
    miss of the kind heads, and no document is ever given that kind."""
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
    pages = read_labelled_pages(labels, score_field=score_field, tell=_tell)
    pages = [page for page in pages if page.score not in leave_out]
    scorers = _load_models(models)
    if not pages:
        raise UserError(f"{labels}: --leave-out leaves no label")
    for name, scorer in scorers.items():
        _tell_seen(name, scorer, pages)
    names = ColumnNames(id_column, url_column, text_column)
    texts = texts_of_pages(pages, documents, names, _tell)
    scored = [_scored(name, scorer, texts) for name, scorer in scorers.items()]
    judgement = Judgement(min_positive, threshold, min_precision, repeats, seed)
    result = compare_models(pages, scored, judgement)
    if pictures is not None:
        for model in scored:
            _draw(pages, model, judgement, Path(pictures))
    if as_json:
        return print_json(result)
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


def _tell_seen(name: str, scorer: Any, pages: list[LabelledPage]) -> None:
    """Say which of the labelled sites the model was trained on, as far as it tells."""
    from cc_math.classify.site_sketch import sites_seen

    sites = {page.site for page in pages}
    seen = sites_seen(scorer.training_sites, sites)
    if seen is None:
        _tell(
            f"{name} does not tell the sites it was trained on: if these labels are among them, "
            "its figures flatter"
        )
    elif seen:
        number = sum(page.site in seen for page in pages)
        _tell(
            f"{name} was trained on {len(seen):,} of the {len(sites):,} sites of these labels "
            f"({number:,} of {len(pages):,} pages): its figures flatter; see the cross-fitted ones "
            "of its card, or train with --exclude-sites"
        )


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


COMMANDS: tuple[click.Command, ...] = (evaluate_classifier,)
