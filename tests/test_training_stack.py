"""Shards read as a training stack reads them: torch over the files, transformers' tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cc_math.shards import tokenizer
from cc_math.shards.layout import Layout
from cc_math.shards.stream import SourceDocument, read_slot, write_pieces
from cc_math.shards.write import write_shard

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="make test-gpu installs torch")

TEXTS = [f"Let $x_{{{n}}} = {n}^2$. Then $x_{{{n}}} \\geq {n}$ for every $n$." for n in range(50)]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    tokens = tokenizer.load()
    layout = Layout(seed=1, validation_share=0.0, train_shards=1, validation_shards=0)
    piece = str(tmp_path / "piece.arrow")
    documents = [SourceDocument(f"{n:032x}", text) for n, text in enumerate(TEXTS)]
    write_pieces(documents, piece, tokenizer=tokens, layout=layout, held_tokens=10_000)
    found = read_slot([piece], 0, layout=layout, tokenizer_digest=tokens.digest, dtype=tokens.dtype)
    write_shard(
        found, str(tmp_path), layout=layout, slot=0, formats=["megatron", "parquet"],
        dtype=tokens.dtype, with_url=False,
    )  # fmt: skip
    return tmp_path


def test_torch_reads_batches_from_the_bin_file(shard: Path) -> None:
    tokens = tokenizer.load()
    (path,) = (shard / "megatron").glob("*.bin")
    stream = torch.from_numpy(np.fromfile(path, dtype=np.uint16).astype(np.int64))
    length = 16
    batch = stream[: len(stream) // length * length].view(-1, length)
    embedding = torch.nn.Embedding(tokens.vocab_size, 4)
    assert embedding(batch).shape == (batch.shape[0], length, 4)
    assert int((stream == tokens.end_of_document).sum()) == len(TEXTS)


def test_transformers_gives_the_same_ids_and_text(shard: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokens = tokenizer.load()
    (shard / "tokenizer.json").write_bytes(tokens.json_bytes)
    theirs = transformers.PreTrainedTokenizerFast(tokenizer_file=str(shard / "tokenizer.json"))
    for text, ids in zip(TEXTS, tokens.encode_batch(TEXTS), strict=True):
        assert theirs(text, add_special_tokens=False)["input_ids"] == ids.tolist()
        assert theirs.decode(ids.tolist(), clean_up_tokenization_spaces=False) == text
