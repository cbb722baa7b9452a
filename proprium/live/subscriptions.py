"""Who looks at what, and what moved: one computation per watched question, however many pages show it."""

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
NO_RESULT = object()  # no result yet; None may be a result

IDLE_PER_CPU_SECOND = 8
"""Of one thread's seconds of CPU, beside whom the engine has another one at work: a quarter of a core."""
TOTAL_IDLE_PER_CPU_SECOND = 2
"""The same for all questions that are looked at: one core is theirs, however many dashboards are open."""
MAX_INTERVAL_S = 10.0
FIRST_RESULTS_POLL_INTERVAL_S = 0.1
"""How soon an answer that only is to be newer looks again whether nobody waits for a first one."""


class LiveQueries:
    """Tells open pages what their question's answer has become.

    The projector calls `touch` from its thread; everything else happens on the event loop that the first `watch` runs
    on, the computing in a few threads of its own. A key is computed at once after the first change, then at most once
    in `gap_s`, and less often where it takes long: a question has a quarter of a core, all together have one, and
    each has an answer every SLOWEST_S. Pages that have nothing yet come before those whose numbers may be newer. A
    result that equals the one a page has is not sent again; what nobody waits for any more is given up.
    """

    def __init__(self, min_interval_s: float = 1.0, thread_count: int = 2) -> None:
        self.min_interval_s = min_interval_s
        self._executor = ThreadPoolExecutor(thread_count, thread_name_prefix="live")
        self._topics: dict[tuple[int, Hashable], _Topic] = {}
        self._topics_by_property: dict[int, list[_Topic]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending_first_results = 0

    def invalidate(self, property_numbers: Iterable[int]) -> None:
        """The warehouse moved for these properties. Callable from any thread; cheap when nobody looks."""
        loop, topics_by_property = self._loop, self._topics_by_property
        watched_numbers = [
            property_number for property_number in property_numbers if property_number in topics_by_property
        ]
        if watched_numbers and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._schedule, watched_numbers)

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
        """Gives `callback` the answer now, and again whenever it is another one; both on the event loop.

        `compute` runs in a thread. Watchers of one (property, key) share it, so the key must name everything that
        `compute` depends on, except the time: a number that time alone changes needs `every_s`. An answer that
        `is_same` (default: equal) as the one before is kept back.
        """
        self._loop = asyncio.get_running_loop()
        topic = self._topics.get((property_number, key))
        if topic is None:
            topic = _Topic(self, property_number, key, compute, is_same or _is_equal, refresh_interval_s)
            self._topics[property_number, key] = topic
            self._topics_by_property.setdefault(property_number, []).append(topic)
        subscription: Subscription[T] = Subscription(topic, callback, on_error)
        topic.add(subscription)
        return subscription

    @property
    def topic_count(self) -> int:
        """How many different questions pages are open for."""
        return len(self._topics)

    @property
    def active_count(self) -> int:
        """How many of these somebody sees right now: the others cost nothing."""
        return sum(topic.is_active() for topic in self._topics.values())

    @property
    def active_cpu_s(self) -> float:
        """What answering everything that is looked at once would take, by what it took the last time."""
        return sum(topic.last_cpu_s for topic in self._topics.values() if topic.is_active())

    def close(self) -> None:
        for topic in list(self._topics.values()):
            topic.stop()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _schedule(self, property_numbers: Iterable[int]) -> None:
        for property_number in property_numbers:
            for topic in self._topics_by_property.get(property_number, ()):
                topic.schedule()

    def _remove_topic(self, topic: _Topic) -> None:
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
    """One page's interest in one answer."""

    _topic: _Topic
    _callback: Callable[[T], None]
    _on_error: Callable[[Exception], None] | None = None
    is_paused: bool = False
    _shown_result: Any = field(default=NO_RESULT, repr=False)  # what the page shows

    def pause(self) -> None:
        """Nobody sees the page: it costs nothing until `resume`."""
        self.is_paused = True
        self._topic.cancel_timer_if_idle()

    def resume(self) -> None:
        """Catches up with what was missed, at once."""
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
            self._run_callback(self._on_error, problem)

    @staticmethod
    def _run_callback(callback: Callable[[Any], None], value: Any) -> None:
        try:
            callback(value)
        except Exception:  # one broken page must not keep the others from their numbers
            log.exception("A page could not show its numbers")


class _Topic:
    """One question of one property, and everyone who wants its answer. Lives on the event loop."""

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
        self._started_s = float("-inf")  # the latest computation
        self._result_started_s = float("-inf")  # the one that gave the result
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
        """What the others see is seen at once; a newer answer comes when it is due, or when it is there."""
        self._is_stale = self._is_stale or self._is_refresh_due()
        is_recent = self._loop.time() - self._result_started_s < MAX_INTERVAL_S
        if self._result is not NO_RESULT and (is_recent or not self._is_stale):
            subscription.deliver(self._result)
        self._set_timer()

    def schedule(self) -> None:
        """The answer may be another one now."""
        if self._is_stale and (self._timer is not None or self._task is not None):
            return  # known already: a busy property is marked twice a second, by every commit's projection
        self._is_stale = True
        self._set_timer()

    def cancel_timer_if_idle(self) -> None:
        """Stops the clock when nobody looks."""
        if self._timer is not None and not self.is_active():
            self._timer.cancel()
            self._timer = None

    def stop(self) -> None:
        self._subscriptions.clear()
        self._deadline.cancel()
        self.cancel_timer_if_idle()
        self._live_queries._remove_topic(self)

    def is_active(self) -> bool:
        return any(not subscription.is_paused for subscription in self._subscriptions)

    def _is_refresh_due(self) -> bool:
        return self._refresh_interval_s is not None and self._loop.time() - self._started_s >= self._refresh_interval_s

    def _set_timer(self) -> None:
        """Sets the one timer to the moment when the next computation is due; none while one runs."""
        if self._task is not None or not self.is_active():
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_stale:
            due_s = max(self._started_s + self._interval_s(), self._loop.time())
        elif self._refresh_interval_s is not None:
            due_s = self._started_s + self._refresh_interval_s
        else:
            return
        self._timer = self._loop.call_at(due_s, self._start_computation)

    def _interval_s(self) -> float:
        idle_s = max(IDLE_PER_CPU_SECOND * self.last_cpu_s, TOTAL_IDLE_PER_CPU_SECOND * self._live_queries.active_cpu_s)
        return max(self._live_queries.min_interval_s, min(MAX_INTERVAL_S, idle_s))

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
            log.warning("A question of property %s failed: %s", self.property_number, problem, exc_info=is_defect)
            for subscription in self._active_subscriptions():
                subscription.report_error(problem)
            return  # the next change asks again; trying in a circle would help nobody
        finally:
            self._live_queries._pending_first_results -= is_first
        self._result, self._result_started_s = result, self._started_s
        try:
            await self._deliver(result)
        finally:
            self._task = None
            self._set_timer()

    async def _deliver(self, result: Any) -> None:
        """Page by page, since each of them draws it: whatever else the loop has to do comes in between."""
        for subscription in self._active_subscriptions():
            if subscription in self._subscriptions and not subscription.is_paused:
                subscription.deliver(result)
                await asyncio.sleep(0)

    def _active_subscriptions(self) -> list[Subscription[Any]]:
        return [subscription for subscription in self._subscriptions if not subscription.is_paused]


def _compute_with_deadline(deadline: QueryDeadline, compute: Callable[[], T]) -> tuple[T, float]:
    """In a thread of the hub: the answer, and the seconds of CPU that it took this thread."""
    started_s = thread_time()
    with with_deadline(deadline):
        deadline.check()
        return compute(), thread_time() - started_s


def _is_equal(previous: Any, current: Any) -> bool:
    return bool(previous == current)
