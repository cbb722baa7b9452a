"""Group commit: one durable transaction for the events of many requests.

Each request gets its response after the commit. What it gains: docs/performance.md.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from collector.errors import StoreUnavailable
from collector.event import Event
from collector.ports import EventSink, StoredFlags

log = logging.getLogger(__name__)

MAX_BATCH = 500  # events in one commit
MIN_BATCH = 32  # events that commit at once: from here their own cost exceeds the fixed 0.2 ms of a commit
MAX_DELAY_S = 0.020  # between the starts of two commits, while fewer than MIN_BATCH events wait
MAX_QUEUED_EVENTS = 10_000  # more are rejected with a 503, so that the sender retries

OnCommit = Callable[[Sequence[Event], StoredFlags], None]
CommitCallback = Callable[[StoredFlags | StoreUnavailable], None]


class PendingRequest(NamedTuple):
    """A request that waits for its commit, and the event loop of its callback."""

    events: Sequence[Event]
    loop: asyncio.AbstractEventLoop
    callback: CommitCallback


class GroupCommit:
    """Queues events, bounded by `queue_limit`, and commits them to the sink from one committer thread.

    `on_commit` is called on the committer thread after each commit, with its events and their StoredFlags.
    """

    def __init__(
        self, sink: EventSink, on_commit: OnCommit | None = None, queue_limit: int = MAX_QUEUED_EVENTS
    ) -> None:
        self._sink = sink
        self._on_commit = on_commit
        self._queue_limit = queue_limit
        self._queue: deque[PendingRequest] = deque()
        self._queued_count = 0  # events in _queue
        self._condition = threading.Condition()
        self._is_open = False
        self._thread: threading.Thread | None = None
        self._in_flight: list[PendingRequest] = []  # being committed

    @property
    def queued_count(self) -> int:
        """Number of events that wait for a commit."""
        return self._queued_count

    @property
    def queue_limit(self) -> int:
        return self._queue_limit

    def start(self) -> None:
        self._is_open = True
        self._start_thread()

    def stop(self) -> None:
        """Rejects new events, commits the queued ones, and returns when that is done."""
        with self._condition:
            self._is_open = False
            self._condition.notify()
        while self._thread and self._thread.is_alive():  # a committer that crashed may have been replaced
            self._thread.join()
        self._thread = None

    async def append(self, events: Sequence[Event]) -> StoredFlags:
        """Enqueues events and waits for their commit. Raises StoreUnavailable when none was stored."""
        future: asyncio.Future[StoredFlags] = asyncio.get_running_loop().create_future()

        def settle(result: StoredFlags | StoreUnavailable) -> None:
            if future.done():  # the caller was cancelled
                return
            if isinstance(result, StoreUnavailable):
                future.set_exception(result)
            else:
                future.set_result(result)

        self.enqueue(events, settle)
        return await future

    def enqueue(self, events: Sequence[Event], callback: CommitCallback) -> None:
        """Enqueues events; `callback` runs on the current event loop after the commit.

        Raises StoreUnavailable when the queue is full or closed.
        """
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
            # The committer waits for the first event, then for MIN_BATCH or MAX_DELAY_S: only these two need a wake-up.
            if not previous_count or previous_count < MIN_BATCH <= self._queued_count:
                self._condition.notify()

    def _start_thread(self) -> None:
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        """Runs the committer thread; after a crash, rejects its batch and restarts.

        Without queued events, the next enqueue starts the new thread.
        """
        try:
            next_commit_s = 0.0
            while batch := self._next_batch(next_commit_s):
                next_commit_s = time.monotonic() + MAX_DELAY_S
                self._commit(batch)
        except BaseException as problem:
            log.critical("committer thread crashed, restarting", extra={"error_type": type(problem).__name__})
            self._reject_batch(self._in_flight, StoreUnavailable("The event could not be stored."))
            with self._condition:
                if self._queued_count or not self._is_open:  # else the next enqueue starts it
                    self._start_thread()

    def _next_batch(self, not_before_s: float) -> list[PendingRequest]:
        """Waits for events, then until `not_before_s` or MIN_BATCH events; empty once closed and drained."""
        with self._condition:
            while self._is_open and not self._queued_count:
                self._condition.wait()
            while (
                self._is_open
                and self._queued_count < MIN_BATCH
                and (remaining_s := not_before_s - time.monotonic()) > 0
            ):
                self._condition.wait(remaining_s)
            batch = self._in_flight = []
            event_count = 0
            while self._queue and (not batch or event_count + len(self._queue[0].events) <= MAX_BATCH):
                batch.append(self._queue.popleft())
                event_count += len(batch[-1].events)
            self._queued_count -= event_count
            return batch

    def _commit(self, batch: list[PendingRequest]) -> None:
        events = [event for request in batch for event in request.events]
        try:
            flags = self._sink.append(events)
        except StoreUnavailable as problem:
            self._reject_batch(batch, problem)
            return
        except Exception as problem:
            log.error("commit failed", exc_info=problem, extra={"requests": len(batch)})
            if len(batch) == 1:
                self._reject_batch(batch, StoreUnavailable("The event could not be stored."))
                return
            for request in batch:  # one bad event must not fail its batch
                self._commit([request])
            return
        if self._on_commit is not None:
            try:
                self._on_commit(events, flags)
            except Exception:
                log.exception("commit listener failed (events are stored)")
        ends = accumulate(len(request.events) for request in batch)
        _deliver_results(
            [(request, flags[end - len(request.events) : end]) for request, end in zip(batch, ends, strict=True)]
        )

    def _reject_batch(self, batch: list[PendingRequest], problem: StoreUnavailable) -> None:
        _deliver_results([(request, problem) for request in batch])


def _deliver_results(results: Sequence[tuple[PendingRequest, StoredFlags | StoreUnavailable]]) -> None:
    """Delivers results to their callbacks, with one call into each event loop."""

    def run_callbacks(results: Sequence[tuple[PendingRequest, StoredFlags | StoreUnavailable]]) -> None:
        for request, result in results:
            try:
                request.callback(result)
            except Exception:  # the other requests of the batch still get theirs
                log.exception("response could not be delivered (events are committed)")

    results_by_loop: dict[asyncio.AbstractEventLoop, list[tuple[PendingRequest, StoredFlags | StoreUnavailable]]] = {}
    for result in results:
        results_by_loop.setdefault(result[0].loop, []).append(result)
    for loop, loop_results in results_by_loop.items():
        try:
            loop.call_soon_threadsafe(run_callbacks, loop_results)
        except RuntimeError:  # the loop is closed: no client waits
            log.warning("event loop closed before the commit was done", extra={"requests": len(loop_results)})
