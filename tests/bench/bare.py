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

from tests.running import ROOT, Load, free_port

PER_CPU_S = 19_200
"""Of the machine for which the goals of bench_collect were set."""


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    await receive()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def speed(events: int = 20_000) -> float:
    """Of this machine, now: 1.0 is the one of the goals."""
    with served() as (process, port):
        Load(port, "").run(events // 10)
        before = process.cpu_times()
        load = Load(port, "").run(events)
        after = process.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    return len(load.acknowledged) / cpu_s / PER_CPU_S


@contextmanager
def served() -> Iterator[tuple[psutil.Process, int]]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "tests.bench.bare:app", "--port", str(port), "--log-level", "error"]
    running = subprocess.Popen([*command, "--no-access-log", "--lifespan", "off"], cwd=ROOT, env=dict(os.environ))
    try:
        _wait_for(port)
        yield psutil.Process(running.pid), port
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
