"""How long a question may take, and whether anybody still waits for its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from proprium.errors import QueryTimeout

QUERY_TIMEOUT_S = 30.0
"""Wall clock. Longer questions are given up with a sentence, so that they cannot hang the server."""

_thread_state = threading.local()


class QueryDeadline:
    """Of one question in one thread, which may read several times. `cancel` may be called from any thread."""

    def __init__(self, timeout_s: float = QUERY_TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self.is_cancelled = False
        self.is_expired = False
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], None]] = []

    @property
    def has_ended(self) -> bool:
        return self.is_cancelled or self.is_expired

    def cancel(self) -> None:
        """Nobody waits any more: what is being computed ends."""
        self.is_cancelled = True
        self._interrupt_all()

    def check(self) -> None:
        """Between two statements. Raises TooSlow when patience has ended."""
        if self.has_ended:
            raise QueryTimeout(
                f"This was given up after {self.timeout_s:g} s. Choose a shorter period or fewer filters, or try again."
            )

    @contextmanager
    def enforce(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While it lasts, the end of patience calls `interrupt`."""
        timer = threading.Timer(self.timeout_s, self._expire)
        timer.daemon = True
        with self._lock:
            self._interrupts.append(interrupt)
        timer.start()
        try:
            self.check()
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._interrupts.remove(interrupt)

    def _expire(self) -> None:
        self.is_expired = True
        self._interrupt_all()

    def _interrupt_all(self) -> None:
        with self._lock:
            for interrupt in self._interrupts:
                interrupt()


@contextmanager
def with_deadline(deadline: QueryDeadline) -> Iterator[None]:
    """What this thread reads meanwhile is read with this patience."""
    previous_deadline = getattr(_thread_state, "deadline", None)
    _thread_state.deadline = deadline
    try:
        yield
    finally:
        _thread_state.deadline = previous_deadline


def current_deadline() -> QueryDeadline | None:
    """This thread's."""
    return getattr(_thread_state, "deadline", None)
