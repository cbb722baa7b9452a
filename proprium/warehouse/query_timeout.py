"""How long a question may take, and whether anybody still waits for its answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from proprium.errors import TooSlow

LONGEST_S = 30.0
"""Wall clock. Longer questions are given up with a sentence, so that they cannot hang the server."""

_here = threading.local()


class Patience:
    """Of one question in one thread, which may read several times. `cancel` may be called from any thread."""

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self.longest_s = longest_s
        self.is_cancelled = False
        self.is_over = False
        self._lock = threading.Lock()
        self._interrupts: list[Callable[[], None]] = []

    @property
    def has_ended(self) -> bool:
        return self.is_cancelled or self.is_over

    def cancel(self) -> None:
        """Nobody waits any more: what is being computed ends."""
        self.is_cancelled = True
        self._interrupt()

    def check(self) -> None:
        """Between two statements. Raises TooSlow when patience has ended."""
        if self.has_ended:
            raise TooSlow(
                f"This was given up after {self.longest_s:g} s. Choose a shorter period or fewer filters, or try again."
            )

    @contextmanager
    def reading(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While it lasts, the end of patience calls `interrupt`."""
        timer = threading.Timer(self.longest_s, self._run_out)
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

    def _run_out(self) -> None:
        self.is_over = True
        self._interrupt()

    def _interrupt(self) -> None:
        with self._lock:
            for interrupt in self._interrupts:
                interrupt()


@contextmanager
def asking(patience: Patience) -> Iterator[None]:
    """What this thread reads meanwhile is read with this patience."""
    before = getattr(_here, "patience", None)
    _here.patience = patience
    try:
        yield
    finally:
        _here.patience = before


def patience_here() -> Patience | None:
    """This thread's."""
    return getattr(_here, "patience", None)
