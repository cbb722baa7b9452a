"""A real server in a subprocess, a bounded load, and a real browser: for stories and benchmarks."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil

from collector.parse import uuid7
from proprium.accounts import users
from proprium.config import Settings
from proprium.properties.service import create_property, set_public
from proprium.server.control_socket import running_server
from proprium.storage.database import Database
from proprium.storage.tables import Role
from proprium.warehouse.projection.projector import WarehouseStatus

CHROMIUM = "/usr/bin/chromium"
ROOT = Path(__file__).parents[2]
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """`proprium serve` or `proprium collect` as a user starts it."""

    data_dir: Path
    command: str = "serve"
    port: int = field(default_factory=free_port)
    env: dict[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ()
    module: str = "proprium"
    python: str = sys.executable
    folder: Path = ROOT  # the working folder

    def start(self, timeout_s: float = 120) -> Running:
        """Returns when it answers."""
        return self.begin().wait(timeout_s)

    def begin(self) -> Running:
        """Starts the process and does not wait for it."""
        self.log = self.data_dir / f"{self.command}-{self.port}.log"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._output = self.log.open("ab")
        self.process = subprocess.Popen(
            [self.python, "-m", self.module, self.command, "--port", str(self.port), *self.args],
            cwd=self.folder,
            env=self.environment(),
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        return self

    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PROPRIUM_")}
        # No download: a test neither reaches another server nor finds its failure in the log.
        own = {"PROPRIUM_DATA_DIR": str(self.data_dir), "PROPRIUM_GEOIP_UPDATE": "off", "PYTHONUNBUFFERED": "1"}
        return inherited | own | self.env

    def wait(self, timeout_s: float = 120) -> Running:
        deadline = time.monotonic() + timeout_s
        with httpx.Client(timeout=1) as client:
            while time.monotonic() < deadline:
                if self.process.poll() is not None:
                    code, output = self.process.returncode, self.output()[-4000:]
                    raise RuntimeError(f"{self.command} ended with {code}:\n{output}")
                try:
                    if client.get(f"{self.url}/healthz").status_code == 200:
                        return self
                except httpx.TransportError:
                    time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"{self.command} did not answer in {timeout_s} s:\n{self.output()[-4000:]}")

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def setup_link(self) -> str:
        match = re.search(r"http\S+/setup\?token=\S+", self.output())
        assert match, f"no setup link in:\n{self.output()}"
        return match.group(0)

    def proprium(self, *args: str, stdin: str | None = None) -> str:
        """Runs another `proprium` command on the same data; returns its stdout."""
        done = subprocess.run(
            [self.python, "-m", "proprium", *args],
            cwd=self.folder, env=self.environment(), capture_output=True, text=True, input=stdin, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def wait_for_line(self, pattern: str, timeout_s: float = 120) -> str:
        """The first group of the pattern, or all of it, once the server has said so."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if match := re.search(pattern, self.output()):
                return match.group(match.lastindex or 0)
            time.sleep(0.1)
        raise RuntimeError(f"nothing like {pattern!r} in {timeout_s} s:\n{self.output()}")

    def wait_until_projected(self, timeout_s: float = 60) -> WarehouseStatus:
        """Waits until the warehouse has read all of storage; after the timeout returns what it has."""
        deadline = time.monotonic() + timeout_s
        settings = Settings(data_dir=self.data_dir, _env_file=None)  # type: ignore[call-arg]
        with running_server(settings) as control:
            assert control, "no server listens on the control socket"
            while True:
                status = control.status()
                is_complete = status.storage_events == status.warehouse_events + status.left_out_events
                if is_complete or time.monotonic() > deadline:
                    return status
                time.sleep(0.05)

    def add_property(self, name: str) -> str:
        """Creates a property in this process: in a tenth of the time of `proprium property add`."""
        with self._storage() as database:
            return str(create_property(database, name, None).id)

    def add_owner(self, email: str, password: str) -> None:
        with self._storage() as database:
            users.create_user(database, email, "", password, Role.OWNER)

    def publish(self, property_id: str) -> None:
        """Makes a property public, as its switch does."""
        with self._storage() as database:
            set_public(database, UUID(property_id), True)

    @contextmanager
    def _storage(self) -> Iterator[Database]:
        database = Database(f"sqlite:///{self.data_dir / 'proprium.sqlite3'}")
        yield database
        database.close()

    def cpu_s(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def rss_mb(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss) / 1e6

    def kill(self) -> None:
        """Kill -9: nothing is drained, nothing is flushed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._output.close()

    def stop(self, timeout_s: float = 20) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._output.close()
        return code


@contextmanager
def running(data_dir: Path, command: str = "serve", **options: Any) -> Iterator[Running]:
    server = Running(data_dir, command, **options).start()
    try:
        yield server
    finally:
        server.stop()


@dataclass
class Load:
    """Keep-alive connections that send events one after another, and remember what was acknowledged."""

    port: int
    property_id: str
    connections: int = 32
    per_s: float = 0.0  # all together; 0: as fast as they are answered
    acknowledged: list[UUID] = field(default_factory=list)
    refused: int = 0
    latencies_s: list[float] = field(default_factory=list)
    sent_s: list[float] = field(default_factory=list)  # when what took so long was sent, by time.monotonic()

    def run(self, count: int | None = None, seconds: float = 60) -> Load:
        """Sends `count` events, or for so many seconds; ends early when the server goes away."""
        asyncio.run(self._run(count, seconds))
        return self

    async def _run(self, count: int | None, seconds: float) -> None:
        self._left = count if count is not None else 1_000_000
        self._began = time.monotonic()
        self._deadline = self._began + seconds
        self._paced = 0
        await asyncio.gather(*(self._connection(number) for number in range(self.connections)))

    async def _connection(self, number: int) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return
        chance = random.Random(number)
        try:
            while self._left > 0 and time.monotonic() < self._deadline:
                self._left -= 1
                await self._pace()
                await self._send(reader, writer, chance)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the server was killed: what was not answered is not acknowledged
        finally:
            writer.close()

    async def _pace(self) -> None:
        if self.per_s:
            self._paced += 1
            await asyncio.sleep(self._began + self._paced / self.per_s - time.monotonic())

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chance: random.Random) -> None:
        event_id = uuid7()  # as the script makes them
        body = json.dumps(self.event(event_id, chance)).encode()
        began = time.monotonic()
        writer.write(
            b"POST /collect HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nOrigin: http://blog.example\r\n"
            b"User-Agent: %s\r\nContent-Length: %d\r\n\r\n%s" % (CHROME.encode(), len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        self.latencies_s.append(time.monotonic() - began)
        self.sent_s.append(began)
        if length := re.search(rb"(?i)content-length: (\d+)", head):
            await reader.readexactly(int(length.group(1)))
        if head.startswith(b"HTTP/1.1 204"):
            self.acknowledged.append(event_id)
        else:
            self.refused += 1

    def event(self, event_id: UUID, chance: random.Random) -> dict[str, Any]:
        name = chance.choice(["page_view", "page_view", "click", "scroll", "page_leave"])
        data: dict[str, Any] = {
            "user_id": f"{chance.randrange(5000):032x}",
            "view_id": f"{chance.randrange(1 << 48):012x}",
            "url": f"/page/{int(chance.paretovariate(1)) % 200}",
            "title": "A page of the load",
            "screen_width": 1920,
            "screen_height": 1080,
            "language": "en-GB",
        }
        if name == "page_leave":
            data |= {"time_on_page": chance.randrange(1000, 60_000), "scroll_depth": chance.randrange(100)}
        return {"collectorId": self.property_id, "event": name, "id": str(event_id), "data": data}
