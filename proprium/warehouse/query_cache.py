"""The query cache: results of queries, invalidated by property and time.

New events invalidate results that cover today. A result about last month stays valid until a late event, a deletion or
a changed rule affects its period. Concurrent misses of a key compute the result once.
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
"""Entries; the least recently used one is evicted."""
MAX_INVALIDATIONS_PER_PROPERTY = 256
"""Length of a property's invalidation log; an entry older than the whole log counts as stale."""
INVALIDATION_REACH = timedelta(hours=48)
"""An event at time t can change results back to t − 48 h: 24 h of session, 24 h of page engagement."""


@dataclass(frozen=True)
class _CacheEntry:
    value: Any
    property_number: int
    covers_until: datetime | None  # UTC, end of the period that the value is about; None: open-ended
    version: int  # the last invalidation that the value takes into account


@dataclass
class _InvalidationLog:
    """The latest invalidations of one property: (version, earliest time affected; None: any time)."""

    entries: deque[tuple[int, datetime | None]] = field(
        default_factory=lambda: deque(maxlen=MAX_INVALIDATIONS_PER_PROPERTY)
    )
    dropped_version: int = 0  # the newest version that is no longer in the log


class QueryCache:
    """An LRU cache of the query results of one warehouse. Thread-safe.

    Equal keys must mean equal queries, apart from the time at which they run.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _CacheEntry] = OrderedDict()
        self._in_flight: dict[Hashable, tuple[int, Future[Any]]] = {}
        self._invalidation_logs: dict[int, _InvalidationLog] = {}
        self._version = 0

    def invalidate(self, property_number: int, since: datetime | None) -> None:
        """Invalidates results of a property that changed rows may affect.

        Rows at or after `since` may have changed; None: any. To be called after their commit.
        """
        with self._lock:
            self._version += 1
            invalidation_log = self._invalidation_logs.setdefault(property_number, _InvalidationLog())
            if len(invalidation_log.entries) == MAX_INVALIDATIONS_PER_PROPERTY:
                invalidation_log.dropped_version = invalidation_log.entries[0][0]
            invalidation_log.entries.append((self._version, since))

    def clear(self) -> None:
        """Removes all entries: the warehouse's contents were replaced, or all properties changed."""
        with self._lock:
            self._version += 1
            self._entries.clear()
            self._in_flight.clear()
            self._invalidation_logs.clear()

    def get(self, key: Hashable) -> Any:
        """Returns the cached value, or None when there is no valid entry."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not self._is_valid(entry):
                return None
            self._entries.move_to_end(key)
            return entry.value

    def for_property(self, property_number: int) -> PropertyCache:
        """Returns the cache for results of one property; to be called before the warehouse is read."""
        return PropertyCache(self, property_number)

    def current_version(self) -> int:
        """Returns the version for `put`; to be taken before the warehouse is read.

        A read that starts afterwards sees all changes up to this version.
        """
        with self._lock:
            return self._version

    def put(self, key: Hashable, property_number: int, covers_until: datetime | None, version: int, value: Any) -> None:
        """Stores a value that was read at `version`, and evicts old entries."""
        with self._lock:
            self._entries[key] = _CacheEntry(value, property_number, covers_until, version)
            self._entries.move_to_end(key)
            while len(self._entries) > MAX_CACHED_RESULTS:
                self._entries.popitem(last=False)

    def get_or_compute(
        self, key: Hashable, property_number: int, covers_until: datetime | None, version: int, compute: Callable[[], T]
    ) -> T:
        """Returns the cached value, else awaits another thread's computation of it, else runs `compute()`.

        `compute` must read the warehouse after `version` was taken. Its errors are raised to the caller that runs it;
        a caller that waited for it tries again.
        """
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
            except CancelledError:  # the computing thread failed or was cancelled; this caller still needs the value
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


class PropertyCache:
    """The query cache for results of one property that are read after this object was made."""

    def __init__(self, query_cache: QueryCache, property_number: int) -> None:
        self._query_cache, self._property_number = query_cache, property_number
        self._version = query_cache.current_version()

    def get(self, key: Hashable) -> Any:
        """Returns the cached value, or None when there is no valid entry."""
        return self._query_cache.get(key)

    def put(self, key: Hashable, covers_until: datetime | None, value: Any) -> None:
        """Stores a value about a time before `covers_until` (UTC; None: open-ended)."""
        self._query_cache.put(key, self._property_number, covers_until, self._version, value)

    def get_or_compute(self, key: Hashable, covers_until: datetime | None, compute: Callable[[], T]) -> T:
        """Returns the cached value, else computes and stores it, once for concurrent callers."""
        return self._query_cache.get_or_compute(key, self._property_number, covers_until, self._version, compute)
