"""Durably acknowledged events per CPU second of real servers, 32 connections: `python -m tests.bench.bench_collect`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.running import Load, Running, running

GOALS = {"serve": 4_000, "collect": 6_000}  # acknowledged events per CPU second, the projector's included
GOAL_IDLE_MB = 280
SETTLE_S = 3
UNLIMITED = {"PROPRIUM_COLLECT_RATE": "0"}  # one address sends everything here


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=40_000)
    asked = options.parse_args()
    failures = []
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), env=UNLIMITED) as serve:
        time.sleep(SETTLE_S)
        idle_mb = serve.rss_mb()
        print(f"idle server               {idle_mb:6.0f} MB RSS         goal: {GOAL_IDLE_MB}")
        if idle_mb > GOAL_IDLE_MB:
            failures.append("memory of an idle server")
        property_id = serve.proprium("property", "add", "Blog")
        with running(Path(folder), "collect", env=UNLIMITED) as collect:
            for server in (serve, collect):
                if measure(server, property_id, asked.events) < GOALS[server.command]:
                    failures.append(f"events per CPU second of {server.command}")
    if failures:
        sys.exit(f"Not reached: {', '.join(failures)}.")


def measure(server: Running, property_id: str, events: int) -> float:
    """Prints a line; CPU seconds include the time until the warehouse has caught up."""
    Load(server.port, property_id).run(events // 20)  # caches are warm in a server that runs
    time.sleep(SETTLE_S)
    before_s = server.cpu_s()
    load = Load(server.port, property_id).run(events)
    time.sleep(SETTLE_S)
    per_cpu_s = len(load.acknowledged) / (server.cpu_s() - before_s)
    slow = sorted(load.latencies_s)
    print(
        f"{server.command:8} {len(load.acknowledged):>8,} acknowledged  {per_cpu_s:>7,.0f} per CPU s  goal:"
        f" {GOALS[server.command]:,}; p50 {slow[len(slow) // 2] * 1000:.0f} ms,"
        f" p99 {slow[int(len(slow) * 0.99)] * 1000:.0f} ms; refused {load.refused}; {server.rss_mb():.0f} MB RSS"
    )
    return per_cpu_s


if __name__ == "__main__":
    main()
