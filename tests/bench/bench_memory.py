"""Memory of a server over millions of events: `python -m tests.bench.bench_memory [--events N]`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx
import orjson

from tests.running import CHROME, Load, running

EVENTS = 2_000_000
STEP = 100_000
IN_ONE_BODY = 100
GOAL_GROWTH = 1.10  # of the last quarter over the second: caches are full by then


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=EVENTS)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), env={"PROPRIUM_COLLECT_RATE": "0"}) as serve:
        property_id = serve.proprium("property", "add", "Blog")
        load, chance = Load(serve.port, property_id), Random(1)
        sizes = []
        with httpx.Client(base_url=serve.url, headers={"User-Agent": CHROME}, timeout=60) as client:
            for number in range(0, asked.events, IN_ONE_BODY):
                body = [load.event(uuid4(), chance) for _ in range(IN_ONE_BODY)]
                client.post("/collect", content=orjson.dumps(body)).raise_for_status()
                if (number + IN_ONE_BODY) % STEP == 0:
                    sizes.append(serve.rss_mb())
                    print(f"{number + IN_ONE_BODY:>12,} events  {sizes[-1]:6.0f} MB RSS", flush=True)
    growth = mean(sizes[-(len(sizes) // 4) :]) / mean(sizes[len(sizes) // 4 : len(sizes) // 2])
    print(f"growth over the second half: {growth - 1:+.1%}   goal: at most {GOAL_GROWTH - 1:.0%}")
    if growth > GOAL_GROWTH:
        sys.exit("Not reached: memory grows with the events.")


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


if __name__ == "__main__":
    main()
