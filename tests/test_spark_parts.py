"""Documents parts and their sidecars: what does not fit together is refused."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math.errors import InputError
from cc_math.manifests import Part
from cc_math.spark.parts import distinct_rows, document_chunks, scores_of
from cc_math.tables import ColumnNames

NAMES = ColumnNames()


def part(folder: Path, name: str, rows: list[dict[str, object]]) -> Part:
    path = folder / f"{name}.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return Part(str(path), name, f"identity of {name}", len(rows))


@pytest.fixture
def documents(tmp_path: Path) -> list[Part]:
    rows: list[dict[str, object]] = [{"doc_id": "1", "text": "a"}, {"doc_id": "1", "text": "b"}]
    return [part(tmp_path, "first", rows), part(tmp_path, "second", rows)]


def sidecars(documents: list[Part]) -> list[Part]:
    return [Part("unread", p.name, f"scores of {p.name}", 1, p.identity) for p in documents]


def test_a_sidecar_goes_with_its_part(documents: list[Part]) -> None:
    chunks = document_chunks(documents, NAMES, scores=sidecars(documents))
    assert [chunk.input["scores"] for chunk in chunks] == ["scores of first", "scores of second"]


def test_a_missing_sidecar_part_is_refused(documents: list[Part]) -> None:
    with pytest.raises(InputError, match="part second stands on one side"):
        document_chunks(documents, NAMES, scores=sidecars(documents)[:1])


def test_a_sidecar_of_other_documents_is_refused(documents: list[Part]) -> None:
    older = [Part("unread", p.name, "scores", 1, "older documents") for p in documents]
    with pytest.raises(InputError, match="made from other documents"):
        document_chunks(documents, NAMES, contamination=older)


def test_of_several_models_the_first_acts(documents: list[Part], tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    rows: list[dict[str, object]] = [
        {"doc_id": doc_id, "model": model, "head": head, "score": score}
        for doc_id in "12"
        for model, head, score in (("z", "kind:qa", 0.1), ("z", "math", 0.57), ("a", "math", 0.9))
    ]
    beside = [part(tmp_path / "scores", p.name, rows) for p in documents]
    chunk = document_chunks(documents, NAMES, scores=beside)[0]
    assert scores_of(chunk) == {"1": 0.57, "2": 0.57}


def test_the_names_of_columns_are_part_of_the_identity(documents: list[Part]) -> None:
    one = document_chunks(documents, NAMES)[0].input
    other = document_chunks(documents, ColumnNames(url="address"))[0].input
    assert one != other


def test_a_wrong_column_is_the_users_mistake(documents: list[Part]) -> None:
    with pytest.raises(InputError, match="--text-column"):
        document_chunks(documents, ColumnNames(text="content"))


def test_the_first_row_of_a_doc_id_counts(documents: list[Part]) -> None:
    counts = {"documents": 0, "repeated": 0}
    chunk = document_chunks(documents, NAMES)[0]
    rows = [row for b in distinct_rows(chunk, ["doc_id", "text"], counts) for row in b.to_pylist()]
    assert rows == [{"doc_id": "1", "text": "a"}]
    assert counts == {"documents": 2, "repeated": 1}
