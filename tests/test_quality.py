"""Quality signals of texts, and the rules that bound them."""

from __future__ import annotations

import dataclasses
import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.quality import RULES, SIGNALS, quality_failures, quality_signals
from cc_math.quality_settings import Quality
from cc_math.recipe import section_values

PROSE = (
    "The sum of the first odd numbers is a square, and that is easy to see with a drawing.\n\n"
    "We have to put the next odd number around the square that stands, and it grows by a row."
)
THRESHOLDS = {name: v for name, v in dataclasses.asdict(Quality()).items() if name != "apply"}


def signal(name: str, text: str, language: str = "en") -> float | None:
    return quality_signals(text, language)[name]


def test_every_rule_has_a_threshold_and_every_signal_a_meaning() -> None:
    assert set(RULES) == set(THRESHOLDS)
    assert set(RULES.values()) <= set(SIGNALS)
    assert all(rule.startswith(("min_", "max_")) for rule in RULES)
    assert set(Quality().apply) <= set(RULES)
    assert list(quality_signals(PROSE, "en")) == list(SIGNALS)


def test_good_prose_fails_only_by_its_length() -> None:
    assert quality_failures(quality_signals(PROSE, "en"), THRESHOLDS) == [
        "min_words",
        "min_sentences",
    ]


def test_words_lengths_and_letters() -> None:
    measured = quality_signals("Two and two, 12 of them.", "en")
    assert measured["words"] == 6
    assert measured["mean_word_length"] == round((3 + 3 + 3 + 2 + 2 + 4) / 6, 4)
    assert measured["alphabetic_word_share"] == round(5 / 6, 4)
    assert measured["stop_words"] == 2  # and, of


@pytest.mark.parametrize(
    "text", ["Пять и десять слов", "fünf schöne Wörter über", "λόγος και μέτρο"]
)
def test_letters_of_other_scripts_are_one_character(text: str) -> None:
    measured = quality_signals(text, "xx")
    words = text.split()
    assert measured["mean_word_length"] == round(sum(map(len, words)) / len(words), 4)
    assert measured["alphabetic_word_share"] == 1.0
    assert measured["stop_words"] is None


def test_formulas_are_words_but_no_letters_and_no_brackets() -> None:
    text = "Let $\\frac{a}{b} = 1$, then $$\\{x\\}^{2}$$ holds (for $c$)."
    measured = quality_signals(text, "en")
    assert measured["words"] == 7
    assert measured["curly_brackets"] == 0
    assert measured["alphabetic_word_share"] == 1.0  # what clings to a formula is no word
    assert measured["formula_char_share"] is not None
    assert measured["formula_char_share"] > 0.4


def test_code_tables_and_headings_are_no_lines() -> None:
    text = f"# A heading\n\n```\nfor (;;) {{ }}\n```\n\n| a | b |\n| --- | --- |\n\n{PROSE}"
    measured = quality_signals(text, "en")
    assert measured["curly_brackets"] == 0
    assert measured["punctuated_line_share"] == 1.0
    assert measured["short_line_share"] == 0.0
    assert measured["symbol_word_ratio"] == 0.0  # the heading's mark is Markdown
    assert measured["code_char_share"] > 0  # type: ignore[operator]
    assert measured["table_char_share"] > 0  # type: ignore[operator]


def test_exercises_that_differ_in_their_formula_are_not_repeated() -> None:
    pairs = list(itertools.product(range(2, 12), range(20, 30)))
    exercises = "\n".join(f"Solve the equation ${a}x = {b}$ for x." for a, b in pairs)
    assert signal("duplicate_line_share", exercises) == 0.0
    assert signal("duplicate_10gram_share", exercises) == 0.0
    same = "\n".join("Solve the equation $2x = 4$ for x." for _ in pairs)
    assert signal("duplicate_line_share", same) == 0.99
    assert signal("duplicate_10gram_share", same) > 0.9  # type: ignore[operator]


def test_lines_of_formulas_alone_are_not_short_lines() -> None:
    text = "\n\n".join(f"$$x_{{{n}}} = {n}$$" for n in range(20)) + "\n\n" + PROSE
    assert signal("short_line_share", text) == 0.0
    assert signal("punctuated_line_share", text) == 1.0
    menu = "\n".join(f"Chapter {n}" for n in range(20))
    assert signal("short_line_share", menu) == 1.0
    assert signal("punctuated_line_share", menu) == 0.0


def test_a_line_ended_by_a_formula_is_ended() -> None:
    assert signal("punctuated_line_share", "It follows that $x = 2$\n\nand the rest") == 0.5


def test_repetitions_are_shares_of_characters() -> None:
    words = [f"w{n:03d}" for n in range(100)]
    assert signal("duplicate_5gram_share", " ".join(words)) == 0.0
    assert signal("top_2gram_share", " ".join(words)) == 0.0
    again = signal("duplicate_10gram_share", " ".join([*words, *words[:25]]))
    assert again == round(25 / 125, 4)  # as many characters in every word
    often = " ".join(word for n in range(20) for word in ("spam", "eggs", f"n{n:03d}"))
    assert signal("top_2gram_share", often) == round(2 / 3, 4)
    assert signal("top_3gram_share", often) == 0.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(["a", "bb", "ccc", "$x$"]), max_size=60))
def test_ngrams_by_the_book(words: list[str]) -> None:
    measured = quality_signals(" ".join(words), "und")
    lengths = [1 if word == "$x$" else len(word) for word in words]
    total = max(1, sum(lengths))
    for n in range(5, 11):
        seen, covered = set(), set()
        for at in range(len(words) - n + 1):
            gram = tuple(words[at : at + n])
            if gram in seen:
                covered.update(range(at, at + n))
            seen.add(gram)
        share = sum(lengths[at] for at in covered) / total
        assert measured[f"duplicate_{n}gram_share"] == round(share, 4)
    for n in (2, 3, 4):
        grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
        times = {gram: grams.count(gram) for gram in grams}
        most = max(times.values(), default=0)
        chars = max(
            (sum(1 if w == "$x$" else len(w) for w in g) for g in times if times[g] == most),
            default=0,
        )
        share = min(1.0, most * chars / total) if most > 1 else 0.0
        assert measured[f"top_{n}gram_share"] == round(share, 4)


def test_chinese_is_counted_in_pairs_of_characters() -> None:
    text = "边长为三四五的三角形在两条短边之间有一个直角。这是最有名的例子。"
    measured = quality_signals(text, "zh")
    assert measured["words"] == 17  # 30 characters in pairs, and two full stops
    assert measured["mean_word_length"] is None
    assert measured["sentences"] == 2
    assert measured["duplicate_5gram_share"] == 0.0
    assert measured["short_line_share"] == 0.0
    assert quality_failures(measured, THRESHOLDS) == ["min_words", "min_sentences"]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("max_lorem_ipsum", f"{PROSE} Lorem ipsum dolor sit amet."),
        ("max_javascript_line_share", "Please enable JavaScript to see this page."),
        ("max_policy_line_share", "This site uses cookies. Read our privacy policy."),
        ("max_symbol_word_ratio", "#one #two #three and more"),
        ("max_bullet_line_share", "- one thing\n- another thing\n- a third"),
        ("max_ellipsis_line_share", "Read more about it...\nThe next one…\nAnd on."),
        ("max_mean_word_length", "HomeAboutContactLoginRegisterSearch PrevTopNextUpIndexMenu"),
        ("max_line_word_ratio", "Home\nAbout\nContact\nLogin"),
        ("max_short_line_share", "Home\nAbout\nContact\nLogin"),
        ("min_punctuated_line_share", "Home\nAbout\nContact\nLogin"),
        ("min_stop_words", "Home\nAbout\nContact\nLogin"),
        ("max_curly_brackets", "function a(b) { return b; }"),
        ("max_duplicate_line_share", "Answer it.\nA.\nAnswer it.\nB.\nAnswer it."),
        ("max_duplicate_paragraph_share", "Answer it.\n\nA.\n\nAnswer it.\n\nAnswer it."),
        ("min_alphabetic_word_share", "1 2 3 4 5 one"),
    ],
)  # fmt: skip
def test_rules_find_what_they_are_for(rule: str, text: str) -> None:
    assert rule in quality_failures(quality_signals(text, "en"), THRESHOLDS)
    assert rule not in quality_failures(quality_signals(PROSE, "en"), THRESHOLDS)


def test_ordered_lists_and_bullets_are_alike() -> None:
    assert signal("bullet_line_share", "1. one\n2. two\n3. three") == 1.0
    assert signal("bullet_line_share", "2.5 metres\n-3 degrees") == 0.0


@pytest.mark.parametrize("text", ["", "\n\n", "```", "$", "|", "\ud800", "# ", "\U000f0000", "。"])
def test_little_is_no_mistake(text: str) -> None:
    for value in quality_signals(text, "en").values():
        assert value is None or value >= 0
    assert "min_words" in quality_failures(quality_signals(text, "en"), THRESHOLDS)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200))
def test_any_text_has_signals_and_shares_are_shares(text: str) -> None:
    measured = quality_signals(text, "en")
    assert quality_signals(text, "en") == measured
    for name, value in measured.items():
        if value is not None and name.endswith("_share"):
            assert 0.0 <= value <= 1.0, name


@pytest.mark.parametrize(
    "piece", ["`", "](", "$", "\\(", "#", "| ", "a", "中", "```\n", "- ", "ab ", "...", "]((a)"]
)
def test_time_is_linear_in_the_text(piece: str) -> None:
    started_s = time.process_time()
    quality_signals(piece * 50_000, "en")
    assert time.process_time() - started_s < 5.0


def test_the_recipe_has_the_thresholds() -> None:
    from cc_math.recipe import load

    values = section_values(
        load(None, ["quality.apply=min_words", "quality.min_words=10"]), "quality"
    )
    assert values["apply"] == ["min_words"]
    assert quality_failures(quality_signals(PROSE, "en"), values) == ["min_sentences"]
