"""Serves an ASGI app until SIGTERM or Ctrl-C, then lets open requests end."""

from __future__ import annotations

import gc
import signal
import sys
import time
from functools import partial
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from collector.service import Collector
from proprium.config import Settings
from proprium.server import connections, logging_setup
from proprium.server.connections import ConnectionRegistry
from proprium.server.limited_connection import LimitedConnection

SHUTDOWN_TIMEOUT_S = 5
"""How long open requests may take after SIGTERM; with what follows, the process ends within 10 s."""

MAX_WEBSOCKET_MESSAGE_BYTES = 1 << 20
"""Of one message of a page's WebSocket. Engine.IO takes a million bytes, and would be handed 16 MiB to refuse."""

GC_THRESHOLDS = 10_000, 5, 200
"""Thresholds of Python's garbage collector: a young collection per 10,000 new objects, a middle one per 50,000. Full
ones are run by `FullCollections`; Python's own, after 10 million new objects, is for an event loop that is stuck."""

TICK_S, HEAP_CHECK_S = 0.1, 1.0
CHEAP_BLOCKS, WORTHWHILE_BLOCKS, MOST_BLOCKS = 300_000, 50_000, 2_000_000
"""Blocks of Python's memory, 27,000 for an open dashboard: what may be alive beyond the start for a full collection,
what must have been added since the last one, and what may be added (180 MB) before one runs in any case."""
REST_PER_COLLECTION, LONGEST_GROWTH_S = 100, 300.0
"""Full collections take at most a hundredth of the time. More than MOST_BLOCKS are looked through after five minutes:
pages that were only opened and left, by a crawler, have freed themselves by then."""

THREAD_SWITCH_INTERVAL_S = 0.0005
"""How long a thread keeps Python's lock when another one wants it. The event loop wants it once for every connection
that has sent something: with Python's own 5 ms, beside threads that compute, answers to /collect took seconds."""


def run_server(app: ASGIApp, collector: Collector, settings: Settings) -> None:
    logging_setup.configure(settings)
    file_limit = connections.raise_file_limit()
    open_connections = ConnectionRegistry(collector.client_addresses, connections.limits_for(file_limit))
    config = uvicorn.Config(
        app,
        http=partial(LimitedConnection, collector, open_connections),  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        access_log=False,  # it would hold addresses
        log_config=None,
        backlog=connections.backlog_for(file_limit),
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        server_header=False,
        proxy_headers=False,  # the collector reads them by its own rules
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    _configure_gc()
    sys.setswitchinterval(THREAD_SWITCH_INTERVAL_S)
    signal.signal(signal.SIGTERM, _exit_gracefully)  # uvicorn drains, then raises it again
    CollectingServer(config).run()


class FullCollections:
    """Decides when the garbage collector looks through everything: between requests, while few pages are open.

    Closed pages need none (`ui.page_memory`); what SQLAlchemy leaves of statements does. The pause grows with what is
    alive, 12,000 objects for each open dashboard: 0.1 s with 20 of them open, 0.2 to 0.3 s on a machine that is busy
    with other things. What was loaded at the start is frozen and not looked at.
    """

    def __init__(self) -> None:
        self._at_start = self._after_last = sys.getallocatedblocks()
        self._ended_s, self._took_s = time.monotonic(), 0.0
        self._small_s = time.monotonic()  # when less than MOST_BLOCKS had been added

    def is_due(self) -> bool:
        """Takes 0.2 ms; asked once a second."""
        blocks, now_s = sys.getallocatedblocks(), time.monotonic()
        self._after_last = min(self._after_last, blocks)  # closed pages free themselves
        added = blocks - self._after_last
        if added < MOST_BLOCKS:
            self._small_s = now_s
        is_rested = now_s - self._ended_s >= REST_PER_COLLECTION * self._took_s
        is_cheap = blocks - self._at_start < CHEAP_BLOCKS
        is_overdue = now_s - self._small_s >= LONGEST_GROWTH_S
        return is_rested and (is_overdue or (is_cheap and added >= WORTHWHILE_BLOCKS))

    def collect(self) -> None:
        began_s = time.thread_time()
        gc.collect()
        self._took_s = time.thread_time() - began_s
        self._ended_s, self._after_last = time.monotonic(), sys.getallocatedblocks()


class CollectingServer(uvicorn.Server):
    """uvicorn, whose tick (ten times a second, on the event loop) is where full collections run."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._collections = FullCollections()

    async def on_tick(self, counter: int) -> bool:
        if counter % round(HEAP_CHECK_S / TICK_S) == 0 and self._collections.is_due():
            self._collections.collect()
        return await super().on_tick(counter)


def _configure_gc() -> None:
    """What is loaded by now stays until the end; looking through it again and again took an eighth of the CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _exit_gracefully(_: int, __: FrameType | None) -> None:
    """Being asked to stop is no failure: exit code 0."""
    sys.exit(0)
