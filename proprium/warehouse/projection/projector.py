"""Keeps the warehouse like storage: follows it as it grows, and rebuilds when the warehouse is of another past."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import func, select

from proprium.clock import Clock, utc_now
from proprium.errors import ProblemForOperator
from proprium.storage.change_feed import Tail
from proprium.storage.event_codec import moment
from proprium.warehouse import schema
from proprium.warehouse.compaction import SPARE_BYTES, CompactionSchedule, check_disk_for_copy
from proprium.warehouse.projection.incremental_sync import Follower
from proprium.warehouse.projection.progress import Progress, Steps
from proprium.warehouse.projection.rules import RulesSource
from proprium.warehouse.warehouse import Warehouse

log = logging.getLogger(__name__)

PACE_S = 0.2
LONGEST_PACE_S = 0.6
REST_PER_WORK = 12
"""From one projection to the next, by what one takes: a row costs much less in company (50 ms a round, 50 µs a row).
The first one after a silence goes at once."""
LOOK_S = 5.0
"""How often storage is looked at when it says nothing, and how often its history is compared."""
RETRY_S = 2.0
FAILURES_BEFORE_REOPENING = 2
FAR = 50_000
"""Events behind storage from which on they are taken in bulk."""
BYTES_PER_EVENT = 150


@dataclass(frozen=True)
class WarehouseStatus:
    storage_events: int
    warehouse_events: int
    lag_s: float  # how long events have waited to get in; 0: none does
    is_rebuilding: bool
    left_out_events: int = 0  # by the properties' rules


class Stopped(Exception):
    """The projector was told to stop before it had caught up."""


class Projector:
    """One a warehouse. `on_moved` is told of the properties whose numbers may have moved, in the projector's thread."""

    def __init__(
        self,
        tail: Tail,
        warehouse: Warehouse,
        rules: RulesSource,
        on_moved: Callable[[frozenset[int]], None] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._tail = tail
        self._warehouse = warehouse
        self._rules = rules
        self._on_moved = on_moved
        self._clock = clock
        self._turn = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._follower = Follower(tail, warehouse, rules)
        self._compared_at = float("-inf")
        self._caught_up_at: float | None = None
        self._is_rebuilding = False
        self._compactions = CompactionSchedule()

    def start(self) -> None:
        """Follows in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._follow, name="projector", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the transaction that is under way; a rebuild is given up."""
        self._stopping.set()
        self._tail.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._stopping.clear()

    def catch_up(self, progress: Progress | None = None) -> frozenset[int]:
        """Until nothing is left to take; the properties that moved. Rebuilds first where that is needed."""
        with self._turn:
            if self._is_of_another_past():
                return self.rebuild(progress)
            moved = self._take_all(self._follower, progress)
        self._tell(moved)
        return moved

    def rebuild(self, progress: Progress | None = None) -> frozenset[int]:
        """Fills a new file while the old one answers, then swaps. Raises ProblemForOperator on too small a disk."""
        with self._turn:
            self._check_disk()
            self._is_rebuilding = True
            try:
                self._rebuild(progress)
            finally:
                self._is_rebuilding = False
            moved = self._follower.properties()
        self._tell(moved)
        return moved

    def compact(self) -> bool:
        """Writes the file again without what was deleted; False where nothing was. The old one answers meanwhile.

        Raises ProblemForOperator on too small a disk.
        """
        with self._turn:
            if not self._follower.needs_compaction:
                return False
            check_disk_for_copy(self._warehouse.path)
            successor = self._warehouse.copy(lambda: self._pause(self._follower))
            self._move_to(successor, None)
            moved = self._follower.properties()
        self._tell(moved)
        return True

    def erased_to(self) -> int:
        """The last change of storage of which the warehouse's file holds no trace."""
        follower = self._follower
        return 0 if follower.needs_compaction else follower.position.change_seq

    def status(self) -> WarehouseStatus:
        """Counts both; takes a moment where there are many events."""
        with self._warehouse.read(even_outdated=True) as connection:
            count = cast(int, connection.scalar(select(func.count()).select_from(schema.event)))
            left_out = cast(int, connection.scalar(select(func.count()).select_from(schema.left_out)))
        stored = sum(self._tail.counts().values())
        return WarehouseStatus(stored, count, self.lag_s(), self._is_rebuilding, left_out)

    def lag_s(self) -> float:
        """How long events have waited to get into the warehouse; cheap."""
        waiting = self._tail.events_after(self._follower.position.event_seq, 1)
        if not waiting:
            return 0.0
        age = max(0.0, (self._clock() - moment(waiting[0].created_at)).total_seconds())
        return age if self._caught_up_at is None else min(age, time.monotonic() - self._caught_up_at)

    def _follow(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self.catch_up()
                failures = 0
                self._compact_when_due()
            except Stopped:
                return
            except Exception:
                failures += 1
                log.exception("the warehouse could not follow storage; trying again")
                self._recover(failures)
            pace_s = min(LONGEST_PACE_S, max(PACE_S, REST_PER_WORK * (time.monotonic() - begun)))
            self._tail.wait(LOOK_S)
            self._stopping.wait(max(0.0, begun + pace_s - time.monotonic()))

    def _compact_when_due(self) -> None:
        """A failure is tried again later: the numbers are right without it. Raises Stopped."""
        follower = self._follower
        if not self._compactions.is_due(follower.needs_compaction, follower.position.change_seq):
            return
        begun = time.monotonic()
        try:
            self.compact()
        except Stopped:
            raise
        except ProblemForOperator as problem:
            self._compactions.failed()
            log.warning("%s", problem)
        except Exception:
            self._compactions.failed()
            log.exception("what was deleted could not be removed from the warehouse's file; trying again")
        else:
            duration_s = time.monotonic() - begun
            self._compactions.succeeded(duration_s)
            log.info("what was deleted is gone from the warehouse's file (%.1f s)", duration_s)

    def _recover(self, failures: int) -> None:
        """A full disk may pass by itself; an engine that has given up must be opened anew."""
        self._stopping.wait(RETRY_S)
        self._tail.wake()
        if failures >= FAILURES_BEFORE_REOPENING:
            try:
                with self._turn:
                    self._warehouse.reopen()
                    self._follower = Follower(self._tail, self._warehouse, self._rules)
            except Exception:
                log.exception("the warehouse could not be opened again")

    def _take_all(
        self, follower: Follower, progress: Progress | None, *, beside: Follower | None = None
    ) -> frozenset[int]:
        """The properties that moved. Keeps `beside` up at the same time. Raises Stopped."""
        steps = Steps(follower.position.event_seq, self._tail.last_event_seq(), progress)
        moved: frozenset[int] = frozenset()
        while not self._stopping.is_set():
            is_far = self._tail.last_event_seq() - follower.position.event_seq > FAR
            moved |= follower.take_in_bulk(lambda: self._pause(beside)) if is_far else follower.take()
            steps.at(follower.position.event_seq)
            if not follower.is_behind:  # what came meanwhile is the next round's: chasing it would never rest
                self._caught_up_at = time.monotonic()
                steps.end()
                return moved
            self._pause(beside)
        raise Stopped

    def _pause(self, beside: Follower | None) -> None:
        """In the middle of a long way: is there something else to do?"""
        if self._stopping.is_set():
            raise Stopped
        if beside is not None:
            self._tell(beside.take())

    def _rebuild(self, progress: Progress | None) -> None:
        log.info("the warehouse is rebuilt from storage")
        self._move_to(self._warehouse.successor(), progress)

    def _move_to(self, successor: Warehouse, progress: Progress | None) -> None:
        """Fills the successor with what it has not got yet, then swaps; abandons it when something fails."""
        try:
            follower = Follower(self._tail, successor, self._rules)
            self._take_all(follower, progress, beside=self._follower if self._follower.fits() else None)
            self._warehouse.swap(successor)
        except BaseException:
            self._warehouse.abandon(successor)
            raise
        self._follower = follower.moved_to(self._warehouse)

    def _is_of_another_past(self) -> bool:
        """Compared now and then only: it costs as much as a small projection."""
        now = time.monotonic()
        if now - self._compared_at < LOOK_S:
            return False
        self._compared_at = now
        return not self._follower.fits()

    def _check_disk(self) -> None:
        needed = sum(self._tail.counts().values()) * BYTES_PER_EVENT + SPARE_BYTES
        free = shutil.disk_usage(self._warehouse.path.parent).free
        if free < needed:
            raise ProblemForOperator(
                f"The warehouse cannot be rebuilt: {needed >> 20} MB are needed in {self._warehouse.path.parent},"
                f" {free >> 20} MB are free."
            )

    def _tell(self, moved: frozenset[int]) -> None:
        if moved and self._on_moved is not None:
            try:
                self._on_moved(moved)
            except Exception:
                log.exception("somebody who watches the warehouse failed")
