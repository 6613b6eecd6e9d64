"""What is asked about a page and what the answer says: prompt, parser, cache.

Owns the conversation that carries rubric and page, the strict reading of the answer, and the
answers kept on disk by the digest of (model, rubric, text), so that nothing is asked twice.
Reads the packaged rubric, writes the cache.

The trade: an answer is taken as it is or counted as failed with a reason; there is no mending
of half-right JSON, because a label that was guessed at is worse than none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cc_math.classify.chat_endpoint import Answer
from cc_math.classify.heads import KINDS

RUBRIC = Path(__file__).resolve().parent.parent / "data" / "rubric.md"
_THOUGHTS = re.compile(r"\A<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json)?\s*\n(.*?)\n?```\Z", re.DOTALL)
_LANGUAGE = re.compile(r"[a-z]{2,3}")


class Failure(StrEnum):
    """Why an answer is no label."""

    refused = "refused"  # the server's filter, or the model's refusal
    cut_off = "cut_off"  # the answer ran into the limit of its length
    not_json = "not_json"
    wrong_form = "wrong_form"  # JSON, but not the rubric's object
    endpoint = "endpoint"  # no answer after all retries


@dataclass(frozen=True, slots=True)
class Label:
    """One page judged: score 0-5, one of the ten kinds, ISO 639 code."""

    score: int
    kind: str
    language: str


@dataclass(frozen=True, slots=True)
class Page:
    """A page to be judged, with the text that is sent."""

    url: str
    excerpt: str


def messages_of(rubric: str, page: Page) -> list[dict[str, str]]:
    """The conversation: the rubric as system, the page between marks that it cannot forge."""
    mark = hashlib.sha256(page.excerpt.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    text = page.excerpt.encode("utf-8", "replace").decode()
    return [
        {"role": "system", "content": rubric},
        {"role": "user", "content": f"PAGE {mark}\n{text}\nEND OF PAGE {mark}"},
    ]


def parse_answer(answer: Answer) -> Label | Failure:
    """The label of an answer, or why it is none.

    A block of thoughts before the JSON and a Markdown fence around it are forgiven.
    """
    if answer.finish_reason in ("content_filter", "refusal"):
        return Failure.refused
    if answer.finish_reason == "length":
        return Failure.cut_off
    text = _THOUGHTS.sub("", answer.content.strip()).strip()
    fenced = _FENCE.match(text)
    try:
        value = json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError):
        return Failure.not_json
    if not isinstance(value, dict):
        return Failure.wrong_form
    score, kind, language = value.get("score"), value.get("kind"), value.get("language")
    sound = (
        isinstance(score, int)
        and not isinstance(score, bool)
        and 0 <= score <= 5
        and kind in KINDS
        and isinstance(language, str)
        and _LANGUAGE.fullmatch(language)
    )
    return Label(score, kind, language) if sound else Failure.wrong_form  # type: ignore[arg-type]


class AnswerCache:
    """Answers on disk, one file each, named by the digest of (model, rubric, text)."""

    def __init__(self, folder: Path, model: str, rubric: str) -> None:
        self._folder, self._model, self._rubric = folder, model, rubric

    def _path(self, page: Page) -> Path:
        asked = json.dumps([self._model, self._rubric, page.excerpt])
        name = hashlib.sha256(asked.encode()).hexdigest()
        return self._folder / name[:2] / f"{name}.json"

    def get(self, page: Page) -> Answer | None:
        """The answer of an earlier run; a damaged file counts as none."""
        try:
            return Answer(**json.loads(self._path(page).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def put(self, page: Page, answer: Answer) -> None:
        """Keep an answer, whole or not at all."""
        content = {name: getattr(answer, name) for name in Answer.__dataclass_fields__}
        path = self._path(page)
        path.parent.mkdir(parents=True, exist_ok=True)
        # answers may quote pages: readable by their owner alone, as temporary files are made
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
            json.dump(content, file)
        os.replace(file.name, path)


def rubric_digest(rubric: str) -> str:
    """The first 12 hex digits of the rubric's sha256: which rubric a label was made by."""
    return hashlib.sha256(rubric.encode()).hexdigest()[:12]
