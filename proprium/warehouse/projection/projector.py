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
from proprium.errors import OperatorError
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.event_codec import from_timestamp_us
from proprium.warehouse import schema
from proprium.warehouse.compaction import SPARE_DISK_BYTES, CompactionSchedule, check_disk_for_copy
from proprium.warehouse.projection.incremental_sync import IncrementalSync
from proprium.warehouse.projection.progress import ProgressCallback, ProgressReporter
from proprium.warehouse.projection.rules import RulesSource
from proprium.warehouse.warehouse import Warehouse

log = logging.getLogger(__name__)

MIN_INTERVAL_S = 0.2
MAX_INTERVAL_S = 0.6
INTERVAL_WORK_FACTOR = 12
"""From one projection to the next, by what one takes: a row costs much less in company (50 ms a round, 50 µs a row).
The first one after a silence goes at once."""
POLL_INTERVAL_S = 5.0
"""How often storage is looked at when it says nothing, and how often its history is compared."""
RETRY_DELAY_S = 2.0
MAX_FAILURES_BEFORE_REOPEN = 2
BACKFILL_THRESHOLD_EVENTS = 50_000
"""Events behind storage from which on they are taken in bulk."""
BYTES_PER_EVENT = 150


@dataclass(frozen=True)
class WarehouseStatus:
    storage_events: int
    warehouse_events: int
    lag_s: float  # how long events have waited to get in; 0: none does
    is_rebuilding: bool
    left_out_events: int = 0  # by the properties' rules


class ProjectorStopped(Exception):
    """The projector was told to stop before it had caught up."""


class Projector:
    """One a warehouse. `on_moved` is told of the properties whose numbers may have moved, in the projector's thread."""

    def __init__(
        self,
        change_feed: ChangeFeed,
        warehouse: Warehouse,
        rules_source: RulesSource,
        on_properties_changed: Callable[[frozenset[int]], None] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._change_feed = change_feed
        self._warehouse = warehouse
        self._rules_source = rules_source
        self._on_properties_changed = on_properties_changed
        self._clock = clock
        self._lock = threading.RLock()
        self._stop_event = threading.Event()
        self._thread: threading.Thread | None = None
        self._sync = IncrementalSync(change_feed, warehouse, rules_source)
        self._compared_at_s = float("-inf")
        self._caught_up_at_s: float | None = None
        self._is_rebuilding = False
        self._compactions = CompactionSchedule()

    def start(self) -> None:
        """Follows in a thread of its own until `stop`."""
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends after the transaction that is under way; a rebuild is given up."""
        self._stop_event.set()
        self._change_feed.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._stop_event.clear()

    def catch_up(self, on_progress: ProgressCallback | None = None) -> frozenset[int]:
        """Until nothing is left to take; the properties that moved. Rebuilds first where that is needed."""
        with self._lock:
            if self._needs_rebuild():
                return self.rebuild(on_progress)
            changed_properties = self._sync_all(self._sync, on_progress)
        self._notify(changed_properties)
        return changed_properties

    def rebuild(self, on_progress: ProgressCallback | None = None) -> frozenset[int]:
        """Fills a new file while the old one answers, then swaps. Raises ProblemForOperator on too small a disk."""
        with self._lock:
            self._check_disk()
            self._is_rebuilding = True
            try:
                self._rebuild(on_progress)
            finally:
                self._is_rebuilding = False
            changed_properties = self._sync.property_numbers()
        self._notify(changed_properties)
        return changed_properties

    def compact(self) -> bool:
        """Writes the file again without what was deleted; False where nothing was. The old one answers meanwhile.

        Raises ProblemForOperator on too small a disk.
        """
        with self._lock:
            if not self._sync.needs_compaction:
                return False
            check_disk_for_copy(self._warehouse.path)
            successor = self._warehouse.copy(lambda: self._on_batch_done(self._sync))
            self._move_to(successor, None)
            moved = self._sync.property_numbers()
        self._notify(moved)
        return True

    def erased_to(self) -> int:
        """The last change of storage of which the warehouse's file holds no trace."""
        follower = self._sync
        return 0 if follower.needs_compaction else follower.position.change_seq

    def status(self) -> WarehouseStatus:
        """Counts both; takes a moment where there are many events."""
        with self._warehouse.read(allow_outdated=True) as connection:
            event_count = cast(int, connection.scalar(select(func.count()).select_from(schema.event)))
            excluded_count = cast(int, connection.scalar(select(func.count()).select_from(schema.left_out)))
        stored_count = sum(self._change_feed.event_counts().values())
        return WarehouseStatus(stored_count, event_count, self.lag_s(), self._is_rebuilding, excluded_count)

    def lag_s(self) -> float:
        """How long events have waited to get into the warehouse; cheap."""
        pending_events = self._change_feed.events_after(self._sync.position.event_seq, 1)
        if not pending_events:
            return 0.0
        age_s = max(0.0, (self._clock() - from_timestamp_us(pending_events[0].created_at)).total_seconds())
        return age_s if self._caught_up_at_s is None else min(age_s, time.monotonic() - self._caught_up_at_s)

    def _run(self) -> None:
        failure_count = 0
        while not self._stop_event.is_set():
            started_s = time.monotonic()
            try:
                self.catch_up()
                failure_count = 0
                self._compact_when_due()
            except ProjectorStopped:
                return
            except Exception:
                failure_count += 1
                log.exception("the warehouse could not follow storage; trying again")
                self._recover(failure_count)
            interval_s = min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, INTERVAL_WORK_FACTOR * (time.monotonic() - started_s)))
            self._change_feed.wait(POLL_INTERVAL_S)
            self._stop_event.wait(max(0.0, started_s + interval_s - time.monotonic()))

    def _compact_when_due(self) -> None:
        """A failure is tried again later: the numbers are right without it. Raises Stopped."""
        follower = self._sync
        if not self._compactions.is_due(follower.needs_compaction, follower.position.change_seq):
            return
        begun = time.monotonic()
        try:
            self.compact()
        except ProjectorStopped:
            raise
        except OperatorError as problem:
            self._compactions.record_failure()
            log.warning("%s", problem)
        except Exception:
            self._compactions.record_failure()
            log.exception("what was deleted could not be removed from the warehouse's file; trying again")
        else:
            duration_s = time.monotonic() - begun
            self._compactions.record_success(duration_s)
            log.info("what was deleted is gone from the warehouse's file (%.1f s)", duration_s)

    def _recover(self, failure_count: int) -> None:
        """A full disk may pass by itself; an engine that has given up must be opened anew."""
        self._stop_event.wait(RETRY_DELAY_S)
        self._change_feed.wake()
        if failure_count >= MAX_FAILURES_BEFORE_REOPEN:
            try:
                with self._lock:
                    self._warehouse.reopen()
                    self._sync = IncrementalSync(self._change_feed, self._warehouse, self._rules_source)
            except Exception:
                log.exception("the warehouse could not be opened again")

    def _sync_all(
        self, sync: IncrementalSync, on_progress: ProgressCallback | None, *, live_sync: IncrementalSync | None = None
    ) -> frozenset[int]:
        """The properties that moved. Keeps `beside` up at the same time. Raises Stopped."""
        reporter = ProgressReporter(sync.position.event_seq, self._change_feed.last_event_seq(), on_progress)
        changed_properties: frozenset[int] = frozenset()
        while not self._stop_event.is_set():
            needs_backfill = self._change_feed.last_event_seq() - sync.position.event_seq > BACKFILL_THRESHOLD_EVENTS
            changed_properties |= (
                sync.backfill(lambda: self._on_batch_done(live_sync)) if needs_backfill else sync.apply_next()
            )
            reporter.report(sync.position.event_seq)
            if not sync.is_behind:  # what came meanwhile is the next round's: chasing it would never rest
                self._caught_up_at_s = time.monotonic()
                reporter.finish()
                return changed_properties
            self._on_batch_done(live_sync)
        raise ProjectorStopped

    def _on_batch_done(self, live_sync: IncrementalSync | None) -> None:
        """In the middle of a long way: is there something else to do?"""
        if self._stop_event.is_set():
            raise ProjectorStopped
        if live_sync is not None:
            self._notify(live_sync.apply_next())

    def _rebuild(self, on_progress: ProgressCallback | None) -> None:
        log.info("the warehouse is rebuilt from storage")
        self._move_to(self._warehouse.create_rebuild_target(), on_progress)

    def _move_to(self, successor: Warehouse, progress: ProgressCallback | None) -> None:
        """Fills the successor with what it has not got yet, then swaps; abandons it when something fails."""
        try:
            follower = IncrementalSync(self._change_feed, successor, self._rules_source)
            self._sync_all(follower, progress, live_sync=self._sync if self._sync.is_compatible() else None)
            self._warehouse.swap(successor)
        except BaseException:
            self._warehouse.discard(successor)
            raise
        self._sync = follower.rebind(self._warehouse)

    def _needs_rebuild(self) -> bool:
        """Compared now and then only: it costs as much as a small projection."""
        now_s = time.monotonic()
        if now_s - self._compared_at_s < POLL_INTERVAL_S:
            return False
        self._compared_at_s = now_s
        return not self._sync.is_compatible()

    def _check_disk(self) -> None:
        needed_bytes = sum(self._change_feed.event_counts().values()) * BYTES_PER_EVENT + SPARE_DISK_BYTES
        free_bytes = shutil.disk_usage(self._warehouse.path.parent).free
        if free_bytes < needed_bytes:
            raise OperatorError(
                f"The warehouse cannot be rebuilt: {needed_bytes >> 20} MB are needed in {self._warehouse.path.parent},"
                f" {free_bytes >> 20} MB are free."
            )

    def _notify(self, changed_properties: frozenset[int]) -> None:
        if changed_properties and self._on_properties_changed is not None:
            try:
                self._on_properties_changed(changed_properties)
            except Exception:
                log.exception("somebody who watches the warehouse failed")
