"""The canonical token stream, and the piece files that carry it from corpus order to key order.

Owns the only reordering of the project. The map side (one task per corpus chunk) tokenizes and
writes one *piece file*; the reduce side (one task per slot, that is per shard) reads its part of
every piece and puts the documents in order. Both are plain functions over local paths or open
Arrow files; no text and no token crosses to the JVM.

A piece file is an Arrow IPC file, zstd-compressed, whose record batches come in runs of
``layout.slots``: batch ``run * slots + slot`` holds the documents of that run for that slot,
sorted by (key, doc_id), possibly none. The footer of the format locates every batch, so a reader
fetches only its own by range. One file per chunk instead of one per chunk and shard: a crawl has
about 1,000 corpus chunks and 900 shards, and 900,000 small objects are what S3 is bad at.

Columns: key uint64, doc_id string, url string (null where the corpus has none), tokens
list<uint16 or int32>, each document ending in end-of-document.

Memory: the map side holds ``held_tokens`` tokens (2 or 4 bytes each) and one batch of text; the
reduce side holds one whole shard in tokens, plus about 200 bytes a document.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from cc_math.errors import InputError, JobError
from cc_math.shards.layout import Layout, order_key
from cc_math.shards.tokenizer import TokenArray, Tokenizer, TokenType

_PIECE_VERSION = 1
_METADATA_KEY = b"cc_math.piece"
HELD_TOKENS = 1 << 25  # chosen: 64 or 128 MB in a map task; changes no byte of a shard
_ENCODE_CHARS = 1 << 20  # text handed to the tokenizer at a time; chosen, bounds its memory


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document of the corpus, as far as shards need it."""

    doc_id: str
    text: str
    url: str | None = None
    registered_domain: str | None = None  # decides the split; the doc_id does where it is absent


@dataclass(frozen=True, slots=True, eq=False)
class ShardDocument:
    """A document of the stream: its ids, the last one being end-of-document."""

    doc_id: str
    url: str | None
    tokens: TokenArray


@dataclass(frozen=True, slots=True)
class PieceCounts:
    """Account of one piece file: documents read = documents + empty_documents."""

    documents: int
    tokens: int  # end-of-document included
    empty_documents: int  # texts that have no token at all; left out of the stream


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """A tokenized document on its way into a piece file."""

    slot: int
    key: int
    document: ShardDocument


def write_pieces(
    documents: Iterable[SourceDocument],
    path: str,
    *,
    tokenizer: Tokenizer,
    layout: Layout,
    held_tokens: int = HELD_TOKENS,
) -> PieceCounts:
    """Tokenize the documents of one corpus chunk into one piece file.

    ``held_tokens`` bounds the tokens in memory: past it a run is written and a new one begins.
    The bytes depend on the documents' order and on ``held_tokens``; the stream does not.
    """
    counts = PieceCounts(documents=0, tokens=0, empty_documents=0)
    schema = _piece_schema(tokenizer.dtype, _identity(tokenizer.digest, layout))
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, schema, options=options) as writer:
        run: list[_Entry] = []
        run_tokens = 0
        for entry in _tokenize(documents, tokenizer, layout):
            if entry is None:
                counts = _add(counts, empty_documents=1)
                continue
            run.append(entry)
            run_tokens += entry.document.tokens.size
            counts = _add(counts, documents=1, tokens=entry.document.tokens.size)
            if run_tokens >= held_tokens:
                _write_run(writer, run, schema, layout)
                run, run_tokens = [], 0
        if run:
            _write_run(writer, run, schema, layout)
    return counts


def read_slot(
    pieces: Iterable[str | pa.NativeFile],
    slot: int,
    *,
    layout: Layout,
    tokenizer_digest: str,
    dtype: TokenType,
) -> list[ShardDocument]:
    """The documents of a slot from all pieces, in stream order: by key, then by doc_id.

    ``pieces`` are paths or open random-access files, in any order, and may be a generator that
    opens one at a time. Token arrays are views of the batches read. Raises InputError when a
    doc_id occurs twice, JobError when a piece was made with another layout or tokenizer.
    """
    expected_schema = _piece_schema(dtype, _identity(tokenizer_digest, layout))
    keyed: list[tuple[int, str, ShardDocument]] = []
    for piece in pieces:
        with pa.ipc.open_file(piece) as reader:
            if not reader.schema.equals(expected_schema, check_metadata=True):
                raise JobError(
                    f"the piece {piece} was made with another layout or tokenizer than this "
                    "shard; remove the stage's temporary folder and run it again"
                )
            for number in range(slot, reader.num_record_batches, layout.slots):
                keyed.extend(_batch_documents(reader.get_batch(number)))
    keyed.sort(key=lambda entry: entry[:2])
    for (_, before, _), (_, doc_id, _) in pairwise(keyed):
        if before == doc_id:
            raise InputError(
                f"expected each doc_id once in the corpus, found {doc_id} at least twice; "
                "make the ids unique or remove the repetition"
            )
    return [document for _, _, document in keyed]


def _identity(tokenizer_digest: str, layout: Layout) -> bytes:
    """What a piece must agree on with its reader, as JSON."""
    identity = {"version": _PIECE_VERSION, "tokenizer": tokenizer_digest, **asdict(layout)}
    return json.dumps(identity, sort_keys=True).encode()


def _piece_schema(dtype: TokenType, identity: bytes) -> pa.Schema:
    return pa.schema(
        [
            pa.field("key", pa.uint64(), nullable=False),
            pa.field("doc_id", pa.string(), nullable=False),
            pa.field("url", pa.string()),
            pa.field("tokens", pa.list_(pa.from_numpy_dtype(dtype)), nullable=False),
        ],
        metadata={_METADATA_KEY: identity},
    )


def _tokenize(
    documents: Iterable[SourceDocument], tokenizer: Tokenizer, layout: Layout
) -> Iterator[_Entry | None]:
    """One entry per document, in order; None for a document without tokens."""
    for batch in _text_batches(documents):
        for source, ids in zip(
            batch, tokenizer.encode_batch([source.text for source in batch]), strict=True
        ):
            if ids.size == 0:
                yield None
                continue
            key = order_key(source.doc_id, layout.seed)
            tokens = np.append(ids, np.asarray([tokenizer.end_of_document], dtype=ids.dtype))
            yield _Entry(
                slot=layout.slot_of(source.doc_id, key, source.registered_domain),
                key=key,
                document=ShardDocument(source.doc_id, source.url, tokens),
            )


def _text_batches(documents: Iterable[SourceDocument]) -> Iterator[list[SourceDocument]]:
    batch: list[SourceDocument] = []
    length_chars = 0
    for document in documents:
        batch.append(document)
        length_chars += len(document.text)
        if length_chars >= _ENCODE_CHARS:
            yield batch
            batch, length_chars = [], 0
    if batch:
        yield batch


def _write_run(
    writer: pa.RecordBatchFileWriter, run: list[_Entry], schema: pa.Schema, layout: Layout
) -> None:
    """Write ``layout.slots`` record batches, one per slot, empty ones included."""
    run.sort(key=lambda entry: (entry.slot, entry.key, entry.document.doc_id))
    start = 0
    for slot in range(layout.slots):
        end = start
        while end < len(run) and run[end].slot == slot:
            end += 1
        entries = run[start:end]
        documents = [entry.document for entry in entries]
        columns = [
            pa.array([entry.key for entry in entries], pa.uint64()),
            pa.array([document.doc_id for document in documents], pa.string()),
            pa.array([document.url for document in documents], pa.string()),
            token_lists([document.tokens for document in documents], schema.field("tokens").type),
        ]
        writer.write_batch(pa.record_batch(columns, schema=schema))
        start = end


def token_lists(tokens: Sequence[TokenArray], list_type: pa.ListType) -> pa.ListArray:
    """An Arrow list array of token arrays; fewer than 2**31 tokens together."""
    offsets = np.zeros(len(tokens) + 1, dtype=np.int32)
    np.cumsum([ids.size for ids in tokens], out=offsets[1:])
    values = (
        np.concatenate(tokens) if tokens else np.empty(0, list_type.value_type.to_pandas_dtype())
    )
    return pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(values, list_type.value_type), type=list_type
    )


def list_views(column: pa.ListArray) -> list[TokenArray]:
    """The token array of each row of an Arrow list array, without copies."""
    offsets = column.offsets.to_numpy()
    values = column.values.to_numpy(zero_copy_only=True)
    return [values[start:end] for start, end in pairwise(offsets.tolist())]


def _batch_documents(batch: pa.RecordBatch) -> Iterator[tuple[int, str, ShardDocument]]:
    keys, doc_ids, urls = (batch.column(name).to_pylist() for name in ("key", "doc_id", "url"))
    for key, doc_id, url, tokens in zip(
        keys, doc_ids, urls, list_views(batch.column("tokens")), strict=True
    ):
        yield key, doc_id, ShardDocument(doc_id, url, tokens)


def _add(
    counts: PieceCounts, *, documents: int = 0, tokens: int = 0, empty_documents: int = 0
) -> PieceCounts:
    return PieceCounts(
        documents=counts.documents + documents,
        tokens=counts.tokens + tokens,
        empty_documents=counts.empty_documents + empty_documents,
    )
