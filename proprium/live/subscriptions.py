"""Live queries: subscriptions to query results, shared by all pages."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import thread_time
from typing import Any, Generic, TypeVar

from proprium.errors import UserFacingError
from proprium.warehouse.query_timeout import QueryDeadline, with_deadline

log = logging.getLogger(__name__)

T = TypeVar("T")
NO_RESULT = object()  # no result yet; None is a valid result

IDLE_PER_CPU_SECOND = 8
"""Idle seconds per CPU second of one query.

DuckDB uses as much CPU on its own thread, so 8 keeps one query under a quarter of a core.
"""
TOTAL_IDLE_PER_CPU_SECOND = 2
"""The same for all active queries together: they use at most one core, however many dashboards are open."""
MAX_INTERVAL_S = 10.0
"""An active query is recomputed within this time after a change, whatever it costs."""
FIRST_RESULTS_POLL_INTERVAL_S = 0.1
"""Retry interval of a refresh that yields to queries without a first result."""


class LiveQueries:
    """Pushes new query results to subscribed pages.

    The projector calls `invalidate` from its thread; everything else runs on the event loop of the first `subscribe`,
    and queries run in a small thread pool. A query is computed at once after the first change, then at most once in
    `min_interval_s`, and less often when it is slow: one query may use a quarter of a core, all together one core, and
    each still refreshes every MAX_INTERVAL_S. First results take precedence over refreshes. A result equal to the one
    on the page is not sent again; a query without subscribers is cancelled.
    """

    def __init__(self, min_interval_s: float = 1.0, thread_count: int = 2) -> None:
        self.min_interval_s = min_interval_s
        self._executor = ThreadPoolExecutor(thread_count, thread_name_prefix="live")
        self._topics: dict[tuple[int, Hashable], _Topic] = {}
        self._topics_by_property: dict[int, list[_Topic]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending_first_results = 0

    def invalidate(self, property_numbers: Iterable[int]) -> None:
        """Schedules the queries of properties whose data changed. Thread-safe; cheap without subscribers."""
        loop, topics_by_property = self._loop, self._topics_by_property
        watched_numbers = [
            property_number for property_number in property_numbers if property_number in topics_by_property
        ]

        def schedule() -> None:
            for property_number in watched_numbers:
                for topic in self._topics_by_property.get(property_number, ()):
                    topic.schedule()

        if watched_numbers and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(schedule)

    def subscribe(
        self,
        property_number: int,
        key: Hashable,
        compute: Callable[[], T],
        callback: Callable[[T], None],
        *,
        on_error: Callable[[Exception], None] | None = None,
        is_same: Callable[[T, T], bool] | None = None,
        refresh_interval_s: float | None = None,
    ) -> Subscription[T]:
        """Calls `callback` on the event loop with the first and each new result.

        `compute` runs in a thread. Subscribers of one (property, key) share it, so the key must contain everything that
        `compute` depends on, except the time: a result that changes with time alone needs `refresh_interval_s`. A
        result that `is_same` (default: `==`) as the previous one is not delivered. `on_error` is called on the event
        loop with an exception of `compute`.
        """
        self._loop = asyncio.get_running_loop()
        topic = self._topics.get((property_number, key))
        if topic is None:
            is_same = is_same or (lambda previous, current: bool(previous == current))
            topic = _Topic(self, property_number, key, compute, is_same, refresh_interval_s)
            self._topics[property_number, key] = topic
            self._topics_by_property.setdefault(property_number, []).append(topic)
        subscription: Subscription[T] = Subscription(topic, callback, on_error)
        topic.add(subscription)
        return subscription

    @property
    def topic_count(self) -> int:
        """Number of distinct queries with subscribers."""
        return len(self._topics)

    @property
    def active_count(self) -> int:
        """Number of queries with a visible page; the others are idle and cost nothing."""
        return sum(topic.is_active() for topic in self._topics.values())

    @property
    def active_cpu_s(self) -> float:
        """CPU seconds to compute every active query once, by its last computation."""
        return sum(topic.last_cpu_s for topic in self._topics.values() if topic.is_active())

    def close(self) -> None:
        for topic in list(self._topics.values()):
            topic.stop()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def remove_topic(self, topic: _Topic) -> None:
        if self._topics.pop((topic.property_number, topic.key), None) is None:
            return
        remaining_topics = [
            other_topic for other_topic in self._topics_by_property[topic.property_number] if other_topic is not topic
        ]
        if remaining_topics:
            self._topics_by_property[topic.property_number] = remaining_topics
        else:
            del self._topics_by_property[topic.property_number]


@dataclass(eq=False)
class Subscription(Generic[T]):
    """Connects one page to one query's results."""

    _topic: _Topic
    _callback: Callable[[T], None]
    _on_error: Callable[[Exception], None] | None = None
    is_paused: bool = False
    _shown_result: Any = field(default=NO_RESULT, repr=False)  # the last delivered result

    def pause(self) -> None:
        """Pauses updates while the page is hidden; it costs nothing until `resume`."""
        self.is_paused = True
        self._topic.cancel_timer_if_idle()

    def resume(self) -> None:
        """Resumes updates and delivers missed results at once."""
        if self.is_paused:
            self.is_paused = False
            self._topic.catch_up(self)

    def close(self) -> None:
        self._topic.remove(self)

    def deliver(self, result: Any) -> None:
        if self._shown_result is not NO_RESULT and self._topic.is_same(self._shown_result, result):
            return
        self._shown_result = result
        self._run_callback(self._callback, result)

    def report_error(self, problem: Exception) -> None:
        if self._on_error is not None:
            self._shown_result = NO_RESULT  # the page shows the error now: the same result must replace it
            self._run_callback(self._on_error, problem)

    @staticmethod
    def _run_callback(callback: Callable[[Any], None], value: Any) -> None:
        try:
            callback(value)
        except Exception:  # one failing page must not block updates of the others
            log.exception("page failed to show a live result")


class _Topic:
    """One query of one property, with its subscriptions, latest result and schedule. Event loop only."""

    def __init__(
        self,
        live_queries: LiveQueries,
        property_number: int,
        key: Hashable,
        compute: Callable[[], Any],
        is_same: Callable[[Any, Any], bool],
        refresh_interval_s: float | None,
    ) -> None:
        self.property_number, self.key, self.is_same = property_number, key, is_same
        self._live_queries, self._compute, self._refresh_interval_s = live_queries, compute, refresh_interval_s
        self._loop = asyncio.get_running_loop()
        self._subscriptions: list[Subscription[Any]] = []
        self._result: Any = NO_RESULT
        self._is_stale = True
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started_s = float("-inf")  # start of the latest computation
        self._result_started_s = float("-inf")  # start of the computation that gave _result
        self.last_cpu_s = 0.0
        self._deadline = QueryDeadline()

    def add(self, subscription: Subscription[Any]) -> None:
        self._subscriptions.append(subscription)
        self.catch_up(subscription)

    def remove(self, subscription: Subscription[Any]) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        if not self._subscriptions:
            self.stop()
        else:
            self.cancel_timer_if_idle()

    def catch_up(self, subscription: Subscription[Any]) -> None:
        """Delivers the shared result at once if it is fresh, and schedules a refresh.

        A stale result is delivered as well while it is younger than MAX_INTERVAL_S.
        """
        if self._refresh_interval_s is not None and self._loop.time() - self._started_s >= self._refresh_interval_s:
            self._is_stale = True
        is_recent = self._loop.time() - self._result_started_s < MAX_INTERVAL_S
        if self._result is not NO_RESULT and (is_recent or not self._is_stale):
            subscription.deliver(self._result)
        self._set_timer()

    def schedule(self) -> None:
        """Marks the result as stale and schedules a computation."""
        if self._is_stale and (self._timer is not None or self._task is not None):
            return  # already scheduled: a busy property is invalidated twice a second, by each projected batch
        self._is_stale = True
        self._set_timer()

    def cancel_timer_if_idle(self) -> None:
        """Cancels the timer when no page is visible."""
        if self._timer is not None and not self.is_active():
            self._timer.cancel()
            self._timer = None

    def stop(self) -> None:
        self._subscriptions.clear()
        self._deadline.cancel()
        self.cancel_timer_if_idle()
        self._live_queries.remove_topic(self)

    def is_active(self) -> bool:
        return any(not subscription.is_paused for subscription in self._subscriptions)

    def _set_timer(self) -> None:
        """Sets the timer to the time of the next computation.

        Sets none while one runs or no page is visible.
        """
        if self._task is not None or not self.is_active():
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_stale:
            total_cpu_s = self._live_queries.active_cpu_s
            idle_s = max(IDLE_PER_CPU_SECOND * self.last_cpu_s, TOTAL_IDLE_PER_CPU_SECOND * total_cpu_s)
            interval_s = max(self._live_queries.min_interval_s, min(MAX_INTERVAL_S, idle_s))
            due_s = max(self._started_s + interval_s, self._loop.time())
        elif self._refresh_interval_s is not None:
            due_s = self._started_s + self._refresh_interval_s
        else:
            return
        self._timer = self._loop.call_at(due_s, self._start_computation)

    def _start_computation(self) -> None:
        self._timer = None
        if (
            self._result is not NO_RESULT
            and self._live_queries._pending_first_results
            and self._loop.time() - self._result_started_s < MAX_INTERVAL_S
        ):
            self._timer = self._loop.call_later(FIRST_RESULTS_POLL_INTERVAL_S, self._start_computation)
            return
        self._started_s = self._loop.time()
        self._task = self._loop.create_task(self._compute_and_deliver())

    async def _compute_and_deliver(self) -> None:
        self._is_stale = False
        self._deadline = QueryDeadline()
        is_first = self._result is NO_RESULT
        self._live_queries._pending_first_results += is_first
        try:
            future = self._loop.run_in_executor(
                self._live_queries._executor, _compute_with_deadline, self._deadline, self._compute
            )
            result, self.last_cpu_s = await future
        except Exception as problem:
            if self._deadline.is_cancelled:
                return
            self._is_stale = True
            self._task = None
            is_defect = not isinstance(problem, UserFacingError)
            log.warning(
                "live query failed",
                exc_info=is_defect,
                extra={"property_number": self.property_number, "error": str(problem)},
            )
            for subscription in self._active_subscriptions():
                subscription.report_error(problem)
            return  # the next change retries; a retry loop would only repeat the error
        finally:
            self._live_queries._pending_first_results -= is_first
        self._result, self._result_started_s = result, self._started_s
        try:
            await self._deliver(result)
        finally:
            self._task = None
            self._set_timer()

    async def _deliver(self, result: Any) -> None:
        """Delivers to one page after another, and yields between them.

        Each page renders on the event loop, which must stay responsive.
        """
        for subscription in self._active_subscriptions():
            if subscription in self._subscriptions and not subscription.is_paused:
                subscription.deliver(result)
                await asyncio.sleep(0)

    def _active_subscriptions(self) -> list[Subscription[Any]]:
        return [subscription for subscription in self._subscriptions if not subscription.is_paused]


def _compute_with_deadline(deadline: QueryDeadline, compute: Callable[[], T]) -> tuple[T, float]:
    """Runs `compute` in a worker thread; returns its result and CPU seconds."""
    started_s = thread_time()
    with with_deadline(deadline):
        deadline.check()
        return compute(), thread_time() - started_s
