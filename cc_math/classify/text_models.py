"""fastText trainings: normalised lines in, a model or held-out probabilities out.

Owns how examples become the lines of a training (hash order, copies, seeds in context), the
call of fastText, and the cross-fit over sites: every page's probability comes from a model
that saw no page of its site. Writes only the temporary file that fastText reads.

The trade: trainings are repeated once a fold, because a probability of a page that the model
has learned by heart says nothing about another page.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import fasttext

from cc_math.classify.labels import Example, Examples, fold_of
from cc_math.classify.settings import ClassifierSettings
from cc_math.errors import RecipeError

Progress = Callable[[str], None]
REST = "other"  # label of the pages that are not of the head
_LABEL = "__label__"
# Kinds with fewer read pages are no labels of the text model: it would learn those pages' sites.
# Chosen, as for figures of a kind.
_FEWEST_OF_A_KIND = 15


def fold(settings: ClassifierSettings, example: Example) -> int:
    """The fold of an example's site."""
    return fold_of(example.site, settings.folds, settings.seed)


def probability(model: Any, label: str, line: str) -> float:
    """Probability of `label` for one normalised line; 0 for an empty one."""
    return probabilities(model, line).get(label, 0.0)


def probabilities(model: Any, line: str) -> dict[str, float]:
    """Probability of each label for one normalised line; {} for an empty one."""
    if not line:
        return {}
    return {
        name[len(_LABEL) :]: min(1.0, max(0.0, float(p)))
        for p, name in model.f.predict(line + "\n", -1, -1.0, "strict")
    }


def train_math(settings: ClassifierSettings, examples: Examples, without: int | None) -> Any:
    """The text model of the head, trained on every example but those of fold `without`.

    Bootstrapped pages are examples, or only the surroundings of the seeds; pages that were read
    are examples where `read_copies` says so.
    """
    kept = [e for e in examples.training if without is None or fold(settings, e) != without]
    seeds = [e for e in examples.seeds if without is None or fold(settings, e) != without]
    read = [e for e in examples.read if without is None or fold(settings, e) != without]
    lines: list[tuple[str, str]] = []
    if settings.bootstrap_role == "examples":
        lines += [(e.key, _labelled(settings.head if e.positive else REST, e.line)) for e in kept]
    for example in read:
        if not example.teaches_words:
            continue
        label = settings.head if example.positive else REST
        lines += _copies(example.key, _labelled(label, example.line), settings.read_copies)
    for example in seeds:
        label = settings.head if example.positive else REST
        lines.append((example.key, _labelled(label, example.line)))
        woven = _in_context(example, kept, settings.seed_copies - 1)
        lines += [(f"{example.key}{n}", _labelled(label, line)) for n, line in enumerate(woven)]
    return _fit(settings, lines, settings.epochs, settings.buckets)


def train_formula_words(
    settings: ClassifierSettings, examples: Examples, without: int | None
) -> Any:
    """As `train_math`, on lines in which formulas are structure tokens."""
    seen = dataclasses.replace(
        examples,
        read=[dataclasses.replace(e, line=e.formula_line) for e in examples.read],
        seeds=[dataclasses.replace(e, line=e.formula_line) for e in examples.seeds],
    )
    masked = dataclasses.replace(settings, bootstrap_role="context")
    return train_math(masked, seen, without)


def train_kinds(settings: ClassifierSettings, examples: Examples, without: int | None) -> Any:
    """The text model of the kinds of pages, trained on pages that were read."""
    counts = Counter(e.kind for e in examples.read if e.kind)
    # where no kind has enough pages all are taken, for a user's first labels
    taught = {k for k, n in counts.items() if n >= _FEWEST_OF_A_KIND} or set(counts)
    read = [e for e in examples.read if without is None or fold(settings, e) != without]
    most = settings.kind_max_chars
    lines = [(e.key, _labelled(e.kind, e.line[:most])) for e in read if e.kind in taught and e.line]
    return _fit(settings, lines, settings.kind_epochs, settings.kind_buckets)


def held_out(
    settings: ClassifierSettings,
    examples: Examples,
    train: Callable[[ClassifierSettings, Examples, int | None], Any],
    pages: Sequence[Example],
    progress: Progress,
    line_of: Callable[[Example], str] = lambda example: example.line,
) -> dict[str, dict[str, float]]:
    """Probabilities by label, by key of each page, from a model that has not seen its site.

    Without `cross_fit` only the pages of fold 0 are scored.
    """
    scores: dict[str, dict[str, float]] = {}
    for number in range(settings.folds if settings.cross_fit else 1):
        unseen = [e for e in pages if fold(settings, e) == number]
        if not unseen or not _has_two_classes(settings, examples, number):
            continue
        progress(f"training without fold {number + 1} of {settings.folds}")
        model = train(settings, examples, number)
        for example in unseen:
            scores[example.key] = probabilities(model, line_of(example))
    # a fold's model does not know a label that only its own pages have, and would give it no odds
    labels = sorted({label for found in scores.values() for label in found})
    return {
        key: {label: found.get(label, 0.0) for label in labels} if found else {}
        for key, found in scores.items()
    }


def _has_two_classes(settings: ClassifierSettings, examples: Examples, without: int) -> bool:
    every: Iterable[Example] = (*examples.training, *examples.seeds, *examples.read)
    return len({e.positive for e in every if fold(settings, e) != without}) == 2


def _labelled(label: str, line: str) -> str:
    return f"{_LABEL}{label} {line}\n"


def _copies(key: str, line: str, copies: int) -> list[tuple[str, str]]:
    return [(f"{key}{n}", line) for n in range(copies)]


def _in_context(seed: Example, examples: Sequence[Example], copies: int) -> list[str]:
    """The seed's words among as many of other pages in its language, `copies` times.

    A seed is mostly terms. Where a language has no positive page, its stop words would stand
    for the negatives alone; set around a seed, they say nothing.
    """
    pages = [e for e in examples if e.language == seed.language and e.positive is False]
    if not pages:
        return [seed.line] * copies
    first = int(seed.key[:8], 16)
    words = seed.line.split()
    woven = []
    for n in range(copies):
        other = pages[(first + n) % len(pages)].line.split()
        start = first % max(1, len(other) - len(words))
        woven.append(" ".join([*other[start : start + len(words)], *words]))
    return woven


def _fit(
    settings: ClassifierSettings, lines: list[tuple[str, str]], epochs: int, buckets: int
) -> Any:
    """One fastText training; the lines in the order of their keys, which is a shuffle."""
    lines.sort()
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.writelines(line for _, line in lines)
        file.flush()
        try:
            return fasttext.train_supervised(
                file.name,
                dim=settings.dim,
                lr=settings.learning_rate,
                wordNgrams=settings.word_ngrams,
                minCount=settings.min_count,
                epoch=epochs,
                bucket=buckets,
                minn=settings.min_char_ngram,
                maxn=settings.max_char_ngram,
                thread=settings.threads,
                seed=settings.seed,
                loss="softmax",
                verbose=0,
            )
        except (RuntimeError, ValueError) as error:  # fastText's own: NaN, empty vocabulary
            raise RecipeError(
                f"fastText could not train ({error}); lower learning_rate or min_count"
            ) from None
