"""Labels from a language model: pages chosen, the cost capped, the labels written.

Owns which pages are asked about, what of them is sent, the account of the cost and the file
of labels (url, math_score, kind, lang, labeller, rubric: no text of any page). Reads
documents. What is asked, and how an answer is read and kept, is in `answers`; the protocol
in `chat_endpoint`.

The trade: the money a question can cost is counted at its highest while it is on its way, so
that a cap holds whatever the server answers; near the cap fewer questions fly at a time.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cc_math.classify.answers import (
    AnswerCache,
    Failure,
    Label,
    Page,
    messages_of,
    parse_answer,
    rubric_digest,
)
from cc_math.classify.chat_endpoint import Answer, Endpoint, EndpointError, ask
from cc_math.errors import InputError, UserError
from cc_math.manifests import Part
from cc_math.storage import read_text, store_for
from cc_math.tables import ColumnNames, read_documents
from cc_math.urls import registered_domain

# Bytes of UTF-8 a token; chosen low (English has four, Chinese three a token), so that an
# estimate errs to the dear side.
_BYTES_PER_TOKEN = 3.0
_CANDIDATES = 20  # chosen: addresses held for each page wanted, so that a cap per site can act
_MOST_FAILURES_IN_A_ROW = 5  # chosen: then it is the endpoint that is down, not a page


@dataclass(frozen=True, slots=True)
class Prices:
    """Money per million tokens, in whatever currency the caller pays."""

    input: float
    output: float

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def choose_urls(
    parts: Sequence[Part],
    names: ColumnNames,
    *,
    limit: int,
    max_per_site: int,
    seed: int,
    without: frozenset[str],
) -> list[str]:
    """Addresses of `limit` documents in hash order, at most `max_per_site` of one site.

    A larger limit only adds. The same for the same documents, whatever their parts.
    """

    def keyed() -> Iterator[tuple[bytes, str]]:
        for part in parts:
            for batch in read_documents(part, names, ["url"]):
                for url in batch.column("url").to_pylist():
                    if url and url not in without:
                        yield hashlib.blake2b(f"{seed}\0{url}".encode()).digest()[:16], url

    per_site: Counter[str] = Counter()
    chosen: dict[str, None] = {}
    for _, url in heapq.nsmallest(limit * _CANDIDATES, keyed()):
        site = registered_domain(url) or url
        if url in chosen or per_site[site] >= max_per_site:
            continue
        per_site[site] += 1
        chosen[url] = None
        if len(chosen) == limit:
            break
    return list(chosen)


def read_pages(
    parts: Sequence[Part], names: ColumnNames, urls: Sequence[str], max_chars: int
) -> list[Page]:
    """The chosen pages with their excerpts, in the order of `urls`."""
    wanted = pa.array(list(urls), pa.string())
    texts: dict[str, str] = {}
    for part in parts:
        for batch in read_documents(part, names, ["url", "text"]):
            found = batch.filter(pc.is_in(batch.column("url"), value_set=wanted))
            for row in found.to_pylist():
                texts[row["url"]] = row["text"] or ""
    return [Page(url, excerpt(texts[url], max_chars)) for url in urls if url in texts]


def excerpt(text: str, max_chars: int) -> str:
    """The text, or two thirds of `max_chars` from its beginning and one from its middle."""
    if len(text) <= max_chars:
        return text
    first = max_chars * 2 // 3
    middle = max(first, (len(text) - (max_chars - first)) // 2)
    return f"{text[:first]}\n[…]\n{text[middle : middle + max_chars - first]}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will ask, before it asks: pages to send, answers kept, the most it can cost."""

    pages: list[Page]
    known: dict[str, Answer]
    input_tokens: int
    output_tokens: int
    cost: float | None


def estimated_tokens(rubric: str, page: Page) -> int:
    """Input tokens of one question, on the high side."""
    size_bytes = sum(len(m["content"].encode()) for m in messages_of(rubric, page))
    return round(size_bytes / _BYTES_PER_TOKEN) + 1


def plan_questions(
    pages: Iterable[Page],
    cache: AnswerCache,
    rubric: str,
    *,
    max_answer_tokens: int,
    prices: Prices | None,
    ask_failed_again: bool,
) -> Plan:
    """Split pages into answered and to be asked, and estimate the cost of the latter."""
    known: dict[str, Answer] = {}
    open_: list[Page] = []
    for page in pages:
        answer = cache.get(page)
        if answer is None or (ask_failed_again and isinstance(parse_answer(answer), Failure)):
            open_.append(page)
        else:
            known[page.url] = answer
    input_tokens = sum(estimated_tokens(rubric, page) for page in open_)
    output_tokens = max_answer_tokens * len(open_)
    cost = None if prices is None else prices.of(input_tokens, output_tokens)
    return Plan(open_, known, input_tokens, output_tokens, cost)


@dataclass(slots=True)
class Outcome:
    """What came of a run: labels and failures by address, money spent, what was not asked."""

    labels: dict[str, Label] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    spent: float = 0.0
    asked: int = 0
    left: int = 0  # not asked, because the cap was reached or the endpoint failed
    failures_in_a_row: int = 0  # of the endpoint
    last_error: str = ""  # what the endpoint did, of the last question that it failed
    error: EndpointError | None = None

    def add(self, url: str, answer: Answer) -> None:
        """Count one answer as label or failure."""
        found = parse_answer(answer)
        if isinstance(found, Label):
            self.labels[url] = found
        else:
            self.failures[url] = found


@dataclass(frozen=True, slots=True)
class Question:
    """A page on its way to the endpoint, and the most that its answer can cost."""

    page: Page
    dearest: float


def annotate(
    plan: Plan,
    endpoint: Endpoint,
    cache: AnswerCache,
    rubric: str,
    *,
    prices: Prices | None,
    max_cost: float | None,
    workers: int,
    progress: Callable[[Outcome], None],
    asker: Callable[..., Answer] = ask,
) -> Outcome:
    """Ask about every page of `plan` that has no answer yet, `workers` at a time.

    A question is sent only if the money spent, the questions on their way and this one, each
    at its highest, stay within `max_cost`. An endpoint that refuses every question ends the
    run; what was answered until then is kept, and the error is in the outcome.
    """
    outcome = Outcome()
    for url, answer in plan.known.items():
        outcome.add(url, answer)
    waiting = [Question(p, _dearest(p, rubric, endpoint, prices)) for p in reversed(plan.pages)]
    flying: dict[Future[Answer], Question] = {}
    stop = threading.Event()

    def answered(page: Page) -> Answer:
        answer = asker(endpoint, messages_of(rubric, page), stop.wait)
        cache.put(page, answer)
        return answer

    with ThreadPoolExecutor(workers) as pool:
        try:
            while True:
                while waiting and len(flying) < workers and outcome.error is None:
                    promised = outcome.spent + sum(q.dearest for q in flying.values())
                    if max_cost is not None and promised + waiting[-1].dearest > max_cost:
                        break
                    question = waiting.pop()
                    flying[pool.submit(answered, question.page)] = question
                if not flying:
                    break  # all is asked, or the cap or an error forbids more
                for future in wait(flying, return_when=FIRST_COMPLETED).done:
                    _settle(outcome, future, flying.pop(future), prices)
                    progress(outcome)
        finally:
            stop.set()  # an interrupt must not wait for the pauses between attempts
    outcome.left = len(waiting)
    return outcome


def _settle(
    outcome: Outcome, future: Future[Answer], question: Question, prices: Prices | None
) -> None:
    """Count what came of one question, and its cost."""
    outcome.asked += 1
    try:
        answer = future.result()
    except EndpointError as error:
        outcome.failures[question.page.url] = Failure.endpoint
        outcome.failures_in_a_row += 1
        outcome.last_error = str(error)
        if error.fatal or outcome.failures_in_a_row >= _MOST_FAILURES_IN_A_ROW:
            outcome.error = outcome.error or error
        if not error.fatal:
            outcome.spent += question.dearest  # the server may have worked, and charge for it
        return
    outcome.failures_in_a_row = 0
    outcome.spent += _cost_of(answer, question.dearest, prices)
    outcome.add(question.page.url, answer)


def _dearest(page: Page, rubric: str, endpoint: Endpoint, prices: Prices | None) -> float:
    if prices is None:
        return 0.0
    return prices.of(estimated_tokens(rubric, page), endpoint.max_answer_tokens)


def _cost_of(answer: Answer, dearest: float, prices: Prices | None) -> float:
    """What an answer cost by the server's own count; the estimate where it does not count."""
    if prices is None:
        return 0.0
    if answer.input_tokens is None or answer.output_tokens is None:
        return dearest
    return prices.of(answer.input_tokens, answer.output_tokens)


def write_labels(uri: str, labels: Mapping[str, Label], model: str, rubric: str) -> int:
    """Write labels as JSON lines sorted by address, beside those of earlier runs; their number.

    Raises UserError where the file holds labels of another hand, model or rubric.
    """
    rows = read_own_labels(uri, model, rubric)
    for url, label in labels.items():
        rows[url] = {
            "url": url,
            "math_score": label.score,
            "kind": label.kind,
            "lang": label.language,
            "labeller": model,
            "rubric": rubric_digest(rubric),
        }
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for _, row in sorted(rows.items())]
    store_for(uri).put_bytes("".join(lines).encode(), uri)
    return len(rows)


def read_own_labels(uri: str, model: str, rubric: str) -> dict[str, dict[str, Any]]:
    """Labels that stand in `uri` by address. Raises UserError for labels of another maker."""
    if store_for(uri).size_bytes(uri) is None:
        return {}
    rows: dict[str, dict[str, Any]] = {}
    maker = {"labeller": model, "rubric": rubric_digest(rubric)}
    for number, line in enumerate(read_text(uri).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            rows[str(row["url"])] = row
            found = {name: row.get(name) for name in maker}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{uri}:{number}: no label; give another --output") from None
        if found != maker:
            raise UserError(
                f"{uri}:{number} was labelled by {found['labeller'] or 'hand'} with rubric "
                f"{found['rubric']}, this run is {model} with {maker['rubric']}: give another "
                "--output, so that makers stay apart"
            )
    return rows
