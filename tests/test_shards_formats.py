"""The stream and its two formats: documents survive, whatever the pieces and the cuts."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.errors import InputError, JobError, RecipeError
from cc_math.shards import parquet as parquet_module
from cc_math.shards import tokenizer as tokenizer_module
from cc_math.shards.layout import Layout, order_key, split_of
from cc_math.shards.megatron import TokenCounts, read_index, read_megatron, write_megatron
from cc_math.shards.parquet import read_parquet_tokens, write_parquet_tokens
from cc_math.shards.stream import ShardDocument, SourceDocument, read_slot, write_pieces
from cc_math.shards.write import ShardFile, write_shard

TOKENIZER = tokenizer_module.load()
LAYOUT = Layout(seed=5, validation_share=0.3, train_shards=3, validation_shards=1)
UINT16, INT32 = np.dtype(np.uint16), np.dtype(np.int32)


def source(number: int) -> SourceDocument:
    text = f"Problem {number}: show that $x^{number % 7}$ grows. " * (1 + number % 5)
    site = f"site{number % 11}.example"
    return SourceDocument(f"{number:032x}", text, f"https://{site}/{number}", site)


SOURCES = [source(number) for number in range(60)]


def shards_of(
    folder: Path, chunks: Sequence[Sequence[SourceDocument]], *, held_tokens: int = 1_000_000
) -> list[list[ShardDocument]]:
    """All slots of the stream of these chunks, in order."""
    paths = []
    for number, chunk in enumerate(chunks):
        paths.append(str(folder / f"piece-{number}.arrow"))
        write_pieces(chunk, paths[-1], tokenizer=TOKENIZER, layout=LAYOUT, held_tokens=held_tokens)
    return [
        read_slot(
            paths, slot, layout=LAYOUT, tokenizer_digest=TOKENIZER.digest, dtype=TOKENIZER.dtype
        )
        for slot in range(LAYOUT.slots)
    ]


def plain(slots: list[list[ShardDocument]]) -> list[list[tuple[str, str | None, list[int]]]]:
    return [[(doc.doc_id, doc.url, doc.tokens.tolist()) for doc in slot] for slot in slots]


def test_the_stream_holds_every_document_in_its_place(tmp_path: Path) -> None:
    slots = shards_of(tmp_path, [SOURCES])
    texts = {document.doc_id: document.text for document in SOURCES}
    seen = [document for slot in slots for document in slot]
    assert sorted(document.doc_id for document in seen) == sorted(texts)
    for document in seen:
        assert TOKENIZER.decode(document.tokens[:-1]) == texts[document.doc_id]
        assert document.tokens[-1] == TOKENIZER.end_of_document
    for number, slot in enumerate(slots):
        keys = [order_key(document.doc_id, LAYOUT.seed) for document in slot]
        first, behind = LAYOUT.key_range(number)
        assert keys == sorted(keys)
        assert all(first <= key < behind for key in keys)
        for document in slot:
            site = next(s.registered_domain for s in SOURCES if s.doc_id == document.doc_id)
            assert split_of(site or "", 5, 0.3) == LAYOUT.split_of_slot(number)


def test_chunks_runs_and_their_order_do_not_change_the_stream(tmp_path: Path) -> None:
    whole = plain(shards_of(tmp_path, [SOURCES]))
    backwards = SOURCES[::-1]
    assert plain(shards_of(tmp_path, [backwards[:7], [], backwards[7:]])) == whole
    assert plain(shards_of(tmp_path, [SOURCES[30:], SOURCES[:30]], held_tokens=100)) == whole


def test_empty_texts_are_counted_and_left_out(tmp_path: Path) -> None:
    documents = [SourceDocument("a", ""), SourceDocument("b", "x"), SourceDocument("c", "")]
    counts = write_pieces(
        documents, str(tmp_path / "p"), tokenizer=TOKENIZER, layout=LAYOUT, held_tokens=10
    )
    assert (counts.documents, counts.tokens, counts.empty_documents) == (1, 2, 2)


def test_a_repeated_doc_id_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected each doc_id once"):
        shards_of(tmp_path, [SOURCES[:5], SOURCES[4:6]])


def test_pieces_of_another_tokenizer_are_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "p")
    write_pieces(SOURCES[:3], path, tokenizer=TOKENIZER, layout=LAYOUT, held_tokens=10)
    with pytest.raises(JobError, match="another layout or tokenizer"):
        read_slot([path], 0, layout=LAYOUT, tokenizer_digest="other", dtype=UINT16)


TOKEN_LISTS = st.lists(st.lists(st.integers(0, 65_499), min_size=1, max_size=20), min_size=1)


@settings(max_examples=50, deadline=None)
@given(TOKEN_LISTS, st.sampled_from([UINT16, INT32]))
def test_documents_survive_both_formats(
    tmp_path_factory: pytest.TempPathFactory, lists: list[list[int]], dtype: np.dtype[np.uint16]
) -> None:
    folder = tmp_path_factory.mktemp("shard")
    documents = [
        ShardDocument(f"id{number}", None if number % 2 else f"u{number}", np.array(ids, dtype))
        for number, ids in enumerate(lists)
    ]
    counts = TokenCounts(len(lists), sum(map(len, lists)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_module, "ROW_GROUP_TOKENS", 16)
        path = str(folder / "x.parquet")
        assert write_parquet_tokens(documents, path, dtype=dtype, with_url=True) == counts
    assert plain([list(read_parquet_tokens(path))]) == plain([documents])
    bin_path, idx_path = str(folder / "x.bin"), str(folder / "x.idx")
    arrays = (document.tokens for document in documents)
    assert write_megatron(arrays, bin_path, idx_path, dtype=dtype) == counts
    index = read_index(idx_path)
    assert index.dtype == dtype
    assert [ids.tolist() for ids in read_megatron(bin_path, index)] == lists


def test_megatron_bytes_follow_the_specification(tmp_path: Path) -> None:
    """Spelled out by hand from megatron/core/datasets/indexed_dataset.py (_IndexWriter)."""
    bin_path, idx_path = str(tmp_path / "x.bin"), str(tmp_path / "x.idx")
    documents = [np.array([7, 300, 0], UINT16), np.array([65_499, 0], UINT16)]
    write_megatron(documents, bin_path, idx_path, dtype=UINT16)
    assert Path(bin_path).read_bytes() == struct.pack("<5H", 7, 300, 0, 65_499, 0)
    assert Path(idx_path).read_bytes() == (
        b"MMIDIDX\x00\x00"
        + struct.pack("<Q", 1)  # version
        + struct.pack("<B", 8)  # uint16
        + struct.pack("<Q", 2)  # sequences
        + struct.pack("<Q", 3)  # document indices
        + struct.pack("<2i", 3, 2)  # lengths
        + struct.pack("<2q", 0, 6)  # byte offsets
        + struct.pack("<3q", 0, 1, 2)  # document indices
    )
    write_megatron([documents[0].astype(INT32)], bin_path, idx_path, dtype=INT32)
    assert Path(bin_path).read_bytes() == struct.pack("<3i", 7, 300, 0)
    assert Path(idx_path).read_bytes()[17] == 4


def test_megatron_reads_what_we_write(tmp_path: Path) -> None:
    indexed_dataset = pytest.importorskip(
        "megatron.core.datasets.indexed_dataset", reason="megatron-core is not installed"
    )
    documents = [np.arange(1, n + 2, dtype=np.uint16) for n in range(2_000)]
    prefix = str(tmp_path / "x")
    write_megatron(documents, f"{prefix}.bin", f"{prefix}.idx", dtype=UINT16)
    dataset = indexed_dataset.IndexedDataset(prefix)
    assert len(dataset) == len(documents)
    assert dataset.document_indices.tolist() == list(range(2_001))
    for number, ids in enumerate(documents):
        np.testing.assert_array_equal(dataset[number], ids)


def test_an_offset_past_one_block_follows_on(tmp_path: Path) -> None:
    lengths = [1 + number % 3 for number in range(70_000)]  # the writer's block is 65,536
    documents = (np.zeros(length, UINT16) for length in lengths)
    write_megatron(documents, str(tmp_path / "b"), str(tmp_path / "i"), dtype=UINT16)
    index = read_index(str(tmp_path / "i"))
    assert index.lengths.tolist() == lengths
    assert int(index.offsets[-1]) == 2 * sum(lengths[:-1])


def test_an_empty_shard_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="cannot be empty"):
        write_megatron([], str(tmp_path / "b"), str(tmp_path / "i"), dtype=UINT16)
    assert (
        write_shard([], str(tmp_path), layout=LAYOUT, slot=0, formats=["megatron", "parquet"],
                    dtype=UINT16, with_url=True)
        == []
    )  # fmt: skip


@pytest.mark.parametrize("ids", [np.empty(0, UINT16), np.array([1], INT32)])
def test_a_document_of_the_wrong_kind_is_refused(tmp_path: Path, ids: object) -> None:
    assert isinstance(ids, np.ndarray)
    with pytest.raises(JobError, match="at least one"):
        write_megatron([ids], str(tmp_path / "b"), str(tmp_path / "i"), dtype=UINT16)
    with pytest.raises(JobError, match="at least one"):
        write_parquet_tokens(
            [ShardDocument("a", None, ids)], str(tmp_path / "p"), dtype=UINT16, with_url=False
        )


def test_a_shard_has_a_row_per_file_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    slot = shards_of(tmp_path, [SOURCES])[1]

    def written(folder: Path) -> list[ShardFile]:
        return write_shard(
            slot, str(folder), layout=LAYOUT, slot=1, formats=["parquet", "megatron"],
            dtype=UINT16, with_url=True,
        )  # fmt: skip

    rows = written(tmp_path / "one")
    assert [row.path for row in rows] == [
        "megatron/train-00001-of-00003.bin",
        "megatron/train-00001-of-00003.idx",
        "parquet/train-00001-of-00003.parquet",
    ]
    assert {(row.documents, row.split) for row in rows} == {(len(slot), "train")}
    assert rows[0].bytes == 2 * rows[0].tokens
    assert written(tmp_path / "two") == rows


def test_other_tools_read_the_parquet(tmp_path: Path) -> None:
    path = str(tmp_path / "x.parquet")
    documents = [ShardDocument("a", None, np.array([5, 0], UINT16))]
    write_parquet_tokens(documents, path, dtype=UINT16, with_url=False)
    table = pq.read_table(path)
    assert table.schema.names == ["doc_id", "input_ids", "n_tokens"]
    assert table.to_pylist() == [{"doc_id": "a", "input_ids": [5, 0], "n_tokens": 2}]


def test_a_foreign_parquet_file_is_a_clear_error(tmp_path: Path) -> None:
    path = str(tmp_path / "x.parquet")
    pq.write_table(pa.table({"input_ids": ["text"]}), path)
    with pytest.raises(InputError, match="expected a column input_ids"):
        list(read_parquet_tokens(path))


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="unknown shard format mds; expected megatron or parquet"):
        write_shard([], str(tmp_path), layout=LAYOUT, slot=0, formats=["mds"], dtype=UINT16,
                    with_url=False)  # fmt: skip
