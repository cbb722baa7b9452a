"""How long an event waits for the warehouse at a steady pace: `python -m tests.bench.bench_lag`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from pathlib import Path
from random import Random

import httpx

from collector.parse import uuid7
from proprium.config import Settings
from proprium.server.control_socket import running_server
from tests.support.servers import CHROME, Load, Running, running

GOAL_S = 1.0
EVENTS_PER_S = 2_000
IN_ONE_BODY = 100
LOOK_S = 0.1
WARM_UP_S = 5
Sample = tuple[float, int, int]
"""When, how many events were in storage, how many in the warehouse."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=30)
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), env={"PROPRIUM_COLLECT_RATE": "0"}) as serve:
        property_id = serve.proprium("property", "add", "Blog")
        ended, samples = threading.Event(), list[Sample]()
        watching = threading.Thread(target=watch, args=(Path(folder), ended, samples))
        watching.start()
        time.sleep(WARM_UP_S)
        before_s = serve.cpu_s()
        sent = send_steadily(serve, property_id, arguments.seconds)
        cpu_s = serve.cpu_s() - before_s
        ended.set()
        watching.join()
    waits = lags(samples)
    longest = max(waits)
    print(
        f"{sent / arguments.seconds:,.0f} events/s for {arguments.seconds:.0f} s, {cpu_s / arguments.seconds:.0%}"
        f" of a CPU; an event waits for the warehouse p50 {waits[len(waits) // 2]:.2f} s,"
        f" p99 {waits[int(len(waits) * 0.99)]:.2f} s, at most {longest:.2f} s         goal: {GOAL_S:.0f}"
    )
    if sent < 0.95 * EVENTS_PER_S * arguments.seconds:
        sys.exit(f"The pace was not reached: {sent:,} events.")
    if longest > GOAL_S:
        sys.exit("Not reached: the lag of the warehouse.")


def send_steadily(server: Running, property_id: str, seconds: float) -> int:
    """How many events were acknowledged."""
    load, chance = Load(server.port, property_id), Random(1)
    sent, began = 0, time.monotonic()
    with httpx.Client(base_url=server.url, headers={"User-Agent": CHROME}) as client:
        while (elapsed := time.monotonic() - began) < seconds:
            if sent >= elapsed * EVENTS_PER_S:
                time.sleep(IN_ONE_BODY / EVENTS_PER_S)
                continue
            body = [load.event(uuid7(), chance) for _ in range(IN_ONE_BODY)]
            sent += IN_ONE_BODY * (client.post("/collect", json=body).status_code == 204)
    return sent


def watch(data_dir: Path, ended: threading.Event, samples: list[Sample]) -> None:
    with running_server(Settings(data_dir=data_dir)) as server:
        assert server is not None
        while not ended.wait(LOOK_S):
            status = server.status()
            samples.append((time.monotonic(), status.storage_events, status.warehouse_events))


def lags(samples: list[Sample]) -> list[float]:
    """At each look how long ago storage last held no more than the warehouse does now; shortest first."""
    times, stored = [at for at, _, _ in samples], [count for _, count, _ in samples]
    return sorted(at - times[bisect_right(stored, shown) - 1] for at, count, shown in samples if shown < count)


if __name__ == "__main__":
    main()
