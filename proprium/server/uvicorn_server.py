"""Runs uvicorn with graceful shutdown on SIGTERM or Ctrl-C, and schedules full garbage collections.

What the collections and the thread switch interval gain: docs/performance.md.
"""

from __future__ import annotations

import gc
import signal
import sys
import time
from functools import partial

import click
import uvicorn
from starlette.types import ASGIApp

from collector.service import Collector
from proprium.config import Settings
from proprium.server import connections, logging_setup
from proprium.server.connections import ConnectionRegistry
from proprium.server.limited_connection import LimitedConnection

SHUTDOWN_TIMEOUT_S = 5
"""Graceful shutdown timeout of open requests after SIGTERM; with the steps that follow, the process ends in 10 s."""

MAX_WEBSOCKET_MESSAGE_BYTES = 1 << 20
"""Largest message of a page's WebSocket. Engine.IO's own limit is a million bytes, but uvicorn's default is 16 MiB."""

GC_THRESHOLDS = 10_000, 2, 350
"""Thresholds of Python's garbage collector: a young collection per 10,000 new objects, a middle one per 30,000,
since each of 60,000 took 35 to 54 ms on a busy machine while twenty dashboards opened. Full collections are run by
`FullCollections`; Python's own, after 10 million new objects, is for a stuck event loop."""

TICK_S, HEAP_CHECK_S = 0.1, 0.2
"""The heap is checked often, so that a full collection hits the moment at which the last pages have just been freed."""
MIN_ADDED_BLOCKS, MAX_ADDED_BLOCKS = 50_000, 2_000_000
"""Blocks of Python's memory, of which an open dashboard has 27,000: the fewest added since the last full collection to
make one worthwhile, and the number added (180 MB) from which one runs in any case."""
MAX_CHEAP_BLOCKS, MAX_AFFORDABLE_BLOCKS = 180_000, 300_000
"""The most blocks alive beyond the start for a full collection to be cheap (two dashboards open), and to be affordable
(six open) once it has been worthwhile for MAX_DELAY_S: 60 and 115 ms on a busy machine. Caches are 130,000."""
IDLE_PER_COLLECTION_SECOND, MAX_DELAY_S, MAX_GROWTH_S = 100, 60.0, 300.0
"""Full collections take at most 1 % of the time. Growth over MAX_ADDED_BLOCKS is collected after five minutes only:
pages that a crawler opened and left have been freed by then."""

THREAD_SWITCH_INTERVAL_S = 0.0005
"""How long a thread keeps Python's global lock when another thread waits for it. The event loop needs it once for every
connection with new data: with the default 5 ms, beside threads that compute, responses to /collect took seconds."""


def run_server(app: ASGIApp, collector: Collector, settings: Settings) -> None:
    """Serves the app until SIGTERM or Ctrl-C; exits with code 0."""
    logging_setup.configure(settings)
    file_limit = connections.raise_file_limit()
    open_connections = ConnectionRegistry(collector.client_addresses, connections.limits_for(file_limit))
    config = uvicorn.Config(
        app,
        http=partial(LimitedConnection, collector, open_connections),  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        access_log=False,  # it would contain client addresses
        log_config=None,
        backlog=connections.backlog_for(file_limit),
        ws_max_size=MAX_WEBSOCKET_MESSAGE_BYTES,
        server_header=False,
        proxy_headers=False,  # the collector evaluates them by its own rules
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    # Frozen: all objects loaded so far live until the end, and scanning them took an eighth of the CPU time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(THREAD_SWITCH_INTERVAL_S)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn drains, then raises it again: no failure
    try:
        CollectingServer(config).run()
    except KeyboardInterrupt:
        pass  # uvicorn has drained, and raises the signal again
    finally:
        click.echo("Proprium has stopped.")
        # Frozen objects are not freed at the end of the process either, and DuckDB's binding lists those as leaks.
        gc.unfreeze()


class FullCollections:
    """Decides when a full garbage collection runs: between requests, while few pages are open.

    Closed pages need none (`ui.page_memory`), but SQLAlchemy's statements leave cycles. The pause grows with the number
    of live objects, 12,000 for each open dashboard: 0.1 s with 20 dashboards open, 0.2 to 0.3 s on a busy machine. So a
    collection waits up to a minute until all but a few pages are closed. Objects loaded at the start are frozen and
    not scanned.
    """

    def __init__(self) -> None:
        self._blocks_at_start = self._blocks_after_last = sys.getallocatedblocks()
        self._last_ended_s, self._last_duration_s = time.monotonic(), 0.0
        self._last_modest_s = time.monotonic()  # when less than MIN_ADDED_BLOCKS had been added
        self._last_small_s = time.monotonic()  # when less than MAX_ADDED_BLOCKS had been added

    def is_due(self) -> bool:
        """Returns True if a full collection should run now.

        Takes 0.2 ms; called five times a second.
        """
        blocks, now_s = sys.getallocatedblocks(), time.monotonic()
        self._blocks_after_last = min(self._blocks_after_last, blocks)  # closed pages free themselves
        added = blocks - self._blocks_after_last
        if added < MIN_ADDED_BLOCKS:
            self._last_modest_s = now_s
        if added < MAX_ADDED_BLOCKS:
            self._last_small_s = now_s
        is_rested = now_s - self._last_ended_s >= IDLE_PER_COLLECTION_SECOND * self._last_duration_s
        is_delayed = now_s - self._last_modest_s >= MAX_DELAY_S
        is_cheap = blocks - self._blocks_at_start < (MAX_AFFORDABLE_BLOCKS if is_delayed else MAX_CHEAP_BLOCKS)
        is_overdue = now_s - self._last_small_s >= MAX_GROWTH_S
        return is_rested and (is_overdue or (is_cheap and added >= MIN_ADDED_BLOCKS))

    def collect(self) -> None:
        started_s = time.thread_time()
        gc.collect()
        self._last_duration_s = time.thread_time() - started_s
        self._last_ended_s, self._blocks_after_last = time.monotonic(), sys.getallocatedblocks()


class CollectingServer(uvicorn.Server):
    """uvicorn server that runs due full collections in its tick (ten times a second, on the event loop)."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._collections = FullCollections()

    async def on_tick(self, counter: int) -> bool:
        if counter % round(HEAP_CHECK_S / TICK_S) == 0 and self._collections.is_due():
            self._collections.collect()
        return await super().on_tick(counter)
