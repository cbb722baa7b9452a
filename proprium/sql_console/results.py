"""Results of the SQL console: columns, rows, truncation, and facts about the queried snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

_NUMBER_TYPES = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "BIGNUM", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip

TRUNCATION_MESSAGES = {
    "": "",
    "rows": "Showing the first {:,} rows only.",
    "bytes": "Showing the first {:,} rows only: the result exceeds 8 MB.",
    "cells": "Very long texts are truncated.",
}


@dataclass(frozen=True)
class ResultColumn:
    name: str
    type: str  # DuckDB's name of it

    @property
    def is_number(self) -> bool:
        return self.type.partition("(")[0] in _NUMBER_TYPES

    @property
    def is_time(self) -> bool:
        return self.type == "DATE" or self.type.startswith("TIMESTAMP")


@dataclass(frozen=True)
class SqlResult:
    """Result of a statement. Rows hold JSON values; times are text, TIMESTAMPTZ in the snapshot's time zone."""

    columns: tuple[ResultColumn, ...]
    rows: Sequence[Sequence[Any]]
    elapsed_s: float
    truncation: str = ""  # a key of TRUNCATION_MESSAGES

    @property
    def truncation_message(self) -> str:
        return TRUNCATION_MESSAGES[self.truncation].format(len(self.rows))


@dataclass(frozen=True)
class SnapshotInfo:
    """Contents of a snapshot. `since` is set if the event limit was reached: older events of the period are missing."""

    event_count: int
    session_count: int
    taken_at: datetime
    timezone: str
    since: datetime | None = None

    @property
    def taken_text(self) -> str:
        return f"{self.taken_at.astimezone(ZoneInfo(self.timezone)):%H:%M:%S}"

    @property
    def since_text(self) -> str:
        return f"{self.since.astimezone(ZoneInfo(self.timezone)):%-d %B %Y, %H:%M}" if self.since else ""
