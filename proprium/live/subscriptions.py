"""Who looks at what, and what moved: one computation per watched question, however many pages show it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import thread_time
from typing import Any, Generic, TypeVar

from proprium.errors import ProblemForReader
from proprium.warehouse.query_timeout import Patience, asking

log = logging.getLogger(__name__)

T = TypeVar("T")
NOTHING = object()  # no result yet; None may be a result

REST_PER_WORK = 8
"""Of one thread's seconds of CPU, beside whom the engine has another one at work: a quarter of a core."""
REST_PER_WORK_TOGETHER = 2
"""The same for all questions that are looked at: one core is theirs, however many dashboards are open."""
SLOWEST_S = 10.0
NEWCOMERS_S = 0.1
"""How soon an answer that only is to be newer looks again whether nobody waits for a first one."""


class Hub:
    """Tells open pages what their question's answer has become.

    The projector calls `touch` from its thread; everything else happens on the event loop that the first `watch` runs
    on, the computing in a few threads of its own. A key is computed at once after the first change, then at most once
    in `gap_s`, and less often where it takes long: a question has a quarter of a core, all together have one, and
    each has an answer every SLOWEST_S. Pages that have nothing yet come before those whose numbers may be newer. A
    result that equals the one a page has is not sent again; what nobody waits for any more is given up.
    """

    def __init__(self, gap_s: float = 1.0, threads: int = 2) -> None:
        self.gap_s = gap_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="live")
        self._channels: dict[tuple[int, Hashable], _Channel] = {}
        self._by_property: dict[int, list[_Channel]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._newcomers = 0

    def touch(self, numbers: Iterable[int]) -> None:
        """The warehouse moved for these properties. Callable from any thread; cheap when nobody looks."""
        loop, watched = self._loop, self._by_property
        moved = [number for number in numbers if number in watched]
        if moved and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._mark, moved)

    def watch(
        self,
        property_number: int,
        key: Hashable,
        compute: Callable[[], T],
        callback: Callable[[T], None],
        *,
        on_error: Callable[[Exception], None] | None = None,
        is_same: Callable[[T, T], bool] | None = None,
        every_s: float | None = None,
    ) -> Watch[T]:
        """Gives `callback` the answer now, and again whenever it is another one; both on the event loop.

        `compute` runs in a thread. Watchers of one (property, key) share it, so the key must name everything that
        `compute` depends on, except the time: a number that time alone changes needs `every_s`. An answer that
        `is_same` (default: equal) as the one before is kept back.
        """
        self._loop = asyncio.get_running_loop()
        channel = self._channels.get((property_number, key))
        if channel is None:
            channel = _Channel(self, property_number, key, compute, is_same or _equal, every_s)
            self._channels[property_number, key] = channel
            self._by_property.setdefault(property_number, []).append(channel)
        watch: Watch[T] = Watch(channel, callback, on_error)
        channel.join(watch)
        return watch

    @property
    def watched(self) -> int:
        """How many different questions pages are open for."""
        return len(self._channels)

    @property
    def looked_at(self) -> int:
        """How many of these somebody sees right now: the others cost nothing."""
        return sum(channel.is_looked_at() for channel in self._channels.values())

    @property
    def work_s(self) -> float:
        """What answering everything that is looked at once would take, by what it took the last time."""
        return sum(channel.took_s for channel in self._channels.values() if channel.is_looked_at())

    def close(self) -> None:
        for channel in list(self._channels.values()):
            channel.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _mark(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            for channel in self._by_property.get(number, ()):
                channel.mark()

    def _forget(self, channel: _Channel) -> None:
        if self._channels.pop((channel.number, channel.key), None) is None:
            return
        left = [other for other in self._by_property[channel.number] if other is not channel]
        if left:
            self._by_property[channel.number] = left
        else:
            del self._by_property[channel.number]


@dataclass(eq=False)
class Watch(Generic[T]):
    """One page's interest in one answer."""

    _channel: _Channel
    _callback: Callable[[T], None]
    _on_error: Callable[[Exception], None] | None = None
    is_paused: bool = False
    _has: Any = field(default=NOTHING, repr=False)  # what the page shows

    def pause(self) -> None:
        """Nobody sees the page: it costs nothing until `resume`."""
        self.is_paused = True
        self._channel.rest()

    def resume(self) -> None:
        """Catches up with what was missed, at once."""
        if self.is_paused:
            self.is_paused = False
            self._channel.catch_up(self)

    def close(self) -> None:
        self._channel.leave(self)

    def give(self, result: Any) -> None:
        if self._has is not NOTHING and self._channel.is_same(self._has, result):
            return
        self._has = result
        self._call(self._callback, result)

    def fail(self, problem: Exception) -> None:
        if self._on_error is not None:
            self._call(self._on_error, problem)

    @staticmethod
    def _call(callback: Callable[[Any], None], value: Any) -> None:
        try:
            callback(value)
        except Exception:  # one broken page must not keep the others from their numbers
            log.exception("A page could not show its numbers")


class _Channel:
    """One question of one property, and everyone who wants its answer. Lives on the event loop."""

    def __init__(
        self,
        hub: Hub,
        number: int,
        key: Hashable,
        compute: Callable[[], Any],
        is_same: Callable[[Any, Any], bool],
        every_s: float | None,
    ) -> None:
        self.number, self.key, self.is_same = number, key, is_same
        self._hub, self._compute, self._every_s = hub, compute, every_s
        self._loop = asyncio.get_running_loop()
        self._watches: list[Watch[Any]] = []
        self._result: Any = NOTHING
        self._is_stale = True
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._began = float("-inf")  # the latest computation
        self._read = float("-inf")  # the one that gave the result
        self.took_s = 0.0
        self._patience = Patience()

    def join(self, watch: Watch[Any]) -> None:
        self._watches.append(watch)
        self.catch_up(watch)

    def leave(self, watch: Watch[Any]) -> None:
        if watch in self._watches:
            self._watches.remove(watch)
        if not self._watches:
            self.stop()
        else:
            self.rest()

    def catch_up(self, watch: Watch[Any]) -> None:
        """What the others see is seen at once; a newer answer comes when it is due, or when it is there."""
        self._is_stale = self._is_stale or self._is_old()
        is_recent = self._loop.time() - self._read < SLOWEST_S
        if self._result is not NOTHING and (is_recent or not self._is_stale):
            watch.give(self._result)
        self._plan()

    def mark(self) -> None:
        """The answer may be another one now."""
        if self._is_stale and (self._timer is not None or self._task is not None):
            return  # known already: a busy property is marked twice a second, by every commit's projection
        self._is_stale = True
        self._plan()

    def rest(self) -> None:
        """Stops the clock when nobody looks."""
        if self._timer is not None and not self.is_looked_at():
            self._timer.cancel()
            self._timer = None

    def stop(self) -> None:
        self._watches.clear()
        self._patience.cancel()
        self.rest()
        self._hub._forget(self)

    def is_looked_at(self) -> bool:
        return any(not watch.is_paused for watch in self._watches)

    def _is_old(self) -> bool:
        return self._every_s is not None and self._loop.time() - self._began >= self._every_s

    def _plan(self) -> None:
        """Sets the one timer to the moment when the next computation is due; none while one runs."""
        if self._task is not None or not self.is_looked_at():
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_stale:
            due = max(self._began + self._gap_s(), self._loop.time())
        elif self._every_s is not None:
            due = self._began + self._every_s
        else:
            return
        self._timer = self._loop.call_at(due, self._start)

    def _gap_s(self) -> float:
        rest_s = max(REST_PER_WORK * self.took_s, REST_PER_WORK_TOGETHER * self._hub.work_s)
        return max(self._hub.gap_s, min(SLOWEST_S, rest_s))

    def _start(self) -> None:
        self._timer = None
        if self._result is not NOTHING and self._hub._newcomers and self._loop.time() - self._read < SLOWEST_S:
            self._timer = self._loop.call_later(NEWCOMERS_S, self._start)
            return
        self._began = self._loop.time()
        self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        self._is_stale = False
        self._patience = Patience()
        is_first = self._result is NOTHING
        self._hub._newcomers += is_first
        try:
            took = self._loop.run_in_executor(self._hub._threads, _patiently, self._patience, self._compute)
            result, self.took_s = await took
        except Exception as problem:
            if self._patience.is_cancelled:
                return
            self._is_stale = True
            self._task = None
            is_defect = not isinstance(problem, ProblemForReader)
            log.warning("A question of property %s failed: %s", self.number, problem, exc_info=is_defect)
            for watch in self._looking():
                watch.fail(problem)
            return  # the next change asks again; trying in a circle would help nobody
        finally:
            self._hub._newcomers -= is_first
        self._result, self._read = result, self._began
        try:
            await self._tell(result)
        finally:
            self._task = None
            self._plan()

    async def _tell(self, result: Any) -> None:
        """Page by page, since each of them draws it: whatever else the loop has to do comes in between."""
        for watch in self._looking():
            if watch in self._watches and not watch.is_paused:
                watch.give(result)
                await asyncio.sleep(0)

    def _looking(self) -> list[Watch[Any]]:
        return [watch for watch in self._watches if not watch.is_paused]


def _patiently(patience: Patience, compute: Callable[[], T]) -> tuple[T, float]:
    """In a thread of the hub: the answer, and the seconds of CPU that it took this thread."""
    began = thread_time()
    with asking(patience):
        patience.check()
        return compute(), thread_time() - began


def _equal(before: Any, now: Any) -> bool:
    return bool(before == now)
