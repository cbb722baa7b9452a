"""Group of observers that isolates their failures from the collector and from each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

from collector.errors import RequestRejected
from collector.ports import AcceptedHits, CollectorObserver, DroppedHits, StoredFlags
from collector.request import Request

log = logging.getLogger(__name__)

P = ParamSpec("P")


class ObserverGroup(CollectorObserver):
    """Passes each call on to the observers that override it, in order; the failure of one is logged.

    `on_received` and `on_stored`, which every hit causes, are written out: passing arguments through costs as much as
    the counting.
    """

    def __init__(self, observers: Sequence[CollectorObserver]) -> None:
        def overriding(name: str) -> list[Any]:
            default = getattr(CollectorObserver, name)
            return [getattr(observer, name) for observer in observers if getattr(type(observer), name) is not default]

        self._on_received: list[Callable[[int], None]] = overriding("on_received")
        self._on_stored: list[Callable[[AcceptedHits, StoredFlags], None]] = overriding("on_stored")
        self._on_dropped: list[Callable[[DroppedHits], None]] = overriding("on_dropped")
        self._on_not_stored: list[Callable[[AcceptedHits, RequestRejected], None]] = overriding("on_not_stored")
        self._on_rejected: list[Callable[[int, int], None]] = overriding("on_rejected")
        self._on_request_rejected: list[Callable[[Request, RequestRejected], None]] = overriding("on_request_rejected")

    def on_received(self, event_count: int) -> None:
        for method in self._on_received:
            try:
                method(event_count)
            except Exception as problem:
                _log_failure(method, problem)

    def on_stored(self, hits: AcceptedHits, flags: StoredFlags) -> None:
        for method in self._on_stored:
            try:
                method(hits, flags)
            except Exception as problem:
                _log_failure(method, problem)

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
        except Exception as problem:
            _log_failure(method, problem)


def _log_failure(method: Callable[..., None], problem: Exception) -> None:
    log.error(
        "collector observer failed (the response is unaffected)",
        exc_info=problem,
        extra={"observer": getattr(method, "__qualname__", "")},
    )
