"""The dashboard's server with the garbage collector off: says which objects of pages are alive.

It deletes a closed page at once, and what never opened its socket when it is asked to.
"""

from __future__ import annotations

import gc
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import nicegui
import psutil
import uvicorn
from fastapi import APIRouter
from nicegui import Client
from nicegui.element import Element

from proprium.server.collect_protocol import CollectProtocol
from tests.ui.dashboard_server import DashboardServer

RECONNECT_S = 0.1
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
        router.post("/test/prune")(self.prune)
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
        return {"alive": alive, "elements": elements, "registered": registered, "rss_mb": rss_mb,
                "clients": len(Client.instances)}  # fmt: skip

    async def prune(self) -> None:
        await Client.prune_instances(client_age_threshold=0)  # type: ignore[func-returns-value]


if __name__ == "__main__":
    port = int(sys.argv[2])
    server = PageMemoryServer(Path(sys.argv[1]), port)
    gc.collect()
    gc.disable()
    protocol: Any = partial(CollectProtocol, None)  # type: ignore[arg-type]  # nothing is collected here
    uvicorn.run(server.app, host="127.0.0.1", port=port, log_level="warning", http=protocol)
