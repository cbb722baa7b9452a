"""The swap lock: a readers-writer lock with a drain timeout, held exclusively while the warehouse is swapped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class SwapLockClosed(Exception):
    """The lock was held exclusively for longer than the timeout, or is closed for good."""


class SwapLock:
    """Shared by readers, exclusive for a swap.

    Reentrant for readers: a thread that holds it may acquire it again during a drain, so that a nested read cannot
    deadlock.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._is_exclusive = False
        self._is_closed = False
        self._reader_count = 0
        self._thread_state = threading.local()

    @contextmanager
    def read(self, timeout_s: float) -> Iterator[None]:
        """Holds the lock shared. Raises SwapLockClosed when it is not free within `timeout_s`, or closed."""
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
        """Holds the lock exclusively, after readers have left it.

        Readers that stay longer than `drain_timeout_s` are interrupted and given one more second; the block is then
        entered even if some remain. `is_permanent`: later readers get SwapLockClosed.
        """
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
