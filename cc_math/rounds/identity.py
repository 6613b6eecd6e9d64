"""What a loop, and each of its rounds, was made from; and what may change while it stands.

Three kinds of values: those of the whole loop (extraction, hold-out, sample: another value is
another loop), those of a round (they may differ from the next round that has not begun), and
those that only decide when the loop ends (free). A change of the first kind, or of the second
within a begun round, is an error that names the keys; nothing is ever made half from one recipe
and half from another.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

from cc_math.errors import OutputConflict
from cc_math.manifests import Json, read_json
from cc_math.recipe import Recipe, identity_values, table_names
from cc_math.rounds.folders import round_folder, write_once
from cc_math.rounds.settings import FIXED, FREE, Iterate
from cc_math.schema import SCHEMA_VERSION
from cc_math.storage import join, store_for
from cc_math.version import __version__

LOOP_TABLES = ("extract", "crawl")
LATER_TABLES = ("input", "score", "dedup", "decontaminate", "compose", "quality", "shard")
"""Tables that no round reads: its model is its own, and the corpus is composed afterwards."""


def round_recipe(recipe: Recipe) -> Recipe:
    """The recipe without the free values, which no step's identity may hold."""
    defaults = Iterate()
    same = {key: getattr(defaults, key) for key in FREE}
    return dataclasses.replace(recipe, iterate=dataclasses.replace(recipe.iterate, **same))


def begin_loop(folder: str, recipe: Recipe, inputs: Json, *, said: str = "") -> None:
    """Write DIR/iterate.json, or compare with it.

    ``inputs`` says what is read, by digests, and ``said`` what is another there, in words. Raises
    OutputConflict where the loop that stands there was made from something else.
    """
    fixed: Json = {table: identity_values(recipe, table) for table in LOOP_TABLES}
    values = identity_values(recipe, "iterate")
    fixed["iterate"] = {key: values[key] for key in sorted(FIXED & set(values))}
    fixed["iterate"]["labels"] = file_digest(recipe.iterate.labels)
    body = {**_versions(), "recipe": fixed, "input": inputs}
    uri = join(folder, "iterate.json")
    stands = read_json(uri)
    if stands is None:
        return write_once(uri, body)
    changes = changed(stands, body)
    if changes and said and "warcs" in inputs:
        words = f"of its WARCs {said}"
        changes = [words if change.startswith("warcs ") else change for change in changes]
    if changes:
        raise OutputConflict(
            f"{folder} holds a loop made from something else: {'; '.join(changes)}. These hold for "
            "a whole loop: give them as they were, or another folder"
        )


def begin_round(folder: str, number: int, recipe: Recipe) -> list[str]:
    """Write the round's recipe.json, or compare with it; what is new against the round before.

    Raises OutputConflict where the round was begun with another recipe.
    """
    body = {**_versions(), "recipe": _round_values(recipe)}
    uri = join(round_folder(folder, number), "recipe.json")
    stands = read_json(uri)
    if stands is None:
        write_once(uri, body)
    elif changes := changed(stands, body):
        raise OutputConflict(
            f"round {number} of {folder} was begun with another recipe: {'; '.join(changes)}. "
            "Finish it with the old values, or begin it again with --redo"
        )
    former = (
        read_json(join(round_folder(folder, number - 1), "recipe.json")) if number > 1 else None
    )
    return changed(former["recipe"], body["recipe"]) if former else []


def _round_values(recipe: Recipe) -> Json:
    tables = [name for name in table_names() if name not in (*LOOP_TABLES, *LATER_TABLES)]
    values: Json = {table: identity_values(recipe, table) for table in tables}
    values["iterate"] = {
        key: given for key, given in values["iterate"].items() if key not in FREE | FIXED
    }
    values["iterate"]["seeds"] = [file_digest(uri) for uri in recipe.iterate.seeds]
    return values


def _versions() -> Json:
    return {"code_version": __version__, "schema_version": SCHEMA_VERSION}


def file_digest(uri: str) -> str:
    """First 16 hex digits of the sha256 of a file's bytes; '' for no file."""
    if not uri:
        return ""
    return hashlib.sha256(store_for(uri).read_bytes(uri)).hexdigest()[:16]


def changed(before: Any, now: Any, at: str = "") -> list[str]:
    """What differs between two JSON values, a phrase a key: `domains.min_share was 0.1, is 0.2`."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in sorted(set(before) | set(now)):
            name = f"{at}.{key}" if at and at not in ("recipe", "input") else key
            found += changed(before.get(key), now.get(key), name)
        return found
    return [] if before == now else [f"{at} was {_shown(before)}, is {_shown(now)}"]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
