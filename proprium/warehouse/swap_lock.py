"""Lets any number of threads in, until somebody needs the place for themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class SwapLockClosed(Exception):
    """It was shut for longer than one was ready to wait, or for good."""


class SwapLock:
    """Who is in already may enter again, so that a question within a question does not wait for itself."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._is_exclusive = False
        self._is_closed = False
        self._reader_count = 0
        self._thread_state = threading.local()

    @contextmanager
    def read(self, timeout_s: float) -> Iterator[None]:
        """Raises Shut when it does not open in time."""
        depth = getattr(self._thread_state, "depth", 0)
        with self._condition:
            if not depth:
                self._condition.wait_for(lambda: self._is_closed or not self._is_exclusive, timeout_s)
                if self._is_exclusive or self._is_closed:
                    raise SwapLockClosed
            self._thread_state.depth = depth + 1
            self._reader_count += 1
        try:
            yield
        finally:
            with self._condition:
                self._thread_state.depth -= 1
                self._reader_count -= 1
                self._condition.notify_all()

    @contextmanager
    def exclusive(
        self, drain_timeout_s: float, interrupt_readers: Callable[[], None], *, is_permanent: bool = False
    ) -> Iterator[None]:
        """Nobody is inside while it lasts. Who stays longer than `patience_s` is hurried, and given a moment more."""
        with self._condition:
            self._is_exclusive = True
            if not self._condition.wait_for(self._has_no_readers, drain_timeout_s):
                interrupt_readers()
                self._condition.wait_for(self._has_no_readers, 1.0)
        try:
            yield
        finally:
            with self._condition:
                self._is_exclusive = False
                self._is_closed = self._is_closed or is_permanent
                self._condition.notify_all()

    def _has_no_readers(self) -> bool:
        return self._reader_count == 0
