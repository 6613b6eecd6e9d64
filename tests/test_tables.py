"""Tables: the same rows give the same bytes; foreign Parquet is read under our names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cc_math.errors import InputError
from cc_math.manifests import Part, table_parts
from cc_math.schema import TABLES, arrow_schema
from cc_math.tables import (
    ColumnNames,
    local_copy,
    put_table,
    read_columns,
    read_documents,
    rows_table,
    sha256_of,
    sidecar,
    write_table,
)

OWN = ColumnNames()


def document(number: int) -> dict[str, Any]:
    return {
        "doc_id": f"{number:032x}", "url": f"https://a.example/{number}", "text": f"text {number}",
        "formula_counts": [("katex", number)], "out_links": ["https://b.example/"],
        "token_count": number, "language": "en",
    }  # fmt: skip


def foreign(path: Path, **columns: Any) -> Part:
    pq.write_table(pa.table(columns), path)
    return table_parts(str(path), "documents")[0]


def rows(part: Part, names: ColumnNames, columns: list[str]) -> list[dict[str, Any]]:
    return [row for batch in read_documents(part, names, columns) for row in batch.to_pylist()]


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_can_be_written_empty_and_read_back(table: str, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    write_table(rows_table(table, []), table, path)
    with pq.ParquetFile(path) as file:
        assert file.schema_arrow.equals(arrow_schema(table))
        metadata = file.schema_arrow.metadata
    assert metadata[b"cc_math_table"].decode() == table
    assert b"schema_version" in metadata


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    table = rows_table("documents", [document(number) for number in range(3000)])
    one, two = tmp_path / "one", tmp_path / "two"
    write_table(table, "documents", one)
    # neither the order of columns nor how the rows came together shows in the file
    shuffled = table.select(list(reversed(table.schema.names)))
    pieces = pa.concat_tables([shuffled.slice(0, 7), shuffled.slice(7, 2000), shuffled.slice(2007)])
    write_table(pieces, "documents", two)
    assert sha256_of(one) == sha256_of(two)


def test_row_groups_are_small_enough_to_stream(tmp_path: Path) -> None:
    path = tmp_path / "t"
    write_table(rows_table("documents", [document(n) for n in range(2500)]), "documents", path)
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
    assert groups == [1024, 1024, 452]


def test_missing_keys_of_a_row_are_nulls() -> None:
    table = rows_table("documents", [{"doc_id": "a"}])
    assert table.schema.names == arrow_schema("documents").names
    assert table.column("text").to_pylist() == [None]


def test_put_table_describes_what_it_wrote(tmp_path: Path) -> None:
    table = rows_table("cuts", [{"doc_id": "a", "start_char": 0, "end_char": 2, "reason": "x"}])
    entry = put_table(table, "cuts", str(tmp_path), "cuts/part.parquet")
    path = tmp_path / "cuts" / "part.parquet"
    assert (entry.table, entry.path, entry.rows) == ("cuts", "cuts/part.parquet", 1)
    assert (entry.bytes, entry.sha256) == (path.stat().st_size, sha256_of(path))


def test_own_documents_come_back_in_batches(tmp_path: Path) -> None:
    given = [document(number) for number in range(5)]
    entry = put_table(rows_table("documents", given), "documents", str(tmp_path), "d.parquet")
    part = Part(str(tmp_path / "d.parquet"), "d", entry.sha256, 5)
    batches = list(read_documents(part, OWN, ["doc_id", "text", "formula_counts"], batch_rows=2))
    assert [batch.num_rows for batch in batches] == [2, 2, 1]
    assert batches[0].to_pylist()[1] == {
        "doc_id": f"{1:032x}", "text": "text 1", "formula_counts": [("katex", 1)],
    }  # fmt: skip


def test_foreign_columns_are_read_under_our_names(tmp_path: Path) -> None:
    part = foreign(
        tmp_path / "c.parquet",
        key=pa.array([7, 8]),
        link=pa.array(["https://a.example/", None]).dictionary_encode(),
        content=pa.array(["one", "two"], pa.large_string()),
        text=["not this one", "nor this"],
    )
    found = rows(part, ColumnNames("key", "link", "content"), ["doc_id", "url", "text"])
    assert found == [
        {"doc_id": "7", "url": "https://a.example/", "text": "one"},
        {"doc_id": "8", "url": None, "text": "two"},
    ]


def test_one_foreign_column_may_be_id_and_url(tmp_path: Path) -> None:
    part = foreign(tmp_path / "c.parquet", url=["https://a.example/"], text=["one"])
    found = rows(part, ColumnNames("url", "url", "text"), ["doc_id", "url", "text"])
    assert found == [{"doc_id": found[0]["url"], "url": "https://a.example/", "text": "one"}]


def test_columns_that_are_missing_or_of_another_type_are_nulls(tmp_path: Path) -> None:
    part = foreign(
        tmp_path / "c.parquet", doc_id=["a"], text=["one"], token_count=["many"],
        language=[{"x": 1}],
    )  # fmt: skip
    found = rows(part, OWN, ["doc_id", "text", "url", "token_count", "language", "crawl"])
    assert found == [
        {"doc_id": "a", "text": "one", "url": None, "token_count": None, "language": None,
         "crawl": None}
    ]  # fmt: skip


def test_rows_are_counted_even_where_no_column_is_there(tmp_path: Path) -> None:
    part = foreign(tmp_path / "c.parquet", doc_id=["a", "b"], text=["one", "two"])
    found = rows(part, OWN, ["token_count", "char_count"])
    assert found == [{"token_count": None, "char_count": None}] * 2


def test_documents_without_id_or_text_are_refused_with_the_columns_there_are(
    tmp_path: Path,
) -> None:
    part = foreign(tmp_path / "c.parquet", key=["a"], content=["one"])
    with pytest.raises(InputError, match=r"no column 'doc_id' \(found content, key\).*--id-column"):
        rows(part, OWN, ["doc_id", "text"])
    with pytest.raises(InputError, match="no column 'text'"):
        rows(part, ColumnNames(doc_id="key"), ["doc_id", "text"])


def test_a_row_without_an_id_is_refused(tmp_path: Path) -> None:
    part = foreign(tmp_path / "c.parquet", doc_id=["a", None], text=["one", "two"])
    with pytest.raises(InputError, match="without an id"):
        rows(part, OWN, ["doc_id", "text"])


def test_a_file_that_is_not_parquet_is_the_callers_mistake(tmp_path: Path) -> None:
    path = tmp_path / "c.parquet"
    path.write_text("not Parquet at all")
    part = Part(str(path), "c", "", -1)
    with pytest.raises(InputError, match="is not a Parquet file"):
        rows(part, OWN, ["doc_id"])
    with pytest.raises(InputError, match="is not a Parquet file"):
        read_columns(part, ["doc_id"])


def test_read_columns_wants_every_column(tmp_path: Path) -> None:
    part = foreign(tmp_path / "c.parquet", doc_id=["a"], score=[0.5])
    assert read_columns(part, ["score"]).to_pylist() == [{"score": 0.5}]
    with pytest.raises(InputError, match="no column head"):
        read_columns(part, ["score", "head"])


def test_local_copy_of_a_local_file_is_itself(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with local_copy(f"file://{path}") as copy:
        assert copy == path
    with pytest.raises(InputError, match="there is no file"), local_copy(str(tmp_path / "none")):
        pass


def test_the_sidecar_of_a_part_has_its_name() -> None:
    parts = [Part("s/a.parquet", "a", "", 1), Part("s/b.parquet", "b", "", 1)]
    assert sidecar(parts, "b") == parts[1]
    assert sidecar(parts, "c") is None
