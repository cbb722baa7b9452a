"""Serves an ASGI app until SIGTERM or Ctrl-C, then lets open requests end."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from proprium import logs
from proprium.config import Settings

DRAIN_S = 5
"""How long open requests may take after SIGTERM; with what follows, the process ends within 10 s."""


def listen(app: ASGIApp, settings: Settings) -> None:
    logs.configure(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,  # it would hold addresses
        log_config=None,
        server_header=False,
        proxy_headers=False,  # the collector reads them by its own rules
        timeout_graceful_shutdown=DRAIN_S,
    )
    signal.signal(signal.SIGTERM, _end_well)  # uvicorn drains, then raises it again
    uvicorn.Server(config).run()


def _end_well(_: int, __: FrameType | None) -> None:
    """Being asked to stop is no failure: exit code 0."""
    sys.exit(0)
