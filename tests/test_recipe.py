"""The recipe: defaults with sources, errors that name key, line and mend, round trips."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_math import recipe as recipes
from cc_math.classify.heads import KINDS
from cc_math.errors import RecipeError
from cc_math.kind_shares import KindShares
from cc_math.recipe import Recipe, load, parse, section_values, table_names, to_toml


def values() -> list[tuple[str, dataclasses.Field[Any]]]:
    return [
        (f"{table}.{spec.name}", spec)
        for table in table_names()
        for spec in dataclasses.fields(recipes.table_class(table))
    ]


def test_every_value_has_a_meaning_and_a_source() -> None:
    for name, spec in values():
        assert spec.metadata.get("doc"), f"{name} has no meaning"
        if spec.default not in ("", ()):  # an empty default decides nothing
            assert spec.metadata.get("source"), f"{name} has no source"


def test_every_table_says_what_it_is_for() -> None:
    for table in table_names():
        docstring = recipes.table_class(table).__doc__ or ""
        assert docstring.startswith(f"[{table}] — "), table


def test_defaults_are_a_valid_recipe() -> None:
    assert load(None) == Recipe()


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[compose]\nmin_score = 0.8\nlanguages = ['en', 'de']\n", encoding="utf-8")
    resolved = load(str(path))
    assert resolved.compose.min_score == 0.8
    assert resolved.compose.languages == ("en", "de")
    assert resolved.dedup == Recipe().dedup


def test_an_unknown_key_is_named_with_its_line_and_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("# mine\n[dedup]\nbands = 20\nmin_overlp = 0.8\n", encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load(str(path))
    message = str(caught.value)
    assert f"{path}:4" in message
    assert "dedup.min_overlp" in message
    assert "did you mean min_overlap?" in message


def test_an_unknown_table_is_named_with_its_line_and_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"r\.toml:2: unknown table \[comopse\].*compose\?"):
        parse("\n[comopse]\nmin_score = 1\n", "r.toml")
    with pytest.raises(RecipeError, match=r"unknown key compose\.zzzzz; valid are .*min_score"):
        parse("[compose]\nzzzzz = 1\n")


def test_lines_are_found_for_dotted_and_inline_keys() -> None:
    with pytest.raises(RecipeError, match=r"r:2: unknown key dedup\.band; did you mean bands\?"):
        parse("compose.min_score = 0.5\ndedup.band = 3\n", "r")
    with pytest.raises(RecipeError, match=r"r:1.*did you mean bands\?"):
        parse("dedup = {band = 3}\n", "r")


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("[dedup]\nbands = 'many'", "a whole number", "a string"),
        ("[dedup]\nbands = 2.5", "a whole number", "a number"),
        ("[dedup]\nbands = true", "a whole number", "true or false"),
        ("[compose]\nmin_score = true", "a number", "true or false"),
        ("[compose]\nmin_score = 1e999", "a finite number", "inf"),
        ("[extract]\nkeep_html = 1", "true or false", "a whole number"),
        ("[compose]\nlanguages = 'en'", "a list of strings", "a string"),
        ("[compose]\nlanguages = ['en', 1]", "a list of strings", "list"),
        ("[compose]\ncontamination = 3", "a string", "a whole number"),
    ],
)
def test_a_wrong_type_says_what_was_wanted_and_found(text: str, wanted: str, found: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipes._checked(parse(text, "r"))
    assert wanted in str(caught.value)
    assert found in str(caught.value)


def test_a_whole_number_is_a_number() -> None:
    assert parse("[compose]\nmin_score = 1").compose.min_score == 1.0
    with pytest.raises(RecipeError, match="wants a number"):
        parse(f"[compose]\nmin_score = 1{'0' * 400}")


def test_lists_of_numbers() -> None:
    assert parse("[classifier]\nlearning_curve = [0.5, 1]").classifier.learning_curve == (0.5, 1.0)
    with pytest.raises(RecipeError, match="wants a list of numbers"):
        parse('[classifier]\nlearning_curve = ["a"]')


def test_text_that_is_not_toml_is_named() -> None:
    with pytest.raises(RecipeError, match=r"r\.toml: not TOML: .*line 2"):
        parse("[compose]\nmin_score 3\n", "r.toml")
    with pytest.raises(RecipeError, match=r"r:1: compose is a table; write \[compose\]"):
        parse("compose = 3", "r")


@pytest.mark.parametrize(
    "override",
    [
        "compose.min_score=1.5", "dedup.bands=0", "extract.min_text_chars=-1",
        "compose.contamination=burn", "shard.formats=webdataset", "shard.formats=",
        "extract.deadline_s=nan", "extract.deadline_s=inf", "compose.min_score=-0.1",
        "quality.apply=min_word", "quality.min_words=-1.0",
    ],
)  # fmt: skip
def test_an_impossible_value_is_named(override: str) -> None:
    with pytest.raises(RecipeError, match=override.split("=")[0]):
        load(None, [override])


def test_an_impossible_value_is_placed(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[dedup]\n\nmin_overlap = 2\n[compose]\nmin_score = 3\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"r\.toml:3: dedup\.min_overlap is a share"):
        load(str(path))
    with pytest.raises(RecipeError, match=r"r\.toml:5: compose\.min_score is a share"):
        load(str(path), ["dedup.min_overlap=0.5"])
    with pytest.raises(RecipeError, match=r"^--set dedup\.min_overlap=7: dedup\.min_overlap is"):
        load(str(path), ["dedup.min_overlap=7"])
    with pytest.raises(RecipeError, match=r"^--set compose\.contamination=dropp: .*mean drop\?"):
        load(None, ["compose.contamination=dropp"])
    path.write_text("[compose]\nmin_kind_shares = {listing = 2}\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"r\.toml:2: compose\.min_kind_shares: listing is"):
        load(str(path))
    with pytest.raises(RecipeError, match=r"r:1: compose is a table; write \[compose\]"):
        parse("[[compose]]\nmin_score = 0.5\n", "r")


def test_a_list_whose_quotes_the_shell_took_is_a_list() -> None:
    assert load(None, ["compose.languages=[en, de]"]).compose.languages == ("en", "de")
    assert load(None, ["compose.languages=en, de"]).compose.languages == ("en", "de")
    for broken in ('["en"', "[en", "en]", '"en', '["en", de]'):
        with pytest.raises(RecipeError, match=r"expected a list such as en,de"):
            load(None, [f"compose.languages={broken}"])


def test_names_that_would_match_nothing_are_refused() -> None:
    with pytest.raises(RecipeError, match="languages are codes of ISO 639-1"):
        load(None, ["compose.languages=english"])
    with pytest.raises(RecipeError, match=r"exclude_opt_out is one of noai, .*mean noindex\?"):
        load(None, ["compose.exclude_opt_out=no-index"])
    assert load(None, ["compose.languages=und,en"]).compose.languages == ("und", "en")


def test_overrides_of_every_kind() -> None:
    resolved = load(
        None,
        [
            "compose.min_score = 0.8", "dedup.bands=20", "extract.keep_html=true",
            "compose.languages=en,de", "shard.formats=megatron", "shard.tokenizer=a/b.json",
            'crawl.name="quoted"', "decontaminate.benchmarks=none",
        ],
    )  # fmt: skip
    assert resolved.compose.min_score == 0.8
    assert resolved.dedup.bands == 20
    assert resolved.extract.keep_html is True
    assert resolved.compose.languages == ("en", "de")
    assert resolved.shard.formats == ("megatron",)
    assert resolved.shard.tokenizer == "a/b.json"
    assert resolved.crawl.name == "quoted"
    assert resolved.decontaminate.benchmarks == "none"
    assert load(None, ['compose.languages=["en"]']).compose.languages == ("en",)
    assert load(None, ["compose.languages="]).compose.languages == ()
    assert load(None, ["crawl.name=a=b"]).crawl.name == "a=b"


def test_the_last_override_counts(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[dedup]\nbands = 3\n", encoding="utf-8")
    assert load(str(path), ["dedup.bands=4", "dedup.bands=5"]).dedup.bands == 5


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("min_score=0.8", "expected table.key=value"),
        ("compose.min_score", "expected table.key=value"),
        ("compse.min_score=1", "did you mean compose?"),
        ("compose.min_scor=1", "did you mean min_score?"),
        ("dedup.bands=lots", "wants a whole number"),
        ("compose.min_kind_shares=qa", "expected KIND=SHARE, such as problem_solution=0.3"),
        ("compose.max_kind_shares={qa = true}", "a table with a number for each kind"),
    ],
)
def test_an_override_that_cannot_be_is_named(override: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load(None, [override])
    assert says in str(caught.value)
    assert f"--set {override}" in str(caught.value)


def _strategy(hint: Any) -> st.SearchStrategy[Any]:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    number = st.floats(allow_nan=False, allow_infinity=False)
    return {
        str: text,
        bool: st.booleans(),
        int: st.integers(0, 2**62),
        float: number,
        tuple[float, ...]: st.lists(number, max_size=3).map(tuple),
        KindShares: st.dictionaries(st.sampled_from(KINDS), st.floats(0, 1)).map(
            lambda shares: tuple(sorted(shares.items()))
        ),
    }.get(hint, st.lists(text, max_size=3).map(tuple))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_toml_round_trip(data: st.DataObject) -> None:
    name, _ = data.draw(st.sampled_from(values()))
    table, key = name.split(".")
    hint = get_type_hints(recipes.table_class(table))[key]
    drawn = data.draw(_strategy(hint))
    section = dataclasses.replace(getattr(Recipe(), table), **{key: drawn})
    changed = dataclasses.replace(Recipe(), **{table: section})
    assert parse(to_toml(changed)) == changed


def test_toml_gives_each_meaning_and_source() -> None:
    text = to_toml(Recipe())
    for _, spec in values():
        assert spec.metadata["doc"] in text


def test_digest_depends_on_values_alone(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text("[compose]\nmin_score = 0.5 # the default, said out loud\n", encoding="utf-8")
    assert load(str(path)).digest() == Recipe().digest()
    assert load(None, ["compose.min_score=0.6"]).digest() != Recipe().digest()
    assert parse(to_toml(Recipe())).digest() == Recipe().digest()


def test_shares_of_kinds_are_a_table_in_toml_and_pairs_on_the_command_line() -> None:
    wanted = (("problem_solution", 0.3), ("qa", 0.1))
    text = "[compose]\nmin_kind_shares = {qa = 0.1, problem_solution = 0.3}\n"
    assert parse(text).compose.min_kind_shares == wanted
    given = load(None, ["compose.min_kind_shares=problem_solution=0.3,qa=0.1"])
    assert given.compose.min_kind_shares == wanted
    assert given.digest() == parse(text).digest() != Recipe().digest()
    with pytest.raises(RecipeError, match="did you mean problem_solution"):
        load(None, ["compose.max_kind_shares=problem_solutions=0.3"])


def test_section_values_are_plain() -> None:
    plain = section_values(Recipe(), "compose")
    assert plain["exclude_opt_out"] == list(Recipe().compose.exclude_opt_out)
    assert set(Recipe().to_dict()) == set(table_names())


def test_where_a_thing_lies_is_no_part_of_identity() -> None:
    names = {name for name, _ in values()}
    assert names >= recipes.LOCATIONS
    moved = load(None, ["shard.tokenizer=elsewhere/tokenizer.json"])
    assert recipes.identity_values(moved, "shard") == recipes.identity_values(Recipe(), "shard")
    other = load(None, ["shard.seed=2"])
    assert recipes.identity_values(other, "shard") != recipes.identity_values(Recipe(), "shard")
