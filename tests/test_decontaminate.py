"""Benchmarks, their index, the rules and the passages they cut."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_math.decontaminate import (
    NGRAM_RULE,
    BenchmarkItem,
    Hit,
    Index,
    Rule,
    build_index,
    contamination_cuts,
    find_hits,
    index_from_bytes,
    index_to_bytes,
    load_benchmarks,
    undetectable,
)
from cc_math.dedup.passages import protected_spans
from cc_math.errors import InputError

RULE = Rule(
    name="coverage",
    whole_strength=0.9,
    whole_words=6,
    part_strength=0.6,
    part_words=9,
    run_words=11,
    window_share=2.0,
    telling=True,
)

BARGE = (
    "A barge carries 48 crates of pears upstream. At every lock the keeper takes 3 crates as a"
    " toll, and after the last lock 27 crates are left. How many locks did the barge pass?"
)
BARGE_ANSWER = (
    "The tolls took 48 - 27 = 21 crates from the barge altogether. Each keeper was paid three"
    " crates, therefore the barge went through 21 / 3 = 7 locks on its way upstream."
)
MATRIX = r"Let $A$ be a real $3\times 3$ matrix with $A^2 = 5A - 6I$. Which traces can $A$ have?"
CHINESE = "果园里有苹果树三十六棵，梨树比苹果树的两倍少九棵，桃树是梨树的三分之一，问桃树有多少棵？"
FORMULA = r"Simplify $\frac{x^2}{x}$."


def item(number: int, question: str, answer: str = "7") -> BenchmarkItem:
    return BenchmarkItem("river", f"r{number}", question, answer)


def index_of(*items: BenchmarkItem, common_texts: int = 10, ngram_words: int = 6) -> Index:
    return build_index(
        items,
        ngram_words=ngram_words,
        common_texts=common_texts,
        short_words=3,
        answer_words=15,
    )


ITEMS = [item(1, BARGE, BARGE_ANSWER), item(2, MATRIX), item(3, CHINESE), item(4, FORMULA)]
INDEX = index_of(*ITEMS)


def hits_in(text: str, index: Index = INDEX, rule: Rule = RULE) -> list[Hit]:
    return find_hits(text, index, rule)


def test_a_copied_problem_is_found_with_its_place() -> None:
    text = f"Puzzles of the week.\n\n{BARGE}\n\nSend your answers by post."
    (hit,) = hits_in(text)
    assert (hit.benchmark, hit.item_id, hit.field, hit.rule) == (
        "river",
        "r1",
        "question",
        "coverage",
    )
    assert text[hit.start_char : hit.end_char] == BARGE.removesuffix("?")
    assert hit.strength == 1.0 and hit.ngram.startswith("a barge carries 48 crates")


@pytest.mark.parametrize(
    "copy",
    [
        BARGE.replace("48", "52").replace("27", "31"),
        BARGE.upper(),
        BARGE.replace("every lock the keeper", "each lock a keeper"),
        BARGE.replace("crates", "**crates**"),
    ],
)
def test_a_changed_copy_is_found(copy: str) -> None:
    assert [hit.item_id for hit in hits_in(copy)] == ["r1"]


def test_a_copied_solution_is_found() -> None:
    assert [(hit.item_id, hit.field) for hit in hits_in(BARGE_ANSWER)] == [("r1", "answer")]


def test_a_formula_spelt_otherwise_is_found() -> None:
    copy = MATRIX.replace("$A^2 = 5A - 6I$", r"\(A^{2}=5A-6I\)").replace("$A$", r"\(A\)")
    assert [hit.item_id for hit in hits_in(copy)] == ["r2"]


def test_chinese_is_matched_without_spaces_between_words() -> None:
    assert [hit.item_id for hit in hits_in(f"练习。{CHINESE}解答略。")] == ["r3"]
    assert hits_in("果园里有很多苹果树和梨树，秋天的时候我们常去那里摘苹果。") == []


def test_common_ground_is_no_hit() -> None:
    assert hits_in("A barge carries gravel upstream. How many locks are there on this river?") == []
    assert hits_in(" ".join(str(n) for n in range(1, 200))) == []
    assert hits_in("") == []


def test_what_is_hardly_more_than_a_formula_is_listed_as_undetectable() -> None:
    assert hits_in(FORMULA) == []
    assert undetectable(INDEX, RULE) == [("river", "r4", "question")]


def test_phrases_of_many_items_tell_nothing() -> None:
    phrase = "What is the smallest positive integer value of n such that"
    items = [item(n, f"{phrase} the gardener {'plants' * (n + 1)} roses?") for n in range(6)]
    page = f"{phrase} every graph on n vertices holds a triangle?"
    careless = Rule("coverage", 0.9, 6, 0.4, 5, 9, 2.0, telling=True)
    assert hits_in(page, index_of(*items, common_texts=10), careless)
    assert not hits_in(page, index_of(*items, common_texts=3), careless)


def test_one_text_of_two_benchmarks_is_a_hit_for_both() -> None:
    twin = BenchmarkItem("lake", "9", BARGE, "7")
    found = hits_in(BARGE, index_of(*ITEMS, twin))
    assert [(hit.benchmark, hit.item_id) for hit in found] == [("lake", "9"), ("river", "r1")]


def test_every_copy_in_a_document_is_found() -> None:
    text = f"{BARGE}\n\n{'Other words stand between them. ' * 30}\n\n{BARGE}"
    assert len(hits_in(text)) == 2


def test_words_far_apart_are_no_copy() -> None:
    gap = " filler" * 300
    words = BARGE.split()
    pieces = [" ".join(words[i : i + 8]) for i in range(0, len(words), 8)]
    assert hits_in(gap.join(pieces)) == []


def test_the_rule_of_the_paper_removes_on_ten_words_in_a_row() -> None:
    index = index_of(*ITEMS, common_texts=10**9, ngram_words=10)
    text = "On that day at every lock the keeper takes 3 crates as a toll of old."
    (hit,) = hits_in(text, index, NGRAM_RULE)
    assert hit.rule == "ngram" and hit.ngram == "at every lock the keeper takes 3 crates as a toll"
    assert hits_in("At every lock the keeper takes 3 crates.", index, NGRAM_RULE) == []
    assert [hit.item_id for hit in hits_in(FORMULA, index, NGRAM_RULE)] == ["r4"]


def test_a_row_of_equal_words_stays_cheap() -> None:
    index = index_of(item(1, "la " * 300), item(2, BARGE))
    assert hits_in("la " * 20_000, index) == []


def test_the_index_survives_its_file() -> None:
    again = index_from_bytes(index_to_bytes(INDEX))
    assert again.sources == INDEX.sources and again.ngram_words == INDEX.ngram_words
    assert np.array_equal(again.ngram, INDEX.ngram)
    assert [hit.item_id for hit in hits_in(BARGE, again)] == ["r1"]
    assert index_to_bytes(again) == index_to_bytes(INDEX)


def test_a_foreign_index_file_is_an_input_error() -> None:
    with pytest.raises(InputError, match="damaged or foreign"):
        index_from_bytes(b"PK not an index")
    with pytest.raises(InputError, match="damaged or foreign"):
        index_from_bytes(index_to_bytes(INDEX)[:500])


def test_an_index_without_texts_finds_nothing() -> None:
    empty = index_of(item(1, "x", "y"))
    assert (
        hits_in(BARGE, empty) == []
        and hits_in(BARGE, index_from_bytes(index_to_bytes(empty))) == []
    )


@given(st.text(alphabet=st.sampled_from("aba 12 $\\^{}+.\n果园"), max_size=200))
def test_finding_never_raises_and_spans_are_inside(text: str) -> None:
    for hit in hits_in(text + BARGE + text):
        assert 0 <= hit.start_char < hit.end_char <= len(text + BARGE + text)


def test_the_cut_is_the_paragraph() -> None:
    text = f"Before it.\n\n{BARGE} The answer is 7.\n\nAfter it."
    (cut,) = contamination_cuts(text, hits_in(text), margin_chars=200)
    assert cut.reason == "contamination"
    assert text[: cut.start_char] + text[cut.end_char :] == "Before it.\n\nAfter it."
    assert contamination_cuts(text, [], margin_chars=200) == []


def test_of_a_long_paragraph_the_sentences_around_the_hit_are_cut() -> None:
    around = "We tell a long story about this river and its people. " * 20
    text = f"{around}{BARGE} {around}"
    (cut,) = contamination_cuts(text, hits_in(text), margin_chars=100)
    assert text[cut.start_char : cut.end_char] == f"{BARGE} "


@given(st.integers(0, 300), st.integers(1, 300), st.integers(0, 80))
def test_no_cut_splits_a_formula(start: int, length: int, margin: int) -> None:
    text = ("Words here. $a. b + c. d$ and more. $$x. y\n\n. z$$ So it is.\n\nNext one.\n\n" * 6)[
        :330
    ]
    hit = Hit("river", "r1", "question", "coverage", "", start, min(start + length, len(text)), 1.0)
    for cut in contamination_cuts(text, [hit], margin_chars=margin):
        assert cut.start_char <= hit.start_char and cut.end_char >= hit.end_char
        for left, right in protected_spans(text):
            assert not left < cut.start_char < right and not left < cut.end_char < right


def write(path: Path, *lines: str) -> Path:
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_benchmarks_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    write(tmp_path / "river.jsonl", json.dumps({"id": 1, "question": "How many?", "answer": 7}), "")
    write(
        tmp_path / "lake.jsonl.gz", json.dumps({"id": "a", "question": "Why?", "answer": ["x", 2]})
    )
    write(tmp_path / "README.md", "not a benchmark")
    assert load_benchmarks(tmp_path) == [
        BenchmarkItem("lake", "a", "Why?", "x\n2"),
        BenchmarkItem("river", "1", "How many?", "7"),
    ]


def test_other_field_names(tmp_path: Path) -> None:
    path = write(tmp_path / "river.jsonl", json.dumps({"key": "k", "problem": "Why so?"}))
    (found,) = load_benchmarks(path, id_field="key", question_field="problem")
    assert found == BenchmarkItem("river", "k", "Why so?", "")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{"], "line 1: expected a JSON object, found no JSON"),
        (["", "[1]"], "line 2: expected a JSON object, found list"),
        (['{"question": "Why?"}'], "field 'id', found no such field"),
        (['{"id": true, "question": "Why?"}'], "field 'id', found True"),
        (['{"id": 1, "question": " "}'], "field 'question'"),
        (['{"id": 1, "question": "Why?", "answer": {"a": 1}}'], "field 'answer'"),
        (['{"id": 1, "question": "Why?"}'] * 2, "line 2: id 1 stands twice"),
        ([""], "at least one test item"),
    ],
)
def test_a_bad_benchmark_file_names_the_line_and_the_fault(
    tmp_path: Path, lines: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_benchmarks(write(tmp_path / "bad.jsonl", *lines))


def test_missing_and_damaged_benchmarks_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found nothing"):
        load_benchmarks(tmp_path / "nowhere")
    with pytest.raises(InputError, match="expected files"):
        load_benchmarks(tmp_path)
    (tmp_path / "bad.jsonl.gz").write_bytes(gzip.compress(b"{}" * 99)[:-12])
    with pytest.raises(InputError, match="cannot read"):
        load_benchmarks(tmp_path)
    with pytest.raises(InputError, match="ending in"):
        load_benchmarks(write(tmp_path / "x.csv", "a,b"))


def test_two_files_of_one_name_are_an_input_error(tmp_path: Path) -> None:
    line = json.dumps({"id": 1, "question": "Why?"})
    write(tmp_path / "river.jsonl", line)
    write(tmp_path / "river.jsonl.gz", line)
    with pytest.raises(InputError, match="keep one"):
        load_benchmarks(tmp_path)
