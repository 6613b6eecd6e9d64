"""The command annotate: labels from a language model behind an OpenAI-compatible endpoint.

Options in, :mod:`cc_math.classify.annotate` called, an account of labels, failures and cost
out. The account goes to standard output, progress and the plan to standard error. Heavy
imports wait until the command runs.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cc_math.errors import JobError, UserError
from cc_math.options import column_options

if TYPE_CHECKING:
    from cc_math.classify.annotate import Outcome, Plan, Prices
    from cc_math.classify.chat_endpoint import Endpoint


def _tell(line: str) -> None:
    click.echo(line, err=True)


@click.command()
@click.option("--endpoint", required=True, metavar="URL", help="API base: https://host/v1.")
@click.option("--model", required=True, metavar="NAME", help="Model as the endpoint names it.")
@click.option("--documents", required=True, metavar="DIR", help="Documents to choose pages from.")
@click.option("--output", required=True, metavar="FILE", help="Labels, as JSON lines.")
@click.option(
    "--limit", type=click.IntRange(1), default=200, show_default=True,
    help="Pages to label, chosen by hash; a larger number adds to a smaller one.",
)  # fmt: skip
@click.option(
    "--max-per-site", type=click.IntRange(1), default=6, show_default=True,
    help="Most pages of one site.",
)  # fmt: skip
@click.option(
    "--skip", multiple=True, metavar="FILE",
    help="Labels (JSON lines with url) whose pages are not asked about; may be given again.",
)  # fmt: skip
@click.option(
    "--rubric", "rubric_file", metavar="FILE",
    help="Another rubric; it must ask for the same JSON. Default: the one that ships.",
)  # fmt: skip
@click.option(
    "--max-chars", type=click.IntRange(200), default=6000, show_default=True,
    help="Characters of a page that are sent, from its beginning and middle.",
)  # fmt: skip
@click.option("--price-input", type=click.FloatRange(0), help="Price of a million input tokens.")
@click.option("--price-output", type=click.FloatRange(0), help="Price of a million output tokens.")
@click.option("--max-cost", type=click.FloatRange(0), help="Stop before more than this is spent.")
@click.option("--dry-run", is_flag=True, help="Show what would be asked and its cost, and stop.")
@click.option(
    "--api-key-env", default="OPENAI_API_KEY", show_default=True, metavar="NAME",
    help="Environment variable with the API key; '' for a server that wants none.",
)  # fmt: skip
@click.option(
    "--cache", metavar="DIR",
    help="Local folder for the answers; default: OUTPUT.answers. They may quote pages.",
)  # fmt: skip
@click.option("--ask-failed-again", is_flag=True, help="Ask again where the answer was no label.")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=4, show_default=True,
    help="Questions at a time.",
)  # fmt: skip
@click.option(
    "--retries", type=click.IntRange(0), default=5, show_default=True,
    help="Further attempts when the server is busy, slow or wrong.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), default=120.0,
    show_default=True, help="Seconds for one answer.",
)  # fmt: skip
@click.option(
    "--max-answer-tokens", type=click.IntRange(20), default=200, show_default=True,
    help="Longest answer; raise it for models that think aloud.",
)  # fmt: skip
@click.option(
    "--request", metavar="JSON",
    help="Fields for every request, null takes one away, for servers that want others: "
    '\'{"max_tokens": null, "max_completion_tokens": 500}\'.',
)  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the choice.")
@column_options
def annotate(model: str, output: str, dry_run: bool, **given: Any) -> None:
    """Labels (score 0-5, one of ten kinds, language) from any OpenAI-compatible endpoint.

    The rubric is the prompt. The cost is shown before the first question and capped by
    --max-cost; answers are kept on disk, so the same command goes on where it stopped."""
    from cc_math.classify.annotate import annotate as ask_about
    from cc_math.classify.annotate import read_own_labels, write_labels
    from cc_math.classify.answers import RUBRIC, AnswerCache
    from cc_math.storage import read_text

    endpoint = _endpoint(model, dry_run, given)
    prices = _prices(given["price_input"], given["price_output"], given["max_cost"])
    rubric = read_text(given["rubric_file"] or str(RUBRIC))
    known = read_own_labels(output, model, rubric)
    cache_folder = given["cache"] or f"{output}.answers"
    if "://" in cache_folder:
        raise UserError("the answers are kept on a local disk: name a folder with --cache")
    cache = AnswerCache(Path(cache_folder), model, rubric)
    plan = _plan(cache, rubric, prices, given)
    for line in _plan_lines(plan, prices, given["max_cost"]):
        _tell(line)
    if dry_run:
        return
    outcome = ask_about(
        plan, endpoint, cache, rubric,
        prices=prices, max_cost=given["max_cost"], workers=given["workers"],
        progress=_progress_of(len(plan.pages), prices),
    )  # fmt: skip
    total = write_labels(output, outcome.labels, model, rubric)
    _print_outcome(outcome, total, len(known), output, prices)
    if outcome.error is not None:
        raise outcome.error
    if outcome.asked and len(outcome.failures) == outcome.asked:
        raise JobError("every question failed; see the reasons above, and try --limit 1 first")


def _endpoint(model: str, dry_run: bool, given: dict[str, Any]) -> Endpoint:
    from cc_math.classify.chat_endpoint import Endpoint, api_key_from, check_url

    return Endpoint(
        url=check_url(given["endpoint"]),
        model=model,
        timeout_s=given["timeout_s"],
        retries=given["retries"],
        backoff_s=1.0,  # chosen: 31 s over five retries
        max_answer_tokens=given["max_answer_tokens"],
        api_key=None if dry_run else api_key_from(given["api_key_env"]),
        request=_request(given["request"]),
    )


def _request(text: str | None) -> dict[str, Any]:
    try:
        fields = {} if text is None else json.loads(text)
    except ValueError as error:
        raise UserError(f"--request is not JSON: {error}") from None
    if not isinstance(fields, dict) or fields.keys() & {"messages", "model", "stream"}:
        raise UserError("--request: expected a JSON object without model, messages and stream")
    return fields


def _prices(
    price_input: float | None, price_output: float | None, max_cost: float | None
) -> Prices | None:
    from cc_math.classify.annotate import Prices

    if (price_input is None) != (price_output is None):
        raise UserError("--price-input and --price-output come together")
    if price_input is None or price_output is None:
        if max_cost is not None:
            raise UserError("--max-cost needs --price-input and --price-output to count by")
        return None
    return Prices(price_input, price_output)


def _plan(cache: Any, rubric: str, prices: Prices | None, given: dict[str, Any]) -> Plan:
    from cc_math.classify.annotate import choose_urls, plan_questions, read_pages
    from cc_math.classify.labels import read_rows
    from cc_math.manifests import table_parts
    from cc_math.tables import ColumnNames

    parts = table_parts(given["documents"], "documents", "corpus")
    names = ColumnNames(given["id_column"], given["url_column"], given["text_column"])
    _tell(f"choosing pages from {len(parts)} parts")
    urls = choose_urls(
        parts, names,
        limit=given["limit"], max_per_site=given["max_per_site"], seed=given["seed"],
        without=frozenset(str(row["url"]) for row in read_rows(given["skip"], ("url",))),
    )  # fmt: skip
    if not urls:
        raise UserError(f"{given['documents']}: no page left to label (see --url-column, --skip)")
    return plan_questions(
        read_pages(parts, names, urls, given["max_chars"]), cache, rubric,
        max_answer_tokens=given["max_answer_tokens"],
        prices=prices, ask_failed_again=given["ask_failed_again"],
    )  # fmt: skip


def _plan_lines(plan: Plan, prices: Prices | None, max_cost: float | None) -> list[str]:
    lines = [
        f"{len(plan.pages):,} pages to ask about, {len(plan.known):,} answered already",
        f"at most about {plan.input_tokens:,} input and {plan.output_tokens:,} output tokens"
        + ("" if plan.cost is None else f", cost at most about {plan.cost:,.4f}"),
    ]
    if prices is None:
        lines.append("cost unknown: give --price-input and --price-output (per million tokens)")
    elif max_cost is None:
        lines.append("no cap: give --max-cost to stop before more than that is spent")
    elif plan.cost is not None and plan.cost > max_cost:
        lines.append(f"that is over --max-cost {max_cost:,.4f}: some pages may stay unasked")
    return lines


def _progress_of(total: int, prices: Prices | None) -> Callable[[Outcome], None]:
    """A line on standard error, at most every two seconds."""
    started_s = last_s = time.monotonic()

    def progress(outcome: Outcome) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s < 2.0 and outcome.asked < total:
            return
        last_s = now_s
        left_s = (now_s - started_s) / max(1, outcome.asked) * (total - outcome.asked)
        spent = "" if prices is None else f", {outcome.spent:,.4f} spent"
        _tell(
            f"asked {outcome.asked:,} of {total:,}, {len(outcome.failures):,} failed{spent}, "
            f"about {left_s // 60:.0f}:{left_s % 60:02.0f} left"
        )

    return progress


def _print_outcome(
    outcome: Outcome, total: int, before: int, output: str, prices: Prices | None
) -> None:
    click.echo(f"labels in {output}: {total:,}, {total - before:,} of them new")
    scores = Counter(label.score for label in outcome.labels.values())
    shown = "  ".join(f"{score}: {number}" for score, number in sorted(scores.items()))
    click.echo(f"pages by score: {shown or 'none'}")
    reasons = Counter(failure.value for failure in outcome.failures.values())
    listed = ", ".join(f"{name} {number}" for name, number in sorted(reasons.items()))
    click.echo(
        f"answers that are no label: {len(outcome.failures):,}" + f" ({listed})" * bool(listed)
    )
    if outcome.last_error and outcome.error is None:
        click.echo(f"the endpoint's last error: {outcome.last_error}")
    if outcome.left:
        why = "the endpoint failed" if outcome.error else "--max-cost allows no more"
        click.echo(f"not asked: {outcome.left:,}, since {why}")
    if prices is not None:
        click.echo(f"spent: {outcome.spent:,.4f}")
