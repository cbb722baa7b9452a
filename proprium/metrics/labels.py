"""Display labels of dimension values. Names of countries, regions and cities are added where a page is rendered."""

from __future__ import annotations

from calendar import day_name

from proprium.metrics.results import Dimension

UNSET_LABELS = {
    Dimension.REFERRER: "Direct / none",
    Dimension.SOURCE: "Direct / none",
    Dimension.VISITOR_KIND: "Unknown (no cookie)",
    Dimension.COUNTRY: "Unknown",
    Dimension.REGION: "Unknown",
    Dimension.CITY: "Unknown",
    Dimension.BOT: "Unknown bot",
    Dimension.BOT_CATEGORY: "Other",
}
"""Labels for a missing value, where that is not "(not set)"."""


def label_of(dimension: str, value: str | None) -> str:
    """Returns the label of a dimension's value; None is a missing value."""
    if value is None:
        return UNSET_LABELS.get(dimension, "(not set)")  # type: ignore[call-overload, no-any-return]
    return _clock_label(value) if dimension in _CLOCK_DIMENSIONS else value


_CLOCK_DIMENSIONS = frozenset({Dimension.WEEKDAY, Dimension.HOUR, Dimension.WEEKDAY_HOUR})


def _clock_label(value: str) -> str:
    """Formats a clock dimension: "1" is "Monday", "09" is "09:00", "1-09" is "Monday 09:00"."""
    weekday, separator, hour = value.partition("-")
    if separator:
        return f"{day_name[int(weekday) - 1]} {hour}:00"
    return f"{value}:00" if len(value) == 2 else day_name[int(value) - 1]
