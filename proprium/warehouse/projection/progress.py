"""How far a long catch-up is, told to whoever waits, and to the log now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY_S = 5.0

Progress = Callable[[int, int], None]
"""Told of (done, in all): places in storage's sequence, so about as many as events."""


class Steps:
    """One catch-up, from a place in the sequence to where it ended when this was made."""

    def __init__(self, start: int, end: int, progress: Progress | None) -> None:
        self._start = start
        self._end = end
        self._progress = progress
        self._next_at = time.monotonic() + EVERY_S
        self._is_logged = False

    def at(self, place: int) -> None:
        done, total = place - self._start, max(self._end, place) - self._start
        if self._progress is not None:
            self._progress(done, total)
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + EVERY_S
            self._is_logged = True
            log.info("the warehouse catches up: %s of %s events", f"{done:,}", f"{total:,}")

    def end(self) -> None:
        if self._is_logged:
            log.info("the warehouse has caught up")
