"""Secure deletion in the warehouse: when its file is written again without the rows that were deleted.

The engine leaves the bytes of deleted rows in the file until their blocks are used again, and a checkpoint does not
overwrite them. A copy of what is left, in a file of its own, is what removes them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from proprium.errors import ProblemForOperator

QUIET_S = 3.0
"""A long deletion comes in shares: so long after the last of them, the file is written once for all."""
LONGEST_DELAY_S = 15.0
"""However many more are coming."""
RETRY_S = 60.0
SPARE_BYTES = 64 * 1024 * 1024


class CompactionSchedule:
    """Decides when a compaction is due. After each one it rests for as long as that took. Not thread-safe."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._since: float | None = None  # when it was first needed
        self._changed_at = 0.0
        self._change_seq = -1
        self._not_before = float("-inf")

    def is_due(self, is_needed: bool, change_seq: int) -> bool:
        """`change_seq` is the last change that the warehouse has followed."""
        now = self._now()
        if not is_needed:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        if change_seq != self._change_seq:
            self._change_seq, self._changed_at = change_seq, now
        has_waited = now - self._changed_at >= QUIET_S or now - self._since >= LONGEST_DELAY_S
        return has_waited and now >= self._not_before

    def succeeded(self, duration_s: float) -> None:
        self._since = None
        self._not_before = self._now() + duration_s

    def failed(self) -> None:
        self._not_before = self._now() + RETRY_S


def check_disk_for_copy(path: Path) -> None:
    """Raises ProblemForOperator when a second file of this size would fill the disk."""
    needed = path.stat().st_size + SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise ProblemForOperator(
            f"What was deleted cannot be overwritten in {path.name} yet: that takes {needed >> 20} MB in"
            f" {path.parent}, and {free >> 20} MB are free. Make room; it is tried again every minute."
        )
