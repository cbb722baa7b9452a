"""The record of a dimension: what an entry of the catalog says about it."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement

from proprium.i18n import N_, ngettext
from proprium.metrics.catalog.metrics import Metric

Column = ColumnElement[Any]

TOP_ROWS = 10
"""Rows of a tile."""


class Scope(StrEnum):
    """What a dimension's value belongs to."""

    HIT = "hit"
    SESSION = "session"  # the value of the session, which it has from one of its hits
    BOT = "bot"  # a hit of a bot


class Codes(StrEnum):
    """Kinds of values that are codes in the warehouse and have display names."""

    PLACE = "place"
    CATEGORY = "category"  # of bots


@dataclass(frozen=True)
class DimensionSpec:
    """The record of a dimension. Texts are marked for translation; display them through `gettext`."""

    key: str  # on the wire: JSON, CSV, URLs, filters
    title: str  # of a column, and in a select
    scope: Scope
    default_metric: Metric  # rows are ranked by it, and values without it are not listed
    column: Column | None = None  # over the table `event` or, of sessions, `session`
    clock: Callable[[Column], Column] | None = None  # instead: over the local clock of a hit, in microseconds
    condition: Column | None = None  # on hits: which have a value
    filter_title: str = ""  # on filter chips and in CSV, where that is not `title`
    filter_key: str | None = ""  # the dimension that a row is filtered by: "" itself, None not at all
    row_count_text: Callable[[int], str] = lambda count: ngettext("{count} row", "{count} rows", count)
    list_title: str = ""  # of a list of its values
    report_name: str = ""  # of its table in the JSON and the file names of reports; "": not in reports
    unset_label: str = N_("(not set)")
    hides_unset: bool = False  # True: no row for a missing value, which would dwarf the others
    codes: Codes | None = None
    is_subdivision: bool = False  # True: within the country that is open on the map
    is_page: bool = False  # True: its visitors are those who viewed it, not those with any event on it
    top_rows: int = TOP_ROWS

    @property
    def is_clock(self) -> bool:
        return self.clock is not None

    @property
    def count_title(self) -> str:
        """Title of the column that rows are ranked by."""
        return N_("Hits") if self.scope is Scope.BOT else self.default_metric.spec.title

    def label(self, value: str | None) -> str:
        """Returns the label of a value; None is a missing value.

        Of a clock dimension, "1" is "Monday", "09" is "09:00", "1-09" is "Monday 09:00".
        """
        if value is None:
            return self.unset_label
        if not self.is_clock:
            return value
        weekday, separator, hour = value.partition("-")
        if separator:
            return f"{day_name[int(weekday) - 1]} {hour}:00"
        return f"{value}:00" if len(value) == 2 else day_name[int(value) - 1]

    def count_text(self, count: int) -> str:
        """Returns a count of what rows are ranked by: "1 visitor", "1,204 page views", "3 hits"."""
        if self.scope is Scope.BOT:
            return ngettext("{count} hit", "{count} hits", count)
        text = self.default_metric.spec.count_text
        return f"{count:,}" if text is None else text(count)
