"""Share pages: CPU to the first numbers at a million events, and memory that anonymous requests leave behind.

`python -m tests.bench.bench_share`
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import httpx

from proprium.accounts import share_links
from proprium.accounts.audit import COMMAND_LINE
from proprium.properties.service import visible_properties
from proprium.storage.database import Database
from proprium.storage.tables import Role, User
from tests.bench.filled import SIZES, projected, requested_sizes, storage_of
from tests.support.servers import Running

GOAL_CPU_MS = 300
GOAL_LEFT_MB = 2.0
WARM_REQUESTS, REQUESTS = 300, 1_500
CALM_S = 120
OWNER = User(email="owner@example.com", password_hash="", role=Role.OWNER)  # in memory: sees everything


def main() -> None:
    missed = False
    for size in requested_sizes(__doc__, ["1m"]):
        with tempfile.TemporaryDirectory() as folder:
            data_dir = Path(folder) / "data"
            shutil.copytree(storage_of(SIZES[size]), data_dir)
            with projected(data_dir) as (_, projector):
                projector.catch_up()
            token = share_largest(data_dir)
            server = Running(data_dir).start()
            try:
                missed |= measure(server, token, size)
            finally:
                server.stop()
    if missed:
        sys.exit("A share page missed its goal.")


def share_largest(data_dir: Path) -> str:
    """Returns the token of a new link to the first property, which has most of the events."""
    database = Database(f"sqlite:///{data_dir / 'proprium.sqlite3'}")
    property_ = min(visible_properties(database, OWNER), key=lambda property_: property_.number or 0)
    token = share_links.create(database, property_.id, COMMAND_LINE).token
    database.close()
    return token


def measure(server: Running, token: str, size: str) -> bool:
    """Prints the figures; returns True where a goal was missed."""
    clients = [
        httpx.Client(transport=httpx.HTTPTransport(local_address=f"127.0.2.{number}"), timeout=60)
        for number in range(1, 41)
    ]  # a client may fetch 120 pages a minute
    address = f"http://127.0.0.1:{server.port}/share/{token}"
    time.sleep(5)
    first_ms, html = cpu_ms(server, clients[0], address)
    times = []
    for period in ("7d", "14d", "30d", "90d", "6mo"):  # each computed for the first time
        times.append(cpu_ms(server, clients[0], f"{address}?period={period}")[0])
    again_ms, _ = cpu_ms(server, clients[0], address)
    assert 'data-value="visitors"' in html
    print(f"{size}: first numbers, first request of the server  {first_ms:6.0f} ms CPU   goal: {GOAL_CPU_MS}")
    print(f"{size}: the same of other periods {', '.join(f'{each:.0f}' for each in times)} ms CPU")
    print(f"{size}: the same from a recent result              {again_ms:6.0f} ms CPU")
    fetch(clients, address, WARM_REQUESTS)
    time.sleep(CALM_S)
    before_mb = server.rss_mb()
    fetch(clients, address, REQUESTS)
    at_once_mb = server.rss_mb() - before_mb
    time.sleep(CALM_S)
    left_mb = server.rss_mb() - before_mb
    print(f"{size}: memory after {REQUESTS:,} requests, at once            {at_once_mb:+6.1f} MB")
    print(f"{size}: two minutes later                          {left_mb:+6.1f} MB       goal: {GOAL_LEFT_MB}")
    return first_ms > GOAL_CPU_MS or left_mb > GOAL_LEFT_MB


def cpu_ms(server: Running, client: httpx.Client, address: str) -> tuple[float, str]:
    before_s = server.cpu_s()
    answer = client.get(address)
    answer.raise_for_status()
    time.sleep(0.3)
    return 1_000 * (server.cpu_s() - before_s), answer.text


def fetch(clients: list[httpx.Client], address: str, count: int) -> None:
    for number in range(count):
        clients[number % len(clients)].get(address).raise_for_status()


if __name__ == "__main__":
    main()
