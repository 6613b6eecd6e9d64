"""Text to token ids, with any Hugging Face ``tokenizer.json``.

Owns the loading of a tokenizer (shipped default, local file or folder, hub name), its identity
(a digest of the canonical JSON) and the guarantees that token shards rest on:

* The end-of-document id never comes out of text. Special tokens written in a document (hostile
  or about language models) are encoded as ordinary text; a tokenizer that cannot do so is
  refused.
* No special tokens, truncation or padding are added, whatever the file asks for.
* One thread: a Spark task owns one core, so the library's own parallelism is switched off
  unless ``TOKENIZERS_PARALLELISM`` is already set in the environment.

Reads one JSON file; writes nothing. A foreign tokenizer encodes each document whole, since no
cut of a long one is provably harmless to an unknown pre-tokenizer; that takes about 200 bytes
of memory a token, and for some more than linear time on megabytes without a space. The
default's pieces have a bounded length, so it takes linear time, and documents longer than
262,144 characters in parts, cut where a piece ends with certainty.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import tokenizers

from cc_math.errors import ModelError
from cc_math.shards.token_count import token_counter

# Both are uint16 or int32, by `token_dtype`.
TokenArray: TypeAlias = npt.NDArray[np.integer[Any]]
TokenType: TypeAlias = np.dtype[np.integer[Any]]

# Megatron-LM, megatron/core/datasets/indexed_dataset.py, DType.optimal_dtype.
UINT16_VOCAB_LIMIT = 65_500

# Tokens that end a document in the families in use: GPT-2/NeoX/Qwen, Llama 3, Llama 2/T5,
# Gemma, DeepSeek, BLOOM-style and word-piece vocabularies.
END_OF_DOCUMENT_NAMES = (
    "<|endoftext|>",
    "<|end_of_text|>",
    "</s>",
    "<eos>",
    "<｜end▁of▁sentence｜>",
    "<|eos|>",
    "<EOS>",
    "[EOS]",
)

# The pre-tokenizer of the default: the pieces that no token crosses, in the order in which they
# are tried. The bounds are chosen: far above the longest token of the default (16 bytes), low
# enough that no text takes more than linear time. Combining marks belong to their letter.
_PIECES = (
    r" ?\\[A-Za-z]{1,32}\*?",  # a LaTeX command, starred or not
    r" ?\\[^\sA-Za-z]?",  # \{ \, \\ and a lone backslash
    r" ?[\p{L}\p{M}]{1,32}",  # letters of any script
    r"\p{N}",  # each digit alone
    r" ?\${1,2}",  # a formula's delimiters
    r" ?[^\s\p{L}\p{M}\p{N}\\$]{1,8}",  # punctuation and symbols
    r"[^\S\r\n]{0,32}[\r\n]{1,8}",  # line ends with the blanks before them
    r"\s{1,32}(?!\S)",  # indentation, leaving one blank to the word
    r"\s{1,32}",
)
PIECE_PATTERN = "|".join(_PIECES)

# Whether a piece ends somewhere depends on what stands before and on fewer characters behind
# than this: the longest piece has 40 (32 blanks, 8 line ends), and the look-ahead one.
_LOOK_AHEAD_CHARS = 64

# Text in flight. The library keeps about 200 bytes a token, and hostile text has up to four
# tokens a character: at most 200 MB.
_BATCH_CHARS = 1 << 18
_WINDOW_CHARS = _BATCH_CHARS  # a longer text is cut, where that is provably the same

_HUB_NAME = re.compile(r"(?P<name>\w[\w.-]*(?:/\w[\w.-]*)?)(?:@(?P<revision>[\w./-]+))?")


def token_dtype(vocab_size: int) -> TokenType:
    """uint16 below 65,500 tokens, else int32: Megatron-LM's rule, kept in every format."""
    return np.dtype(np.uint16) if vocab_size < UINT16_VOCAB_LIMIT else np.dtype(np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Tokenizer:
    """A loaded tokenizer. ``json_bytes`` is canonical and makes an equal one by `from_json`."""

    json_bytes: bytes = field(repr=False)
    digest: str  # sha256 of json_bytes, hex
    vocab_size: int  # highest id + 1
    end_of_document: int  # its id
    end_of_document_name: str
    lossless: bool  # decode(encode(text)) == text for every text, by construction
    _model: tokenizers.Tokenizer = field(repr=False)
    _split: tokenizers.pre_tokenizers.PreTokenizer | None = field(repr=False)
    _count: Callable[[str], int] | None = field(repr=False)

    @property
    def dtype(self) -> TokenType:
        """uint16 or int32, little-endian."""
        return token_dtype(self.vocab_size)

    def encode_batch(self, texts: Sequence[str]) -> list[TokenArray]:
        """Token ids of each text, shape (tokens,), of ``dtype``, without end-of-document."""
        parts: list[list[TokenArray]] = [[] for _ in texts]
        for number, encoding in self._encode(texts):
            parts[number].append(np.asarray(encoding.ids, dtype=self.dtype))
        return [part[0] if len(part) == 1 else np.concatenate(part) for part in parts]

    def count_batch(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, without end-of-document."""
        if self._count is not None:
            return [self._count(text) for text in texts]
        counts = [0] * len(texts)
        for number, encoding in self._encode(texts):
            counts[number] += len(encoding)
        return counts

    def _encode(self, texts: Sequence[str]) -> Iterator[tuple[int, tokenizers.Encoding]]:
        """Encodings with the number of their text; several, in order, for a text that was cut."""
        for batch in _batches(self._parts(texts)):
            encodings = self._model.encode_batch_fast(
                [part for _, part in batch], add_special_tokens=False
            )
            yield from zip((number for number, _ in batch), encodings, strict=True)

    def _parts(self, texts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """The texts by number, long ones in parts where the pre-tokenizer is known to cut."""
        for number, text in enumerate(texts):
            start = 0
            while self._split is not None and len(text) - start > _WINDOW_CHARS:
                window = text[start : start + _WINDOW_CHARS]
                safe_chars = len(window) - _LOOK_AHEAD_CHARS
                pieces = self._split.pre_tokenize_str(window)
                cut = max(end for _, (_, end) in pieces if end <= safe_chars)
                yield number, window[:cut]
                start += cut
            yield number, text[start:]

    def decode(self, ids: TokenArray) -> str:
        """Text of token ids; special tokens appear by name."""
        return str(self._model.decode(ids.tolist(), skip_special_tokens=False))


def load(name_or_path: str | None = None, *, end_of_document: str | None = None) -> Tokenizer:
    """Load a tokenizer: None for the shipped default, a path, or a hub name (``name@revision``).

    A folder must hold ``tokenizer.json``. Raises ModelError when the file is absent, damaged or
    unreachable, or when its end-of-document token is missing or ambiguous; `end_of_document`
    names the token then.
    """
    if name_or_path is None:
        default = resources.files("cc_math") / "data" / "tokenizer" / "tokenizer.json"
        return from_json(
            default.read_bytes(), source="the default tokenizer", end_of_document=end_of_document
        )
    path = _find_file(name_or_path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"cannot read the tokenizer {path}: {error}") from error
    return from_json(data, source=name_or_path, end_of_document=end_of_document)


def from_json(data: bytes, *, source: str, end_of_document: str | None = None) -> Tokenizer:
    """A tokenizer from the bytes of a ``tokenizer.json``; ``source`` is named in errors.

    Raises ModelError as `load` does.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        settings = json.loads(data)
        canonical = canonical_json(settings)
        model = tokenizers.Tokenizer.from_str(canonical.decode())
    except Exception as error:  # the library raises bare Exception for every fault of the file
        raise ModelError(
            f"expected a Hugging Face tokenizer.json in {source}, which cannot be read as one: "
            f"{error}; a SentencePiece or vocab.txt model must be converted first"
        ) from error
    model.no_truncation()
    model.no_padding()
    model.encode_special_tokens = True
    name, token_id = _end_of_document(model, end_of_document, source)
    split = _known_split(settings)
    return Tokenizer(
        json_bytes=canonical,
        digest=hashlib.sha256(canonical).hexdigest(),
        vocab_size=max(model.get_vocab(with_added_tokens=True).values()) + 1,
        end_of_document=token_id,
        end_of_document_name=name,
        lossless=_is_lossless(settings, model),
        _model=model,
        _split=split,
        _count=token_counter(settings) if split is not None else None,
    )


def canonical_json(settings: Any) -> bytes:
    """JSON with sorted keys and no white space: equal bytes for equal settings."""
    return json.dumps(
        settings, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    ).encode()


def _find_file(name_or_path: str) -> Path:
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        path = path / "tokenizer.json"
    if path.is_file():
        return path
    hub = _HUB_NAME.fullmatch(name_or_path)
    meant_as_path = path.suffix == ".json" or (path.parent != Path() and path.parent.is_dir())
    if hub is None or meant_as_path:
        raise ModelError(
            f"expected a tokenizer.json, a folder with one, or a hub name such as gpt2 or "
            f"Qwen/Qwen3-0.6B@main; found nothing at {name_or_path}"
        )
    return _fetch_from_hub(hub["name"], hub["revision"])


def _fetch_from_hub(name: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download  # a dependency of tokenizers; slow to import

    try:
        return Path(hf_hub_download(name, "tokenizer.json", revision=revision))
    except Exception as error:  # a dozen kinds across versions of the library and its transport
        raise ModelError(
            f"{name} is no local file or folder, and tokenizer.json could not be fetched from the "
            f"Hugging Face hub under that name ({type(error).__name__}: {error}); offline, give "
            "the path of a tokenizer.json"
        ) from error


def _end_of_document(
    model: tokenizers.Tokenizer, wanted: str | None, source: str
) -> tuple[str, int]:
    """Name and id of the token that ends a document, and proof that text cannot make it."""
    names = END_OF_DOCUMENT_NAMES if wanted is None else (wanted,)
    found = [(name, model.token_to_id(name)) for name in names]
    present = [(name, token_id) for name, token_id in found if token_id is not None]
    if len(present) != 1:
        listed = ", ".join(name for name, _ in present) if present else "none"
        raise ModelError(
            f"expected one end-of-document token in {source}; looked for {', '.join(names)}, "
            f"found {listed}; name the right one by shard.end_of_document"
        )
    name, token_id = present[0]
    if token_id in model.encode(name, add_special_tokens=False).ids:
        raise ModelError(
            f"in {source} the token {name} is not declared special, so a document that holds "
            "these characters would end in its middle; declare it in added_tokens with "
            '"special": true'
        )
    return name, token_id


def _known_split(settings: dict[str, Any]) -> tokenizers.pre_tokenizers.PreTokenizer | None:
    """The pre-tokenizer's first step where it is the default's, whose cuts are provable."""
    split = {"type": "Split", "pattern": {"Regex": PIECE_PATTERN}, "behavior": "Isolated"}
    first = ((settings.get("pre_tokenizer") or {}).get("pretokenizers") or [{}])[0]
    specials_only = all(token.get("special") for token in settings.get("added_tokens") or [])
    if (
        not specials_only
        or settings.get("normalizer") is not None
        or not split.items() <= first.items()
    ):
        return None
    return tokenizers.pre_tokenizers.Split(tokenizers.Regex(PIECE_PATTERN), "isolated")


def _is_lossless(settings: dict[str, Any], model: tokenizers.Tokenizer) -> bool:
    """Whether it is byte-level BPE that changes nothing: the only kind lossless by construction."""
    steps = settings.get("pre_tokenizer") or {}
    steps = steps.get("pretokenizers", [steps])
    keeps_all = all(
        (step.get("type") == "ByteLevel" and not step.get("add_prefix_space"))
        or (step.get("type") in {"Split", "Digits"} and step.get("behavior") != "Removed")
        for step in steps
    )
    return (
        settings.get("normalizer") is None
        and keeps_all
        and any(step.get("type") == "ByteLevel" for step in steps)
        and (settings.get("decoder") or {}).get("type") == "ByteLevel"
        and all(
            model.token_to_id(symbol) is not None
            for symbol in tokenizers.pre_tokenizers.ByteLevel.alphabet()
        )
    )


def _batches(parts: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """Runs of parts of at most `_BATCH_CHARS` characters together, or one longer part."""
    batch: list[tuple[int, str]] = []
    length_chars = 0
    for number, part in parts:
        if batch and length_chars + len(part) > _BATCH_CHARS:
            yield batch
            batch, length_chars = [], 0
        batch.append((number, part))
        length_chars += len(part)
    if batch:
        yield batch
