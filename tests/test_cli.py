"""The command line without Spark: help, exit codes, messages, `text`, `recipe`, `verify`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from cc_math import cli as cli_module
from cc_math.chunks import Chunk
from cc_math.cli import cli
from cc_math.errors import JobError
from cc_math.manifests import ChunkManifest, publish_chunk
from cc_math.recipe import load
from cc_math.spark.chunks import Job, finish_stage, plan_stage
from cc_math.stages import stage_named
from cc_math.tables import put_table, rows_table
from tests.conftest import ROOT, SAMPLE

PAGE = r"""<html><head><title>Roots</title></head><body><h1>Roots</h1>
<p>The equation \(x^2 = 2\) has two real solutions, which differ in their sign only, and no
rational one: a fraction in lowest terms whose square is two would have two even halves.</p>
<p><a href="/next">Next</a></p></body></html>"""
BENCHMARKS = str(SAMPLE / "benchmarks")


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(cli, list(arguments), input=stdin, prog_name="cc-math")


def assert_user_error(result: Result, *wanted: str) -> None:
    """Exit code 2, a message on stderr that holds all of ``wanted``, and nothing on stdout."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit | None)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    for piece in wanted:
        assert piece in result.stderr


# --- help, version, exit codes ------------------------------------------------------------


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_explains_itself(command: str) -> None:
    for flag in ("--help", "-h"):
        result = run(command, flag)
        assert result.exit_code == 0
        assert f"Usage: cc-math {command}" in result.stdout
    assert len(cli.commands[command].help or "") > 20


def test_the_group_lists_the_commands_in_pipeline_order() -> None:
    listed = [line.split()[0] for line in run("--help").stdout.split("Commands:")[1].splitlines()
              if line.strip()]  # fmt: skip
    stages = ["extract", "train-classifier", "score", "mine-domains", "dedup", "decontaminate",
              "compose", "shard"]  # fmt: skip
    assert [name for name in listed if name in stages] == stages
    assert {"run", "verify", "text", "recipe"} < set(listed)
    assert run("--version").stdout.startswith("cc-math")


@pytest.mark.parametrize("command", ["extract", "score", "mine-domains", "dedup", "decontaminate",
                                     "compose", "shard", "run"])  # fmt: skip
def test_every_stage_takes_recipe_and_set(command: str) -> None:
    names = {option for parameter in cli.commands[command].params for option in parameter.opts}
    assert {"--recipe", "--set", "--output", "--overwrite"} <= names


def test_a_failed_job_ends_with_1_and_an_interrupt_with_130(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(error: BaseException) -> Result:
        def load_recipe(*_: object) -> None:
            raise error

        monkeypatch.setattr(cli_module.recipes, "load", load_recipe)
        return run("recipe")

    failed = fail(JobError("the store lost a file"))
    assert (failed.exit_code, failed.stderr) == (1, "cc-math: the store lost a file\n")
    stopped = fail(KeyboardInterrupt())
    assert stopped.exit_code == 130
    assert "the same command goes on from there" in stopped.stderr
    consequence = JobError("the connection was lost")
    consequence.__context__ = KeyboardInterrupt()
    assert fail(consequence).exit_code == 130


def test_the_program_itself_ends_with_the_code_and_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cc_math.cli", "text", str(tmp_path / "none.html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == f"cc-math: cannot read {tmp_path}/none.html: No such file or directory\n"


def test_unknown_commands_and_options_are_user_errors() -> None:
    assert_user_error(run("frobnicate"), "No such command 'frobnicate'")
    assert_user_error(run("extract", "--frobnicate"), "No such option", "--frobnicate")
    assert_user_error(run("shard", "--corpus", "c", "--output", "o", "--format", "csv"), "megatron")


# --- text ---------------------------------------------------------------------------------


def test_text_of_a_file_and_of_standard_input(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    from_file = run("text", str(tmp_path / "page.html"))
    assert from_file.exit_code == 0
    assert "$x^2 = 2$" in from_file.stdout
    assert from_file.stderr == ""
    assert run("text", "-", stdin=PAGE.encode()).stdout == from_file.stdout


def test_text_as_json_has_the_formulas_and_resolves_links() -> None:
    result = run("text", "-", "--json", "--url", "https://maths.example/a/b", stdin=PAGE.encode())
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    (formula,) = document["formulas"]
    assert formula["tex"] == "x^2 = 2"
    assert "x^2 = 2" in document["text"][formula["start_char"] : formula["end_char"]]
    assert "Roots" in document["title"]
    assert "https://maths.example/next" in json.dumps(run_links(PAGE))


def run_links(page: str) -> list[str]:
    """Outgoing links of a page on another site, so that none is its own."""
    page = page.replace("/next", "https://maths.example/next")
    result = run("text", "-", "--json", "--url", "https://else.example/", stdin=page.encode())
    return list(json.loads(result.stdout)["out_links"])


def test_text_obeys_the_content_type() -> None:
    page = "<p>Die Lösung ist größer als die Summe der übrigen Größen.</p>"
    header = "text/html; charset=iso-8859-1"
    result = run("text", "-", "--content-type", header, stdin=page.encode("latin-1"))
    assert "Lösung ist größer" in result.stdout


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_dropped_page_ends_with_3_and_its_reason_on_stderr(flags: list[str]) -> None:
    result = run("text", "-", *flags, stdin=b"<html><body>  <script>1</script></body></html>")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert result.stderr.startswith("dropped: empty_page")


def test_text_of_what_is_no_file(tmp_path: Path) -> None:
    assert_user_error(run("text", str(tmp_path)), "Is a directory")
    assert_user_error(run("text"), "Missing argument 'FILE'")


# --- recipe -------------------------------------------------------------------------------


def test_the_printed_recipe_is_a_recipe_of_the_same_digest(tmp_path: Path) -> None:
    override = ["--set", "compose.min_score=0.75"]
    printed = run("recipe", *override)
    assert printed.exit_code == 0
    assert "min_score = 0.75" in printed.stdout
    (tmp_path / "printed.toml").write_text(printed.stdout)
    digests = [run("recipe", "--digest", *rest).stdout for rest in
               (override, ["--recipe", str(tmp_path / "printed.toml")], [])]  # fmt: skip
    assert digests[0] == digests[1] != digests[2]


def test_mistakes_in_a_recipe_are_named(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    assert_user_error(run("recipe", "--recipe", str(recipe)), str(recipe), "No such file")
    recipe.write_text("[extract]\n\nmin_txt_chars = 3\n")
    assert_user_error(
        run("recipe", "--recipe", str(recipe)), f"{recipe}:3:", "min_txt_chars", "min_text_chars"
    )
    recipe.write_text("[extract\n")
    assert_user_error(run("recipe", "--recipe", str(recipe)), str(recipe), "line 1")
    recipe.write_bytes(b"[extract]\nx = '\xff'\n")
    assert_user_error(run("recipe", "--recipe", str(recipe)), str(recipe), "UTF-8")
    assert_user_error(run("train-classifier", str(tmp_path / "none.toml")), "none.toml")


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("nonsense", "table.key=value"),
        ("extract.min_txt_chars=3", "did you mean min_text_chars"),
        ("extract.min_text_chars=many", "a whole number"),
        ("extrakt.min_text_chars=3", "extract"),
    ],
)
def test_a_bad_set_is_named(setting: str, wanted: str) -> None:
    assert_user_error(run("recipe", "--set", setting), setting, wanted)


# --- inputs, models, benchmarks -----------------------------------------------------------


def test_missing_inputs_are_named_before_anything_is_written(tmp_path: Path) -> None:
    none, output = str(tmp_path / "none"), tmp_path / "out"
    (tmp_path / "empty").mkdir()
    to = ["--output", str(output)]
    assert_user_error(run("extract", *to), "--input", "--crawl")
    assert_user_error(run("extract", "--input", f"{none}.warc.gz", *to), f"{none}.warc.gz")
    assert_user_error(run("extract", "--input", str(tmp_path / "empty"), *to), "expected a WARC")
    assert_user_error(run("extract", "--input", "ftp://a/b.warc.gz", *to), "ftp://", "s3://")
    assert_user_error(run("extract", "--crawl", "2026-05", *to), "CC-MAIN-2026-05")
    for command in ("score", "dedup", "compose"):
        assert_user_error(run(command, "--documents", none, *to), none, "Parquet")
    assert_user_error(run("shard", "--corpus", none, *to), none, "Parquet")
    assert_user_error(
        run("decontaminate", "--documents", none, "--benchmarks", BENCHMARKS, *to), none
    )
    assert not output.exists()


def test_options_out_of_range_are_user_errors() -> None:
    base = ["extract", "--input", str(SAMPLE), "--output", "out"]
    assert_user_error(run(*base, "--sample", "0"), "--sample")
    assert_user_error(run(*base, "--limit", "0"), "--limit")
    assert_user_error(run(*base, "--partitions", "0"), "--partitions")


def test_a_damaged_model_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"doc_id": ["a"], "url": ["u"], "text": ["t"]}), tmp_path / "d.parquet")
    model = tmp_path / "model.bin"
    command = ["score", "--documents", str(tmp_path), "--output", str(tmp_path / "out"), "--model"]
    assert_user_error(run(*command, str(model)), str(model), "no such file")
    model.write_bytes((ROOT / "cc_math" / "data" / "quick.bin").read_bytes()[:1000])
    (tmp_path / "model.json").write_bytes((ROOT / "cc_math" / "data" / "quick.json").read_bytes())
    assert_user_error(run(*command, str(model)), str(model))
    (tmp_path / "model.json").write_text("{")
    assert_user_error(run(*command, str(model)), "model.json")


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"doc_id": ["a"], "url": ["u"], "text": ["t"]}), tmp_path / "d.parquet")
    damaged = tmp_path / "tokenizer.json"
    damaged.write_text('{"model": 1}')
    command = ["shard", "--corpus", str(tmp_path), "--output", str(tmp_path / "out")]
    assert_user_error(run(*command, "--tokenizer", str(damaged)), str(damaged))


def test_a_run_without_benchmarks_stops_and_says_how_to_go_on(tmp_path: Path) -> None:
    command = ["--input", str(SAMPLE), "--output", str(tmp_path / "out")]
    assert_user_error(run("run", *command), "--benchmarks", "decontaminate.benchmarks=none")
    assert_user_error(run("decontaminate", "--documents", str(tmp_path), "--output", "out"), "none")
    none = ["--set", "decontaminate.benchmarks=none"]
    result = run("decontaminate", "--documents", str(tmp_path), "--output", "out", *none)
    assert_user_error(result, "nothing for this stage to do")
    assert run("run", *command, *none, "--dry-run").exit_code == 0


def test_a_run_with_missing_benchmarks_stops_before_any_work(tmp_path: Path) -> None:
    none = str(tmp_path / "none")
    command = ["--input", str(SAMPLE), "--output", str(tmp_path / "out"), "--dry-run"]
    assert_user_error(run("run", *command, "--benchmarks", none), none)


@pytest.mark.parametrize("command", ["run", "extract"])
def test_a_dry_run_shows_the_plan_and_writes_nothing(command: str, tmp_path: Path) -> None:
    benchmarks = ["--benchmarks", BENCHMARKS] if command == "run" else []
    output = tmp_path / "out"
    result = run(
        command, "--input", str(SAMPLE / "warc.paths.gz"), "--output", str(output), *benchmarks,
        "--dry-run", "--set", "extract.chunk_bytes=100000",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    size = sum(path.stat().st_size for path in SAMPLE.glob("*.warc.gz"))
    assert f"2 WARCs, {size:,} bytes, 7 chunks" in result.stdout
    assert "CC-SAMPLE-2026-05-00001.warc.gz" in result.stdout
    assert not output.exists()


def test_a_dry_run_marks_what_is_missing(tmp_path: Path) -> None:
    listing = tmp_path / "some.paths"
    listing.write_text("CC-SAMPLE-2026-05-00000.warc.gz\nno-such.warc.gz\n")
    command = ["extract", "--input", str(listing), "--base", str(SAMPLE), "--output", "out"]
    result = run(*command, "--dry-run")
    (line,) = [line for line in result.stdout.splitlines() if "no-such" in line]
    assert "MISSING" in line
    assert len(run(*command, "--dry-run", "--limit", "1").stdout.splitlines()) == 2


# --- verify -------------------------------------------------------------------------------


def finished_scores(output: Path) -> Path:
    """A finished score stage of one document; gives its file."""
    job = Job(str(output), load(None, ()))
    plan = plan_stage(stage_named("score"), job.recipe, [Chunk("one", {}, {})], {})
    row = {"doc_id": "0" * 32, "model": "m", "head": "math", "raw": 0.5, "score": 0.5}
    entry = put_table(rows_table("scores", [row]), "scores", job.output, "one.parquet")
    counts = {"documents": 1, "scored": 1, "repeated": 0}
    manifest = ChunkManifest(plan.stage, "one", plan.identities["one"], {}, [entry], counts)
    publish_chunk(job.output, manifest)
    finish_stage(job, plan, [json.loads(manifest.to_bytes())])
    return output / "one.parquet"


def test_verify_of_what_cc_math_did_not_write(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        assert_user_error(run("verify", str(folder)), str(folder), "no manifest")


def test_verify_ends_with_0_and_with_3(tmp_path: Path) -> None:
    path = finished_scores(tmp_path)
    good = run("verify", str(tmp_path))
    assert good.exit_code == 0, good.output
    assert "no problems in 1 stages, 1 files" in good.stdout
    good = run("verify", "--json", str(tmp_path))
    assert (good.exit_code, good.stdout) == (0, "")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    bad = run("verify", str(tmp_path))
    assert bad.exit_code == 3
    assert f"{path}: has another sha256" in bad.stdout
    assert "1 problems" in bad.stdout
    (line,) = run("verify", "--json", str(tmp_path)).stdout.splitlines()
    assert json.loads(line)["path"] == str(path)
    path.unlink()
    assert "is missing" in run("verify", str(tmp_path)).stdout


def test_an_interrupt_promises_only_what_resumes(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cc_math.verify.verify", interrupt)
    done = CliRunner().invoke(cli, ["verify", "."], prog_name="cc-math")
    assert done.exit_code == 130
    assert "interrupted" in done.output and "goes on" not in done.output
    monkeypatch.setattr("cc_math.spark.pipeline.look_ahead", interrupt)
    done = CliRunner().invoke(cli, ["run", "--output", "unused"], prog_name="cc-math")
    assert done.exit_code == 130
    assert "the same command goes on from there" in done.output
