"""Whether the counts of a run add up: within each stage, from stage to stage, in a loop's ledger.

Plain functions on manifests that :mod:`cc_math.verify` has read; they read no tables. A stage's
own equations say that rows in are rows out and drops; across stages, the documents that one
counted are those of the parts it was made from, wherever these stand below the folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from cc_math.errors import CcMathError, InputError
from cc_math.manifests import Json, read_json
from cc_math.shards.verify import Problem
from cc_math.stages import Stage
from cc_math.storage import base_name, join, parent, store_for

Equation = tuple[str, int, str, int]


@dataclass(frozen=True, slots=True)
class FoundStage:
    """A finished stage: where it stands, and its manifest."""

    stage: Stage
    root: str
    manifest: Json

    @property
    def run(self) -> str:
        """The folder of the run that the stage belongs to, by the layout of `cc-math run`."""
        folder = self.stage.run_folder
        return parent(self.root) if folder and base_name(self.root) == folder else self.root

    @property
    def counts(self) -> dict[str, int]:
        """The stage's counts."""
        counts: dict[str, int] = self.manifest["counts"]
        return counts

    def rows(self, table: str) -> int:
        """Rows of the stage's files of a table."""
        return sum(f["rows"] for f in self.manifest["files"] if f["table"] == table)

    def sum(self, prefix: str, suffix: str = "") -> int:
        """Sum of the counts whose names begin and end so."""
        return sum(
            n
            for name, n in self.counts.items()
            if name.startswith(prefix) and name.endswith(suffix)
        )


def count_problems(found: FoundStage) -> list[Problem]:
    """Each stage's own equations."""
    n, name = found.counts, found.stage.name
    equations: list[Equation] = []
    if name in ("extract", "fetch"):
        equations = _page_equations(found)
    if name == "fetch":
        came = n.get("records.response", 0) + found.sum("missed.")
        read = sum(n.get(f"wanted.{key}", 0) for key in ("by_range", "by_whole", "from_html"))
        equations += [
            ("wanted", n.get("wanted", 0), "responses and missed", came),
            ("wanted", n.get("wanted", 0), "read by range, whole and from HTML", read),
        ]
    elif name == "score":
        equations = [
            ("documents", n["documents"], "scored and repeated", n["scored"] + n["repeated"])
        ]
    elif name == "dedup":
        others = n["signed"] + n["repeated"] + n["below_min_score"] + n["without_words"]
        equations = [
            ("documents", n["documents"], "signed and left out", others),
            ("removed", n["removed"], "rows of duplicates", found.rows("duplicates")),
            ("pairs", n["pairs"], "rows of duplicate_pairs", found.rows("duplicate_pairs")),
        ]
    elif name == "compose":
        equations = _corpus_equations(found)
    elif name == "shard":
        out = n["documents"] + n["empty"] + n["repeated"]
        equations = [("corpus rows", n["corpus_rows"], "documents, empty and repeated", out)]
    elif name in ("seed", "recall", "want", "reselect"):
        equations = _step_equations(found)
    elif name == "diff":
        rows = found.rows("differences")
        equations = [("pages of each status", found.sum(""), "rows of differences", rows)]
    return [
        Problem(found.root, f"{name}: {left} are {a}, {right} are {b}")
        for left, a, right, b in equations
        if a != b
    ]


def _page_equations(found: FoundStage) -> list[Equation]:
    n = found.counts
    html, kept = n.get("responses.html", 0), n.get("pages.document", 0)
    return [
        ("responses read", n.get("records.response", 0), "responses by kind",
         found.sum("responses.")),
        ("HTML pages", html, "pages by outcome", found.sum("pages.")),
        ("HTML pages", html, "rows of pages", found.rows("pages")),
        ("kept pages", kept, "rows of documents", found.rows("documents")),
    ]  # fmt: skip


def _corpus_equations(found: FoundStage) -> list[Equation]:
    n = found.counts
    published, documents = n.get("published", 0), n.get("documents", 0)
    equations = [
        ("documents", documents, "published and dropped", published + found.sum("dropped.")),
        ("published", published, "rows of corpus", found.rows("corpus")),
        ("documents", documents, "rows of quality", found.rows("quality")),
        ("left out for the shares of kinds", n.get("dropped.over_kind_share", 0),
         "these by kind", found.sum("over_kind_share.", ".documents")),
    ]  # fmt: skip
    for by in ("kind", "language", "crawl"):
        if any(name.startswith(f"{by}.") for name in n):
            documents, tokens = found.sum(f"{by}.", ".documents"), found.sum(f"{by}.", ".tokens")
            equations += [
                ("published", published, f"these by {by}", documents),
                ("tokens", n.get("tokens", 0), f"these by {by}", tokens),
            ]
    return equations


def _step_equations(found: FoundStage) -> list[Equation]:
    """The steps of a round of `cc-math iterate`."""
    n, name = found.counts, found.stage.name
    if name == "seed":
        return [("examples by source", found.sum("seed."), "rows of seed", found.rows("seed"))]
    if name == "want":
        wanted = n.get("wanted", 0)
        return [
            ("wanted", wanted, "these by reason", found.sum("wanted.")),
            ("wanted", wanted, "rows of wanted", found.rows("wanted")),
        ]
    if name == "reselect":
        return [("documents", n.get("documents", 0), "rows", found.rows("documents"))]
    recalled = n.get("recalled", 0)
    out = sum(n.get(key, 0) for key in ("recalled", "below", "repeated", "unscored"))
    return [
        ("documents", n.get("documents", 0), "recalled and left out", out),
        ("recalled", recalled, "new and kept", n.get("new", 0) + n.get("kept", 0)),
        ("recalled", recalled, "these by source", found.sum("source.")),
        ("recalled", recalled, "rows of recalled", found.rows("recalled")),
    ]


def across_problems(found: Iterable[FoundStage]) -> list[Problem]:
    """What one stage wrote is what the next one read."""
    stages = list(found)
    rows_of = {
        f["sha256"]: f["rows"]
        for each in stages
        for f in each.manifest["files"]
        if f["table"] in ("documents", "corpus")
    }
    problems = []
    for each in stages:
        given = [chunk.get("documents") for chunk in each.manifest["chunks"].values()]
        if "documents" in each.counts and given and all(i in rows_of for i in given):
            there, read = sum(rows_of[i] for i in given), each.counts["documents"]
            if there != read:
                what = f"{each.stage.name} read {read} documents, its parts hold {there}"
                problems.append(Problem(each.root, what))
    for run in sorted({each.run for each in stages}):
        problems += _run_problems({e.stage.name: e for e in stages if e.run == run})
    return problems


def _run_problems(by_name: dict[str, FoundStage]) -> list[Problem]:
    """The stages of one run: each read all documents of extract, shard all that was published."""
    problems = []
    extract = by_name.get("extract")
    for name in ("score", "dedup", "decontaminate", "compose") if extract else ():
        wrote = extract.counts.get("pages.document", 0) if extract else 0
        if name in by_name and by_name[name].counts.get("documents", 0) != wrote:
            read = by_name[name].counts.get("documents", 0)
            what = f"{name} read {read} documents, extract wrote {wrote}"
            problems.append(Problem(by_name[name].root, what))
    if "compose" in by_name and "shard" in by_name:
        shard, published = by_name["shard"], by_name["compose"].counts.get("published", 0)
        if shard.counts["corpus_rows"] != published:
            read = shard.counts["corpus_rows"]
            what = f"shard read {read} documents, compose published {published}"
            problems.append(Problem(shard.root, what))
    return problems


def loop_problems(uri: str, found: Iterable[FoundStage]) -> list[Problem]:
    """A loop of `cc-math iterate`: the files that no stage's manifest names, round.json and
    crawl.json against the tables, the ledger against them. No problems where ``uri`` is no loop."""
    from cc_math.rounds.folders import crawl_names, finished_rounds, round_folder
    from cc_math.rounds.integrity import is_loop_place, loop_file_problems

    if not is_loop_place(uri):
        return []
    problems = loop_file_problems(uri)
    stages = {each.root: each for each in found if each.stage.name == "recall"}
    try:
        places = [round_folder(uri, n) for n, _ in enumerate(finished_rounds(uri), 1)]
    except InputError:  # a round.json that cannot be read: told already, and the rest hangs on it
        return problems
    files = [join(place, "round.json") for place in places]
    crawls = [join(uri, "crawls", name) for name in crawl_names(uri)]
    places, files = [*places, *crawls], files + [join(place, "crawl.json") for place in crawls]
    bodies = []
    for place, file in zip(places, files, strict=True):
        body = read_json(file) or {}
        bodies.append(body)
        recall = stages.get(place)
        stated = body.get("recalled")
        if recall is None or not isinstance(stated, dict):
            problems.append(Problem(file, "there is no finished table of what it recalled"))
            continue
        for name in ("documents", "recalled", "tokens", "new", "lost"):
            if stated.get(name, 0) != recall.counts.get(name, 0):
                there = recall.counts.get(name, 0)
                what = f"{name} recalled: it says {stated.get(name, 0)}, the table's stage {there}"
                problems.append(Problem(file, what))
    return problems + _ledger_problems(join(uri, "ledger.jsonl"), bodies)


def _ledger_problems(place: str, bodies: list[Json]) -> list[Problem]:
    try:
        text = store_for(place).read_bytes(place).decode()
        lines = [json.loads(line) for line in text.splitlines()]
    except (CcMathError, ValueError) as error:
        return [Problem(place, f"the ledger cannot be read: {error}")] if bodies else []
    if lines != bodies:
        return [Problem(place, "its lines are not those of the finished rounds and crawls")]
    return []
