"""Display labels of dimension values. Names of countries, regions and cities are added where a page is rendered."""

from __future__ import annotations

from proprium.metrics.catalog.dimensions import spec_of


def label_of(dimension: str, value: str | None) -> str:
    """Returns the label of a value of a dimension or of data.<key>; None is a missing value."""
    return spec_of(dimension).label(value)
