"""Compaction, for secure deletion: schedules rewriting the warehouse without deleted rows.

An engine may leave the bytes of deleted rows on disk: DuckDB does until their blocks are reused, and a checkpoint does
not overwrite them. Copying the remaining rows to a new database removes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from proprium.errors import OperatorError
from proprium.warehouse.engine import Engine

QUIET_PERIOD_S = 3.0
"""Debounce: a long deletion comes in batches, and the warehouse is rewritten once, this long after the last one."""
MAX_DELAY_S = 15.0
"""Upper limit of the debounce, counted from the first deletion."""
RETRY_DELAY_S = 60.0
"""Wait after a failed compaction."""
SPARE_DISK_BYTES = 64 * 1024 * 1024
"""Free disk space to leave beside a rebuild or a copy."""


class CompactionSchedule:
    """Decides when a compaction is due. Not thread-safe.

    After each compaction it pauses for as long as that took, so that compactions use at most half of the time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._needed_since_s: float | None = None
        self._changed_at_s = 0.0
        self._change_seq = -1
        self._not_before_s = float("-inf")

    def is_due(self, is_needed: bool, change_seq: int) -> bool:
        """Returns whether to compact now; `change_seq` is the last storage change applied to the warehouse."""
        now_s = self._clock()
        if not is_needed:
            self._needed_since_s = None
            return False
        if self._needed_since_s is None:
            self._needed_since_s = now_s
        if change_seq != self._change_seq:
            self._change_seq, self._changed_at_s = change_seq, now_s
        has_waited = now_s - self._changed_at_s >= QUIET_PERIOD_S or now_s - self._needed_since_s >= MAX_DELAY_S
        return has_waited and now_s >= self._not_before_s

    def record_success(self, duration_s: float) -> None:
        """Ends the need, and blocks the next compaction for `duration_s`."""
        self._needed_since_s = None
        self._not_before_s = self._clock() + duration_s

    def record_failure(self) -> None:
        """Blocks the next attempt for RETRY_DELAY_S."""
        self._not_before_s = self._clock() + RETRY_DELAY_S


def check_space_for_copy(engine: Engine) -> None:
    """Raises OperatorError when a second database of this size would fill the disk."""
    needed_bytes = engine.size_bytes() + SPARE_DISK_BYTES
    free_bytes = engine.free_bytes()
    if free_bytes < needed_bytes:
        raise OperatorError(
            f"Deleted events cannot be erased from {engine.name} yet: this needs {needed_bytes >> 20} MB in"
            f" {engine.location}, and {free_bytes >> 20} MB are free. Free up disk space; the next attempt is in a"
            " minute."
        )
