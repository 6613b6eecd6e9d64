"""The verifier: a sound shard is silent; damage of every kind is named."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.shards import tokenizer as tokenizer_module
from cc_math.shards.layout import Layout, order_key
from cc_math.shards.stream import ShardDocument
from cc_math.shards.verify import (
    Problem,
    sample_documents,
    verify_megatron,
    verify_parquet_tokens,
    verify_round_trip,
    verify_same_stream,
)
from cc_math.shards.write import ShardFile, write_shard

TOKENIZER = tokenizer_module.load()
END = TOKENIZER.end_of_document
LAYOUT = Layout(seed=9, validation_share=0, train_shards=1, validation_shards=0)
TEXTS = {f"{number:032x}": f"Let $a_{number} = {number}$." for number in range(12)}


@dataclass(frozen=True)
class Shard:
    """The files of one written shard."""

    bin_path: str
    idx_path: str
    parquet_path: str
    rows: tuple[ShardFile, ...]

    @property
    def paths(self) -> tuple[str, str, str]:
        return self.bin_path, self.idx_path, self.parquet_path


def write(folder: Path, documents: list[ShardDocument]) -> Shard:
    rows = write_shard(
        documents, str(folder), layout=LAYOUT, slot=0, formats=["megatron", "parquet"],
        dtype=TOKENIZER.dtype, with_url=False,
    )  # fmt: skip
    bin_path, idx_path, parquet_path = (str(folder / row.path) for row in rows)
    return Shard(bin_path, idx_path, parquet_path, tuple(rows))


def tokenized() -> list[ShardDocument]:
    ids = TOKENIZER.encode_batch(list(TEXTS.values()))
    documents = [
        ShardDocument(doc_id, None, np.append(tokens, np.uint16(END)))
        for doc_id, tokens in zip(TEXTS, ids, strict=True)
    ]
    return sorted(documents, key=lambda document: order_key(document.doc_id, LAYOUT.seed))


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Shard:
    return write(tmp_path_factory.mktemp("shard"), tokenized())


def problems_of(shard: Shard, *, with_rows: bool = True) -> list[Problem]:
    rows = shard.rows if with_rows else ()
    return (
        verify_megatron(
            shard.bin_path, shard.idx_path, vocab_size=TOKENIZER.vocab_size,
            end_of_document=END, expected=rows,
        )
        + verify_parquet_tokens(
            shard.parquet_path, vocab_size=TOKENIZER.vocab_size, end_of_document=END,
            expected=rows, layout=LAYOUT, slot=0,
        )
    )  # fmt: skip


def damaged(shard: Shard, folder: Path, change: Callable[[Path], None], place: int) -> Shard:
    """A copy of the shard in a folder, with one of its three files changed."""
    bin_path, idx_path, parquet_path = (str(folder / Path(path).name) for path in shard.paths)
    copies = Shard(bin_path, idx_path, parquet_path, shard.rows)
    for original, copy in zip(shard.paths, copies.paths, strict=True):
        shutil.copy(original, copy)
    change(Path(copies.paths[place]))
    return copies


def flip(offset_bytes: int, bit: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[offset_bytes % len(data)] ^= 1 << bit
        path.write_bytes(data)

    return change


def cut(length_bytes: int) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: length_bytes % len(data)])

    return change


def test_a_sound_shard_has_no_problems(shard: Shard) -> None:
    assert problems_of(shard) == []
    assert problems_of(shard, with_rows=False) == []
    assert verify_same_stream(*shard.paths) == []


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 2), offset_bytes=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_flipped_bit_is_found_and_its_file_named(
    shard: Shard, tmp_path_factory: pytest.TempPathFactory, place: int, offset_bytes: int, bit: int
) -> None:
    broken = damaged(shard, tmp_path_factory.mktemp("flip"), flip(offset_bytes, bit), place)
    found = problems_of(broken)
    assert any(p.path == broken.paths[place] and "sha256" in p.what for p in found)


@settings(max_examples=40, deadline=None)
@given(place=st.integers(0, 2), length_bytes=st.integers(0, 10_000))
def test_a_truncated_file_is_found_without_a_manifest(
    shard: Shard, tmp_path_factory: pytest.TempPathFactory, place: int, length_bytes: int
) -> None:
    broken = damaged(shard, tmp_path_factory.mktemp("cut"), cut(length_bytes), place)
    assert problems_of(broken, with_rows=False)
    assert broken.paths[place] in {problem.path for problem in problems_of(broken)}


@settings(max_examples=60, deadline=None)
@given(offset_bytes=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_every_bit_of_an_index_matters(
    shard: Shard, tmp_path_factory: pytest.TempPathFactory, offset_bytes: int, bit: int
) -> None:
    broken = damaged(shard, tmp_path_factory.mktemp("idx"), flip(offset_bytes, bit), 1)
    assert problems_of(broken, with_rows=False)


@settings(max_examples=40, deadline=None)
@given(offset_bytes=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_changed_token_is_found_by_the_other_format(
    shard: Shard, tmp_path_factory: pytest.TempPathFactory, offset_bytes: int, bit: int
) -> None:
    broken = damaged(shard, tmp_path_factory.mktemp("bin"), flip(offset_bytes, bit), 0)
    assert [problem.path for problem in verify_same_stream(*broken.paths)] == [broken.bin_path]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_missing_file_is_named(shard: Shard, tmp_path: Path, place: int) -> None:
    broken = damaged(shard, tmp_path, Path.unlink, place)
    assert broken.paths[place] in {problem.path for problem in problems_of(broken)}
    assert verify_same_stream(*broken.paths)


@pytest.mark.parametrize(
    ("ids", "what"),
    [
        ([5, 6], "does not end in end-of-document"),
        ([END], "is empty but for its end-of-document"),
        ([5, END, 6, END], "has an end-of-document in its middle"),
        ([5, 32_000, END], "has an id outside 0 to 31999"),
    ],
)
def test_a_bad_document_is_named_in_both_formats(tmp_path: Path, ids: list[int], what: str) -> None:
    good = tokenized()
    bad = ShardDocument("0" * 32, None, np.array(ids, np.uint16))
    number = next(n for n, document in enumerate(good) if document.doc_id == bad.doc_id)
    broken = write(tmp_path, [*good[:number], bad, *good[number + 1 :]])
    assert problems_of(broken) == [
        Problem(broken.bin_path, f"document {number} {what}"),
        Problem(broken.parquet_path, f"document {bad.doc_id} {what}"),
    ]


def test_counts_are_held_against_the_manifest(shard: Shard) -> None:
    rows = tuple(dataclasses.replace(row, documents=11) for row in shard.rows)
    found = problems_of(dataclasses.replace(shard, rows=rows))
    assert [problem.path for problem in found] == list(shard.paths)
    assert all("holds 12 documents and" in problem.what for problem in found)


def test_the_wrong_tokenizer_is_noticed(shard: Shard) -> None:
    found = verify_megatron(shard.bin_path, shard.idx_path, vocab_size=128_000, end_of_document=END)
    assert [problem.path for problem in found] == [shard.bin_path]
    found = verify_parquet_tokens(shard.parquet_path, vocab_size=128_000, end_of_document=END)
    assert "uint16" in found[0].what


@pytest.mark.parametrize(
    ("reorder", "what"),
    [
        (lambda docs: docs[::-1], "is out of order"),
        (lambda docs: [docs[0], *docs], "stands twice"),
    ],
)
def test_order_is_checked(
    tmp_path: Path,
    reorder: Callable[[list[ShardDocument]], list[ShardDocument]],
    what: str,
) -> None:
    broken = write(tmp_path, reorder(tokenized()))
    assert what in problems_of(broken)[0].what


def test_a_document_of_another_shard_is_noticed(shard: Shard) -> None:
    layout = Layout(seed=9, validation_share=0, train_shards=2, validation_shards=0)
    found = verify_parquet_tokens(
        shard.parquet_path, vocab_size=TOKENIZER.vocab_size, end_of_document=END,
        layout=layout, slot=1,
    )  # fmt: skip
    assert found
    assert all("belongs in another shard" in problem.what for problem in found)


def test_problems_of_one_file_are_bounded(tmp_path: Path) -> None:
    documents = [ShardDocument("a", None, np.array([1], np.uint16))] * 500
    assert len(problems_of(write(tmp_path, documents))) < 100


def test_sampled_documents_are_their_texts(shard: Shard) -> None:
    sample = sample_documents(shard.parquet_path, documents=5, seed=1)
    assert sorted(sample) == list(sample_documents(shard.parquet_path, documents=5, seed=1))
    assert len(sample) == 5
    assert verify_round_trip(shard.parquet_path, sample, TEXTS, TOKENIZER) == []
    assert len(sample_documents(shard.parquet_path, documents=100, seed=1)) == len(TEXTS)


def test_a_document_that_is_not_its_text_is_named(shard: Shard) -> None:
    sample = sample_documents(shard.parquet_path, documents=2, seed=1)
    first, second = sample
    found = verify_round_trip(shard.parquet_path, sample, {first: "another text"}, TOKENIZER)
    assert found == [
        Problem(shard.parquet_path, f"document {first} is not the tokens of its text"),
        Problem(shard.parquet_path, f"document {second} is not in the corpus"),
    ]
