"""Guards: the house rules that a program can check."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cc_math.stages import STAGES
from cc_math.version import __version__

ROOT = Path(__file__).resolve().parent.parent
CODE_FOLDERS = ("cc_math", "jobs", "tests", "gpu", "benchmarks", "classifiers")


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """Files of the repository, new ones included; skips outside a Git checkout."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a Git checkout: the files of the repository are not known")
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Path below the root and syntax tree of every Python file of the folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            yield name, ast.parse(path.read_text(encoding="utf-8"), filename=name)


def imported(tree: ast.Module) -> set[str]:
    """Full names of the modules that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def tops(tree: ast.Module) -> set[str]:
    return {name.partition(".")[0] for name in imported(tree)}


def setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def requirements(text: str) -> set[str]:
    return {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in text.split() if line}


# --- imports ------------------------------------------------------------------------------


def test_the_package_imports_no_torch_and_spark_in_one_place() -> None:
    for name, tree in sources("cc_math"):
        found = tops(tree)
        assert not found & {"torch", "transformers", "tensorflow", "jax"}, name
        assert "pyspark" not in found or name.startswith("cc_math/spark/"), name


def test_the_package_imports_nothing_that_is_not_installed_with_it() -> None:
    outside = {"jobs", "gpu", "tests", "benchmarks", "classifiers", "notebooks"}
    for name, tree in sources("cc_math"):
        assert not tops(tree) & outside, name


def test_layers_look_one_way() -> None:
    above_spark = ("cc_math/spark/", "cc_math/report/", "cc_math/command_job.py")
    for name, tree in sources("cc_math"):
        names = imported(tree)
        if not name.startswith(above_spark) and not name.endswith(("_command.py", "_commands.py")):
            assert not any(n.startswith("cc_math.spark") for n in names), name
        if not name.startswith("cc_math/report/"):
            assert not any(n.startswith("cc_math.cli") for n in names), name


def test_jobs_import_the_package_and_never_each_other() -> None:
    jobs = {path.stem for path in (ROOT / "jobs").glob("*.py")}
    for name, tree in sources("jobs"):
        assert not tops(tree) & (jobs | {"jobs"}), name
        assert tops(tree) <= {"cc_math"}, f"{name}: its work belongs into the package"


def test_jobs_do_not_shadow_the_standard_library() -> None:
    """spark-submit puts the job's folder first on the path."""
    for path in (ROOT / "jobs").glob("*.py"):
        assert path.stem not in sys.stdlib_module_names, path.name


def test_stages_and_jobs_are_the_same() -> None:
    from cc_math.cli import cli

    jobs = {path.stem for path in (ROOT / "jobs").glob("*.py")}
    assert jobs == {stage.name for stage in STAGES}
    for stage in STAGES:
        assert stage.command in cli.commands
        text = (ROOT / "jobs" / f"{stage.name}.py").read_text(encoding="utf-8")
        assert f'run_job("{stage.command}")' in text


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    for name, _ in sources(*CODE_FOLDERS):
        assert not drawers & set(name.removesuffix(".py").split("/")), name


# --- what no source does ------------------------------------------------------------------

REFUSED_MODULES = {"pickle", "cPickle", "dill", "shelve", "marshal", "joblib"}
REFUSED_NAMES = {"eval", "exec"}
REFUSED_CALLS = {"os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "tempfile.mktemp"}


def call_name(call: ast.Call) -> str:
    parts: list[str] = []
    node: ast.expr = call.func
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def is_true(call: ast.Call, keyword: str) -> bool:
    return any(
        k.arg == keyword and isinstance(k.value, ast.Constant) and k.value.value is True
        for k in call.keywords
    )


def refused(tree: ast.Module) -> list[str]:
    """What a file does that it must not, as `line: what`."""
    found = [f"0: imports {name}" for name in tops(tree) & REFUSED_MODULES]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = call_name(node)
        bad = (
            name in REFUSED_NAMES | REFUSED_CALLS
            or is_true(node, "shell")
            or is_true(node, "allow_pickle")
            or (name == "torch.load" and not is_true(node, "weights_only"))
        )
        if bad:
            found.append(f"{node.lineno}: {name}")
    return found


def test_no_source_runs_foreign_code() -> None:
    for name, tree in sources(*CODE_FOLDERS):
        assert refused(tree) == [], name


@pytest.mark.parametrize(
    ("source", "times"),
    [
        ("import pickle", 1),
        ("from pickle import loads", 1),
        ("eval('1')", 1),
        ("import subprocess\nsubprocess.run('ls', shell=True)", 1),
        ("import numpy\nnumpy.load('x', allow_pickle=True)", 1),
        ("torch.load('x')", 1),
        ("torch.load('x', weights_only=True)", 0),
        ("import re\nre.compile('x')\nmodel.eval()", 0),
    ],
)
def test_the_guard_sees_what_it_is_for(source: str, times: int) -> None:
    assert len(refused(ast.parse(source))) == times


def test_output_depends_on_no_hash_seed() -> None:
    """Python's hash() of text differs from process to process."""
    for name, tree in sources("cc_math", "jobs"):
        calls = [call_name(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert "hash" not in calls, name
        drawn = [c for c in calls if re.fullmatch(r"random\.(?!Random$)\w+|np\.random\.rand\w*", c)]
        assert not drawn, f"{name}: {drawn}"


def test_nothing_is_left_to_do(tracked: list[str]) -> None:
    marks = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X:"]))
    for name in tracked:
        if name.endswith((".py", ".toml", ".cfg", "Makefile", "Dockerfile")):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert not marks.search(text), name


def test_no_file_names_a_place_of_one_machine(tracked: list[str]) -> None:
    everyones = {Path(p) for p in ("/", "/tmp", "/home", "/root", "/opt", "/usr", "/var", "/srv")}
    places = {str(ROOT)}
    if ROOT.parent not in everyones:
        places |= {str(path) for path in ROOT.parent.iterdir() if not path.name.startswith(".")}
    if Path.home() not in everyones:
        places.add(str(Path.home()))
    places.add(".." + "/shared")
    for name in tracked:
        data = (ROOT / name).read_bytes()
        for place in sorted(places):
            assert place.encode() not in data, f"{name} names {place}"


# --- the package --------------------------------------------------------------------------


def test_the_base_install_is_light() -> None:
    config = setup_cfg()
    base = requirements(config["options"]["install_requires"])
    assert not base & {"pyspark", "torch", "transformers", "matplotlib", "pandas"}
    extras = config["options.extras_require"]
    assert "pyspark" in requirements(extras["spark"])
    assert {"torch", "transformers"} <= requirements(extras["gpu"])
    for extra in ("spark", "test", "plots"):
        assert not requirements(extras[extra]) & {"torch", "transformers"}


def test_only_the_package_is_named_for_installation() -> None:
    setuptools = pytest.importorskip("setuptools")
    include = setup_cfg()["options.packages.find"]["include"].split()
    assert include == ["cc_math", "cc_math.*"]
    packages = setuptools.find_packages(str(ROOT), include=include)
    assert {name.partition(".")[0] for name in packages} == {"cc_math"}
    folders = {p.parent for p in (ROOT / "cc_math").rglob("*.py")}
    named = {ROOT / name.replace(".", "/") for name in packages}
    assert folders == named, "a folder of cc_math with code has no __init__.py"


@pytest.mark.slow
def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(
    tracked: list[str], tmp_path: Path
) -> None:
    for module in ("setuptools", "wheel", "pip"):
        pytest.importorskip(module)
    for name in tracked:
        if not name.startswith(("tests/", "classifiers/")):
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / "source" / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "-w", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(tmp_path / "source")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = f"cc_math-{__version__}.dist-info/"
    assert {name for name in names if not name.startswith(about)} == {
        name for name in tracked if name.startswith("cc_math/")
    }
    assert any(name.startswith(about) and name.endswith("LICENSE") for name in names)


def test_the_changelogs_newest_version_is_the_packages() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d[^\]]*)\]", text, re.MULTILINE)
    assert versions[0] == __version__
    assert setup_cfg()["metadata"]["version"] == "attr: cc_math.version.__version__"


def test_the_licence_is_the_whole_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert setup_cfg()["metadata"]["license"] == "Apache-2.0"


# --- the image ----------------------------------------------------------------------------


def expanded_makefile() -> str:
    """The Makefile with its own variables put in."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    variables = dict(re.findall(r"^(\w+) [:?]?= (.*)$", text, re.MULTILINE))
    for _ in range(5):
        text = re.sub(r"\$\((\w+)\)", lambda m: variables.get(m[1], m[0]), text)
    return text


def apt_packages(command: str) -> set[str]:
    return {word for word in command.split()[2:] if not word.startswith("-")}


def test_the_image_runs_only_what_make_runs() -> None:
    makefile = expanded_makefile()
    lines = [" ".join(line.split()) for line in re.split(r"[;\n]|&&", makefile)]
    installed = {p for line in lines for p in apt_packages(line) if "apt-get install" in line}
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    steps = re.findall(r"^(FROM|RUN) (.*)$", text, re.MULTILINE)
    commands = [part.strip() for kind, s in steps if kind == "RUN" for part in s.split("&&")]
    for command in commands:
        if command.startswith("apt-get update"):
            continue
        if command.startswith("apt-get install"):
            # make itself is the one thing that make cannot bring
            assert apt_packages(command) <= installed | {"make"}, command
        elif command.startswith("make "):
            assert command == "make setup"
        else:
            assert command in lines, f"the Makefile does not run {command!r}"
    assert "make setup" in commands
    targets = re.findall(r"^FROM \S+ AS (\w+)$", text, re.MULTILINE)
    assert targets == ["spark", "gpu"]
    gpu = text.partition(" AS gpu")[2]
    assert "'.[gpu]'" in gpu


def test_the_image_leaves_out_what_is_made_again() -> None:
    left_out = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv"} <= set(left_out)


def test_continuous_integration_runs_the_two_commands() -> None:
    path = ROOT / ".ci" / "run"
    text = path.read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text
    assert os.access(path, os.X_OK)
