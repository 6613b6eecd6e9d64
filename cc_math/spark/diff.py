"""`cc-math diff`: what one round, corpus or run holds that another does not, by address and text.

Two pages are the same where their canonical addresses (:func:`cc_math.urls.url_key`) agree:
`kept` with the same text, `changed` with another. A page of one side alone is `moved` where its
text stands on the other side under another address, else `gained` or `lost`. Of an address that
stands twice on a side the smallest doc_id counts.

Spark lets the keys of :mod:`cc_math.spark.diff_rows` meet and sums by status, language, kind and
domain. The driver holds what a person could read: the sums, the domains that changed most, and a
few pages of each status, found by the smallest key, so that they are the same few each time.
"""

from __future__ import annotations

import itertools
from typing import Any

from cc_math.manifests import Json
from cc_math.spark.chunks import Job, spark_errors
from cc_math.spark.diff_lists import plan_lists, write_lists
from cc_math.spark.diff_rows import ROWS, Side, frame_of_side
from cc_math.spark.parts import rows_of

KEPT, CHANGED, MOVED, GAINED, LOST = "kept", "changed", "moved", "gained", "lost"
STATUSES = (KEPT, CHANGED, MOVED, GAINED, LOST)
TEXT_LINE_CHARS = 160  # chosen: a line of a terminal or two


def diff(
    job: Job, before: Side, after: Side, *, examples: int, domains: int, with_lists: bool
) -> Json:
    """The comparison as JSON values: pages and tokens by status, language, kind and domain, the
    domains that gained and lost most, examples. With ``with_lists`` also below ``job.output``."""
    plan = plan_lists(job, before, after) if with_lists else None
    with spark_errors("diff"):
        compared = _compared(job, before, after).persist()
        result: Json = {
            "before": {"name": before.name, **_totals(compared, "a")},
            "after": {"name": after.name, **_totals(compared, "b")},
            **_sums(compared),
            "domains": _domains(compared, domains),
            "examples": _examples(compared, before, after, examples),
        }
        if plan is not None:
            write_lists(job, compared, plan)
        compared.unpersist()
    return result


def _compared(job: Job, before: Side, after: Side) -> Any:
    """One row an address: `status`, and the columns of ROWS of both sides as a.NAME and b.NAME
    in structs (null where the address is not there); `of` is what is known of the page."""
    from pyspark.sql import functions as F

    session = job.session()
    frames = []
    for name, side in (("a", before), ("b", after)):
        frame = frame_of_side(session, side)
        columns = [column for column in ROWS.names if column != "page"]
        frames.append(frame.select("page", F.struct(*columns).alias(name)).persist())
    first, second = frames
    texts_a = first.select(F.col("a.content").alias("content")).distinct()
    texts_b = second.select(F.col("b.content").alias("content")).distinct()
    joined = first.join(second, "page", "full_outer")
    content = F.coalesce("b.content", "a.content")
    other = texts_a.select("content", F.lit(True).alias("in_a")).join(
        texts_b.select("content", F.lit(True).alias("in_b")), "content", "full_outer"
    )
    joined = joined.withColumn("content", content).join(other, "content", "left")
    status = (
        F.when(F.col("a").isNotNull() & F.col("b").isNotNull(),
               F.when(F.col("a.content") == F.col("b.content"), KEPT).otherwise(CHANGED))
        .when(F.col("in_a") & F.col("in_b"), MOVED)
        .when(F.col("b").isNotNull(), GAINED)
        .otherwise(LOST)
    )  # fmt: skip
    return joined.select("page", status.alias("status"), "a", "b", F.coalesce("b", "a").alias("of"))


def _totals(compared: Any, side: str) -> Json:
    from pyspark.sql import functions as F

    row = compared.agg(
        F.count(side).alias("pages"),
        F.coalesce(F.sum(f"{side}.tokens"), F.lit(0)).alias("tokens"),
        F.countDistinct(f"{side}.domain").alias("domains"),
    ).first()
    return {"pages": row.pages, "tokens": row.tokens, "domains": row.domains}


def _sums(compared: Any) -> Json:
    """Pages and tokens by status; the same by language and kind; pages extracted again."""
    from pyspark.sql import functions as F

    rows = (
        compared.groupBy("status", "of.language", "of.kind")
        .agg(
            F.count("*").alias("pages"),
            F.sum(F.coalesce("a.tokens", F.lit(0))).alias("before"),
            F.sum(F.coalesce("b.tokens", F.lit(0))).alias("after"),
            F.sum((F.col("a.doc") == F.col("b.doc")).cast("long")).alias("same_capture"),
        )
        .collect()
    )
    sums: Json = {"status": {}, "language": {}, "kind": {}}
    again = 0
    for row in rows:
        again += (row.same_capture or 0) if row.status == CHANGED else 0
        for group, name in (("status", ""), ("language", row.language), ("kind", row.kind)):
            found = sums[group].setdefault(name, {}) if name else sums[group]
            cell = found.setdefault(row.status, {"pages": 0, "tokens_before": 0, "tokens_after": 0})
            cell["pages"] += row.pages
            cell["tokens_before"] += row.before
            cell["tokens_after"] += row.after
    return {
        "pages": {s: sums["status"][s] for s in STATUSES if s in sums["status"]},
        "extracted_again": again,
        "by_language": dict(sorted(sums["language"].items())),
        "by_kind": dict(sorted(sums["kind"].items())),
    }


def _domains(compared: Any, most: int) -> Json:
    """How many domains each side has alone, and those whose tokens rose and fell most."""
    from pyspark.sql import functions as F

    by_domain = (
        compared.groupBy("of.domain")
        .agg(
            F.count("a").alias("pages_before"),
            F.count("b").alias("pages_after"),
            F.sum((F.col("status") == GAINED).cast("long")).alias("gained"),
            F.sum((F.col("status") == LOST).cast("long")).alias("lost"),
            F.coalesce(F.sum("a.tokens"), F.lit(0)).alias("tokens_before"),
            F.coalesce(F.sum("b.tokens"), F.lit(0)).alias("tokens_after"),
        )
        .withColumn("rise", F.col("tokens_after") - F.col("tokens_before"))
        .persist()
    )
    only_after, only_before = F.col("pages_before") == 0, F.col("pages_after") == 0
    counts = by_domain.agg(
        F.sum(only_after.cast("long")).alias("gained"),
        F.sum(only_before.cast("long")).alias("lost"),
        F.count("*").alias("all"),
    ).first()
    tops = {}
    for name, where, order in (
        ("most_gained", F.col("rise") > 0, F.desc("rise")),
        ("most_lost", F.col("rise") < 0, F.asc("rise")),
    ):
        rows = by_domain.where(where).orderBy(order, "domain").limit(most).collect()
        tops[name] = [{k: v for k, v in row.asDict().items() if k != "rise"} for row in rows]
    by_domain.unpersist()
    gained, lost = counts.gained or 0, counts.lost or 0
    return {"gained": gained, "lost": lost, "kept": counts["all"] - gained - lost, **tops}


def _examples(compared: Any, before: Side, after: Side, most: int) -> Json:
    """A few pages of each status with their addresses; of changed ones the first line that is."""
    found: Json = {}
    for status in STATUSES[1:] if most else ():
        rows = compared.where(compared.status == status).orderBy("page").limit(most).collect()
        shown = []
        for row in rows:
            sides = [(before, row.a), (after, row.b)]
            documents = [_document_at(side, at) for side, at in sides if at is not None]
            example = {
                "url": documents[-1]["url"],
                "language": row.of.language,
                "kind": row.of.kind,
                "tokens_before": None if row.a is None else row.a.tokens,
                "tokens_after": None if row.b is None else row.b.tokens,
            }
            if status == CHANGED:
                example["same_capture"] = row.a.doc == row.b.doc
                example["text"] = _first_change(documents[0]["text"], documents[1]["text"])
            shown.append(example)
        found[status] = shown
    return found


def _document_at(side: Side, at: Any) -> Json:
    """URL and text of one row of a part."""
    passed = 0
    for batch in rows_of(side.chunks[at.part], ["doc_id", "url", "text"]):
        if at.row < passed + batch.num_rows:
            row = batch.slice(at.row - passed, 1).to_pylist()[0]
            return {"url": row["url"] or row["doc_id"], "text": row["text"] or ""}
        passed += batch.num_rows
    raise IndexError(f"{side.chunks[at.part].name}: no row {at.row}")


def _first_change(before: str, after: str) -> list[str]:
    """The first line in which two texts differ, of each, from shortly before the difference;
    '' where a text has ended."""
    first, second = before.splitlines(), after.splitlines()
    number = next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b),
        min(len(first), len(second)),
    )
    lines = ["".join(text[number : number + 1]) for text in (first, second)]
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*lines, strict=False))
    start = max(0, len(list(alike)) - TEXT_LINE_CHARS // 4)
    return ["…" * bool(start) + line[start : start + TEXT_LINE_CHARS] for line in lines]
