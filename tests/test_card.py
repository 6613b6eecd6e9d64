"""The corpus card: it says what decided, what was not done, and adds up."""

from __future__ import annotations

import re

from cc_math.composition import ComposeDrop
from cc_math.recipe import Recipe, load, section_values
from cc_math.report.card import corpus_card

COUNTS = {
    "documents": 10, "published": 4, "tokens": 1000, "formulas": 7, "cut_chars": 12,
    "dropped.below_min_score": 5, "dropped.quality:min_words": 1,
    "language.en.documents": 3, "language.en.tokens": 750,
    "language.unknown.documents": 1, "language.unknown.tokens": 250,
    "crawl.CC-TEST-1.documents": 4, "crawl.CC-TEST-1.tokens": 1000,
    "score.0.9": 3, "score.0.5": 1,
}  # fmt: skip
ALL = {"scores", "duplicates", "contamination", "cuts"}


def card(
    made_from: set[str], recipe: Recipe | None = None, counts: dict[str, int] | None = None
) -> str:
    chosen = recipe or Recipe()
    values = {name: section_values(chosen, name) for name in ("compose", "quality", "dedup")}
    return corpus_card(
        COUNTS if counts is None else counts, ["CC-TEST-1"], values, "ab" * 32, made_from
    )


def test_the_numbers_of_the_counts_stand_in_it() -> None:
    text = card(ALL)
    assert "4 documents, 1,000 tokens (`token_count`), 7 formulas" in text
    assert "| 5 | `below_min_score` | scores below 0.5 |" in text
    assert "| 1 | `quality:min_words` | fails the rule `min_words` |" in text
    assert "Of 10 documents 6 were left out" in text and "| 6 | all | |" in text
    assert "| en | 3 | 750 | 75.0% |" in text
    assert "| 0.9 to 1.0 | 3 |" in text
    assert text.index("| 0.5 to 0.6 | 1 |") < text.index("| 0.9 to 1.0")
    assert "## By kind" not in text  # the scores told none
    assert "`abababababababab`" in text


def test_the_hub_reads_which_files_are_the_data() -> None:
    head = card(ALL).split("---")[1]
    assert "language:\n- en\n" in head and "unknown" not in head
    assert "    path:\n    - CC-TEST-1/*.parquet\n" in head


def test_what_was_not_done_is_said() -> None:
    assert "Not decontaminated" not in card(ALL)
    bare = card(set())
    assert "**Not decontaminated**: no table of contamination was given" in bare
    assert "**Duplicates were not looked for.**" in bare
    assert "No scores were given" in bare
    stated = card(ALL - {"contamination"} | {"no_benchmarks"})
    assert "the recipe states that there are no benchmarks" in stated
    assert "mining loop recalled" in card({"recalled", "scores"})


def test_the_rules_of_the_recipe_are_named() -> None:
    recipe = load(
        None,
        [
            "compose.contamination=keep", "compose.min_score=0.8", "compose.exclude_opt_out=",
            "compose.min_kind_shares=problem_solution=0.3", "quality.apply=",
        ],
    )  # fmt: skip
    text = card(ALL, recipe)
    assert "score of 0.8 or more" in text
    assert "**are kept**" in text
    assert "keep a page out: none" in text
    assert "rules that act: none" in text
    assert "At least these shares of the tokens by kind of page: problem_solution 0.3" in text


def test_every_reason_has_its_words() -> None:
    recipe = load(None, ["compose.languages=en,de"])
    text = card(ALL, recipe, {f"dropped.{drop}": 1 for drop in ComposeDrop})
    for drop in ComposeDrop:
        assert re.search(rf"\| 1 \| `{drop.value}` \| \S.* \|", text), drop
    assert "is in another language than en, de" in text
    assert "{" not in text


def test_an_empty_corpus_has_a_card() -> None:
    values = {name: section_values(Recipe(), name) for name in ("compose", "quality", "dedup")}
    text = corpus_card({}, [], values, "0" * 64, set())
    assert "0 documents" in text and "configs" not in text
