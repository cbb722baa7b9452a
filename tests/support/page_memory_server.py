"""The dashboard's server with the garbage collector off: says which objects of pages are alive.

It deletes a closed page at once, and what never opened its socket when it is asked to. It measures the rounds of its
event loop.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import nicegui
import psutil
import uvicorn
from fastapi import APIRouter
from nicegui import Client, core
from nicegui.element import Element

from proprium.server.collect_protocol import CollectProtocol
from tests.ui.dashboard_server import DashboardServer

RECONNECT_S, ROUND_S = 0.1, 0.001
PATIENT_PING_TIMEOUT_S = 60
"""NiceGUI derives 2 s from RECONNECT_S. On a busy machine, twenty pages in one process answer later."""
OF_PAGES = (
    "proprium.ui.components",
    "proprium.ui.dashboard",
    "proprium.ui.pages",
    "proprium.ui.sql_console",
    "nicegui.",
    "uvicorn.protocols.websockets",
    "proprium.server.collect_protocol",
)
"""Modules of what an open page is made of. engineio's socket ends by itself within 36 s, with the ping that is due."""


class PageMemoryServer(DashboardServer):
    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder, port)
        router = APIRouter()
        router.get("/test/memory")(self.memory)
        router.get("/test/clients")(self.client_count)
        router.post("/test/prune")(self.prune)
        router.post("/test/rounds")(self.watch_rounds)
        router.get("/test/rounds")(self.rounds)
        self.app.router.routes[:0] = router.routes  # NiceGUI's take the rest of the paths
        nicegui.app.config.reconnect_timeout = RECONNECT_S

    async def memory(self) -> dict[str, Any]:
        """Living objects of pages by class, beside how many elements NiceGUI knows."""
        kinds = Counter(type(each) for each in gc.get_objects())  # not isinstance: some are proxies of what is gone
        alive = {
            f"{kind.__module__}.{kind.__qualname__}": count
            for kind, count in kinds.items()
            if issubclass(kind, Element) or str(kind.__module__).startswith(OF_PAGES)
        }
        elements = sum(count for kind, count in kinds.items() if issubclass(kind, Element))
        registered = sum(len(client.elements) for client in Client.instances.values())
        rss_mb = psutil.Process().memory_info().rss / 1e6
        return {"alive": alive, "elements": elements, "registered": registered, "rss_mb": rss_mb}

    async def client_count(self) -> int:
        """Pages that NiceGUI has; unlike `memory`, it walks through no objects."""
        return len(Client.instances)

    async def prune(self) -> None:
        await Client.prune_instances(client_age_threshold=0)  # type: ignore[func-returns-value]

    async def watch_rounds(self) -> None:
        """Measures rounds of the event loop from now on, in CPU time: other processes of the machine do not count."""
        self._ping_timeout_s = core.sio.eio.ping_timeout
        core.sio.eio.ping_timeout = PATIENT_PING_TIMEOUT_S
        self._rounds_ms: list[float] = []
        self._watch = asyncio.create_task(self._measure_rounds())

    async def rounds(self) -> list[float]:
        """Milliseconds of the longest rounds since `watch_rounds`, once the last page is deleted."""
        while Client.instances:
            await asyncio.sleep(ROUND_S)
        self._watch.cancel()
        core.sio.eio.ping_timeout = self._ping_timeout_s
        return self._rounds_ms

    async def _measure_rounds(self) -> None:
        while True:
            began = time.thread_time()
            await asyncio.sleep(ROUND_S)
            self._rounds_ms = sorted([*self._rounds_ms, (time.thread_time() - began) * 1_000])[-5:]


if __name__ == "__main__":
    port = int(sys.argv[2])
    server = PageMemoryServer(Path(sys.argv[1]), port)
    gc.collect()
    gc.disable()
    protocol: Any = partial(CollectProtocol, None)  # type: ignore[arg-type]  # nothing is collected here
    uvicorn.run(server.app, host="127.0.0.1", port=port, log_level="warning", http=protocol)
