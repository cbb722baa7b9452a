"""Memory of both servers over millions of events, and of `serve` over a thousand opened and closed dashboards:
`python -m tests.bench.bench_memory [--only serve]`.

What may grow is the engine's cache of the warehouse, 7 MB for each 100,000 events, until PROPRIUM_WAREHOUSE_MEMORY is
full: here it is small, so that the second million shows whether anything else grows.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import orjson

from collector.parse import uuid7
from tests.bench.page_turns import PAGES, measure_pages
from tests.support.servers import CHROME, Load, Running, running

EVENTS = 2_000_000
STEPS = 20  # of 100,000 events each
IN_ONE_BODY = 100  # each waits for its commit, one in 20 ms: at most 5,000 events a second
MB_OF_A_BLOCK = 8
GOALS_MB = {"serve": 30, "collect": 6}
"""How much the second half may add: what comes and goes with logs and transactions."""
UNLIMITED = {"PROPRIUM_COLLECT_RATE": "0", "PROPRIUM_WAREHOUSE_MEMORY": "48MB"}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=EVENTS, help="a multiple of 2,000")
    options.add_argument("--pages", type=int, default=PAGES, help="a multiple of 20")
    options.add_argument("--only", choices=[*GOALS_MB, "pages"], help="one of the parts")
    arguments = options.parse_args()
    missed = []
    if arguments.only in {None, "pages"}:
        missed += measure_pages(arguments.pages).missed()
    if arguments.only != "pages":
        missed += missed_with_events(arguments.only, arguments.events)
    if missed:
        sys.exit(f"Not reached: {', '.join(missed)}.")


def missed_with_events(only: str | None, events: int) -> list[str]:
    """Which servers' memory grows with the events."""
    missed = []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), env=UNLIMITED) as serve:
        property_id = serve.proprium("property", "add", "Blog")
        for command in [only] if only else GOALS_MB:
            if command == "serve":
                grown_mb = measure(serve, property_id, events)
            else:
                with running(Path(folder), command, env=UNLIMITED) as server:
                    grown_mb = measure(server, property_id, events)
            if grown_mb > GOALS_MB[command]:
                missed.append(f"memory of {command} over events")
    return missed


def measure(server: Running, property_id: str, events: int) -> float:
    """Draws its memory, and returns by how many MB the second half of the events raised it."""
    print(f"{server.command} before any event {server.rss_mb():.0f} MB RSS", flush=True)
    sizes = []
    for sent in send(server, property_id, events):
        sizes.append(server.rss_mb())
        print(f"{sent:>12,} events {sizes[-1]:6.0f} MB {'█' * round(sizes[-1] / MB_OF_A_BLOCK)}", flush=True)
    half, quarter = STEPS // 2, STEPS // 4
    grown_mb = mean(sizes[-quarter:]) - mean(sizes[half - quarter : half])
    print(
        f"{server.command}: the second {events // 2:,} events added {grown_mb:+.1f} MB   goal: at most"
        f" {GOALS_MB[server.command]} (means of {quarter} steps each)",
        flush=True,
    )
    return grown_mb


def send(server: Running, property_id: str, events: int) -> Iterator[int]:
    """Yields at every step how many were acknowledged."""
    load, chance = Load(server.port, property_id), Random(1)
    with httpx.Client(base_url=server.url, headers={"User-Agent": CHROME}, timeout=60) as client:
        for sent in range(IN_ONE_BODY, events + 1, IN_ONE_BODY):
            body = [load.event(uuid7(), chance) for _ in range(IN_ONE_BODY)]
            client.post("/collect", content=orjson.dumps(body)).raise_for_status()
            if sent % (events // STEPS) == 0:
                yield sent


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
