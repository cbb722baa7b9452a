"""Dashboards opened and closed in turns, and pages whose socket never opens: the server's memory, and /collect beside.

A part of `bench_memory`. The viewers are light pages, the server is `observed_server`: it deletes a closed page after a
second instead of 45, so that 1,000 take minutes.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.bench_crowd import property_of
from tests.bench.filled import SIZES, storage_of
from tests.bench.light_page import LightPage
from tests.bench.observed_server import RECONNECT_S
from tests.support.servers import Load, Running

PAGES, IN_A_TURN = 1_000, 20
GOAL_MB, GOAL_ANSWER_MS, GOAL_GET_KB = 30.0, 250.0, 100.0
GETS, ROUNDS = 150, 3
"""So few that all are alive at once: what one leaves is what the rounds after the first add."""
PRUNED_AFTER_S = 75
"""NiceGUI looks every 10 s for pages that are older than 60 s and have no socket."""
PROBES_PER_S, LONGEST_S = 20, 3_600
LONGEST_TURN_S = 120
CALM_S = 12
"""After the first turn and after the last: a scheduled collection falls into it."""
ENVIRONMENT = {
    "PROPRIUM_COLLECT_RATE": "0",
    "PROPRIUM_WAREHOUSE_MEMORY": "128MB",
    "PROPRIUM_TRUSTED_PROXIES": "127.0.0.1",
}
"""Each viewer has an address of its own: 120 pages a minute are one address's limit."""


@dataclass(frozen=True)
class Measured:
    first_mb: float
    last_mb: float
    largest_mb: float
    get_kb: float
    answers_ms: list[float]
    observed: dict[str, Any]

    @property
    def grown_mb(self) -> float:
        return self.last_mb - self.first_mb

    def missed(self) -> list[str]:
        collected_ms = max(self.observed["longest_ms"].values(), default=0.0)
        return [
            text
            for text, value, goal in (
                ("memory of closed pages", self.grown_mb, GOAL_MB),
                ("time to an answer while pages open and close", self.answers_ms[-1], GOAL_ANSWER_MS),
                ("pause of a garbage collection", collected_ms, GOAL_ANSWER_MS),
                ("memory of a page whose socket never opened", self.get_kb, GOAL_GET_KB),
            )
            if value > goal
        ]


def measure_pages(pages: int) -> Measured:
    """Prints what it measures."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(shutil.copytree(storage_of(SIZES["20k"]), Path(folder) / "data"))
        server = Running(data, env=ENVIRONMENT, module="tests.bench.observed_server").start()
        try:
            return _measured(server, pages)
        finally:
            server.stop()


def _measured(server: Running, pages: int) -> Measured:
    address = f"{server.url}/properties/{property_of(server, 1)}"
    server.wait_until_projected(1_800)
    print(f"pages: before any {server.rss_mb():.0f} MB RSS", flush=True)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:
        load = Load(server.port, property_of(server, 2), connections=4, per_s=PROBES_PER_S)
        sending = other.submit(_probe, load, server.data_dir / "over")
        try:
            turns = asyncio.run(_turns(server, address, pages))
        finally:
            (server.data_dir / "over").touch()
        answers_ms = sorted(latency_s * 1_000 for latency_s in sending.result().latencies_s)
    get_kb = asyncio.run(_gets(server, address))
    server.stop()
    observed = json.loads(server.wait_for_line(r"(?m)^observed (.+)$"))
    measured = Measured(turns[0], turns[-1], max(turns), get_kb, answers_ms, observed)
    median_ms, p99_ms = answers_ms[len(answers_ms) // 2], answers_ms[int(len(answers_ms) * 0.99)]
    rounds = ", ".join(f"{each:.0f}" for each in observed["rounds_ms"])
    collections = ", ".join(
        f"{count} of generation {generation}, at most {observed['longest_ms'][generation]:.0f}"
        for generation, count in sorted(observed["collections"].items())
    )
    print(
        f"pages: {pages:,} dashboards in turns of {IN_A_TURN} left {measured.grown_mb:+.1f} MB above the level after"
        f" the first turn   goal: at most {GOAL_MB:.0f}; at most {measured.largest_mb:.0f} MB RSS\n"
        f"pages: one whose socket never opened left {get_kb:.0f} KB   goal: at most {GOAL_GET_KB:.0f}\n"
        f"pages: meanwhile {len(answers_ms):,} answers of /collect: p50 {median_ms:.0f} ms, p99 {p99_ms:.0f} ms,"
        f" slowest {answers_ms[-1]:.0f} ms   goal: at most {GOAL_ANSWER_MS:.0f}\n"
        f"pages: milliseconds of CPU: the loop's longest rounds {rounds}; garbage collections {collections};"
        f" {observed['sum_ms']:.0f} together",
        flush=True,
    )
    return measured


def _probe(load: Load, over: Path) -> Load:
    """Sends at its pace until the file `over` is there."""
    load.run(seconds=0.1)
    load.latencies_s.clear()
    began = time.monotonic()
    while not over.exists() and time.monotonic() - began < LONGEST_S:
        load.run(seconds=1)
    return load


async def _turns(server: Running, address: str, pages: int) -> list[float]:
    """Megabytes after each turn, once its pages are deleted."""
    sizes = []
    for turn in range(pages // IN_A_TURN):
        opened = [a_page(address, turn * IN_A_TURN + number) for number in range(IN_A_TURN)]
        await asyncio.wait_for(asyncio.gather(*(page.until_complete() for page in opened)), LONGEST_TURN_S)
        await asyncio.gather(*(page.close() for page in opened))
        is_edge = turn in {0, pages // IN_A_TURN - 1}
        await asyncio.sleep(RECONNECT_S + (CALM_S if is_edge else 0.5))
        sizes.append(server.rss_mb())
        if is_edge or turn % 10 == 9:
            print(f"pages: {(turn + 1) * IN_A_TURN:>6,} opened and closed, {sizes[-1]:.0f} MB", flush=True)
    return sizes


def a_page(address: str, number: int) -> LightPage:
    return LightPage(address, X_Forwarded_For=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")


async def _gets(server: Running, address: str) -> float:
    """Kilobytes that each page leaves whose socket never opens, once it is pruned."""
    sizes_mb = []
    for _ in range(ROUNDS):
        for number in range(GETS):
            await a_page(address, number).load()
        most_mb = server.rss_mb()
        await asyncio.sleep(PRUNED_AFTER_S)
        sizes_mb.append(server.rss_mb())
        print(f"pages: {GETS} without a socket: {most_mb:.0f} MB, pruned {sizes_mb[-1]:.0f} MB", flush=True)
    return (sizes_mb[-1] - sizes_mb[0]) * 1_000 / (GETS * (ROUNDS - 1))
