"""Benchmark test sets from JSON lines.

Reads ``NAME.jsonl`` and ``NAME.jsonl.gz``, one object per line with an id, a question and,
where there is one, an answer or a worked solution. A line that cannot be used stops the
job: a benchmark that is silently half loaded would leave its other half in the corpus.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cc_math.errors import InputError

_ENDINGS = (".jsonl.gz", ".jsonl")


@dataclass(frozen=True, slots=True)
class BenchmarkItem:
    """One test item. ``answer`` is empty where the source has none."""

    benchmark: str
    item_id: str
    question: str
    answer: str


def benchmark_name(filename: str) -> str | None:
    """Name of the benchmark in a file of this name, None where the ending is another."""
    for ending in _ENDINGS:
        if filename.endswith(ending) and len(filename) > len(ending):
            return filename[: -len(ending)]
    return None


def parse_items(
    lines: Iterable[bytes],
    *,
    benchmark: str,
    source: str,
    id_field: str = "id",
    question_field: str = "question",
    answer_field: str = "answer",
) -> Iterator[BenchmarkItem]:
    """Items of one file's lines; blank lines are passed over.

    ``source`` names the file in messages. The answer may be absent, a string, a number or
    a list of those; the id a string or a whole number.

    Raises InputError for a line that is not such an object, and for an id met twice.
    """
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = f"{source}, line {number}"
        try:
            record = json.loads(line)
        except ValueError as error:  # UnicodeDecodeError is one
            raise InputError(f"{place}: expected a JSON object, found no JSON: {error}") from None
        if not isinstance(record, dict):
            raise InputError(f"{place}: expected a JSON object, found {type(record).__name__}")
        item_id, question = record.get(id_field), record.get(question_field)
        if isinstance(item_id, bool) or not isinstance(item_id, str | int):
            raise InputError(_field_message(place, id_field, "a string or a whole number", record))
        if not isinstance(question, str) or not question.strip():
            raise InputError(_field_message(place, question_field, "a text", record))
        if str(item_id) in seen:
            raise InputError(f"{place}: id {item_id!r} stands twice in the file; ids must differ")
        seen.add(str(item_id))
        answer = _answer_text(record.get(answer_field))
        if answer is None:
            raise InputError(_field_message(place, answer_field, "a text, number or list", record))
        yield BenchmarkItem(benchmark, str(item_id), question, answer)


def load_benchmarks(
    path: str | Path,
    *,
    id_field: str = "id",
    question_field: str = "question",
    answer_field: str = "answer",
) -> list[BenchmarkItem]:
    """All items of a file, or of the ``.jsonl`` and ``.jsonl.gz`` files of a folder, by name.

    Raises InputError where there is no such file, where two files bear one name, and for a
    file that is damaged or holds no item.
    """
    items: list[BenchmarkItem] = []
    names: dict[str, Path] = {}
    for file in _benchmark_files(Path(path)):
        name = benchmark_name(file.name)
        if name is None:
            raise InputError(f"{file}: expected a name ending in {' or '.join(_ENDINGS)}")
        if name in names:
            raise InputError(f"{file} and {names[name]} are both the benchmark {name!r}: keep one")
        names[name] = file
        try:
            lines = _read_lines(file)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{file}: expected JSON lines, cannot read them: {error}") from error
        found = list(
            parse_items(
                lines,
                benchmark=name,
                source=str(file),
                id_field=id_field,
                question_field=question_field,
                answer_field=answer_field,
            )
        )
        if not found:
            raise InputError(f"{file}: expected at least one test item, found none")
        items.extend(found)
    return items


def _benchmark_files(path: Path) -> Sequence[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: expected a folder or file of benchmarks, found nothing")
    files = sorted(file for file in path.iterdir() if benchmark_name(file.name) is not None)
    if not files:
        raise InputError(f"{path}: expected files {' or '.join('NAME' + e for e in _ENDINGS)}")
    return files


def _read_lines(file: Path) -> list[bytes]:
    data = file.read_bytes()
    return (gzip.decompress(data) if file.name.endswith(".gz") else data).splitlines()


def _field_message(place: str, field: str, expected: str, record: dict[str, Any]) -> str:
    found = repr(record[field])[:80] if field in record else "no such field"
    return (
        f"{place}: expected {expected} in field {field!r}, found {found}; the fields are"
        f" {', '.join(sorted(record))[:200] or 'none'}"
    )


def _answer_text(value: object) -> str | None:
    """The answer as one text, None where it is of another kind."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        parts = [_answer_text(part) for part in value]
        return None if None in parts else "\n".join(part for part in parts if part)
    return None
