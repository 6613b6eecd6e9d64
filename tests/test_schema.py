"""The data contract: every column has a meaning; ids become 16 bytes."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.composition import ComposeDrop
from cc_math.quality import SIGNALS
from cc_math.schema import (
    MACHINE_DEPENDENT_DROPS,
    SCHEMA_VERSION,
    TABLES,
    DropReason,
    arrow_schema,
    doc_key,
)
from cc_math.stages import STAGES, stage_named, stages_of_table

# FineMath's columns (the card of HuggingFaceTB/finemath), in its order
FINEMATH = (
    "url", "fetch_time", "content_mime_type", "warc_filename", "warc_record_offset",
    "warc_record_length", "text", "token_count", "char_count", "metadata", "score", "int_score",
    "crawl", "snapshot_type", "language", "language_score",
)  # fmt: skip


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_column_has_a_name_of_its_own_and_a_meaning(table: str) -> None:
    names = [column.name for column in TABLES[table]]
    assert len(set(names)) == len(names)
    for column in TABLES[table]:
        assert column.name.isidentifier()
        assert len(column.meaning) > 5, f"{table}.{column.name}"
        assert isinstance(column.type, pa.DataType)


def test_files_say_what_they_are() -> None:
    schema = arrow_schema("documents")
    assert schema.metadata == {
        b"cc_math_table": b"documents",
        b"schema_version": str(SCHEMA_VERSION).encode(),
    }
    assert schema.field("text").metadata[b"meaning"].startswith(b"main content")
    assert schema.names == [column.name for column in TABLES["documents"]]


def test_documents_carry_what_pages_do_but_the_outcome() -> None:
    pages = {column.name: column.type for column in TABLES["pages"]}
    documents = {column.name: column.type for column in TABLES["documents"]}
    assert set(pages) - set(documents) == {"outcome"}
    assert all(documents[name] == pages[name] for name in set(pages) - {"outcome"})


def test_the_corpus_has_the_columns_of_finemath() -> None:
    assert set(FINEMATH) <= {column.name for column in TABLES["corpus"]}


def test_quality_has_a_column_for_every_signal() -> None:
    names = [column.name for column in TABLES["quality"]]
    assert names == ["doc_id", "failures", *SIGNALS]


def test_every_table_is_of_a_stage_and_every_stage_of_the_contract() -> None:
    for table in TABLES:
        assert stages_of_table(table), f"no stage writes {table}"
    formats = {"tokens", "megatron"}  # token shards have formats of their own
    for stage in STAGES:
        assert set(stage.tables) <= set(TABLES) | formats
        assert stage_named(stage.name) is stage


def test_reasons_are_named_as_they_are_written() -> None:
    for reasons in (DropReason, ComposeDrop):
        assert all(reason.name == reason.value for reason in reasons)  # type: ignore[attr-defined]
    assert "document" not in {reason.value for reason in DropReason}  # the outcome of a kept page
    assert {DropReason.deadline, DropReason.memory_limit} < MACHINE_DEPENDENT_DROPS


@settings(deadline=None)
@given(st.binary(min_size=16, max_size=16))
def test_the_key_of_an_own_id_is_its_bytes(digest: bytes) -> None:
    assert doc_key(digest.hex()) == digest


@settings(deadline=None)
@given(st.text(max_size=40))
def test_the_key_of_any_id_has_16_bytes(doc_id: str) -> None:
    assert len(doc_key(doc_id)) == 16


def test_foreign_ids_that_look_like_ours_keep_keys_of_their_own() -> None:
    ours = "0123456789abcdef" * 2
    likes = [ours, ours.upper(), "01 23 45 67 89 ab cd ef 01 23 4 ", "\ud800", "", ours + "\n"]
    keys = {doc_key(doc_id) for doc_id in likes}
    assert len(keys) == len(likes)
    assert all(len(key) == 16 for key in keys)
