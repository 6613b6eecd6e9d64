"""What a training can be told: the `[classifier]` table of a recipe as a frozen dataclass.

Owns names, defaults, meanings and sources of the settings; reads and writes nothing. The
trade: one flat table, every key optional, so that a recipe file holds only what it changes.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from typing import Any

from cc_math.errors import RecipeError
from cc_math.storage import read_text


def _value(default: Any, meaning: str, source: str) -> Any:
    return field(default=default, metadata={"doc": meaning, "source": source})


@dataclass(frozen=True, slots=True)
class ClassifierSettings:
    """[classifier] — one fastText model: its examples, its training, its calibration."""

    name: str = _value("math", "name of the model's files in the output folder", "chosen")
    head: str = _value("math", "head of the `scores` table that the model fills", "chosen")

    positives: tuple[str, ...] = _value(
        (), "Parquet or JSON lines, files or folders, of examples of the class", ""
    )
    negatives: tuple[str, ...] = _value(
        (), "Parquet or JSON lines, files or folders, of examples of the rest", ""
    )
    labelled: tuple[str, ...] = _value(
        (), "Parquet or JSON lines with a label or score per row, positive from min_label", ""
    )
    bootstrap: tuple[str, ...] = _value(
        (),
        "documents of an extract run (or a bootstrap table): those with at least "
        "bootstrap_min_marks formula marks are positives, those without any negatives",
        "",
    )
    seeds: tuple[str, ...] = _value(
        (), "short hand-written examples, JSON lines with text and label", ""
    )
    text_field: str = _value("text", "column of the text", "chosen")
    label_field: str = _value("label", "column of the label in `labelled` and `seeds`", "chosen")
    url_field: str = _value("url", "column of the address, '' where there is none", "chosen")
    source_field: str = _value(
        "", "column that says where an example of `labelled` is from, for the record; '' for none",
        "chosen",
    )  # fmt: skip
    sources_out: tuple[str, ...] = _value(
        (), "sources of `labelled` whose examples are left out, by source_field", "chosen: none"
    )
    prior_field: str = _value(
        "", "column of an earlier model's score of an example of `labelled`, which calibration "
        "'sites' reads in place of its label; '' for none", "chosen",
    )  # fmt: skip
    lookup: tuple[str, ...] = _value(
        (), "Parquet or JSON lines in which texts of labelled pages are looked up and that give no "
        "example, beside the sources of examples", "",
    )  # fmt: skip
    marks_field: str = _value(
        "n_formulas", "column of the number of formula marks, for bootstrap", "chosen"
    )
    bootstrap_min_marks: int = _value(
        5, "formula marks from which a page is a positive example",
        "chosen: one to four marks are often a template's, a logo's or a lone formula",
    )  # fmt: skip
    min_label: float = _value(
        0.5, "label from which a row is positive; 3 for scores of 0 to 5", "chosen: even odds"
    )
    exclude_urls: str = _value(
        "", "file of addresses (lines, or JSON lines with url) kept out of training", ""
    )
    exclude_sites: str = _value(
        "", "file of registered domains, one a line, kept out of training", ""
    )
    max_examples: int = _value(
        500_000, "most examples of each class, drawn by hash", "Shao et al. 2024, section 2.1"
    )
    max_per_site: int = _value(
        150, "most examples of a class from one registered domain, drawn by hash",
        "chosen: keeps one large site's style from standing for the subject",
    )  # fmt: skip
    max_negative_ratio: float = _value(
        6.0, "most negatives a positive within one language",
        "chosen: a language without formulas in the crawl must not count as a sign of none",
    )  # fmt: skip
    bootstrap_role: str = _value(
        "examples", "what pages labelled by the bootstrap rule are: examples, or only the context "
        "in which seeds are read, once enough pages were read to learn from those alone",
        "measured: with 800 read pages the rule's labels cost more than they give",
    )  # fmt: skip
    read_copies: int = _value(
        0, "how often each page of calibration_labels is read per epoch; 0 keeps them out of the "
        "text model", "chosen: a model made to be calibrated on labels it has not seen",
    )  # fmt: skip
    formula_words: bool = _value(
        False, "train a second text model, on the read pages, that sees formulas as structure "
        "tokens; beside formulas the mean of both models' log odds counts",
        "measured: .891 against .888 of average precision on 815 read pages",
    )  # fmt: skip
    kinds: bool = _value(
        False, "learn the kinds of pages and educational quality from calibration_labels too",
        "chosen: needs labels with kinds",
    )  # fmt: skip
    kind_epochs: int = _value(
        40, "passes over the read pages in the text model of kinds", "chosen: as the others'"
    )
    kind_buckets: int = _value(
        20_000, "hashed features of the text model of kinds", "chosen: keeps the file small"
    )
    kind_max_chars: int = _value(
        4000, "characters of a line that the text model of kinds reads",
        "measured: ranks problems among the read pages at .689, the whole line at .694, for half "
        "the time",
    )  # fmt: skip
    seed_copies: int = _value(
        3, "how often each hand-written seed example is read per epoch",
        "chosen: a seed is one sentence against a page of a thousand words",
    )  # fmt: skip
    max_chars: int = _value(
        20_000, "characters of a text that are read, in training and in scoring",
        "chosen: past a few thousand words a score moves by less than its rounding",
    )  # fmt: skip
    min_words: int = _value(10, "shortest example, in words after normalisation", "chosen")
    formulas: str = _value(
        "remove", "what stands for a formula: remove, or structure tokens",
        "chosen: a bootstrapped model must not see the mark-up it was selected by",
    )  # fmt: skip

    dim: int = _value(8, "size of the vectors", "measured: more gains nothing on two classes")
    learning_rate: float = _value(0.3, "learning rate at the start", "measured")
    word_ngrams: int = _value(
        2, "longest run of words that is one feature", "measured: 3 gains nothing, costs a third"
    )
    min_count: int = _value(3, "fewest occurrences of a word", "Shao et al. 2024, section 2.1")
    epochs: int = _value(8, "passes over the examples", "measured on some ten thousand pages")
    buckets: int = _value(
        100_000, "hashed features beside the words", "chosen: keeps the file at a few MB"
    )
    min_char_ngram: int = _value(0, "shortest character n-gram, 0 for none", "chosen: speed")
    max_char_ngram: int = _value(0, "longest character n-gram, 0 for none", "chosen: speed")
    threads: int = _value(
        1, "training threads; only 1 gives the same bytes every time",
        "fastText's own note: training with more threads is not deterministic",
    )  # fmt: skip
    seed: int = _value(1, "seed of the initial vectors and of the order of examples", "chosen")

    folds: int = _value(
        5, "parts into which the registered domains are dealt for hold-out", "chosen: 20 % each"
    )
    cross_fit: bool = _value(
        True, "hold out each fold in turn and train the final model on all; false holds out one "
        "fold only and keeps it out of the final model too",
        "chosen: a small seed is too precious to hold a part of it out",
    )  # fmt: skip
    threshold: float = _value(
        0.5, "calibrated score of the reported precision and recall", "chosen"
    )
    calibration: str = _value(
        "platt", "map from raw to calibrated score: platt, isotonic, features, sites or none",
        "Platt 1999; Zadrozny & Elkan 2002; features adds formula counts to Platt's line; sites "
        "is that without labels, fitted to what the other examples of a page's site are",
    )  # fmt: skip
    calibration_labels: str = _value(
        "", "JSON lines with url and score, to calibrate on; their pages are kept out of "
        "training, but see read_copies; a row with teaches_words = false is no such copy but "
        "calibrates and teaches kinds. '' calibrates on the held-out examples", "",
    )  # fmt: skip
    calibration_seed_weight: float = _value(
        0.0, "weight of all hand-written seeds together in a features calibration, in labelled "
        "pages; they stand for pages without mark-up, which a crawl may lack", "chosen",
    )  # fmt: skip
    evaluation_labels: str = _value(
        "", "JSON lines with url and score, and weight if known, to report on and for nothing "
        "else; their pages are kept out of training", "",
    )  # fmt: skip
    learning_curve: tuple[float, ...] = _value(
        (), "shares of the examples, drawn by site, on which the training is repeated to show "
        "what more of them would give", "chosen: none, for each share costs a training a fold",
    )  # fmt: skip
    score_field: str = _value("math_score", "field of the score in both files of labels", "chosen")
    min_score: float = _value(
        3.0, "score from which a labelled page is positive",
        "rubric: 3 is substantial and useful for learning",
    )  # fmt: skip


_CHOICES = {
    "bootstrap_role": ("examples", "context"),
    "formulas": ("remove", "structure"),
    "calibration": ("platt", "isotonic", "features", "sites", "none"),
}
_POSITIVE = (
    "max_examples", "max_per_site", "max_chars", "kind_max_chars", "dim", "learning_rate",
    "word_ngrams", "min_count", "epochs", "kind_epochs", "threads",
)  # fmt: skip


def check_settings(settings: ClassifierSettings) -> None:
    """Raise RecipeError where a value is impossible or nothing is given to learn from."""
    for key, allowed in _CHOICES.items():
        given = getattr(settings, key)
        if given not in allowed:
            raise RecipeError(f"classifier.{key} is one of {', '.join(allowed)}, found {given!r}")
    for key in _POSITIVE:
        if not getattr(settings, key) > 0:
            raise RecipeError(
                f"classifier.{key} must be greater than 0, found {getattr(settings, key)}"
            )
    if not all(0.0 < share < 1.0 for share in settings.learning_curve):
        raise RecipeError(
            f"classifier.learning_curve holds shares between 0 and 1, found "
            f"{list(settings.learning_curve)}"
        )
    if settings.folds < 2:
        raise RecipeError(f"classifier.folds must be 2 or more, found {settings.folds}")
    wants_labels = settings.read_copies > 0 or settings.kinds or settings.formula_words
    if (wants_labels or settings.bootstrap_role == "context") and not settings.calibration_labels:
        raise RecipeError(
            "classifier.read_copies, formula_words, kinds and bootstrap_role = 'context' learn "
            "from pages that were read: set classifier.calibration_labels"
        )
    if settings.formula_words and (settings.read_copies < 1 or settings.formulas != "remove"):
        raise RecipeError(
            "classifier.formula_words is a second look at read pages beside the masked one: set "
            "classifier.read_copies to 1 or more and classifier.formulas to remove"
        )
    if settings.bootstrap_role == "context" and settings.read_copies < 1:
        raise RecipeError(
            "classifier.bootstrap_role = 'context' leaves only read pages to learn from: set "
            "classifier.read_copies to 1 or more"
        )
    if not settings.name or "/" in settings.name:
        raise RecipeError(f"classifier.name is a plain file name, found {settings.name!r}")
    if bool(settings.positives) != bool(settings.negatives):
        raise RecipeError("classifier.positives and classifier.negatives come together")
    if not (settings.positives or settings.labelled or settings.bootstrap):
        raise RecipeError(
            "[classifier] names nothing to learn from; set classifier.bootstrap to the documents "
            "of an extract run, or positives and negatives, or labelled"
        )


def settings_from_toml(uri: str) -> ClassifierSettings:
    """The `[classifier]` table of a recipe file, for use without the rest of the recipe.

    Raises RecipeError for a file that is no TOML, has no such table, or an unknown key in it.
    """
    try:
        table = tomllib.loads(read_text(uri)).get("classifier")
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{uri}: not TOML: {error}") from None
    if not isinstance(table, dict):
        raise RecipeError(f"{uri}: no table [classifier]")
    unknown = set(table) - {field.name for field in fields(ClassifierSettings)}
    if unknown:
        raise RecipeError(f"{uri}: [classifier] has no key {', '.join(sorted(unknown))}")
    values: dict[str, Any] = {
        key: tuple(given) if isinstance(given, list) else given for key, given in table.items()
    }
    return ClassifierSettings(**values)
