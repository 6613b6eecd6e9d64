"""Blocks of a text, and repeated ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cc_math.dedup.passages import (
    blocks,
    passages,
    protected_spans,
    repeated_passages,
    site_repeats,
)

LONG = "A sentence about parity that is long enough to count as a passage of its own. " * 3


def kept(text: str, min_chars: int = 100) -> str:
    for cut in reversed(repeated_passages(text, min_chars=min_chars)):
        assert cut.reason == "repeated_passage"
        text = text[: cut.start_char] + text[cut.end_char :]
    return text


def test_second_copy_of_a_long_paragraph_goes() -> None:
    text = f"{LONG}\n\nShort.\n\n{LONG.replace(' ', '  ')}\n\nEnd."
    assert kept(text) == f"{LONG}\n\nShort.\n\nEnd."


def test_short_repetitions_stay() -> None:
    text = "Find the sum.\n\nFind the sum.\n\nFind the sum."
    assert kept(text) == text


def test_problems_that_differ_in_a_number_stay() -> None:
    text = "\n\n".join(LONG + f"How many are {n} of them?" for n in range(5))
    assert kept(text) == text


def test_a_formula_or_a_fence_with_a_blank_line_is_one_block() -> None:
    text = "Before.\n\n$$a\n\n+ b$$\n\n```\nx = 1\n\ny = 2\n```\n\nAfter."
    found = [text[start:end].strip() for start, end in blocks(text)]
    assert found == ["Before.", "$$a\n\n+ b$$", "```\nx = 1\n\ny = 2\n```", "After."]


def test_a_fence_without_an_end_runs_to_the_end() -> None:
    assert blocks("Text.\n\n```\na\n\nb") == [(0, 7), (7, 15)]


def test_many_open_fences_are_linear() -> None:
    assert len(protected_spans("```x\n" * 50_000)) == 1


@given(st.text(alphabet=st.sampled_from("ab $`~\n\\")))
def test_blocks_are_the_text(text: str) -> None:
    assert "".join(text[start:end] for start, end in blocks(text)) == text
    edges = {edge for block in blocks(text) for edge in block}
    assert not any(start < edge < end for start, end in protected_spans(text) for edge in edges)


def test_prose_is_told_from_formulas_and_code() -> None:
    text = f"{LONG}\n\n{LONG} $x + 1$\n\n```\n{LONG}\n```"
    assert [passage.prose for passage in passages(text, min_chars=50)] == [True, False, False]


def test_boilerplate_of_the_site_goes_even_once() -> None:
    text = f"{LONG}\n\nOwn words."
    hashes = [passage.hash64 for passage in passages(text, min_chars=100)]
    cuts = repeated_passages(text, min_chars=100, boilerplate=hashes)
    assert [(cut.start_char, cut.end_char) for cut in cuts] == [(0, len(LONG) + 2)]


def test_site_repeats_leave_the_smallest_document_its_copy() -> None:
    site = np.array([1, 1, 1, 1, 2, 1])
    hashes = np.array([7, 7, 7, 8, 7, 7], dtype=np.uint64)
    document = np.array([30, 10, 20, 10, 40, 30])
    documents, found = site_repeats(site, hashes, document, min_documents=3)
    assert documents.tolist() == [20, 30] and found.tolist() == [7, 7]
    assert len(site_repeats(site, hashes, document, min_documents=4)[0]) == 0
    none = np.empty(0, dtype=np.int64)
    assert len(site_repeats(none, none.astype(np.uint64), none, min_documents=2)[0]) == 0
