"""How far a long catch-up is, told to whoever waits, and to the log now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

LOG_INTERVAL_S = 5.0

ProgressCallback = Callable[[int, int], None]
"""Told of (done, in all): places in storage's sequence, so about as many as events."""


class ProgressReporter:
    """One catch-up, from a place in the sequence to where it ended when this was made."""

    def __init__(self, start_seq: int, end_seq: int, on_progress: ProgressCallback | None) -> None:
        self._start_seq = start_seq
        self._end_seq = end_seq
        self._on_progress = on_progress
        self._next_log_s = time.monotonic() + LOG_INTERVAL_S
        self._has_logged = False

    def report(self, seq: int) -> None:
        done_count, total_count = seq - self._start_seq, max(self._end_seq, seq) - self._start_seq
        if self._on_progress is not None:
            self._on_progress(done_count, total_count)
        if time.monotonic() >= self._next_log_s:
            self._next_log_s = time.monotonic() + LOG_INTERVAL_S
            self._has_logged = True
            log.info("the warehouse catches up: %s of %s events", f"{done_count:,}", f"{total_count:,}")

    def finish(self) -> None:
        if self._has_logged:
            log.info("the warehouse has caught up")
