"""Progress of a long catch-up or rebuild, reported to a callback and, every few seconds, to the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

LOG_INTERVAL_S = 5.0

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total), as differences of seq in storage: about as many as events."""


class ProgressReporter:
    """Reports the progress of one catch-up, from `start_seq` to `end_seq` in storage."""

    def __init__(self, start_seq: int, end_seq: int, on_progress: ProgressCallback | None) -> None:
        self._start_seq = start_seq
        self._end_seq = end_seq
        self._on_progress = on_progress
        self._next_log_s = time.monotonic() + LOG_INTERVAL_S
        self._has_logged = False

    def report(self, seq: int) -> None:
        """Calls the callback; logs at most every LOG_INTERVAL_S. `end_seq` moves along when it is passed."""
        done_count, total_count = seq - self._start_seq, max(self._end_seq, seq) - self._start_seq
        if self._on_progress is not None:
            self._on_progress(done_count, total_count)
        if time.monotonic() >= self._next_log_s:
            self._next_log_s = time.monotonic() + LOG_INTERVAL_S
            self._has_logged = True
            log.info("warehouse is catching up", extra={"done_events": done_count, "total_events": total_count})

    def finish(self) -> None:
        """Logs the end of a catch-up that was long enough to be logged."""
        if self._has_logged:
            log.info("warehouse up to date")
