"""What a round cost: seconds of the clock, and of the processors of driver and tasks.

A step of a round writes one small file below DIR/_run/steps when it ends; the stages leave the
times of their chunks beside their output. :func:`round_costs` adds both up for `--show`. A step
that was killed and went on later counts with what its attempts left.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cc_math.manifests import canonical_json
from cc_math.storage import join, store_for

_OF_TASKS = ("cpu_s", "child_cpu", "child_start_cpu")
_TIMINGS = re.compile(r"/_run/[^/]+\.timings\.jsonl$")


@dataclass(frozen=True, slots=True)
class Costs:
    """Sums of one round (or of what came before the first, or of a later crawl).

    ``wall_s`` is what a person waited; ``cpu_s`` what the driver's Python, the tasks and their
    extraction children computed, without the JVM.
    """

    wall_s: float = 0.0
    cpu_s: float = 0.0


@contextmanager
def step(folder: str, place: str, name: str) -> Iterator[None]:
    """Time one step of ``place`` (such as rounds/02) and record it when it ended well."""
    started_s, cpu_s, at = time.monotonic(), time.process_time(), time.time_ns()
    yield
    body = {
        "place": place,
        "step": name,
        "wall_s": round(time.monotonic() - started_s, 3),
        "driver_cpu_s": round(time.process_time() - cpu_s, 3),
    }
    uri = join(folder, "_run", "steps", f"{place.replace('/', '-')}-{name}-{at}.json")
    store_for(uri).put_bytes(canonical_json(body), uri)


def costs_by_place(folder: str) -> dict[str, Costs]:
    """Costs of each place that steps name: 'extract', 'sample', 'rounds/NN', 'crawls/NAME'."""
    sums: dict[str, list[float]] = {}
    store = store_for(folder)
    for entry in store.list_files(join(folder, "_run", "steps")):
        body = json.loads(store.read_bytes(entry.uri))
        row = sums.setdefault(str(body["place"]), [0.0, 0.0])
        row[0] += body["wall_s"]
        row[1] += body["driver_cpu_s"]
    for place, row in sums.items():
        root = join(folder, place)
        for entry in store.list_files(root):
            if _TIMINGS.search(entry.uri):
                lines = store.read_bytes(entry.uri).decode().splitlines()
                for line in lines:
                    times = json.loads(line)
                    row[1] += sum(float(times.get(name, 0.0)) for name in _OF_TASKS)
    return {place: Costs(round(row[0], 1), round(row[1], 1)) for place, row in sums.items()}
