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

MAX_BATCH = 500  # events in one commit
MIN_BATCH = 32  # events that are worth a commit of their own: its fixed cost, 0.2 ms, is less than theirs
MAX_DELAY_S = 0.020  # from the start of one commit to the start of the next, while fewer than ENOUGH wait
MAX_QUEUED_EVENTS = 10_000  # events that wait; more are refused, so that the sender may retry

StoredFlags = Sequence[bool]
"""One an event: True stored, False there already."""

OnCommit = Callable[[Sequence[Event], StoredFlags], None]
CommitCallback = Callable[[StoredFlags | StoreUnavailable], None]


class PendingRequest(NamedTuple):
    """A request that waits for its commit, and the loop on which it does so."""

    events: Sequence[Event]
    loop: asyncio.AbstractEventLoop
    callback: CommitCallback


class GroupCommit:
    """A bounded queue and one committer thread in front of a sink.

    `on_commit` is called on the committer's thread after each commit, with its events and which of them were new.
    """

    def __init__(
        self, sink: EventSink, on_commit: OnCommit | None = None, queue_limit: int = MAX_QUEUED_EVENTS
    ) -> None:
        self._sink = sink
        self._on_commit = on_commit
        self._queue_limit = queue_limit
        self._queue: deque[PendingRequest] = deque()
        self._queued_count = 0  # events in _waiting
        self._condition = threading.Condition()
        self._is_open = False
        self._thread: threading.Thread | None = None
        self._in_flight: list[PendingRequest] = []  # being committed

    @property
    def queued_count(self) -> int:
        """Events that wait for a commit."""
        return self._queued_count

    @property
    def queue_limit(self) -> int:
        return self._queue_limit

    def start(self) -> None:
        self._is_open = True
        self._start_thread()

    def stop(self) -> None:
        """Takes nothing more, commits what waits, and returns when that is done."""
        with self._condition:
            self._is_open = False
            self._condition.notify()
        while self._thread and self._thread.is_alive():  # one that ended may have a successor
            self._thread.join()
        self._thread = None

    async def append(self, events: Sequence[Event]) -> StoredFlags:
        """Resolves after the commit. Raises StoreUnavailable: nothing was stored."""
        future: asyncio.Future[StoredFlags] = asyncio.get_running_loop().create_future()
        self.enqueue(events, partial(_settle_future, future))
        return await future

    def enqueue(self, events: Sequence[Event], callback: CommitCallback) -> None:
        """Calls `done` on the running loop after the commit. Raises StoreUnavailable: they do not even wait."""
        loop = asyncio.get_running_loop()
        with self._condition:
            if not self._is_open:
                raise StoreUnavailable("The server is stopping. Try again in a moment.")
            if self._thread and not self._thread.is_alive():
                self._start_thread()
            if self._queued_count + len(events) > self._queue_limit:
                raise StoreUnavailable("The queue is full. Try again in a moment.")
            previous_count, self._queued_count = self._queued_count, self._queued_count + len(events)
            self._queue.append(PendingRequest(events, loop, callback))
            if (
                not previous_count or previous_count < MIN_BATCH <= self._queued_count
            ):  # between the two the committer paces itself
                self._condition.notify()

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """The committer's life. One that is ended from outside refuses what it held, and has a successor."""
        try:
            self._commit_until_stopped()
        except BaseException as problem:
            log.critical("The committer ended: %s. Another one takes its place.", type(problem).__name__)
            self._reject_batch(self._in_flight, StoreUnavailable("The store could not take this event."))
            with self._condition:
                if self._queued_count or not self._is_open:  # else the next event starts it
                    self._start_thread()

    def _commit_until_stopped(self) -> None:
        next_commit_s = 0.0
        while batch := self._next_batch(next_commit_s):
            next_commit_s = time.monotonic() + MAX_DELAY_S
            self._commit(batch)

    def _next_batch(self, not_before_s: float) -> list[PendingRequest]:
        """Waits for events, and for the pace unless enough are there; empty when all is done."""
        with self._condition:
            while self._is_open and not self._queued_count:
                self._condition.wait()
            while (
                self._is_open
                and self._queued_count < MIN_BATCH
                and (remaining_s := not_before_s - time.monotonic()) > 0
            ):
                self._condition.wait(remaining_s)
            return self._take_batch()

    def _take_batch(self) -> list[PendingRequest]:
        batch = self._in_flight = []
        count = 0
        while self._queue and (not batch or count + len(self._queue[0].events) <= MAX_BATCH):
            batch.append(self._queue.popleft())
            count += len(batch[-1].events)
        self._queued_count -= count
        return batch

    def _commit(self, batch: list[PendingRequest]) -> None:
        events = [event for request in batch for event in request.events]
        try:
            flags = self._sink.append(events)
        except StoreUnavailable as problem:
            self._reject_batch(batch, problem)
        except Exception as problem:
            self._commit_one_by_one(batch, problem)
        else:
            self._notify_committed(events, flags)
            self._resolve_batch(batch, flags)

    def _commit_one_by_one(self, batch: list[PendingRequest], problem: Exception) -> None:
        """One event that the sink cannot take must not take the others of its batch along."""
        log.error("A commit of %d requests failed: %s", len(batch), type(problem).__name__, exc_info=problem)
        if len(batch) == 1:
            self._reject_batch(batch, StoreUnavailable("The store could not take this event."))
            return
        for request in batch:
            self._commit([request])

    def _notify_committed(self, events: list[Event], flags: StoredFlags) -> None:
        if self._on_commit is None:
            return
        try:
            self._on_commit(events, flags)
        except Exception:
            log.exception("Whoever listens to commits failed; the events are stored")

    def _resolve_batch(self, batch: list[PendingRequest], flags: StoredFlags) -> None:
        results: list[tuple[PendingRequest, StoredFlags | StoreUnavailable]] = []
        start = 0
        for request in batch:
            end = start + len(request.events)
            results.append((request, flags[start:end]))
            start = end
        _deliver_results(results)

    def _reject_batch(self, batch: list[PendingRequest], problem: StoreUnavailable) -> None:
        _deliver_results([(request, problem) for request in batch])


def _deliver_results(results: Sequence[tuple[PendingRequest, StoredFlags | StoreUnavailable]]) -> None:
    """Hands the answers over, with one call into each event loop."""
    results_by_loop: dict[asyncio.AbstractEventLoop, list[tuple[PendingRequest, StoredFlags | StoreUnavailable]]] = {}
    for result in results:
        results_by_loop.setdefault(result[0].loop, []).append(result)
    for loop, loop_results in results_by_loop.items():
        try:
            loop.call_soon_threadsafe(_run_callbacks, loop_results)
        except RuntimeError:  # the loop is closed: nobody waits any more
            log.warning("%d requests went away before their commit was done", len(loop_results))


def _run_callbacks(results: Sequence[tuple[PendingRequest, StoredFlags | StoreUnavailable]]) -> None:
    for request, result in results:
        try:
            request.callback(result)
        except Exception:  # the others of the commit have an answer coming
            log.exception("A request could not be answered; its commit is done")


def _settle_future(future: asyncio.Future[StoredFlags], result: StoredFlags | StoreUnavailable) -> None:
    if future.done():  # whoever waited has gone
        return
    if isinstance(result, StoreUnavailable):
        future.set_exception(result)
    else:
        future.set_result(result)
