"""Re-reads token shards and says what is wrong with them.

Owns the checks that a shard file can be put to without the job that wrote it: checksum, size,
structure, ids in range, document boundaries, counts, order, both formats alike, and sampled
documents against the text of the corpus. Reads shard files; writes nothing. Nothing here raises
for a damaged file: what is wrong comes back as problems.

A file whose checksum is wrong is reported so and not parsed as Parquet (a C++ reader should not
be fed damage for no gain). Without an expectation, structure alone is checked: one changed bit
inside a token id is then seen in Parquet (page checksums), and in a ``.bin`` only where it makes
an id out of range or moves a document's end, or by `verify_same_stream`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from cc_math.errors import InputError
from cc_math.shards.layout import Layout, order_key, sample_key
from cc_math.shards.megatron import read_index, read_megatron
from cc_math.shards.parquet import read_parquet_tokens
from cc_math.shards.stream import ShardDocument
from cc_math.shards.tokenizer import TokenArray, Tokenizer, token_dtype
from cc_math.shards.write import ShardFile

# A file that is wrong throughout would be named once per document; chosen.
_MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with a file."""

    path: str
    what: str


def verify_megatron(
    bin_path: str,
    idx_path: str,
    *,
    vocab_size: int,
    end_of_document: int,
    expected: Iterable[ShardFile] = (),
) -> list[Problem]:
    """Check a Megatron pair; ``expected`` holds its rows of the ``shards`` table, if known."""
    rows = _rows_by_name(expected)
    problems = [
        problem
        for path in (bin_path, idx_path)
        for problem in _verify_bytes(path, rows.get(Path(path).name))
    ]
    try:
        index = read_index(idx_path)
        documents = (
            (f"document {number}", tokens)
            for number, tokens in enumerate(read_megatron(bin_path, index))
        )
        found = _verify_documents(
            documents, bin_path, vocab_size=vocab_size, end_of_document=end_of_document
        )
    except (InputError, OSError) as error:
        return [*problems, Problem(_blamed(error, bin_path, idx_path), str(error))]
    problems += found.problems
    for path in (bin_path, idx_path):
        problems += _verify_counts(path, rows.get(Path(path).name), found)
    return problems


def verify_parquet_tokens(
    path: str,
    *,
    vocab_size: int,
    end_of_document: int,
    expected: Iterable[ShardFile] = (),
    layout: Layout | None = None,
    slot: int = 0,
) -> list[Problem]:
    """Check a Parquet token shard; with a layout, also that its documents belong in this slot.

    ``expected`` holds its row of the ``shards`` table, if known.
    """
    row = _rows_by_name(expected).get(Path(path).name)
    problems = _verify_bytes(path, row)
    if problems:
        return problems
    placement = _PlacementCheck(path, layout, slot) if layout is not None else None
    try:
        found = _verify_documents(
            (
                (f"document {document.doc_id}", document.tokens)
                for document in _watched(read_parquet_tokens(path), placement)
            ),
            path,
            vocab_size=vocab_size,
            end_of_document=end_of_document,
        )
    except InputError as error:
        return [Problem(path, str(error))]
    problems += found.problems + _verify_counts(path, row, found)
    return problems + (placement.problems if placement is not None else [])


def verify_same_stream(bin_path: str, idx_path: str, parquet_path: str) -> list[Problem]:
    """Check that both formats of a shard hold the same documents in the same order."""
    try:
        megatron = read_megatron(bin_path, read_index(idx_path))
        parquet = read_parquet_tokens(parquet_path)
        for number, (left, right) in enumerate(zip_longest(megatron, parquet)):
            if left is None or right is None:
                shorter = bin_path if left is None else parquet_path
                return [
                    Problem(
                        shorter,
                        f"ends after {number} documents; the other format of this shard goes on",
                    )
                ]
            if left.dtype != right.tokens.dtype or not np.array_equal(left, right.tokens):
                return [
                    Problem(
                        bin_path,
                        f"document {number} is not document {right.doc_id} of {parquet_path}",
                    )
                ]
    except (InputError, OSError) as error:
        return [Problem(_blamed(error, bin_path, idx_path, parquet_path), str(error))]
    return []


def sample_documents(path: str, *, documents: int, seed: int) -> dict[str, TokenArray]:
    """At most ``documents`` documents of a Parquet token shard by doc_id, the same ones each time.

    Chosen by a hash of the doc_id, so a corpus can be asked for just these texts. Raises
    InputError when the shard cannot be read.
    """
    chosen: dict[str, tuple[int, TokenArray]] = {}
    for document in read_parquet_tokens(path):
        chosen[document.doc_id] = (sample_key(document.doc_id, seed), document.tokens)
        if len(chosen) > documents:
            del chosen[max(chosen, key=lambda doc_id: chosen[doc_id][0])]
    return {doc_id: tokens for doc_id, (_, tokens) in sorted(chosen.items())}


def verify_round_trip(
    path: str, sample: Mapping[str, TokenArray], texts: Mapping[str, str], tokenizer: Tokenizer
) -> list[Problem]:
    """Check sampled documents of a shard against the text of the corpus.

    Each must be the tokens of its text and, where the tokenizer is lossless, decode to it.
    """
    problems: list[Problem] = []
    end = np.asarray([tokenizer.end_of_document], dtype=tokenizer.dtype)
    for doc_id, tokens in sample.items():
        text = texts.get(doc_id)
        if text is None:
            problems.append(Problem(path, f"document {doc_id} is not in the corpus"))
        elif not np.array_equal(np.append(tokenizer.encode_batch([text])[0], end), tokens):
            problems.append(Problem(path, f"document {doc_id} is not the tokens of its text"))
        elif tokenizer.lossless and tokenizer.decode(tokens[:-1]) != text:
            problems.append(Problem(path, f"document {doc_id} does not decode to its text"))
    return problems


@dataclass(frozen=True, slots=True)
class _Found:
    """What the documents of a file came to."""

    documents: int
    tokens: int
    problems: list[Problem]


class _PlacementCheck:
    """Watches documents go by: in order, and within the key range of their slot."""

    def __init__(self, path: str, layout: Layout, slot: int) -> None:
        self.problems: list[Problem] = []
        self._path, self._layout = path, layout
        self._first, self._behind = layout.key_range(slot)
        self._previous: tuple[int, str] = (-1, "")

    def see(self, document: ShardDocument) -> None:
        """Judge the next document."""
        key = order_key(document.doc_id, self._layout.seed)
        what = None
        if not self._first <= key < self._behind:
            what = "belongs in another shard"
        elif (key, document.doc_id) == self._previous:
            what = "stands twice"
        elif (key, document.doc_id) < self._previous:
            what = "is out of order"
        self._previous = (key, document.doc_id)
        if what is not None and len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(self._path, f"document {document.doc_id} {what}"))


def _watched(
    documents: Iterable[ShardDocument], placement: _PlacementCheck | None
) -> Iterator[ShardDocument]:
    for document in documents:
        if placement is not None:
            placement.see(document)
        yield document


def _rows_by_name(rows: Iterable[ShardFile]) -> dict[str, ShardFile]:
    return {Path(row.path).name: row for row in rows}


def _blamed(error: Exception, *paths: str) -> str:
    """The path that the message names first, else the first path."""
    places = {path: str(error).find(path) for path in paths}
    named = [path for path in paths if places[path] >= 0]
    return min(named, key=lambda path: places[path]) if named else paths[0]


def _verify_bytes(path: str, row: ShardFile | None) -> list[Problem]:
    if not Path(path).is_file():
        return [Problem(path, "is missing")]
    if row is None:
        return []
    size_bytes = Path(path).stat().st_size
    if size_bytes != row.bytes:
        return [Problem(path, f"has {size_bytes} bytes where the manifest says {row.bytes}")]
    with open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 != row.sha256:
        return [Problem(path, f"has sha256 {sha256} where the manifest says {row.sha256}")]
    return []


def _verify_counts(path: str, row: ShardFile | None, found: _Found) -> list[Problem]:
    if row is None or (row.documents, row.tokens) == (found.documents, found.tokens):
        return []
    return [
        Problem(
            path,
            f"holds {found.documents} documents and {found.tokens} tokens where the manifest "
            f"says {row.documents} and {row.tokens}",
        )
    ]


def _verify_documents(
    documents: Iterable[tuple[str, TokenArray]],
    path: str,
    *,
    vocab_size: int,
    end_of_document: int,
) -> _Found:
    """Check ids and boundaries of each document: some text, and one end, at the end.

    Raises InputError, naming the path, when the ids are not of the tokenizer's type.
    """
    problems: list[Problem] = []
    n_documents = n_tokens = 0
    expected_type = token_dtype(vocab_size)
    for name, tokens in documents:
        if tokens.dtype != expected_type:
            raise InputError(
                f"{path} holds {tokens.dtype} ids where a tokenizer of {vocab_size} tokens has "
                f"{expected_type}; it was made with another tokenizer"
            )
        n_documents += 1
        n_tokens += tokens.size
        what = _document_fault(tokens, vocab_size, end_of_document)
        if what is not None and len(problems) < _MAX_PROBLEMS:
            problems.append(Problem(path, f"{name} {what}"))
    return _Found(n_documents, n_tokens, problems)


def _document_fault(tokens: TokenArray, vocab_size: int, end_of_document: int) -> str | None:
    if tokens.size == 0 or int(tokens[-1]) != end_of_document:
        return "does not end in end-of-document"
    if tokens.size == 1:
        return "is empty but for its end-of-document"
    if int(tokens.max()) >= vocab_size or int(tokens.min()) < 0:
        return f"has an id outside 0 to {vocab_size - 1}"
    if int(np.count_nonzero(tokens == end_of_document)) > 1:
        return "has an end-of-document in its middle"
    return None
