"""Serves an ASGI app until SIGTERM or Ctrl-C, then lets open requests end."""

from __future__ import annotations

import gc
import signal
import sys
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

GARBAGE = 10_000, 100, 50
"""So many new objects are looked through for cycles at a time, which takes 30 ms in which nothing else happens; what
survives is looked through again after the hundredth time. Python's own 700 and 10 are meant for small programs."""

HANDOVER_S = 0.0005
"""How long a thread keeps Python's lock when another one wants it. The event loop wants it once for every connection
that has sent something: with Python's own 5 ms, beside threads that compute, answers to /collect took seconds."""


WS_MAX_SIZE = 1024 * 1024
"""Bytes of one WebSocket message once it is unpacked; uvicorn's own 16 MB would be held for every socket that sends."""


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
        ws_max_size=WS_MAX_SIZE,
    )
    _look_for_garbage_less_often()
    sys.setswitchinterval(HANDOVER_S)
    signal.signal(signal.SIGTERM, _end_well)  # uvicorn drains, then raises it again
    uvicorn.Server(config).run()


def _look_for_garbage_less_often() -> None:
    """What is loaded by now stays until the end; looking through it again and again took an eighth of the CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def _end_well(_: int, __: FrameType | None) -> None:
    """Being asked to stop is no failure: exit code 0."""
    sys.exit(0)
