"""Secure deletion in the warehouse: when its file is written again without the rows that were deleted.

The engine leaves the bytes of deleted rows in the file until their blocks are used again, and a checkpoint does not
overwrite them. A copy of what is left, in a file of its own, is what removes them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from proprium.errors import OperatorError

QUIET_PERIOD_S = 3.0
"""A long deletion comes in shares: so long after the last of them, the file is written once for all."""
MAX_DELAY_S = 15.0
"""However many more are coming."""
RETRY_DELAY_S = 60.0
SPARE_DISK_BYTES = 64 * 1024 * 1024


class CompactionSchedule:
    """Decides when a compaction is due. After each one it rests for as long as that took. Not thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._needed_since_s: float | None = None  # when it was first needed
        self._changed_at_s = 0.0
        self._change_seq = -1
        self._not_before_s = float("-inf")

    def is_due(self, is_needed: bool, change_seq: int) -> bool:
        """`change_seq` is the last change that the warehouse has followed."""
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
        self._needed_since_s = None
        self._not_before_s = self._clock() + duration_s

    def record_failure(self) -> None:
        self._not_before_s = self._clock() + RETRY_DELAY_S


def check_disk_for_copy(path: Path) -> None:
    """Raises ProblemForOperator when a second file of this size would fill the disk."""
    needed_bytes = path.stat().st_size + SPARE_DISK_BYTES
    free_bytes = shutil.disk_usage(path.parent).free
    if free_bytes < needed_bytes:
        raise OperatorError(
            f"What was deleted cannot be overwritten in {path.name} yet: that takes {needed_bytes >> 20} MB in"
            f" {path.parent}, and {free_bytes >> 20} MB are free. Make room; it is tried again every minute."
        )
