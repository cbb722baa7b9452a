"""System clock: the only module that reads the current time; tests pass a `Clock` of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Returns the current time in UTC, time zone aware."""
    return datetime.now(UTC)
