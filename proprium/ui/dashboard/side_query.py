"""A question that one card asks beside the dashboard's, so that the dashboard does not wait for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from proprium.live.subscriptions import Hub, Watch

T = TypeVar("T")


class Aside(Generic[T]):
    """One open question of one page at a time; everybody who asks the same shares the answer."""

    def __init__(
        self,
        hub: Hub,
        property_number: int,
        show: Callable[[T], None],
        fail: Callable[[Exception], None],
        every_s: float,
    ) -> None:
        self._hub, self._number, self._show, self._fail, self._every_s = hub, property_number, show, fail, every_s
        self._key: Hashable = None
        self._watch: Watch[Any] | None = None
        self._is_paused = False

    def ask(self, key: Hashable, compute: Callable[[], T]) -> None:
        """Instead of the question before; the same one again changes nothing."""
        if key == self._key:
            return
        self.close()
        self._key = key
        self._watch = self._hub.watch(
            self._number, key, compute, self._show, on_error=self._fail, every_s=self._every_s
        )
        if self._is_paused:
            self._watch.pause()

    def pause(self) -> None:
        self._is_paused = True
        if self._watch:
            self._watch.pause()

    def resume(self) -> None:
        self._is_paused = False
        if self._watch:
            self._watch.resume()

    def close(self) -> None:
        if self._watch:
            self._watch.close()
        self._watch, self._key = None, None
