"""Answers that still hold: of a question about a stretch of time that nothing has touched since.

New events touch today; an answer about last month stays true until a late event, a deletion or another rule reaches it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

T = TypeVar("T")

MAX_CACHED_RESULTS = 512
"""Answers."""
MAX_INVALIDATIONS_PER_PROPERTY = 256
"""Moves of one property; an answer that is older than all of them counts as stale."""
INVALIDATION_REACH = timedelta(hours=48)
"""A hit changes its session, which may have begun a day earlier, and what was viewed a day before that."""


@dataclass(frozen=True)
class _CacheEntry:
    value: Any
    property_number: int  # the property's
    covers_until: datetime | None  # UTC: the end of the time that it is about; None: it has none
    version: int  # the last move that it knows of


@dataclass
class _InvalidationLog:
    """What happened to one property: (tick, the earliest moment that was touched; None: anything)."""

    entries: deque[tuple[int, datetime | None]] = field(
        default_factory=lambda: deque(maxlen=MAX_INVALIDATIONS_PER_PROPERTY)
    )
    dropped_version: int = 0  # the newest tick that is no longer in the log


class QueryCache:
    """Of one warehouse; for any thread. Equal keys must mean equal questions, apart from when they are asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _CacheEntry] = OrderedDict()
        self._in_flight: dict[Hashable, tuple[int, Future[Any]]] = {}
        self._invalidation_logs: dict[int, _InvalidationLog] = {}
        self._version = 0

    def invalidate(self, property_number: int, since: datetime | None) -> None:
        """Call it after the commit: rows of this property at or after `since` (None: any) may have changed."""
        with self._lock:
            self._version += 1
            invalidation_log = self._invalidation_logs.setdefault(property_number, _InvalidationLog())
            if len(invalidation_log.entries) == MAX_INVALIDATIONS_PER_PROPERTY:
                invalidation_log.dropped_version = invalidation_log.entries[0][0]
            invalidation_log.entries.append((self._version, since))

    def clear(self) -> None:
        """All of it: the warehouse is another one."""
        with self._lock:
            self._version += 1
            self._entries.clear()
            self._in_flight.clear()
            self._invalidation_logs.clear()

    def get(self, key: Hashable) -> Any:
        """The answer, or None when there is none that holds."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not self._is_valid(entry):
                return None
            self._entries.move_to_end(key)
            return entry.value

    def current_version(self) -> int:
        """Taken before the warehouse is read; what is read then knows of all moves up to here."""
        with self._lock:
            return self._version

    def put(self, key: Hashable, property_number: int, covers_until: datetime | None, version: int, value: Any) -> None:
        with self._lock:
            self._entries[key] = _CacheEntry(value, property_number, covers_until, version)
            self._entries.move_to_end(key)
            while len(self._entries) > MAX_CACHED_RESULTS:
                self._entries.popitem(last=False)

    def get_or_compute(
        self, key: Hashable, property_number: int, covers_until: datetime | None, version: int, compute: Callable[[], T]
    ) -> T:
        """The answer that holds, or the one that somebody is computing, or `compute()`, which reads as of `tick`."""
        while True:
            with self._lock:
                entry = self._entries.get(key)
                if entry is not None and self._is_valid(entry):
                    self._entries.move_to_end(key)
                    return cast(T, entry.value)
                in_flight = self._in_flight.get(key)
                if in_flight is None or not self._is_valid(
                    _CacheEntry(None, property_number, covers_until, in_flight[0])
                ):
                    future: Future[T] = Future()
                    self._in_flight[key] = (version, future)
                    break
            try:
                return cast(T, in_flight[1].result())
            except CancelledError:  # whoever computed it gave up; somebody still wants it
                continue
        return self._compute(key, property_number, covers_until, version, future, compute)

    def _compute(
        self,
        key: Hashable,
        property_number: int,
        covers_until: datetime | None,
        version: int,
        future: Future[T],
        compute: Callable[[], T],
    ) -> T:
        try:
            value = compute()
        except BaseException:
            future.cancel()
            raise
        else:
            self.put(key, property_number, covers_until, version, value)
            future.set_result(value)
            return value
        finally:
            with self._lock:
                if (in_flight := self._in_flight.get(key)) is not None and in_flight[1] is future:
                    del self._in_flight[key]

    def _is_valid(self, entry: _CacheEntry) -> bool:
        invalidation_log = self._invalidation_logs.get(entry.property_number)
        if invalidation_log is None:
            return True
        if entry.version < invalidation_log.dropped_version:
            return False
        return not any(
            version > entry.version
            and (since is None or entry.covers_until is None or since < entry.covers_until + INVALIDATION_REACH)
            for version, since in reversed(invalidation_log.entries)
        )
