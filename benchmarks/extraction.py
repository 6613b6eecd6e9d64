"""Extraction of formulas and text: quality and speed beside other extractors, in one run.

    python benchmarks/extraction.py --pages FOLDER [--openwebmath CHECKOUT] [--repeat N]
    python benchmarks/extraction.py --warc FILE.warc.gz [--limit N]

`--pages` is a folder with `dev_pages.jsonl.gz` (pages whose formulas are known) and
`score_extraction.py`, which scores them; `--warc` measures speed on the pages of a crawl that
hold mark-up of formulas. Speed is measured on pages with mathematics: process time, best of N
rounds, the extractors one after the other in every round. This project starts from the page's
bytes and does all that the extract stage does with a page (decode, quick text and score, marks,
parse, extraction with formulas and links); the others get the page decoded, which costs them
nothing.

Needs trafilatura (`pip install -e '.[peers]'`); Resiliparse comes with cc-math.
OpenWebMath is not on PyPI: clone github.com/keirp/OpenWebMath, install what its README asks for,
and give the folder with `--openwebmath`. What is not installed is left out of the table.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import importlib.util
import itertools
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from resiliparse.extract.html2text import extract_plain_text

from cc_math.classify import load_quick
from cc_math.html import Document, extract_page, formula_marks, parse, read
from cc_math.html.charset import decode
from cc_math.schema import Drop
from cc_math.warc import Capture, classify_response, read_captures

MAX_RECORD_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """One page as it came and as characters; ``record`` is the scorer's, None from a WARC."""

    payload: bytes
    source: str
    url: str
    record: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Extractor:
    """A name for the table and a function from a page to its text."""

    name: str
    text: Callable[[Page], str]


def cc_math_extractor() -> Extractor:
    """All that the extract stage does with a page's bytes, the quick score included."""
    quick = load_quick(None)

    def text(page: Page) -> str:
        source = read(page.payload, None)
        if isinstance(source, Drop):
            return ""
        quick.score(source.quick_text(quick.max_chars))
        source.formula_marks()
        parsed = parse(source)
        result = parsed if isinstance(parsed, Drop) else extract_page(parsed, page.url)
        return result.text if isinstance(result, Document) else ""

    return Extractor("cc-math", text)


def trafilatura_extractor() -> Extractor | None:
    """Markdown with formatting and tables, the settings nearest to ours."""
    try:
        import trafilatura
    except ImportError:
        return None

    def text(page: Page) -> str:
        made = trafilatura.extract(
            page.source, url=page.url, output_format="markdown", include_formatting=True,
            include_tables=True,
        )  # fmt: skip
        return made or ""

    return Extractor(f"trafilatura {trafilatura.__version__}", text)


def openwebmath_extractor(checkout: Path) -> Extractor:
    """Its published extractor, with one draw (seed 0) of its randomised settings."""
    found = sorted(checkout.rglob("text_extract/extract.py"))
    settings = sorted(checkout.rglob("randomized_all.yaml"))
    if not found or not settings:
        sys.exit(
            f"--openwebmath: expected text_extract/extract.py and randomized_all.yaml below "
            f"{checkout}: give the folder of a checkout of github.com/keirp/OpenWebMath"
        )
    sys.path.insert(0, str(found[0].parent.parent))
    extract_text = importlib.import_module("text_extract.extract").extract_text
    config_class = importlib.import_module("text_extract.utils").Config
    random.seed(0)
    config = config_class(str(settings[0])).sample()

    def text(page: Page) -> str:
        made = extract_text(page.source, config, fast=True)
        return made[0] if made else ""

    return Extractor("OpenWebMath", text)


def extractors(openwebmath: Path | None) -> list[Extractor]:
    """Those that are installed, ours first."""
    found = [cc_math_extractor()]
    trafilatura = trafilatura_extractor()
    if trafilatura is None:
        print("trafilatura is not installed: pip install -e '.[peers]'")
    else:
        found.append(trafilatura)
    found.append(
        Extractor("Resiliparse main", lambda p: extract_plain_text(p.source, main_content=True))
    )
    found.append(Extractor("Resiliparse plain", lambda p: extract_plain_text(p.source)))
    if openwebmath is not None:
        found.append(openwebmath_extractor(openwebmath))
    return found


def labelled_pages(folder: Path) -> list[Page]:
    """The pages whose formulas are known."""
    path = folder / "dev_pages.jsonl.gz"
    if not path.exists():
        sys.exit(f"--pages: expected dev_pages.jsonl.gz in {folder}: give the pages' folder")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    pages = []
    for record in records:
        payload = record["html"].encode("utf-8", "replace")
        pages.append(Page(payload, payload.decode("utf-8"), record["url_like"], record))
    return pages


def crawled_pages(warcs: list[Path]) -> Iterator[Page]:
    """HTML pages of WARC files whose bytes hold marks of formulas."""
    for warc in warcs:
        with warc.open("rb") as stream:
            items = read_captures(
                stream, start_bytes=0, end_bytes=None, max_record_bytes=MAX_RECORD_BYTES
            )
            for item in items:
                if not isinstance(item, Capture) or classify_response(item) is not None:
                    continue
                if formula_marks(item.payload):
                    source = decode(item.payload, item.content_type)[0]
                    yield Page(item.payload, source, item.url, None)


def text_of(extractor: Extractor, page: Page) -> str:
    """A page's text; an exception of another project's extractor counts as no text."""
    try:
        return extractor.text(page)
    except Exception:
        if extractor.name == "cc-math":
            raise
        return ""


def seconds_a_round(found: list[Extractor], pages: list[Page], repeat: int) -> list[float]:
    """Process seconds over all pages, the best round of each extractor."""
    best = [float("inf")] * len(found)
    for _ in range(repeat):
        for index, extractor in enumerate(found):
            started_s = time.process_time()
            for page in pages:
                text_of(extractor, page)
            best[index] = min(best[index], time.process_time() - started_s)
    return best


def scorer(folder: Path) -> ModuleType:
    """The scoring script beside the pages, as a module."""
    path = folder / "score_extraction.py"
    spec = importlib.util.spec_from_file_location("score_extraction", path)
    if spec is None or spec.loader is None or not path.exists():
        sys.exit(f"--pages: expected score_extraction.py in {folder}: give the pages' folder")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


QUALITY = (
    ("recall", "ALL", "recall"), ("precision", "ALL", "prec"), ("delimiters", "ALL", "delim"),
    ("as found", "(pages as found)", "recall"), ("re-rendered", "(re-rendered pages)", "recall"),
    ("prose", "ALL", "text"), ("boilerplate", "ALL", "boil"), ("code", "ALL", "code"),
    ("false math", "ALL", "falsemath"),
)  # fmt: skip
"""Heading, group of pages and figure of the scorer; boilerplate and false math: less is better."""


def quality_rows(found: list[Extractor], pages: list[Page], folder: Path) -> list[list[str]]:
    """One row of figures (shares from 0 to 1) for each extractor."""
    score = scorer(folder).evaluate
    records = [page.record for page in pages if page.record is not None]
    rows = []
    for extractor in found:
        texts = {p.record["id"]: text_of(extractor, p) for p in pages if p.record is not None}
        figures, _ = score(records, texts)
        values = [figures[group][name] for _, group, name in QUALITY]
        rows.append(["-" if value is None else f"{value / 100:.3f}" for value in values])
    return rows


def print_table(headings: list[str], rows: list[list[str]]) -> None:
    """A Markdown table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, ["-" * width for width in widths], *rows):
        first, *others = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        print("| " + " | ".join([first.strip().ljust(widths[0]), *others]) + " |")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pages", type=Path, help="folder of pages whose formulas are known")
    source.add_argument("--warc", type=Path, nargs="+", help="WARC files: speed only")
    parser.add_argument("--openwebmath", type=Path, help="a checkout of OpenWebMath")
    parser.add_argument("--repeat", type=int, default=3, help="rounds of timing (default 3)")
    parser.add_argument("--limit", type=int, default=300, help="most pages timed (default 300)")
    options = parser.parse_args()
    found = extractors(options.openwebmath)
    if options.pages is not None:
        pages = labelled_pages(options.pages)
        timed = [page for page in pages if page.record is not None and page.record["is_math"]]
        timed = timed[: options.limit]
    else:
        pages = timed = list(itertools.islice(crawled_pages(options.warc), options.limit))
    if not timed:
        sys.exit("no page with mathematics was found: give other pages")
    seconds = seconds_a_round(found, timed, options.repeat)
    reference = next((i for i, e in enumerate(found) if e.name.startswith("trafilatura")), 0)
    headings = ["extractor", "ms a page", "pages/s/core", f"times {found[reference].name}"]
    rows = []
    for extractor, total_s in zip(found, seconds, strict=True):
        speed = [1000 * total_s / len(timed), len(timed) / total_s, seconds[reference] / total_s]
        shown = [f"{value:.{digits}f}" for value, digits in zip(speed, (2, 0, 1), strict=True)]
        rows.append([extractor.name, *shown])
    if options.pages is not None:
        headings[1:1] = [heading for heading, _, _ in QUALITY]
        scores = quality_rows(found, pages, options.pages)
        for row, figures in zip(rows, scores, strict=True):
            row[1:1] = figures
        print(f"quality: {len(pages)} pages, shares from 0 to 1 (boilerplate, false math: less)")
    print(f"speed: {len(timed)} pages with mathematics, best of {options.repeat} rounds")
    print_table(headings, rows)


if __name__ == "__main__":
    main()
