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

KEPT = 512
"""Answers."""
REMEMBERED = 256
"""Moves of one property; an answer that is older than all of them counts as stale."""
REACH = timedelta(hours=48)
"""A hit changes its session, which may have begun a day earlier, and what was viewed a day before that."""


@dataclass(frozen=True)
class _Answer:
    value: Any
    number: int  # the property's
    until: datetime | None  # UTC: the end of the time that it is about; None: it has none
    tick: int  # the last move that it knows of


@dataclass
class _Moves:
    """What happened to one property: (tick, the earliest moment that was touched; None: anything)."""

    log: deque[tuple[int, datetime | None]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    forgotten: int = 0  # the newest tick that is no longer in the log


class Memo:
    """Of one warehouse; for any thread. Equal keys must mean equal questions, apart from when they are asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._flights: dict[Hashable, tuple[int, Future[Any]]] = {}
        self._moves: dict[int, _Moves] = {}
        self._tick = 0

    def touch(self, number: int, since: datetime | None) -> None:
        """Call it after the commit: rows of this property at or after `since` (None: any) may have changed."""
        with self._lock:
            self._tick += 1
            moves = self._moves.setdefault(number, _Moves())
            if len(moves.log) == REMEMBERED:
                moves.forgotten = moves.log[0][0]
            moves.log.append((self._tick, since))

    def forget(self) -> None:
        """All of it: the warehouse is another one."""
        with self._lock:
            self._tick += 1
            self._answers.clear()
            self._flights.clear()
            self._moves.clear()

    def find(self, key: Hashable) -> Any:
        """The answer, or None when there is none that holds."""
        with self._lock:
            found = self._answers.get(key)
            if found is None or not self._holds(found):
                return None
            self._answers.move_to_end(key)
            return found.value

    def tick(self) -> int:
        """Taken before the warehouse is read; what is read then knows of all moves up to here."""
        with self._lock:
            return self._tick

    def keep(self, key: Hashable, number: int, until: datetime | None, tick: int, value: Any) -> None:
        with self._lock:
            self._answers[key] = _Answer(value, number, until, tick)
            self._answers.move_to_end(key)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)

    def ask(self, key: Hashable, number: int, until: datetime | None, tick: int, compute: Callable[[], T]) -> T:
        """The answer that holds, or the one that somebody is computing, or `compute()`, which reads as of `tick`."""
        while True:
            with self._lock:
                found = self._answers.get(key)
                if found is not None and self._holds(found):
                    self._answers.move_to_end(key)
                    return cast(T, found.value)
                flight = self._flights.get(key)
                if flight is None or not self._holds(_Answer(None, number, until, flight[0])):
                    own: Future[T] = Future()
                    self._flights[key] = (tick, own)
                    break
            try:
                return cast(T, flight[1].result())
            except CancelledError:  # whoever computed it gave up; somebody still wants it
                continue
        return self._compute(key, number, until, tick, own, compute)

    def _compute(
        self,
        key: Hashable,
        number: int,
        until: datetime | None,
        tick: int,
        own: Future[T],
        compute: Callable[[], T],
    ) -> T:
        try:
            value = compute()
        except BaseException:
            own.cancel()
            raise
        else:
            self.keep(key, number, until, tick, value)
            own.set_result(value)
            return value
        finally:
            with self._lock:
                if (flight := self._flights.get(key)) is not None and flight[1] is own:
                    del self._flights[key]

    def _holds(self, answer: _Answer) -> bool:
        moves = self._moves.get(answer.number)
        if moves is None:
            return True
        if answer.tick < moves.forgotten:
            return False
        return not any(
            tick > answer.tick and (since is None or answer.until is None or since < answer.until + REACH)
            for tick, since in reversed(moves.log)
        )
