"""Megatron-LM's indexed dataset, format ``MMIDIDX`` version 1: ``.bin`` and ``.idx``.

Owns the bytes of the two files: a streaming writer, and a reader that trusts nothing and needs
no torch. Specification: Megatron-LM, ``megatron/core/datasets/indexed_dataset.py`` (_IndexWriter,
_IndexReader, DType), the format that NeMo, Megatron-DeepSpeed and their forks read.

``.bin`` is the token ids of all sequences, one after the other, little-endian. ``.idx`` is

======================  ==========================================================
9 bytes                 ``MMIDIDX\\0\\0``
uint64                  version, 1
uint8                   type of the ids: 4 is int32, 8 is uint16
uint64                  number of sequences (S)
uint64                  number of document indices (D), documents + 1
S × int32               length of each sequence, in tokens
S × int64               offset of each sequence in the .bin, in bytes
D × int64               0, then for each document the number of the sequence behind it
======================  ==========================================================

Each document is one sequence here, so D = S + 1. The writer holds 4 bytes a document and no
tokens. It refuses an empty dataset: Megatron maps the .bin into memory and cannot map 0 bytes.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cc_math.errors import InputError, JobError
from cc_math.shards.tokenizer import TokenArray, TokenType

_MAGIC = b"MMIDIDX\x00\x00"
_VERSION = 1
_HEADER = struct.Struct("<9sQBQQ")  # magic, version, type code, sequences, document indices
_TYPE_CODES: dict[int, TokenType] = {4: np.dtype(np.int32), 8: np.dtype(np.uint16)}
_INDEX_BLOCK = 1 << 16  # sequences whose offsets are computed at a time when writing; chosen


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """What a writer wrote: documents, and their tokens with end-of-document."""

    documents: int
    tokens: int


@dataclass(frozen=True, slots=True, eq=False)
class MegatronIndex:
    """The content of an ``.idx``, checked to be consistent with itself."""

    dtype: TokenType
    lengths: npt.NDArray[np.int32]  # (documents,) tokens of each
    offsets: npt.NDArray[np.int64]  # (documents,) bytes into the .bin

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return int(self.lengths.sum(dtype=np.int64))


def write_megatron(
    documents: Iterable[TokenArray], bin_path: str, idx_path: str, *, dtype: TokenType
) -> TokenCounts:
    """Write documents (token ids, each ending in end-of-document) in the order given.

    Raises JobError when there are none, when one is empty, or when its type is not ``dtype``.
    """
    lengths = array("i")
    tokens = 0
    with open(bin_path, "wb") as bin_file:
        for ids in documents:
            if ids.size == 0 or ids.dtype != dtype:
                raise JobError(
                    f"expected a document of at least one {dtype} token, found {ids.size} of type "
                    f"{ids.dtype} at place {len(lengths)} of {bin_path}"
                )
            bin_file.write(np.ascontiguousarray(ids, dtype=dtype.newbyteorder("<")).data)
            lengths.append(ids.size)
            tokens += ids.size
    if not lengths:
        raise JobError(f"a Megatron dataset cannot be empty, and {bin_path} would be")
    _write_index(np.frombuffer(lengths, dtype=np.int32), idx_path, dtype=dtype)
    return TokenCounts(documents=len(lengths), tokens=tokens)


def _write_index(lengths: npt.NDArray[np.int32], idx_path: str, *, dtype: TokenType) -> None:
    type_code = next(code for code, known in _TYPE_CODES.items() if known == dtype)
    with open(idx_path, "wb") as idx_file:
        idx_file.write(_HEADER.pack(_MAGIC, _VERSION, type_code, len(lengths), len(lengths) + 1))
        idx_file.write(lengths.astype("<i4").data)
        offset_bytes = 0
        for start in range(0, len(lengths), _INDEX_BLOCK):
            ends = np.cumsum(lengths[start : start + _INDEX_BLOCK], dtype=np.int64) * dtype.itemsize
            block = np.concatenate(([0], ends[:-1])) + offset_bytes
            idx_file.write(block.astype("<i8").data)
            offset_bytes += int(ends[-1])
        idx_file.write(np.arange(len(lengths) + 1, dtype="<i8").data)


def read_index(idx_path: str) -> MegatronIndex:
    """Read an ``.idx`` and check it against itself.

    Raises InputError naming the first thing that is wrong: magic, version, type, size of the
    file, a length below 1, an offset that does not follow, or a document of several sequences
    (legal in the format, never written by cc-math).
    """
    data = Path(idx_path).read_bytes()
    if len(data) < _HEADER.size:
        raise InputError(f"{idx_path} ends in its header, after {len(data)} bytes")
    magic, version, type_code, sequences, indices = _HEADER.unpack_from(data)
    if magic != _MAGIC or version != _VERSION:
        raise InputError(f"{idx_path} is no MMIDIDX index of version 1: {magic!r}, {version}")
    if type_code not in _TYPE_CODES:
        raise InputError(f"{idx_path} has token type code {type_code}; expected 4 or 8")
    expected_bytes = _HEADER.size + 12 * sequences + 8 * indices
    if len(data) != expected_bytes or indices != sequences + 1:
        raise InputError(
            f"{idx_path} declares {sequences} sequences and {indices} document indices, "
            f"which take {expected_bytes} bytes, and has {len(data)}"
        )
    lengths = np.frombuffer(data, "<i4", sequences, _HEADER.size)
    offsets = np.frombuffer(data, "<i8", sequences, _HEADER.size + 4 * sequences)
    bounds = np.frombuffer(data, "<i8", indices, _HEADER.size + 12 * sequences)
    if not np.array_equal(bounds, np.arange(indices)):
        raise InputError(f"the document indices of {idx_path} are not 0, 1, 2 and so on")
    if sequences == 0 or int(lengths.min()) < 1:
        raise InputError(f"{idx_path} has no document, or one without a token")
    dtype = _TYPE_CODES[type_code]
    ends = np.cumsum(lengths, dtype=np.int64) * dtype.itemsize
    if not np.array_equal(offsets, np.concatenate(([0], ends[:-1]))):
        raise InputError(f"the offsets of {idx_path} do not follow from its lengths")
    return MegatronIndex(dtype=dtype, lengths=lengths, offsets=offsets)


def read_megatron(bin_path: str, index: MegatronIndex) -> Iterator[TokenArray]:
    """The documents of a dataset, memory-mapped, in order.

    Raises InputError when the size of the .bin is not what the index says.
    """
    size_bytes = Path(bin_path).stat().st_size
    expected_bytes = index.tokens * index.dtype.itemsize
    if size_bytes != expected_bytes:
        raise InputError(
            f"{bin_path} has {size_bytes} bytes where its index needs {expected_bytes}"
        )
    tokens = np.memmap(bin_path, dtype=index.dtype.newbyteorder("<"), mode="r")
    start = 0
    for length in index.lengths.tolist():
        yield tokens[start : start + length]
        start += length
