"""Recent results: what was computed moments ago is shared by pages that are opened one after another.

Live queries share results among pages that are open. A page that is only fetched, such as a badge or the first HTML of
a public dashboard, has no subscription: without this, each of them would run a query after every event.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Any, TypeVar

from proprium.warehouse.query_timeout import QueryDeadline, with_deadline

T = TypeVar("T")
MAX_AGE_S = 10.0
MAX_RESULTS = 200


@dataclass(frozen=True)
class _Entry:
    started_s: float
    task: asyncio.Task[Any]

    def is_usable(self, max_age_s: float) -> bool:
        """Returns True while the computation runs, and as long as its result is young enough."""
        if not self.task.done():
            return True
        is_failed = self.task.cancelled() or self.task.exception() is not None
        return not is_failed and monotonic() - self.started_s <= max_age_s


class RecentResults:
    """Cache of results by key, each computed once at a time in a thread. Event loop only."""

    def __init__(self, max_results: int = MAX_RESULTS) -> None:
        self._max_results = max_results
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self.computation_count = 0

    async def get(self, key: Hashable, compute: Callable[[], T], *, max_age_s: float = MAX_AGE_S) -> T:
        """Returns the result of `compute` or an earlier one of the same key, at most `max_age_s` old.

        The key must contain everything that `compute` depends on, except the time. Raises what `compute` raises.
        """
        entry = self._entries.get(key)
        if entry is None or not entry.is_usable(max_age_s):
            self.computation_count += 1
            task = asyncio.ensure_future(asyncio.to_thread(_compute_with_deadline, compute))
            task.add_done_callback(_retrieve_exception)
            entry = self._entries[key] = _Entry(monotonic(), task)
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_results:
            self._entries.popitem(last=False)
        result: T = await asyncio.shield(entry.task)  # others wait for it, too
        return result


def _compute_with_deadline(compute: Callable[[], T]) -> T:
    with with_deadline(QueryDeadline()):
        return compute()


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Reads the exception, which asyncio would log if every page that waits for it was closed."""
    if not task.cancelled():
        task.exception()
