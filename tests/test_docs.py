"""The documents are held to the program: commands, options, tables, examples, file tree."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cc_math import errors
from cc_math.cli import INTERRUPTED, cli
from cc_math.recipe import parse
from cc_math.stages import STAGES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = ("README.md", "CHANGELOG.md", ".github/CONTRIBUTING.md")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Files of the repository, new ones included; skips outside a Git checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a Git checkout: the files of the repository are not known")
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


def blocks(language: str, text: str = README) -> list[str]:
    return [body for name, body in FENCE.findall(text) if name == language]


def shell_lines() -> list[str]:
    """Commands of the README's blocks without a language, continued lines joined."""
    joined = "\n".join(blocks("")).replace("\\\n", " ")
    return [re.sub(r"\s+# .*", "", line).strip() for line in joined.splitlines()]


def stage_table() -> str:
    """The README's table of stages, as cc_math/stages.py gives it."""
    lines = [
        "| stage | command | program | reads | writes | purpose |",
        "|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        cells = (
            stage.name,
            f"`cc-math {stage.command}`",
            f"`jobs/{stage.name}.py`",
            ", ".join(stage.reads),
            ", ".join(stage.tables),
            stage.purpose,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def test_the_table_of_stages_is_that_of_the_code() -> None:
    found = re.search(r"<!-- stages: .*? -->\n(.*?)\n<!-- end of stages -->", README, re.DOTALL)
    assert found, "README.md has lost the marks around its table of stages"
    wanted = stage_table()
    assert found.group(1) == wanted, f"README.md wants this table of stages:\n\n{wanted}\n"


def test_every_command_has_help_and_a_place_in_the_readme() -> None:
    for name, command in cli.commands.items():
        assert command.help or command.short_help, f"cc-math {name} has no help"
        assert f"`cc-math {name}`" in README, f"README.md does not explain cc-math {name}"
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"cc-math {name} {parameter.opts[0]} has no help"


def test_every_command_named_in_a_document_exists() -> None:
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for name in re.findall(r"`cc-math ([a-z-]+)", text):
            assert name in cli.commands, f"{document} names cc-math {name}"


@pytest.mark.parametrize("line", [line for line in shell_lines() if line.startswith("cc-math ")])
def test_commands_shown_are_accepted(line: str) -> None:
    name, *arguments = shlex.split(line)[1:]
    cli.commands[name].make_context(f"cc-math {name}", arguments)  # click refuses what is wrong


def test_programs_shown_are_accepted() -> None:
    shown = [line for line in shell_lines() if line.startswith("spark-submit ")]
    assert shown
    for line in shown:
        words = shlex.split(line)
        at = next(i for i, word in enumerate(words) if word.startswith("jobs/"))
        assert (ROOT / words[at]).is_file()
        command = {f"jobs/{stage.name}.py": stage.command for stage in STAGES}[words[at]]
        cli.commands[command].make_context(words[at], words[at + 1 :])


def test_make_targets_shown_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        shown = re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)
        assert set(shown) <= targets, f"{document} names a target that is not in the Makefile"
    assert {"setup", "demo", "test", "test-gpu"} <= targets


def test_recipes_shown_are_valid() -> None:
    shown = blocks("toml")
    assert shown
    for text in shown:
        parse(text, "README.md")


def test_python_shown_runs_and_prints_a_formula() -> None:
    for program in blocks("python"):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "$x^2 - 5x + 6 = 0$" in done.stdout


def test_exit_codes_are_those_of_the_code() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \| ", README, re.MULTILINE)}
    raised = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CcMathError)
    }
    assert documented == {0, 3, INTERRUPTED} | raised
    assert errors.UserError.exit_code == 2


def test_links_lead_somewhere() -> None:
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", text):
            assert (ROOT / document).parent.joinpath(target).exists(), f"{document}: {target}"


def tree() -> dict[str, str]:
    """Path -> phrase of the README's file tree."""
    (block,) = [body for body in blocks("") if body.startswith("cc_math/ ")]
    found = {}
    for line in block.splitlines():
        name, phrase = line.split(None, 1)
        found[name if not line.startswith(" ") else f"cc_math/{name}"] = phrase
    return found


def test_the_file_tree_shows_what_is_there() -> None:
    for path, phrase in tree().items():
        assert (ROOT / path).exists(), f"README.md shows {path}"
        assert len(phrase) > 5


def test_the_file_tree_leaves_nothing_out(tracked: list[str]) -> None:
    shown = set(tree())
    for path in tracked:
        first, _, rest = path.partition("/")
        top = f"{first}/" if rest else first
        assert top in shown, f"README.md's file tree lacks {top}"
        if top == "cc_math/":
            second, _, deeper = rest.partition("/")
            place = f"cc_math/{second}/" if deeper else path
            assert place in shown, f"README.md's file tree lacks {place}"


def test_documents_are_plain() -> None:
    pictures = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]")
    for document in DOCUMENTS:
        text = (ROOT / document).read_text(encoding="utf-8")
        assert not pictures.search(text), document
