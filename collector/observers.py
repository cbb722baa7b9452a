"""Group of observers that isolates their failures from the collector and from each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import ParamSpec

from collector.errors import RequestRejected
from collector.ports import AcceptedHits, CollectorObserver, DroppedHits, StoredFlags
from collector.request import Request

log = logging.getLogger(__name__)

P = ParamSpec("P")


class ObserverGroup(CollectorObserver):
    """Passes each call on to all observers, in order; logs the failure of one and calls the next."""

    def __init__(self, observers: Sequence[CollectorObserver]) -> None:
        self._on_received = [observer.on_received for observer in observers]
        self._on_stored = [observer.on_stored for observer in observers]
        self._on_dropped = [observer.on_dropped for observer in observers]
        self._on_not_stored = [observer.on_not_stored for observer in observers]
        self._on_rejected = [observer.on_rejected for observer in observers]
        self._on_request_rejected = [observer.on_request_rejected for observer in observers]

    def on_received(self, event_count: int) -> None:
        _call_each(self._on_received, event_count)

    def on_stored(self, hits: AcceptedHits, flags: StoredFlags) -> None:
        _call_each(self._on_stored, hits, flags)

    def on_dropped(self, hits: DroppedHits) -> None:
        _call_each(self._on_dropped, hits)

    def on_not_stored(self, hits: AcceptedHits, problem: RequestRejected) -> None:
        _call_each(self._on_not_stored, hits, problem)

    def on_rejected(self, status: int, event_count: int) -> None:
        _call_each(self._on_rejected, status, event_count)

    def on_request_rejected(self, request: Request, problem: RequestRejected) -> None:
        _call_each(self._on_request_rejected, request, problem)


def _call_each(methods: Sequence[Callable[P, None]], *args: P.args, **kwargs: P.kwargs) -> None:
    for method in methods:
        try:
            method(*args, **kwargs)
        except Exception:
            log.exception(
                "collector observer failed (the response is unaffected)",
                extra={"observer": getattr(method, "__qualname__", "")},
            )
