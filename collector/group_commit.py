"""Group commit: many requests share one durable transaction, and each is answered after it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from collector.errors import StoreUnavailable
from collector.event import Event
from collector.ports import EventSink

log = logging.getLogger(__name__)

BATCH = 500  # events in one commit
ENOUGH = 32  # events that are worth a commit of their own: its fixed cost, 0.2 ms, is less than theirs
PACE_S = 0.020  # from the start of one commit to the start of the next, while fewer than ENOUGH wait
QUEUE_LIMIT = 10_000  # events that wait; more are refused, so that the sender may retry

Flags = Sequence[bool]
"""One an event: True stored, False there already."""

OnCommit = Callable[[Sequence[Event], Flags], None]
Done = Callable[[Flags | StoreUnavailable], None]


class Waiter(NamedTuple):
    """A request that waits for its commit, and the loop on which it does so."""

    events: Sequence[Event]
    loop: asyncio.AbstractEventLoop
    done: Done


class GroupCommit:
    """A bounded queue and one committer thread in front of a sink.

    `on_commit` is called on the committer's thread after each commit, with its events and which of them were new.
    """

    def __init__(self, sink: EventSink, on_commit: OnCommit | None = None, queue_limit: int = QUEUE_LIMIT) -> None:
        self._sink = sink
        self._on_commit = on_commit
        self._queue_limit = queue_limit
        self._waiting: deque[Waiter] = deque()
        self._count = 0  # events in _waiting
        self._changed = threading.Condition()
        self._is_open = False
        self._thread: threading.Thread | None = None
        self._in_hand: list[Waiter] = []  # being committed

    @property
    def queued(self) -> int:
        """Events that wait for a commit."""
        return self._count

    @property
    def queue_limit(self) -> int:
        return self._queue_limit

    def start(self) -> None:
        self._is_open = True
        self._start_thread()

    def stop(self) -> None:
        """Takes nothing more, commits what waits, and returns when that is done."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        while self._thread and self._thread.is_alive():  # one that ended may have a successor
            self._thread.join()
        self._thread = None

    async def append(self, events: Sequence[Event]) -> Flags:
        """Resolves after the commit. Raises StoreUnavailable: nothing was stored."""
        answer: asyncio.Future[Flags] = asyncio.get_running_loop().create_future()
        self.put(events, partial(_settle, answer))
        return await answer

    def put(self, events: Sequence[Event], done: Done) -> None:
        """Calls `done` on the running loop after the commit. Raises StoreUnavailable: they do not even wait."""
        loop = asyncio.get_running_loop()
        with self._changed:
            if not self._is_open:
                raise StoreUnavailable("The server is stopping. Try again in a moment.")
            if self._thread and not self._thread.is_alive():
                self._start_thread()
            if self._count + len(events) > self._queue_limit:
                raise StoreUnavailable("The queue is full. Try again in a moment.")
            before, self._count = self._count, self._count + len(events)
            self._waiting.append(Waiter(events, loop, done))
            if not before or before < ENOUGH <= self._count:  # between the two the committer paces itself
                self._changed.notify()

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """The committer's life. One that is ended from outside refuses what it held, and has a successor."""
        try:
            self._commit_until_stopped()
        except BaseException as problem:
            log.critical("The committer ended: %s. Another one takes its place.", type(problem).__name__)
            self._refuse(self._in_hand, StoreUnavailable("The store could not take this event."))
            with self._changed:
                if self._count or not self._is_open:  # else the next event starts it
                    self._start_thread()

    def _commit_until_stopped(self) -> None:
        next_commit = 0.0
        while batch := self._next_batch(next_commit):
            next_commit = time.monotonic() + PACE_S
            self._commit(batch)

    def _next_batch(self, not_before: float) -> list[Waiter]:
        """Waits for events, and for the pace unless enough are there; empty when all is done."""
        with self._changed:
            while self._is_open and not self._count:
                self._changed.wait()
            while self._is_open and self._count < ENOUGH and (rest_s := not_before - time.monotonic()) > 0:
                self._changed.wait(rest_s)
            return self._take()

    def _take(self) -> list[Waiter]:
        batch = self._in_hand = []
        count = 0
        while self._waiting and (not batch or count + len(self._waiting[0].events) <= BATCH):
            batch.append(self._waiting.popleft())
            count += len(batch[-1].events)
        self._count -= count
        return batch

    def _commit(self, batch: list[Waiter]) -> None:
        events = [event for waiter in batch for event in waiter.events]
        try:
            flags = self._sink.append(events)
        except StoreUnavailable as problem:
            self._refuse(batch, problem)
        except Exception as problem:
            self._commit_one_by_one(batch, problem)
        else:
            self._tell(events, flags)
            self._answer(batch, flags)

    def _commit_one_by_one(self, batch: list[Waiter], problem: Exception) -> None:
        """One event that the sink cannot take must not take the others of its batch along."""
        log.error("A commit of %d requests failed: %s", len(batch), type(problem).__name__, exc_info=problem)
        if len(batch) == 1:
            self._refuse(batch, StoreUnavailable("The store could not take this event."))
            return
        for waiter in batch:
            self._commit([waiter])

    def _tell(self, events: list[Event], flags: Flags) -> None:
        if self._on_commit is None:
            return
        try:
            self._on_commit(events, flags)
        except Exception:
            log.exception("Whoever listens to commits failed; the events are stored")

    def _answer(self, batch: list[Waiter], flags: Flags) -> None:
        answers: list[tuple[Waiter, Flags | StoreUnavailable]] = []
        start = 0
        for waiter in batch:
            end = start + len(waiter.events)
            answers.append((waiter, flags[start:end]))
            start = end
        _resolve(answers)

    def _refuse(self, batch: list[Waiter], problem: StoreUnavailable) -> None:
        _resolve([(waiter, problem) for waiter in batch])


def _resolve(answers: Sequence[tuple[Waiter, Flags | StoreUnavailable]]) -> None:
    """Hands the answers over, with one call into each event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Waiter, Flags | StoreUnavailable]]] = {}
    for one in answers:
        by_loop.setdefault(one[0].loop, []).append(one)
    for loop, its_answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_tell_each, its_answers)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.warning("%d requests went away before their commit was done", len(its_answers))


def _tell_each(answers: Sequence[tuple[Waiter, Flags | StoreUnavailable]]) -> None:
    for waiter, answer in answers:
        try:
            waiter.done(answer)
        except Exception:  # the others of the commit have an answer coming
            log.exception("A request could not be answered; its commit is done")


def _settle(waiting: asyncio.Future[Flags], answer: Flags | StoreUnavailable) -> None:
    if waiting.done():  # whoever waited has gone
        return
    if isinstance(answer, StoreUnavailable):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)
