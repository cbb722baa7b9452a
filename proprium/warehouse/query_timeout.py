"""Query timeout: a deadline and cancellation token for a query, bound to the current thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from proprium.errors import QueryTimeout

QUERY_TIMEOUT_S = 30.0
"""Wall-clock limit of a query. Longer ones end with QueryTimeout, so that they cannot hang the server."""

_thread_state = threading.local()


class QueryDeadline:
    """The deadline of one query in one thread, which may consist of several statements.

    `timeout_s` counts for each `enforce` block. `cancel` may be called from any thread.
    """

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
        """Cancels the query because no client waits for its result; a running statement is interrupted."""
        self.is_cancelled = True
        self._interrupt_all()

    def check(self) -> None:
        """Raises QueryTimeout when the deadline has expired or the query was cancelled."""
        if self.has_ended:
            raise QueryTimeout(
                f"The query timed out after {self.timeout_s:g} s."
                " Choose a shorter period or fewer filters, or try again."
            )

    @contextmanager
    def enforce(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """Calls `interrupt` when the deadline expires or is cancelled inside the block.

        Raises QueryTimeout at once when that has already happened.
        """

        def expire() -> None:
            self.is_expired = True
            self._interrupt_all()

        timer = threading.Timer(self.timeout_s, expire)
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

    def _interrupt_all(self) -> None:
        with self._lock:
            for interrupt in self._interrupts:
                interrupt()


@contextmanager
def with_deadline(deadline: QueryDeadline) -> Iterator[None]:
    """Binds a deadline to the current thread: warehouse reads inside the block observe it."""
    previous_deadline = getattr(_thread_state, "deadline", None)
    _thread_state.deadline = deadline
    try:
        yield
    finally:
        _thread_state.deadline = previous_deadline


def current_deadline() -> QueryDeadline | None:
    """Returns the deadline bound to the current thread, or None."""
    return getattr(_thread_state, "deadline", None)


def check_current_deadline(*_: Any) -> None:
    """Raises QueryTimeout when the thread's deadline has ended; a listener before each statement of an engine.

    An interrupt ends only a statement that is running.
    """
    if deadline := current_deadline():
        deadline.check()
