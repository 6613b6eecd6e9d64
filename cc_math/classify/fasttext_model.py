"""The model container: a fastText `.bin` and beside it a `.json` that says what it is.

Owns the format, its checks and the reading of the shipped models. The JSON holds the
sha256 of the `.bin`, the version of the normaliser, the mask of formulas, the calibration,
the heads and the training's record; nothing executable. A model may have parts, files of
the same form beside it whose sha256 stand in the same JSON: `NAME.formula_words.bin` sees
formulas as structure tokens, `NAME.kinds.bin` knows the kinds of pages.

fastText's own loader trusts its file and may crash or take all memory on another one. So a
file is loaded only when its JSON names its sha256, its head says fastText and its numbers
agree with its size; a file of the user's is tried in a child process first.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fasttext

from cc_math.classify.calibrate import check_calibration
from cc_math.classify.heads import check_heads
from cc_math.errors import ModelError
from cc_math.text import NORMALISER_VERSION

CONTAINER_VERSION = 1  # raised when a field of the JSON changes its meaning
_LABEL = "__label__"
# fastText's file (fastText 0.9 src/fasttext.cc: FASTTEXT_FILEFORMAT_MAGIC_INT32, version 12):
# magic, version, 12 integers and a double of arguments, then the dictionary's head.
_HEAD = struct.Struct("<ii12id")
_DICTIONARY = struct.Struct("<iiiqq")
_MAGIC = 793_712_314
_VERSIONS = (11, 12)
_SUPERVISED = 3
_MAX_MODEL_BYTES = 8 << 30  # chosen: three times the paper's model
_CHILD_TIMEOUT_S = 120.0  # chosen: reading the paper's 2 GB from a slow disk

PARTS = ("formula_words", "kinds")

_DATA = Path(__file__).resolve().parent.parent / "data"
SHIPPED_QUICK = _DATA / "quick.bin"
SHIPPED_DEFAULT = _DATA / "math.bin"

# The library prints a warning at each load otherwise.
fasttext.FastText.eprint = lambda *words: None


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A fastText model that passed the checks, its description and the digest of all parts.

    `predict(line)` gives the probability of the positive label, `predict_kinds(line)` that of
    each kind of page, where the model has a part for them. `digest` is the first 16 hex digits
    of the sha256 over the sha256 of the `.bin` and the JSON, which names the other part's.
    """

    fasttext: Any
    description: dict[str, Any]
    digest: str
    kinds: Any = None
    formula_words: Any = None

    def predict(self, line: str) -> float:
        """Probability (0-1) of the positive class for one normalised line."""
        return self._positive(self.fasttext, line)

    def predict_formula_words(self, line: str) -> float | None:
        """As `predict`, for a line with formulas as structure tokens; None without such a part."""
        return None if self.formula_words is None else self._positive(self.formula_words, line)

    def _positive(self, model: Any, line: str) -> float:
        if not line:
            return 0.0
        for probability, label in model.f.predict(line + "\n", 2, -1.0, "strict"):
            if label == _LABEL + self.description["positive_label"]:
                return min(1.0, max(0.0, float(probability)))
        return 0.0

    def predict_kinds(self, line: str) -> dict[str, float]:
        """Probability (0-1) of each kind; {} without such a part, or without a word.

        It reads the line's first `kind_max_chars`, or all where the description has none.
        """
        if self.kinds is None or not line:
            return {}
        line = line[: self.description.get("kind_max_chars")]
        return {
            label[len(_LABEL) :]: min(1.0, max(0.0, float(probability)))
            for probability, label in self.kinds.f.predict(line + "\n", -1, -1.0, "strict")
        }


def part_path(binary: Path, part: str) -> Path:
    """Where a part lies: beside the `.bin`."""
    return binary.with_suffix(f".{part}.bin")


def model_paths(path: Path) -> tuple[Path, Path]:
    """The `.bin` (or `.ftz`) and `.json` of a model named by either."""
    if path.suffix == ".json":
        quantised = path.with_suffix(".ftz")
        return (quantised if quantised.exists() else path.with_suffix(".bin")), path
    return path, path.with_suffix(".json")


def load_model(path: Path, *, shipped: bool) -> LoadedModel:
    """Read a model and check it. Raises ModelError, naming the file and the mend.

    `shipped` models skip the trial in a child process: their bytes are the package's own.
    """
    binary, description_path = model_paths(path)
    description, description_bytes = _read_description(binary, description_path)
    model = _load_part(binary, description, shipped=shipped)
    parts = {}
    for name in PARTS:
        if name in description:
            part = part_path(binary, name)
            if not part.is_file():
                raise ModelError(f"{part}: no such file; it belongs to {binary.name}")
            parts[name] = _load_part(part, description[name], shipped=shipped)
    sha256 = str(description["sha256"])
    digest = hashlib.sha256(sha256.encode() + description_bytes).hexdigest()[:16]
    return LoadedModel(fasttext=model, description=description, digest=digest, **parts)


def _load_part(path: Path, description: dict[str, Any], *, shipped: bool) -> Any:
    """One fastText file whose `labels` and `sha256` stand in `description`."""
    _check_binary(path, description)
    if not shipped:
        _check_structure(path)
        _try_in_child(path)
    model = fasttext.load_model(str(path))
    labels = set(model.get_labels())
    wanted = {_LABEL + name for name in description["labels"]}
    if labels != wanted:
        raise ModelError(
            f"{path}: expected labels {sorted(wanted)}, found {sorted(labels)}; "
            "its description is of another model"
        )
    return model


def _read_description(binary: Path, path: Path) -> tuple[dict[str, Any], bytes]:
    for wanted in (binary, path):
        if not wanted.is_file():
            raise ModelError(
                f"{wanted}: no such file; a model is a fastText .bin and a .json of the same name "
                "beside it, as `cc-math train-classifier` writes them"
            )
    content = path.read_bytes()
    try:
        description = json.loads(content)
    except ValueError as error:
        raise ModelError(f"{path}: not JSON ({error}); train the model again") from None
    if not isinstance(description, dict) or description.get("format") != "cc-math-classifier":
        raise ModelError(f"{path}: not the description of a cc-math model; train one from a recipe")
    expected = {
        "container_version": CONTAINER_VERSION,
        "normaliser_version": NORMALISER_VERSION,
    }
    for key, version in expected.items():
        if description.get(key) != version:
            raise ModelError(
                f"{path}: {key} is {description.get(key)!r}, this cc-math knows {version}; train "
                "the model again, or use the cc-math that made it"
            )
    labels = description.get("labels")
    sound = (
        isinstance(labels, list)
        and description.get("positive_label") in labels
        and description.get("formulas") in ("remove", "structure")
        and isinstance(description.get("max_chars"), int)
        and description["max_chars"] > 0
        and isinstance(description.get("kind_max_chars", 1), int)
        and description.get("kind_max_chars", 1) > 0
        and isinstance(description.get("head"), str)
        and isinstance(description.get("sha256"), str)
    )
    if not sound:
        raise ModelError(f"{path}: incomplete or damaged description; train the model again")
    for name in PARTS:
        if name in description and not _is_part(description[name]):
            raise ModelError(f"{path}: damaged description of {name}; train the model again")
    check_calibration(description.get("calibration"), str(path))
    check_heads(description.get("heads", {}), str(path))
    return description, content


def _is_part(part: object) -> bool:
    return (
        isinstance(part, dict)
        and isinstance(part.get("labels"), list)
        and bool(part["labels"])
        and all(isinstance(name, str) for name in part["labels"])
        and isinstance(part.get("sha256"), str)
    )


def _check_binary(path: Path, description: dict[str, Any]) -> None:
    """Raise ModelError unless the file's head and its digest prove right."""
    size_bytes = path.stat().st_size
    head_bytes = _HEAD.size + _DICTIONARY.size
    with path.open("rb") as stream:
        head = stream.read(head_bytes)
        if len(head) < head_bytes:
            raise ModelError(f"{path}: {size_bytes} bytes, too short for a fastText model")
        magic, version, dim, *rest = _HEAD.unpack_from(head)
        if magic != _MAGIC or version not in _VERSIONS:
            raise ModelError(f"{path}: not a fastText model (magic {magic}, version {version})")
        entries, words, labels, _, _ = _DICTIONARY.unpack_from(head, _HEAD.size)
        kind, buckets = rest[6], rest[7]
        sound = (
            kind == _SUPERVISED
            and 0 < dim <= 10_000
            and 0 <= buckets <= 1 << 31
            and entries == words + labels
            and words >= 0
            and 0 < labels <= 1_000
            and size_bytes <= _MAX_MODEL_BYTES
        )
        if not sound:
            raise ModelError(f"{path}: damaged, or not a fastText classifier")
        stream.seek(0)
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != description["sha256"]:
        raise ModelError(
            f"{path}: sha256 is {sha256[:16]}…, its description says "
            f"{description['sha256'][:16]}…; the file is damaged or of another training"
        )


def _check_structure(path: Path) -> None:
    """Walk an unquantised file to its end, whose loader would loop for ever past a short one.

    fastText 0.9, `Dictionary::save` and `DenseMatrix::save`: words as zero-ended bytes, count
    (int64) and kind (int8); pairs of pruned indices; a flag, the input matrix (rows and
    columns as int64, then float32); a flag and the output matrix.
    """
    content = path.read_bytes()
    _, _, dim, *_ = _HEAD.unpack_from(content)
    entries, _, labels, _, pruned = _DICTIONARY.unpack_from(content, _HEAD.size)
    at = _HEAD.size + _DICTIONARY.size
    for _ in range(entries):
        at = content.find(b"\0", at) + 10
        if at < 10 or at > len(content):
            raise ModelError(f"{path}: damaged: its dictionary ends early")
    at += 8 * max(0, pruned)
    if content[at : at + 1] == b"\1":
        return  # quantised: its codes have no size that could be told from here
    for rows_wanted in (None, labels):
        rows, columns = struct.unpack_from("<qq", content.ljust(at + 17, b"\0"), at + 1)
        sound = columns == dim and rows > 0 and (rows_wanted is None or rows == rows_wanted)
        at += 17 + 4 * rows * columns if sound else 0
        if not sound or at > len(content):
            raise ModelError(f"{path}: damaged: a matrix of {rows} x {columns} does not fit in it")


def _try_in_child(path: Path) -> None:
    """Load a foreign file where a crash of the C++ loader costs nothing."""
    code = (
        "import sys, fasttext; fasttext.FastText.eprint = lambda *w: None; "
        "m = fasttext.load_model(sys.argv[1]); m.f.predict('a b\\n', 2, -1.0, 'strict')"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, os.fspath(path)],
            capture_output=True,
            timeout=_CHILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{path}: loading did not end in {_CHILD_TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise ModelError(
            f"{path}: fastText could not load it (exit {done.returncode}: {last[:200]}); the file "
            "is damaged or foreign"
        )


def save_model(
    model: Any, path: Path, description: dict[str, Any], parts: Mapping[str, Any]
) -> LoadedModel:
    """Write `path` (.bin), its `parts` (see PARTS) and its JSON, and read all back checked.

    `description` lacks format, versions, sha256 and parts, which are added here.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    full = {
        "format": "cc-math-classifier",
        "container_version": CONTAINER_VERSION,
        "normaliser_version": NORMALISER_VERSION,
        "sha256": _save_part(model, path),
        **description,
    }
    for name, part in parts.items():
        labels = sorted(label[len(_LABEL) :] for label in part.get_labels())
        full[name] = {"labels": labels, "sha256": _save_part(part, part_path(path, name))}
    path.with_suffix(".json").write_text(
        json.dumps(full, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return load_model(path, shipped=True)


def _save_part(model: Any, path: Path) -> str:
    model.save_model(str(path))
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
