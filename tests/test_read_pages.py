"""Learning from read pages: which of them teach words, which teach kinds."""

import dataclasses

import pytest

from cc_math.classify import text_models
from cc_math.classify.fasttext_model import LoadedModel
from cc_math.classify.labels import Example, Examples
from cc_math.classify.settings import ClassifierSettings
from cc_math.classify.text_models import (
    fold,
    held_out,
    train_formula_words,
    train_kinds,
    train_math,
)

SETTINGS = ClassifierSettings(
    dim=4, buckets=200, min_count=1, epochs=2, kind_epochs=2, kind_buckets=200, folds=2,
    bootstrap_role="context", read_copies=1,
)  # fmt: skip


def _page(number: int, site: str, kind: str) -> Example:
    key = f"{number * 7919 % 1000:032x}"
    return Example(
        key=key,
        url=f"https://{site}/{number}",
        site=site,
        line=f"words of page {number}",
        positive=number % 2 == 0,
        kind=kind,
        formula_line=f"words of page {number} \u0192frac",
    )


def _examples(pages: list[Example]) -> Examples:
    return Examples(training=[], seeds=[], labelled=pages, read=pages, counts={})


def _lines_read(monkeypatch: pytest.MonkeyPatch, train, examples, without=None) -> list[str]:  # type: ignore[no-untyped-def]
    seen: list[str] = []

    def spy(settings, lines, epochs, buckets):  # type: ignore[no-untyped-def]
        seen.extend(line for _, line in lines)

    monkeypatch.setattr(text_models, "_fit", spy)
    train(SETTINGS, examples, without)
    return seen


def test_a_page_may_calibrate_and_teach_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [_page(n, f"s{n}.org", "qa") for n in range(20)]
    silent = [dataclasses.replace(page, teaches_words=False) for page in pages[:5]]
    for train in (train_math, train_formula_words):
        assert len(_lines_read(monkeypatch, train, _examples([*silent, *pages[5:]]))) == 15
    assert len(_lines_read(monkeypatch, train_kinds, _examples([*silent, *pages[5:]]))) == 20


def test_the_model_of_kinds_reads_all_pages_of_kinds_with_enough(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages = [_page(n, f"s{n % 4}.org", "qa" if n < 30 else "spam") for n in range(34)]
    lines = _lines_read(monkeypatch, train_kinds, _examples(pages))
    assert len(lines) == 30 and not any("spam" in line for line in lines)
    few = _lines_read(monkeypatch, train_kinds, _examples(pages[25:]))
    assert len(few) == 9  # a user's first labels


def test_a_label_that_a_folds_model_lacks_has_no_odds_there() -> None:
    sites = {n: fold(SETTINGS, _page(0, f"s{n}.org", "")) for n in range(20)}
    first = next(n for n, number in sites.items() if number == 0)
    others = [n for n, number in sites.items() if number == 1]
    pages = [_page(n, f"s{first}.org", "spam") for n in range(20)]
    pages += [_page(20 + n, f"s{others[n % len(others)]}.org", "qa") for n in range(20)]
    pages += [_page(40 + n, f"s{first}.org", "listing") for n in range(20)]
    empty = dataclasses.replace(_page(99, f"s{first}.org", ""), line="")
    examples = dataclasses.replace(_examples(pages), labelled=[*pages, empty])
    scores = held_out(SETTINGS, examples, train_kinds, examples.labelled, lambda message: None)
    assert {frozenset(scores[page.key]) for page in pages} == {frozenset({"listing", "qa", "spam"})}
    assert scores[pages[0].key]["spam"] == 0.0
    assert scores[empty.key] == {}


def test_the_model_of_kinds_reads_the_beginning_of_a_line() -> None:
    settings = dataclasses.replace(SETTINGS, kind_max_chars=20)
    pages = [_page(n, f"s{n}.org", "qa" if n % 2 else "listing") for n in range(30)]
    model = LoadedModel(
        None, {"kind_max_chars": 20}, "", train_kinds(settings, _examples(pages), None)
    )
    line = "words of page 0 and of page 1"
    assert model.predict_kinds(line + " and more words") != {}
    assert model.predict_kinds(line[:20] + "7 8 9") == model.predict_kinds(line[:20])
    assert dataclasses.replace(model, description={}).predict_kinds(line).keys() == {
        "qa",
        "listing",
    }
