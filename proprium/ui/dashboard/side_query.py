"""Side query: a live subscription of one card, separate from the main dashboard query."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from proprium.live.subscriptions import LiveQueries, Subscription

T = TypeVar("T")


class SideQuery(Generic[T]):
    """Holds one live subscription; the main query does not wait for its computation.

    Subscriptions with equal keys share one computation, also across pages.
    """

    def __init__(
        self,
        live_queries: LiveQueries,
        property_number: int,
        on_result: Callable[[T], None],
        on_error: Callable[[Exception], None],
        refresh_interval_s: float,
    ) -> None:
        self._live_queries, self._property_number, self._on_result, self._on_error, self._refresh_interval_s = (
            live_queries,
            property_number,
            on_result,
            on_error,
            refresh_interval_s,
        )
        self._key: Hashable = None
        self._subscription: Subscription[Any] | None = None
        self._is_paused = False

    def set_query(self, key: Hashable, compute: Callable[[], T]) -> None:
        """Replaces the subscription by one for `key`; does nothing if the key is unchanged."""
        if key == self._key:
            return
        self.close()
        self._key = key
        self._subscription = self._live_queries.subscribe(
            self._property_number,
            key,
            compute,
            self._on_result,
            on_error=self._on_error,
            refresh_interval_s=self._refresh_interval_s,
        )
        if self._is_paused:
            self._subscription.pause()

    def pause(self) -> None:
        self._is_paused = True
        if self._subscription:
            self._subscription.pause()

    def resume(self) -> None:
        self._is_paused = False
        if self._subscription:
            self._subscription.resume()

    def close(self) -> None:
        if self._subscription:
            self._subscription.close()
        self._subscription, self._key = None, None
