"""Display labels of dimension values. Names of countries, regions and cities are added where a page is rendered."""

from __future__ import annotations

from calendar import day_name

from proprium.metrics.catalog.dimensions import spec_of


def label_of(dimension: str, value: str | None) -> str:
    """Returns the label of a dimension's value; None is a missing value.

    Of a clock dimension, "1" is "Monday", "09" is "09:00", "1-09" is "Monday 09:00".
    """
    spec = spec_of(dimension)
    if value is None:
        return spec.unset_label
    if not spec.is_clock:
        return value
    weekday, separator, hour = value.partition("-")
    if separator:
        return f"{day_name[int(weekday) - 1]} {hour}:00"
    return f"{value}:00" if len(value) == 2 else day_name[int(value) - 1]
