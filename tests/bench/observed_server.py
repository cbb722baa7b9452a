"""`proprium serve` that deletes a closed page after a second, and prints at its end what held up its event loop.

`python -m tests.bench.observed_server serve …`: the last line of its output is "observed " and an Observed as JSON.
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import uvicorn
from nicegui import core

from proprium.cli import main
from proprium.ui import app as ui_app

RECONNECT_S, PING_TIMEOUT_S = 1.0, 60
TICK_S = 0.005


@dataclass
class Observed:
    """Milliseconds: the longest collections by generation, their sum, and the loop's longest round in CPU time."""

    longest_ms: dict[str, float] = field(default_factory=dict)
    collections: dict[str, int] = field(default_factory=dict)
    sum_ms: float = 0.0
    round_ms: float = 0.0
    rounds_ms: list[float] = field(default_factory=list)

    def collected(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = time.thread_time()
            return
        took_ms, generation = (time.thread_time() - self._began) * 1_000, str(info["generation"])
        self.longest_ms[generation] = max(self.longest_ms.get(generation, 0.0), took_ms)
        self.collections[generation] = self.collections.get(generation, 0) + 1
        self.sum_ms += took_ms

    async def watch_loop(self) -> None:
        """CPU time of the loop's thread between two ticks: other processes of the machine do not count."""
        while True:
            before = time.thread_time()
            await asyncio.sleep(TICK_S)
            self.rounds_ms = sorted([*self.rounds_ms, (time.thread_time() - before) * 1_000])[-5:]


observed = Observed()
main_loop = uvicorn.Server.main_loop


async def observed_main_loop(server: uvicorn.Server) -> None:
    core.sio.eio.ping_timeout = PING_TIMEOUT_S  # NiceGUI derives 2 s from RECONNECT_S: short on a busy machine
    watching = asyncio.create_task(observed.watch_loop())
    await main_loop(server)
    watching.cancel()


def print_observed() -> None:
    print("observed " + json.dumps(asdict(observed)), flush=True)


if __name__ == "__main__":
    ui_app.RECONNECT_TIMEOUT_S = RECONNECT_S  # type: ignore[assignment]
    uvicorn.Server.main_loop = observed_main_loop  # type: ignore[method-assign]
    gc.callbacks.append(observed.collected)
    atexit.register(print_observed)
    main()
