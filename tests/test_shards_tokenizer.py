"""The tokenizer: what its ids guarantee, what it loads and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math.errors import ModelError
from cc_math.shards import tokenizer as tokenizer_module
from cc_math.shards.tokenizer import Tokenizer, from_json, load, token_dtype

DEFAULT = load()
# Text that meets the pattern's every branch: blanks and line ends in runs, commands, marks.
TRICKY = st.text(
    alphabet=st.sampled_from(list(" \t\n\r\\$ab*1²é\u0301\u00a0北の_{}.<|>\u2028\x00😀")),
    max_size=300,
)


def edited(**changes: Any) -> bytes:
    """The default tokenizer's file with some of its top-level keys replaced."""
    return json.dumps({**json.loads(DEFAULT.json_bytes), **changes}).encode()


def pieces(text: str) -> list[str]:
    assert DEFAULT._split is not None
    return [piece for piece, _ in DEFAULT._split.pre_tokenize_str(text)]


def test_the_default_has_the_promised_size() -> None:
    assert DEFAULT.vocab_size == 32_000
    assert DEFAULT.dtype == np.uint16
    assert DEFAULT.end_of_document_name == "<|endoftext|>"
    assert DEFAULT.lossless
    assert len(DEFAULT.json_bytes) <= 2_500_000


@settings(deadline=None)
@given(st.text() | TRICKY)
def test_text_survives_the_round_trip(text: str) -> None:
    ids = DEFAULT.encode_batch([text])[0]
    assert DEFAULT.decode(ids) == text
    assert DEFAULT.count_batch([text]) == [len(ids)]


def test_characters_are_not_normalised() -> None:
    text = "e\u0301 é ﬁ ² \u212b \u2003 \ufeff"
    assert DEFAULT.decode(DEFAULT.encode_batch([text])[0]) == text


def test_end_of_document_never_comes_out_of_text() -> None:
    text = "Models end a text with <|endoftext|> and then<|endoftext|>"
    ids = DEFAULT.encode_batch([text])[0]
    assert DEFAULT.end_of_document not in ids
    assert DEFAULT.decode(ids) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-12345", ["-", "1", "2", "3", "4", "5"]),
        (r"\frac{a}{b}", [r"\frac", "{", "a", "}{", "b", "}"]),
        (r"let \alpha\beta*", ["let", r" \alpha", r"\beta*"]),
        ("so $x$, $$y$$", ["so", " $", "x", "$", ",", " $$", "y", "$$"]),
        (r"a\\b\{c", ["a", r"\\", "b", r"\{", "c"]),
        ("a  \n\n    b", ["a", "  \n\n", "   ", " b"]),
    ],
)
def test_pieces_follow_the_structure_of_formulas(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


@settings(deadline=None)
@given(TRICKY)
def test_no_piece_is_long_and_none_is_lost(text: str) -> None:
    assert "".join(pieces(text * 3)) == text * 3
    assert max(map(len, pieces(text * 3)), default=0) <= 40


@settings(max_examples=200, deadline=None)
@given(text=TRICKY, window_chars=st.integers(90, 140))
def test_a_long_text_cut_into_parts_gives_the_same_tokens(text: str, window_chars: int) -> None:
    whole = DEFAULT._model.encode(text * 2, add_special_tokens=False).ids
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer_module, "_WINDOW_CHARS", window_chars)
        assert DEFAULT.encode_batch(["x", text * 2, "y"])[1].tolist() == whole


def test_a_batch_gives_the_tokens_of_each_text_alone() -> None:
    texts = ["one", "", "two $x$\n", "three " * 100]
    together = DEFAULT.encode_batch(texts)
    assert all(ids.dtype == np.uint16 for ids in together)
    for text, ids in zip(texts, together, strict=True):
        np.testing.assert_array_equal(ids, DEFAULT.encode_batch([text])[0])


def test_the_digest_ignores_the_layout_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(json.loads(DEFAULT.json_bytes), indent=2), encoding="utf-8")
    assert load(str(path)).digest == load(str(tmp_path)).digest == DEFAULT.digest
    assert from_json(DEFAULT.json_bytes, source="a copy").digest == DEFAULT.digest


def test_truncation_and_padding_of_the_file_are_ignored() -> None:
    data = edited(
        truncation={"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
        padding={"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None,
                 "pad_id": 0, "pad_type_id": 0, "pad_token": "<|endoftext|>"},
    )  # fmt: skip
    loaded = from_json(data, source="a file")
    text = "one two three four five six seven"
    np.testing.assert_array_equal(loaded.encode_batch([text])[0], DEFAULT.encode_batch([text])[0])


def special(name: str, token_id: int, *, is_special: bool = True) -> dict[str, Any]:
    return {"id": token_id, "content": name, "single_word": False, "lstrip": False,
            "rstrip": False, "normalized": False, "special": is_special}  # fmt: skip


def with_added(*tokens: dict[str, Any]) -> bytes:
    return edited(added_tokens=[*json.loads(DEFAULT.json_bytes)["added_tokens"], *tokens])


def test_two_candidates_for_end_of_document_must_be_chosen_between() -> None:
    data = with_added(special("</s>", 32_000))
    with pytest.raises(ModelError, match=r"found <\|endoftext\|>, </s>; name the right one"):
        from_json(data, source="a file")
    chosen = from_json(data, source="a file", end_of_document="</s>")
    assert (chosen.end_of_document, chosen.vocab_size) == (32_000, 32_001)


def test_a_missing_end_of_document_is_named() -> None:
    with pytest.raises(ModelError, match="looked for <stop>, found none"):
        load(end_of_document="<stop>")


def test_an_end_of_document_that_text_can_spell_is_refused() -> None:
    data = with_added(special("</s>", 32_000, is_special=False))
    with pytest.raises(ModelError, match="not declared special"):
        from_json(data, source="a file", end_of_document="</s>")


def test_gaps_in_the_ids_count_towards_the_size() -> None:
    settings_of_default = json.loads(DEFAULT.json_bytes)
    model = settings_of_default["model"]
    last = max(model["vocab"], key=lambda token: model["vocab"][token])
    model["vocab"][last] = 70_000
    assert from_json(edited(model=model), source="a file").vocab_size == 70_001


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_499, "uint16"), (65_500, "int32")])
def test_token_type_follows_megatron(vocab_size: int, dtype: str) -> None:
    assert token_dtype(vocab_size) == np.dtype(dtype)


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"model": {"type": "XPE"}}'])
def test_a_foreign_file_is_a_clear_error(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"expected a Hugging Face tokenizer\.json"):
        load(str(path))


@pytest.mark.parametrize("name", ["no/such/folder/tokenizer.json", "./nothing", "nothing.json"])
def test_a_missing_path_is_a_clear_error(name: str) -> None:
    with pytest.raises(ModelError, match=r"expected a tokenizer\.json, a folder with one"):
        load(name)


def test_a_hub_name_without_a_network_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*_arguments: object, **_options: object) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(ModelError, match=r"somebody/something .* offline, give the path"):
        load("somebody/something@main")


def test_a_hub_name_is_fetched_with_its_revision(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import huggingface_hub

    asked: list[object] = []

    def give(name: str, file: str, *, revision: str | None) -> str:
        asked.extend((name, file, revision))
        (tmp_path / file).write_bytes(DEFAULT.json_bytes)
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", give)
    assert load("somebody/something@v2").digest == DEFAULT.digest
    assert asked == ["somebody/something", "tokenizer.json", "v2"]


def test_a_lower_casing_tokenizer_is_not_called_lossless() -> None:
    lower = from_json(edited(normalizer={"type": "Lowercase"}), source="a file")
    assert isinstance(lower, Tokenizer)
    assert not lower.lossless
