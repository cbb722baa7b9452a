"""Lets any number of threads in, until somebody needs the place for themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Shut(Exception):
    """It was shut for longer than one was ready to wait, or for good."""


class Gate:
    """Who is in already may enter again, so that a question within a question does not wait for itself."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_shut = False
        self._is_closed = False
        self._inside = 0
        self._mine = threading.local()

    @contextmanager
    def entered(self, patience_s: float) -> Iterator[None]:
        """Raises Shut when it does not open in time."""
        depth = getattr(self._mine, "depth", 0)
        with self._changed:
            if not depth:
                self._changed.wait_for(lambda: self._is_closed or not self._is_shut, patience_s)
                if self._is_shut or self._is_closed:
                    raise Shut
            self._mine.depth = depth + 1
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._mine.depth -= 1
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def shut(self, patience_s: float, hurry: Callable[[], None], *, for_good: bool = False) -> Iterator[None]:
        """Nobody is inside while it lasts. Who stays longer than `patience_s` is hurried, and given a moment more."""
        with self._changed:
            self._is_shut = True
            if not self._changed.wait_for(self._is_empty, patience_s):
                hurry()
                self._changed.wait_for(self._is_empty, 1.0)
        try:
            yield
        finally:
            with self._changed:
                self._is_shut = False
                self._is_closed = self._is_closed or for_good
                self._changed.notify_all()

    def _is_empty(self) -> bool:
        return self._inside == 0
