"""Twenty times what a server can take: refusals, never a loss: `python -m tests.bench.bench_burst`."""

from __future__ import annotations

import argparse
import asyncio
import re
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx
import orjson

from collector.parse import uuid7
from tests.support.servers import CHROME, Load, Running, running

GOAL_S = 10  # from the last answer of the burst until the door takes events at once, as before
PACE_PER_S = 6_000  # about what one CPU of a server takes
TIMES = 20
IN_ONE_BODY = 100
CONNECTIONS = 256  # with a hundred events in each hand: more than the queue holds
HEAD = b"POST /collect HTTP/1.1\r\nHost: localhost\r\nUser-Agent: %s\r\nContent-Length: %d\r\n\r\n"


@dataclass
class Burst:
    """Arrays of a hundred events on connections that never wait for each other."""

    port: int
    property_id: str
    statuses: Counter[int] = field(default_factory=Counter)  # events by the status of their request
    acknowledged: set[UUID] = field(default_factory=set)
    slowest_s: float = 0.0

    def run(self, events: int) -> Burst:
        chance, load = Random(1), Load(self.port, self.property_id)
        samples = [load.event(uuid7(), chance) for _ in range(IN_ONE_BODY)]
        self._bodies = [self._body(samples) for _ in range(events // IN_ONE_BODY)]
        self.began = time.monotonic()
        asyncio.run(self._run())
        return self

    def _body(self, samples: list[dict[str, Any]]) -> tuple[list[UUID], bytes]:
        ids = [uuid7() for _ in samples]
        return ids, orjson.dumps([event | {"id": str(one)} for event, one in zip(samples, ids, strict=True)])

    async def _run(self) -> None:
        await asyncio.gather(*(self._connection() for _ in range(CONNECTIONS)))

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while self._bodies:
            ids, body = self._bodies.pop()
            began = time.monotonic()
            writer.write(HEAD % (CHROME.encode(), len(body)) + body)
            head = await reader.readuntil(b"\r\n\r\n")
            if length := re.search(rb"(?i)content-length: (\d+)", head):
                await reader.readexactly(int(length.group(1)))
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
            status = int(head[9:12])
            self.statuses[status] += len(ids)
            if status == 204:
                self.acknowledged.update(ids)
        writer.close()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=PACE_PER_S * TIMES)
    arguments = options.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), env={"PROPRIUM_COLLECT_RATE": "0"}) as server,
    ):
        property_id = server.proprium("property", "add", "Blog")
        burst = Burst(server.port, property_id).run(arguments.events)
        sent_s = time.monotonic() - burst.began
        over_s, shown_s = seconds_until_calm(server, property_id)
        lost = len(burst.acknowledged - stored(Path(folder)))
        print(
            f"{arguments.events:,} events at once, answered in {sent_s:.1f} s: {dict(burst.statuses)}; slowest answer"
            f" {burst.slowest_s:.1f} s; the door is calm {over_s:.1f} s later   goal: {GOAL_S}; the warehouse has all"
            f" after {shown_s:.1f} s; {lost} acknowledged events lost; {server.rss_mb():.0f} MB RSS"
        )
    if lost or set(burst.statuses) - {204, 503} or over_s > GOAL_S:
        sys.exit("Not reached: a burst is answered with 503 or stored, and over soon.")


def seconds_until_calm(server: Running, property_id: str) -> tuple[float, float]:
    """Until a single event is taken within a tenth of a second; and until the warehouse has all."""
    began = time.monotonic()
    body = {"collectorId": property_id, "event": "page_view", "data": {"url": "/after"}}
    with httpx.Client(base_url=server.url, headers={"User-Agent": CHROME}) as client:
        sent = began
        while client.post("/collect", json=body).status_code != 204 or time.monotonic() - sent > 0.1:
            sent = time.monotonic()
    over_s = time.monotonic() - began
    while True:
        counts = dict(re.findall(r"^(storage|warehouse)\t(\d+)", server.proprium("warehouse", "status"), re.MULTILINE))
        if counts["storage"] == counts["warehouse"]:
            return over_s, time.monotonic() - began


def stored(data_dir: Path) -> set[UUID]:
    with sqlite3.connect(data_dir / "proprium.sqlite3") as storage:
        return {UUID(bytes=row[0]) for row in storage.execute("SELECT id FROM event")}


if __name__ == "__main__":
    main()
