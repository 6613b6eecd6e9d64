"""The Dockerfile: the Python that the project is tested on, and no work done as root."""

from __future__ import annotations

import re

from tests.conftest import ROOT

STEP = re.compile(r"^(FROM|USER|RUN|ENTRYPOINT) (.*)$", re.MULTILINE)
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def targets() -> list[tuple[str, list[tuple[str, str]]]]:
    """Each FROM line with the steps below it."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for kind, rest in STEP.findall(TEXT):
        if kind == "FROM":
            found.append((rest, []))
        else:
            found[-1][1].append((kind, rest))
    return found


def test_the_base_is_debian_12_with_its_python() -> None:
    assert [name for name, _ in targets()] == ["python:3.11-slim-bookworm AS spark", "spark AS gpu"]


def test_every_target_ends_as_a_user_without_rights() -> None:
    for name, steps in targets():
        users = [rest for kind, rest in steps if kind == "USER"]
        assert users[-1] == "nobody", name
        assert [kind for kind, _ in steps][-2:] == ["USER", "ENTRYPOINT"], name
