"""Publish–subscribe feed of hit outcomes per property, which the install page subscribes to."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")


class HitFeed(Generic[T]):
    """Keeps the latest hit outcomes of each property and notifies subscribers of new ones. Thread-safe.

    The collector calls `publish`; it costs a dictionary look-up and an append.
    """

    def __init__(self, max_hits_per_property: int = 20, max_properties: int = 500) -> None:
        self._max_hits_per_property, self._max_properties = max_hits_per_property, max_properties
        self._recent: OrderedDict[UUID, deque[T]] = OrderedDict()
        self._subscribers: dict[UUID, list[_Subscriber[T]]] = {}
        self._lock = Lock()

    def publish(self, property_id: UUID, outcome: T) -> None:
        with self._lock:
            recent = self._recent.get(property_id)
            if recent is None:
                recent = self._recent[property_id] = deque(maxlen=self._max_hits_per_property)
                if len(self._recent) > self._max_properties:
                    self._recent.popitem(last=False)
            recent.append(outcome)
            subscribers = tuple(self._subscribers.get(property_id, ()))
        for subscriber in subscribers:
            subscriber.notify(outcome)

    def recent(self, property_id: UUID) -> list[T]:
        """Returns the latest outcomes since the process started, oldest first."""
        with self._lock:
            return list(self._recent.get(property_id, ()))

    def subscribe(self, property_id: UUID, callback: Callable[[T], None]) -> Callable[[], None]:
        """Calls `callback` on the running event loop with each new outcome.

        Returns the function that ends the subscription.
        """
        subscriber = _Subscriber(asyncio.get_running_loop(), callback)
        with self._lock:
            self._subscribers.setdefault(property_id, []).append(subscriber)

        def unsubscribe() -> None:
            with self._lock:
                subscribers = self._subscribers.get(property_id, [])
                if subscriber in subscribers:
                    subscribers.remove(subscriber)
                if not subscribers:
                    self._subscribers.pop(property_id, None)

        return unsubscribe


@dataclass(frozen=True, eq=False)
class _Subscriber(Generic[T]):
    loop: asyncio.AbstractEventLoop
    callback: Callable[[T], None]

    def notify(self, outcome: T) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.callback, outcome)
