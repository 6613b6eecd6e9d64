"""The mine-domains stage on generated crawls of 100,000 and 1,000,000 pages.

Generates pages, documents and scores (seeded, in a temporary folder): domains whose sizes fall
off as in a crawl, some of mathematics, some with mathematics in one folder, forums told apart by
a query key, calendars and session ids; documents link to their own site and to others. Runs
`cc-math mine-domains` on two cores in a process of its own, and prints pages, seconds, peak
memory of the whole process tree (Python driver, JVM, workers) and the ratio to the run before.

    python benchmarks/mine_domains.py [--pages 100000 1000000] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cc_math.tables import rows_table, write_table

PAGES_PER_PART = 20_000  # about what one task of the extract stage reads
PAGES_PER_DOMAIN = 20  # a million pages are fifty thousand domains
KINDS = ("exposition", "qa", "code_docs", "news_blog")
TLDS = ("example", "org", "de", "co.uk", "com", "github.io")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pages", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--keep", type=Path, help="Write the data here and keep it.")
    options = parser.parse_args()
    print(f"{'pages':>10} {'seconds':>8} {'CPU s':>8} {'peak MB':>8} {'s ratio':>8} {'pages/s':>8}")
    before = 0.0
    for pages in options.pages:
        with tempfile.TemporaryDirectory() as temporary:
            folder = (options.keep or Path(temporary)) / str(pages)
            generate(folder, pages)
            seconds, cpu_s, peak_bytes = measured(folder)
        ratio = f"{seconds / before:8.1f}" if before else " " * 8
        peak_mb = peak_bytes / 1e6
        rate = pages / seconds
        print(f"{pages:10,} {seconds:8.1f} {cpu_s:8.1f} {peak_mb:8.0f} {ratio} {rate:8.0f}")
        before = seconds


def generate(folder: Path, n_pages: int) -> None:
    """Parts of pages, documents and scores below ``folder``, the same for the same number."""
    draw = np.random.default_rng(7)
    n_domains = max(1, n_pages // PAGES_PER_DOMAIN)
    weights = 1.0 / np.arange(1, n_domains + 1) ** 0.7  # chosen: the largest has some 0.3 %
    domains = [f"site{i}.{TLDS[i % len(TLDS)]}" for i in range(n_domains)]
    every = np.concatenate([np.arange(n_domains), draw.choice(
        n_domains, size=max(0, n_pages - n_domains), p=weights / weights.sum())])  # fmt: skip
    every = draw.permutation(every[:n_pages])
    recent: deque[str] = deque(maxlen=5000)
    for number, start in enumerate(range(0, n_pages, PAGES_PER_PART)):
        chosen = every[start : start + PAGES_PER_PART]
        rows = [page(draw, domains, recent, int(d), start + i) for i, d in enumerate(chosen)]
        write_part(folder, f"part-{number:05d}", rows)


Page = tuple[str, str, str, bool, float, list[str]]  # doc_id, url, domain, document, score, links


def page(
    draw: np.random.Generator, domains: list[str], recent: deque[str], site: int, serial: int
) -> Page:
    """One page; what a site is about follows from its number. It links to ``recent`` ones."""
    a, b, c = (int(n) for n in draw.integers(0, 1 << 20, size=3))
    domain = domains[site]
    host, luck = f"www.{domain}" if site % 3 else domain, a / (1 << 20)
    if site % 50 == 0:  # mathematics everywhere, but for its news
        path, share = (f"/news/{b % 40}/{c}", 0.02) if b % 5 == 0 else (f"/notes/{b % 30}/{c}", 0.7)
    elif site % 50 == 1:  # one folder of it, and a calendar without end
        path, share = (
            (f"/maths/{c}", 0.8) if b % 4 == 0 else (f"/calendar/{b % 9999}/{c % 12}", 0.0)
        )
    elif site % 50 == 2:  # a forum with one board
        board = b % 12
        path, share = f"/forum/index.php?board={board}&topic={c}", 0.6 if board == 7 else 0.01
    elif site % 50 == 3:  # session ids: twenty addresses for one page
        path, share = f"/shop;jsessionid={b:x}?item={c % 50}", 0.0
    else:
        path, share = f"/{('a', 'blog', 'p', 'item')[b % 4]}/{c}.html", 0.003
    recalled = luck < share
    links = []
    url = f"https://{host}{path}"
    if recalled:
        links = [f"https://{host}/menu/{k}" for k in range(15)]  # of which the crawl holds none
        links += [recent[(c + k * 331) % len(recent)] for k in range(15) if recent]
    recent.append(url)
    doc_id = hashlib.blake2b(f"{serial}".encode(), digest_size=16).hexdigest()
    score = 0.5 + luck / 3 if recalled else luck / 3
    return doc_id, url, domain, recalled or b % 4 == 0, score, links


def write_part(folder: Path, name: str, rows: list[Page]) -> None:
    rows = sorted(rows)
    documents = [row for row in rows if row[3]]
    tables: dict[str, list[dict[str, Any]]] = {
        "pages": [
            {"doc_id": i, "url": url, "registered_domain": domain, "crawl": "generated"}
            for i, url, domain, *_ in rows
        ],
        "documents": [
            {"doc_id": i, "url": url, "registered_domain": domain, "token_count": 700,
             "language": ("en", "de", "fr")[len(url) % 3], "out_links": links, "text": ""}
            for i, url, domain, _, _, links in documents
        ],
        "scores": list(scores(documents)),
    }  # fmt: skip
    for table, made in tables.items():
        path = folder / table / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows_of_table: pa.Table = rows_table(table, made)
        write_table(rows_of_table, table, path)


def scores(documents: list[Page]) -> Iterator[dict[str, Any]]:
    for doc_id, url, _, _, score, _ in documents:
        for k, kind in enumerate(KINDS):
            value = (len(url) * (k + 3) % 17) / 17
            yield {"doc_id": doc_id, "model": "m", "head": f"kind:{kind}", "score": value}
        yield {"doc_id": doc_id, "model": "m", "head": "math", "score": round(score, 4)}


def measured(folder: Path) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak resident bytes of the command's whole process tree."""
    command = [sys.executable, "-m", "cc_math.cli", "mine-domains", "--output", str(folder / "out"),
               "--master", "local[2]"]  # fmt: skip
    for table in ("pages", "documents", "scores"):
        command += [f"--{table}", str(folder / table)]
    started_s = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen, stop = Seen(), threading.Event()
    watcher = threading.Thread(target=watch, args=(process.pid, seen, stop))
    watcher.start()
    out, err = process.communicate()
    seconds = time.monotonic() - started_s
    stop.set()
    watcher.join()
    if process.returncode:
        raise SystemExit(f"mine-domains failed:\n{err[-3000:]}")
    print(out, file=sys.stderr)
    return seconds, sum(seen.cpu_s.values()), seen.peak_bytes


@dataclass
class Seen:
    """What was seen of a process tree: peak of its memory, CPU seconds of each process."""

    peak_bytes: int = 0
    cpu_s: dict[int, float] = field(default_factory=dict)


def watch(pid: int, seen: Seen, stop: threading.Event) -> None:
    """Look at ``pid`` and its descendants twice a second (Linux /proc)."""
    ticks = os.sysconf("SC_CLK_TCK")
    while not stop.wait(0.5):
        alive = descendants(pid)
        seen.peak_bytes = max(seen.peak_bytes, sum(memory_bytes(p) for p in alive))
        for p in alive:
            fields = stat_of(p)
            if fields:
                seen.cpu_s[p] = (int(fields[11]) + int(fields[12])) / ticks


def stat_of(pid: int) -> list[str]:
    """Fields of /proc/PID/stat behind the name; none where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        if fields := stat_of(int(process.name)):
            children.setdefault(int(fields[1]), []).append(int(process.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def memory_bytes(pid: int) -> int:
    """Proportional set size where the kernel tells it: forked workers share most of theirs."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n"):
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


if __name__ == "__main__":
    main()
