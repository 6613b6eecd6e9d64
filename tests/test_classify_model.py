"""The model container: what loads, what is refused, what the shipped models say."""

import hashlib
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from cc_math.classify import load_classifier, load_quick
from cc_math.classify.fasttext_model import SHIPPED_DEFAULT, SHIPPED_QUICK
from cc_math.errors import ModelError

CLASSIFIERS = Path(__file__).resolve().parent.parent / "classifiers"
WORD_PROBLEM = (
    "Rosa bakes 48 rolls and packs them into bags of 6. She sells each bag for 3 dollars. How "
    "much money does she get if she sells all the bags but one? Solution: 48 / 6 = 8 bags, "
    "8 - 1 = 7 bags are sold, and 7 * 3 = 21 dollars. Answer: 21 dollars."
)
LESSON = (
    "A function is continuous at a point if its limit there equals its value. Theorem: a "
    r"continuous function $f$ on a closed interval $[a, b]$ with $f(a) < 0 < f(b)$ has a zero. "
    r"Proof. Let $c = \sup\{x : f(x) < 0\}$. By continuity $f(c) = 0$."
)
NEWS = (
    "The ferry to the islands will run twice a day from Monday on, the harbour office said. "
    "Passengers are asked to buy their tickets at least 20 minutes before departure."
)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for path in (SHIPPED_QUICK, SHIPPED_QUICK.with_suffix(".json")):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / SHIPPED_QUICK.name


def _describe(path: Path, **changes: object) -> None:
    description = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**description, **changes}))


def test_shipped_models_are_small() -> None:
    assert SHIPPED_QUICK.stat().st_size <= 3_000_000
    parts = list(SHIPPED_DEFAULT.parent.glob("math.*"))
    assert len(parts) == 4 and sum(part.stat().st_size for part in parts) <= 10_000_000


def test_the_card_keeps_its_floors() -> None:
    # What the published model reached on pages of unseen sites, less the noise of a retraining.
    figures = json.loads((CLASSIFIERS / "math.metrics.json").read_text())["evaluation_labels"]
    assert figures["unweighted"]["average_precision"] >= 0.95
    assert figures["without_level_below"] >= 0.98
    assert figures["english"]["average_precision"] >= 0.93
    assert figures["other_languages"]["average_precision"] >= 0.93
    assert figures["intervals"]["recall_at_precision"][0] >= 0.9


def test_default_model_has_the_heads_that_the_design_names() -> None:
    model = load_classifier()
    assert model.heads[:2] == ("math", "quality") and "kind:exposition" in model.heads
    [lesson, news] = model.score_heads([LESSON, NEWS])
    assert list(lesson) == list(model.heads)
    assert lesson["quality"][1] > news["quality"][1]
    kinds = [score for head, (_, score) in lesson.items() if head.startswith("kind:")]
    assert sum(kinds) == pytest.approx(1.0, abs=1e-3)


def test_quick_model_finds_mathematics_without_mark_up() -> None:
    quick = load_quick()
    assert quick.score(WORD_PROBLEM) > 0.5 > quick.score(NEWS)
    assert quick.score(LESSON) > 0.5
    assert quick.score("") == 0.0


def test_default_model_ranks_and_rounds() -> None:
    model = load_classifier()
    scores = model.score_many([LESSON, WORD_PROBLEM, NEWS, ""])
    calibrated = [score for _, score in scores]
    assert calibrated[0] > 0.5 and calibrated[1] > 0.5 and calibrated[2] < 0.2
    assert all(round(value, 4) == value for pair in scores for value in pair)
    assert model.head == "math" and len(model.digest) == 16
    assert scores == load_classifier().score_many([LESSON, WORD_PROBLEM, NEWS, ""])


def test_a_copy_loads_by_either_name_and_keeps_its_digest(copied: Path) -> None:
    assert load_quick(copied).digest == load_quick(copied.with_suffix(".json")).digest
    assert load_quick(copied).digest == load_quick().digest


def test_digest_covers_the_description(copied: Path) -> None:
    _describe(copied, note="another")
    assert load_quick(copied).digest != load_quick().digest


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no such file.*train-classifier"):
        load_classifier(tmp_path / "none.bin")


def test_fasttext_file_without_description(copied: Path) -> None:
    copied.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match="no such file"):
        load_quick(copied)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "too short"),
        (b"PK\x03\x04" + bytes(200), "not a fastText model"),
        (struct.pack("<ii", 793712314, 99) + bytes(200), "not a fastText model"),
        (struct.pack("<ii", 793712314, 12) + b"\xff" * 200, "damaged"),
    ],
)
def test_foreign_file(copied: Path, content: bytes, message: str) -> None:
    copied.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        load_quick(copied)


def test_damaged_file(copied: Path) -> None:
    content = bytearray(copied.read_bytes())
    content[len(content) // 2] ^= 1
    copied.write_bytes(bytes(content))
    with pytest.raises(ModelError, match="sha256"):
        load_quick(copied)


@pytest.mark.parametrize("kept_share", [0.002, 0.3, 0.999])
def test_truncated_file_with_a_matching_digest(copied: Path, kept_share: float) -> None:
    whole = copied.read_bytes()
    content = whole[: int(len(whole) * kept_share)]
    copied.write_bytes(content)
    _describe(copied, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(ModelError, match="damaged"):
        load_quick(copied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normaliser_version": 999}, "normaliser_version is 999"),
        ({"container_version": 0}, "container_version is 0"),
        ({"format": "other"}, "not the description"),
        ({"max_chars": "many"}, "incomplete or damaged"),
        ({"kind_max_chars": 0}, "incomplete or damaged"),
        ({"positive_label": "spam"}, "incomplete or damaged"),
        ({"calibration": None}, "no calibration"),
        ({"calibration": {"kind": "magic"}}, "unknown calibration"),
        ({"calibration": {"kind": "platt", "slope": "1", "bias": 0}}, "damaged platt"),
        ({"calibration": {"kind": "isotonic", "raw": [0], "calibrated": []}}, "damaged isotonic"),
        ({"calibration": {"kind": "features", "bias": 0, "weights": {"x": 1}}}, "damaged features"),
        ({"labels": ["math", "spam"]}, "expected labels"),
    ],
)
def test_description_that_does_not_fit(copied: Path, changes: dict, message: str) -> None:  # type: ignore[type-arg]
    _describe(copied, **changes)
    with pytest.raises(ModelError, match=message):
        load_quick(copied)


def test_description_that_is_no_json(copied: Path) -> None:
    copied.with_suffix(".json").write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        load_quick(copied)


def test_loading_prints_nothing() -> None:
    code = "from cc_math.classify import load_quick; load_quick().score('a')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"" and done.stderr == b""
