"""What is asked, and what comes back."""

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
    "rows": "Only the first {:,} rows are shown.",
    "bytes": "Only the first {:,} rows are shown: more would be over 8 MB.",
    "cells": "Very long texts are cut.",
}


@dataclass(frozen=True)
class ResultColumn:
    name: str
    type: str  # DuckDB's

    @property
    def is_number(self) -> bool:
        return self.type.partition("(")[0] in _NUMBER_TYPES

    @property
    def is_time(self) -> bool:
        return self.type == "DATE" or self.type.startswith("TIMESTAMP")


@dataclass(frozen=True)
class SqlResult:
    """Rows as JSON can say them: numbers, texts, lists, dicts; times as text, zoned ones in the snapshot's zone."""

    columns: tuple[ResultColumn, ...]
    rows: Sequence[Sequence[Any]]
    elapsed_s: float
    truncation: str = ""  # one of CUT

    @property
    def truncation_message(self) -> str:
        return TRUNCATION_MESSAGES[self.truncation].format(len(self.rows))


@dataclass(frozen=True)
class SnapshotInfo:
    """What a snapshot holds. `since` is where it begins when not all of the period's events fitted in."""

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
