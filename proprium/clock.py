"""The one place that asks for the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Now: UTC, aware."""
    return datetime.now(UTC)
