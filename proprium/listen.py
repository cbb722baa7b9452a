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

from collector.intake import Collector
from proprium import logs
from proprium.config import Settings
from proprium.doorstep import Doorstep

DRAIN_S = 5
"""How long open requests may take after SIGTERM; with what follows, the process ends within 10 s."""

GARBAGE = 10_000, 5, 40
"""Thresholds of Python's garbage collector: a young collection per 10,000 new objects, a middle one per 50,000. Full
ones are run by `FullCollections`; Python's own, after 2 million new objects, is for an event loop that is stuck."""

TICK_S, HEAP_CHECK_S = 0.1, 1.0
CHEAP_BLOCKS, WORTHWHILE_BLOCKS, MOST_BLOCKS = 300_000, 50_000, 2_000_000
"""Blocks of Python's memory, 27,000 for an open dashboard: what may be alive beyond the start for a full collection,
what must have been added since the last one, and what may be added (180 MB) before one runs in any case."""
REST_PER_COLLECTION = 100
"""Full collections take at most a hundredth of the time, as long as less than MOST_BLOCKS are added."""

HANDOVER_S = 0.0005
"""How long a thread keeps Python's lock when another one wants it. The event loop wants it once for every connection
that has sent something: with Python's own 5 ms, beside threads that compute, answers to /collect took seconds."""


def listen(app: ASGIApp, collector: Collector, settings: Settings) -> None:
    logs.configure(settings)
    config = uvicorn.Config(
        app,
        http=partial(Doorstep, collector),  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        access_log=False,  # it would hold addresses
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the collector reads them by its own rules
        timeout_graceful_shutdown=DRAIN_S,
    )
    _look_for_garbage_less_often()
    sys.setswitchinterval(HANDOVER_S)
    signal.signal(signal.SIGTERM, _end_well)  # uvicorn drains, then raises it again
    CollectingServer(config).run()


class FullCollections:
    """Decides when the garbage collector looks through everything: between requests, while few pages are open.

    Closed pages need none (`ui.page_memory`); what SQLAlchemy leaves of statements does. The pause grows with what is
    alive: 12,000 objects for each open dashboard, up to 0.75 µs each on a machine that is busy with other things (0.2 s
    with 20 dashboards open). What was loaded at the start is frozen and not looked at.
    """

    def __init__(self) -> None:
        self._at_start = self._after_last = sys.getallocatedblocks()
        self._ended_s, self._took_s = time.monotonic(), 0.0

    def is_due(self) -> bool:
        """Takes 0.2 ms; asked once a second."""
        blocks = sys.getallocatedblocks()
        self._after_last = min(self._after_last, blocks)  # closed pages free themselves
        added = blocks - self._after_last
        is_rested = time.monotonic() - self._ended_s >= REST_PER_COLLECTION * self._took_s
        is_cheap = blocks - self._at_start < CHEAP_BLOCKS
        return added >= MOST_BLOCKS or (added >= WORTHWHILE_BLOCKS and is_cheap and is_rested)

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


def _look_for_garbage_less_often() -> None:
    """What is loaded by now stays until the end; looking through it again and again took an eighth of the CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def _end_well(_: int, __: FrameType | None) -> None:
    """Being asked to stop is no failure: exit code 0."""
    sys.exit(0)
