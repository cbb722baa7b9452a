"""The least that an HTTP server can do with an event, read it and answer 204: how fast the machine is with that."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from tests.support.servers import ROOT, Load, free_port

PER_CPU_S = 19_200
"""Of the machine for which the goals of bench_collect were set."""
SLICE = 8_000  # requests


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Machine:
    """Asks how fast the machine is in between what is measured on it: a shared one changes from minute to minute."""

    def __init__(self, process: psutil.Process, port: int) -> None:
        self._process, self._port = process, port
        self._answered, self._cpu_s = 0, 0.0
        Load(port, "").run(SLICE // 4)  # warm

    def ask(self) -> None:
        before = self._process.cpu_times()
        self._answered += len(Load(self._port, "").run(SLICE).acknowledged)
        after = self._process.cpu_times()
        self._cpu_s += after.user + after.system - before.user - before.system

    @property
    def speed(self) -> float:
        """Over all that was asked: 1.0 is the one of the goals."""
        return self._answered / self._cpu_s / PER_CPU_S


@contextmanager
def machine() -> Iterator[Machine]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.bench.bare:app", "--port", str(port), "--log-level", "error"]
    running = subprocess.Popen([*command, "--no-access-log", "--lifespan", "off"], cwd=ROOT, env=dict(os.environ))
    try:
        _wait_for(port)
        yield Machine(psutil.Process(running.pid), port)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(20)


def _wait_for(port: int, timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"the bare server did not answer in {timeout_s} s")
