"""The projector: a background thread that keeps the warehouse in sync with storage.

Applies new events and deletions incrementally, backfills when it is far behind, rebuilds when schema version, rules or
database generation differ, and compacts the warehouse after deletions.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from sqlalchemy import func, select

from proprium.clock import Clock, utc_now
from proprium.errors import OperatorError, WarehouseRebuilding
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.event_codec import from_timestamp_us
from proprium.warehouse import schema
from proprium.warehouse.compaction import SPARE_DISK_BYTES, CompactionSchedule, check_space_for_copy
from proprium.warehouse.projection.incremental_sync import IncrementalSync
from proprium.warehouse.projection.progress import ProgressCallback, ProgressReporter
from proprium.warehouse.projection.rules import RulesSource
from proprium.warehouse.warehouse import MISSING_ROWS, Warehouse

log = logging.getLogger(__name__)

MIN_INTERVAL_S = 0.2
MAX_INTERVAL_S = 0.6
INTERVAL_WORK_FACTOR = 12
"""The interval between two rounds is this factor times a round's duration, within MIN_INTERVAL_S and MAX_INTERVAL_S:
batching is much cheaper (50 ms a round, 50 µs a row). The first round after an idle period starts at once."""
POLL_INTERVAL_S = 5.0
"""How often storage is polled when it sends no wake-up, and how often compatibility with it is checked."""
RETRY_DELAY_S = 2.0
MAX_FAILURES_BEFORE_REOPEN = 2
VERIFY_INTERVAL_S = 600.0
"""Shortest time between two checks of all rows: a query that hits a defect of the engine must not keep it busy."""
BACKFILL_THRESHOLD_EVENTS = 50_000
"""A lag of more events than this is applied by backfill, in larger batches."""


@dataclass(frozen=True)
class WarehouseStatus:
    """Event counts of storage and warehouse, and the lag between them."""

    storage_events: int
    warehouse_events: int
    lag_s: float  # how long the oldest pending event has waited to be projected; 0: none is pending
    is_rebuilding: bool
    left_out_events: int = 0  # excluded by the properties' rules


class ProjectorStopped(Exception):
    """`stop` was called before the projector had caught up."""


class Projector:
    """Syncs one warehouse with storage, in a background thread or by explicit calls.

    `on_properties_changed` is called with the numbers of properties whose metrics may have changed, in the thread that
    applied the changes. `catch_up`, `rebuild` and `compact` may be called from any thread; one runs at a time.
    """

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
        warehouse.on_damage = change_feed.wake
        self._sync = self._open_sync()
        self._checked_at_s = self._verified_at_s = float("-inf")
        self.failure: str | None = None
        """Why the last round in the background thread failed; None: it did not."""
        self._caught_up_at_s: float | None = None
        self._is_rebuilding = False
        self._compactions = CompactionSchedule()

    def start(self) -> None:
        """Starts the background thread, which runs until `stop`."""
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops the thread after its current transaction; a running rebuild is discarded."""
        self._stop_event.set()
        self._change_feed.wake()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._stop_event.clear()

    def catch_up(self, on_progress: ProgressCallback | None = None) -> frozenset[int]:
        """Applies everything that is pending and returns the numbers of the changed properties.

        Rebuilds instead where the warehouse is damaged or not compatible with storage. Raises ProjectorStopped.
        """
        with self._lock:
            if self._warehouse.is_suspect:
                self._verify()
            now_s = time.monotonic()
            # The check costs as much as a small projection.
            if now_s - self._checked_at_s >= POLL_INTERVAL_S or self._warehouse.damage is not None:
                self._checked_at_s = now_s
                if not self._sync.is_compatible():
                    return self.rebuild(on_progress)
            try:
                changed_properties = self._sync_all(self._sync, on_progress)
            except ProjectorStopped:
                raise
            except Exception:
                if self._warehouse.damage is None:
                    raise
                return self.rebuild(on_progress)
        self._notify(changed_properties)
        return changed_properties

    def rebuild(self, on_progress: ProgressCallback | None = None) -> frozenset[int]:
        """Rebuilds the warehouse beside the old one, which serves reads until the swap.

        Returns the numbers of all properties. Raises OperatorError when there is too little disk space.
        """
        with self._lock:
            engine = self._warehouse.engine
            event_count = sum(self._change_feed.event_counts().values())
            needed_bytes, free_bytes = event_count * engine.bytes_per_event + SPARE_DISK_BYTES, engine.free_bytes()
            if free_bytes < needed_bytes and self._warehouse.damage is not None:
                self._warehouse.erase_damaged()
                self._sync = self._open_sync()
                free_bytes = engine.free_bytes()
            if free_bytes < needed_bytes:
                raise OperatorError(
                    f"The warehouse cannot be rebuilt: {needed_bytes >> 20} MB are needed in {engine.location},"
                    f" {free_bytes >> 20} MB are free. Free up disk space and try again."
                )
            self._is_rebuilding = True
            try:
                log.info("rebuilding the warehouse from storage")
                end_seq = self._change_feed.last_event_seq()
                self._sync_and_swap(self._warehouse.create_rebuild_target(end_seq), on_progress)
            finally:
                self._is_rebuilding = False
            changed_properties = self._sync.property_numbers()
        self._notify(changed_properties)
        return changed_properties

    def compact(self) -> bool:
        """Compacts the warehouse: rewrites it without deleted rows. Returns False where no compaction is needed.

        The old contents serve reads meanwhile. Raises OperatorError when there is too little disk space.
        """
        with self._lock:
            if not self._sync.needs_compaction:
                return False
            check_space_for_copy(self._warehouse.engine)
            compacted_copy = self._warehouse.copy(lambda: self._on_batch_done(self._sync))
            self._sync_and_swap(compacted_copy, None)
            changed_properties = self._sync.property_numbers()
        self._notify(changed_properties)
        return True

    def erased_to(self) -> int:
        """Returns the seq up to which storage's deletions are erased from the warehouse.

        0 while a compaction is pending.
        """
        sync = self._sync
        return 0 if sync.needs_compaction else sync.position.change_seq

    def status(self) -> WarehouseStatus:
        """Counts the events of storage and warehouse, of a damaged one none; slow where there are many."""
        event_count = excluded_count = 0
        with suppress(WarehouseRebuilding), self._warehouse.read(allow_outdated=True) as connection:
            event_count = cast(int, connection.scalar(select(func.count()).select_from(schema.event)))
            excluded_count = cast(int, connection.scalar(select(func.count()).select_from(schema.left_out)))
        stored_count = sum(self._change_feed.event_counts().values())
        return WarehouseStatus(stored_count, event_count, self.lag_s(), self._is_rebuilding, excluded_count)

    def lag_s(self) -> float:
        """Returns how long the oldest pending event has waited to be projected, in seconds; cheap."""
        pending_batch = self._change_feed.batch_after(self._sync.position.event_seq, 1)
        if not pending_batch:
            return 0.0
        [created_us] = pending_batch["created_at"]
        age_s = max(0.0, (self._clock() - from_timestamp_us(created_us)).total_seconds())
        return age_s if self._caught_up_at_s is None else min(age_s, time.monotonic() - self._caught_up_at_s)

    def _run(self) -> None:
        failure_count = 0
        while not self._stop_event.is_set():
            started_s = time.monotonic()
            try:
                self.catch_up()
                failure_count, self.failure = 0, None
                self._compact_when_due()
            except ProjectorStopped:
                return
            except Exception as problem:
                failure_count += 1
                self.failure = str(problem).partition("\n")[0]
                log.exception("warehouse sync failed; retrying", extra={"failures": failure_count})
                self._stop_event.wait(RETRY_DELAY_S)
                self._change_feed.wake()
                # A full disk may resolve by itself; an engine in a fatal error state needs the reopening.
                if failure_count >= MAX_FAILURES_BEFORE_REOPEN:
                    self._reopen()
            interval_s = min(MAX_INTERVAL_S, max(MIN_INTERVAL_S, INTERVAL_WORK_FACTOR * (time.monotonic() - started_s)))
            self._change_feed.wait(POLL_INTERVAL_S)
            self._stop_event.wait(max(0.0, started_s + interval_s - time.monotonic()))

    def _compact_when_due(self) -> None:
        """Compacts when it is due; a failure is logged and retried later. Raises ProjectorStopped.

        The metrics are correct without it: deleted rows are gone, only their bytes may remain on disk.
        """
        sync = self._sync
        if not self._compactions.is_due(sync.needs_compaction, sync.position.change_seq):
            return
        started_s = time.monotonic()
        try:
            self.compact()
        except ProjectorStopped:
            raise
        except OperatorError as problem:
            self._compactions.record_failure()
            log.warning("warehouse compaction postponed", extra={"error": str(problem)})
        except Exception:
            self._compactions.record_failure()
            log.exception("warehouse compaction failed; retrying later")
        else:
            duration_s = time.monotonic() - started_s
            self._compactions.record_success(duration_s)
            log.info("warehouse compacted", extra={"duration_s": round(duration_s, 1)})

    def _reopen(self) -> None:
        try:
            with self._lock:
                self._warehouse.reopen()
                self._sync = self._open_sync()
        except Exception:
            log.exception("the warehouse could not be reopened")

    def _open_sync(self) -> IncrementalSync:
        """Reads the warehouse's position; without rows, many events are rebuilt beside it, for whole numbers only."""
        try:
            sync = IncrementalSync(self._change_feed, self._warehouse, self._rules_source)
        except Exception as problem:
            if self._warehouse.damage is None:
                raise
            log.warning("the warehouse has no readable position", extra={"error": str(problem)})
            self._warehouse.erase_damaged()
            sync = IncrementalSync(self._change_feed, self._warehouse, self._rules_source)
        if sync.position.event_seq == 0 and self._change_feed.last_event_seq() > BACKFILL_THRESHOLD_EVENTS:
            self._warehouse.mark_damaged(MISSING_ROWS)
        return sync

    def _verify(self) -> None:
        """Reopens the engine, which may refuse everything after an internal error, and has all rows read."""
        self._warehouse.reopen()
        self._sync = self._open_sync()
        now_s = time.monotonic()
        if now_s - self._verified_at_s < VERIFY_INTERVAL_S:
            self._warehouse.is_suspect = False
        else:
            self._verified_at_s = now_s
            self._warehouse.verify()

    def _sync_all(
        self, sync: IncrementalSync, on_progress: ProgressCallback | None, *, live_sync: IncrementalSync | None = None
    ) -> frozenset[int]:
        """Applies everything pending and returns the changed properties. Raises ProjectorStopped.

        `live_sync` is brought up to date as well, if any: the warehouse that serves reads during a rebuild.
        """
        reporter = ProgressReporter(sync.position.event_seq, self._change_feed.last_event_seq(), on_progress)
        changed_properties: frozenset[int] = frozenset()
        while not self._stop_event.is_set():
            needs_backfill = self._change_feed.last_event_seq() - sync.position.event_seq > BACKFILL_THRESHOLD_EVENTS
            changed_properties |= (
                sync.backfill(lambda: self._on_batch_done(live_sync)) if needs_backfill else sync.apply_next()
            )
            reporter.report(sync.position.event_seq)
            if not sync.is_behind:  # newer events wait for the next round: under load this loop would not end
                self._caught_up_at_s = time.monotonic()
                reporter.finish()
                return changed_properties
            self._on_batch_done(live_sync)
        raise ProjectorStopped

    def _on_batch_done(self, live_sync: IncrementalSync | None) -> None:
        """Applies pending events to `live_sync` between two batches. Raises ProjectorStopped."""
        if self._stop_event.is_set():
            raise ProjectorStopped
        if live_sync is not None and self._warehouse.damage is None:
            try:
                self._notify(live_sync.apply_next())
            except Exception:
                if self._warehouse.damage is None:
                    raise  # else the rebuild goes on: it mends what this found

    def _sync_and_swap(self, rebuild_target: Warehouse, on_progress: ProgressCallback | None) -> None:
        """Brings the rebuild target up to date, then swaps it in; discards it on any error."""
        try:
            sync = IncrementalSync(self._change_feed, rebuild_target, self._rules_source)
            self._sync_all(sync, on_progress, live_sync=self._sync if self._sync.is_compatible() else None)
            self._warehouse.swap(rebuild_target)
        except BaseException:
            self._warehouse.discard(rebuild_target)
            raise
        self._sync = sync.rebind(self._warehouse)

    def _notify(self, changed_properties: frozenset[int]) -> None:
        if changed_properties and self._on_properties_changed is not None:
            try:
                self._on_properties_changed(changed_properties)
            except Exception:
                log.exception("subscriber of warehouse changes failed")
