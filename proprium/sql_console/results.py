"""What is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
            "UHUGEINT", "BIGNUM", "FLOAT", "DOUBLE", "DECIMAL")  # fmt: skip

CUT = {
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
        return self.type.partition("(")[0] in _NUMBERS

    @property
    def is_time(self) -> bool:
        return self.type == "DATE" or self.type.startswith("TIMESTAMP")


@dataclass(frozen=True)
class Result:
    """Rows as JSON can say them: numbers, texts, lists, dicts; times as text, zoned ones in the snapshot's zone."""

    columns: tuple[ResultColumn, ...]
    rows: Sequence[Sequence[Any]]
    elapsed_s: float
    cut: str = ""  # one of CUT

    @property
    def cut_sentence(self) -> str:
        return CUT[self.cut].format(len(self.rows))


@dataclass(frozen=True)
class Held:
    """What a snapshot holds. `since` is where it begins when not all of the period's events fitted in."""

    events: int
    sessions: int
    taken_at: datetime
    timezone: str
    since: datetime | None = None

    @property
    def taken_text(self) -> str:
        return f"{self.taken_at.astimezone(ZoneInfo(self.timezone)):%H:%M:%S}"

    @property
    def since_text(self) -> str:
        return f"{self.since.astimezone(ZoneInfo(self.timezone)):%-d %B %Y, %H:%M}" if self.since else ""
