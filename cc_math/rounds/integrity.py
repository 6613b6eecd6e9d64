"""The files of a loop that no stage's manifest names: are they there, and what they were?

Reads DIR/iterate.json and of each round recipe.json, decisions.tsv, model.json with its files,
threshold.json, proposals.tsv and round.json; of later crawls begun.json and crawl.json. Tables are
:mod:`cc_math.verify`'s. Mends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cc_math.classify.proposals import read_proposals
from cc_math.errors import CcMathError
from cc_math.manifests import Json, read_json
from cc_math.rounds.decisions import decisions_uri, proposals_uri
from cc_math.rounds.folders import crawl_names, round_folder
from cc_math.rounds.identity import file_digest
from cc_math.shards.verify import Problem
from cc_math.storage import join, store_for
from cc_math.tables import local_copy, sha256_of

_ROUND = re.compile(r"(\d+)/round\.json")


def is_loop_place(uri: str) -> bool:
    """Whether a loop stands in ``uri``, be it damaged: iterate.json or a finished round."""
    place = join(uri, "iterate.json")
    return store_for(place).size_bytes(place) is not None or bool(_round_numbers(uri))


def loop_file_problems(uri: str) -> list[Problem]:
    """What is wrong with these files of the loop in ``uri``."""
    problems: list[Problem] = []
    _read(join(uri, "iterate.json"), ("recipe", "input"), problems)
    there = _round_numbers(uri)
    for number in range(1, max(there, default=0) + 1):
        problems += _round_problems(uri, number)
    for name in crawl_names(uri):
        place = join(uri, "crawls", name)
        begun = _read(join(place, "begun.json"), ("round", "input"), problems)
        body = _read(join(place, "crawl.json"), ("round", "input", "crawl"), problems)
        if begun and body and any(body[key] != value for key, value in begun.items()):
            problems.append(Problem(join(place, "crawl.json"), "was begun as something else"))
    return problems


def _round_numbers(uri: str) -> list[int]:
    """Rounds that have a round.json, whether or not those before them have one."""
    root = join(uri, "rounds")
    names = (entry.uri[len(root) :].lstrip("/") for entry in store_for(root).list_files(root))
    return sorted(int(found.group(1)) for name in names if (found := _ROUND.fullmatch(name)))


def _read(uri: str, keys: tuple[str, ...], problems: list[Problem]) -> Json | None:
    """A JSON file with ``keys``; else None, and a problem more."""
    try:
        body = read_json(uri)
    except CcMathError as error:
        problems.append(Problem(uri, str(error)))
        return None
    if body is None:
        problems.append(Problem(uri, "is missing"))
    elif missing := [key for key in keys if key not in body]:
        problems.append(Problem(uri, f"has no {', '.join(missing)}"))
    else:
        return body
    return None


def _round_problems(uri: str, number: int) -> list[Problem]:
    folder, problems = round_folder(uri, number), list[Problem]()
    _read(join(folder, "recipe.json"), ("recipe",), problems)
    body = _read(join(folder, "round.json"), ("round", "model", "threshold"), problems)
    model = _read(join(folder, "model.json"), ("digest", "file", "files"), problems)
    threshold = _read(join(folder, "threshold.json"), ("threshold", "histogram"), problems)
    if model is not None:
        problems += _model_problems(join(folder, "model"), model["files"])
    if body is not None:
        stated = [(body["round"], number, "the number of its folder")]
        if model is not None:
            stated.append((body["model"].get("digest"), model["digest"], "model.json"))
        if threshold is not None:
            known = {key: body["threshold"].get(key) for key in threshold["threshold"]}
            stated.append((known, threshold["threshold"], "threshold.json"))
            stated.append((body.get("histogram"), threshold["histogram"], "threshold.json"))
        for says, there, where in stated:
            if says != there:
                problems.append(Problem(join(folder, "round.json"), f"differs from {where}"))
    if number > 1:
        problems += _decision_problems(uri, number)
    return problems + list(_list_problems(proposals_uri(uri, number)))


def _model_problems(folder: str, files: dict[str, str]) -> Iterator[Problem]:
    for name, digest in files.items():
        place = join(folder, name)
        if store_for(place).size_bytes(place) is None:
            yield Problem(place, "is missing")
            continue
        with local_copy(place) as path:
            if sha256_of(path) != digest:
                yield Problem(place, "has another sha256 than model.json says")


def _decision_problems(uri: str, number: int) -> list[Problem]:
    problems: list[Problem] = []
    place = decisions_uri(uri, number)
    decided = _read(join(round_folder(uri, number), "decided.json"), ("decisions",), problems)
    if store_for(place).size_bytes(place) is None:
        problems.append(Problem(place, "is missing"))
    elif decided is not None and file_digest(place) != decided["decisions"]:
        problems.append(Problem(place, "is not what the round began with"))
    return problems


def _list_problems(uri: str) -> Iterator[Problem]:
    """A list that a person edits may hold anything that can be read."""
    if store_for(uri).size_bytes(uri) is None:
        yield Problem(uri, "is missing")
        return
    try:
        read_proposals(uri)
    except CcMathError as error:
        yield Problem(uri, str(error).removeprefix(f"{uri}:"))
