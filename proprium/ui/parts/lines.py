"""The rows of a ranked list as one element, drawn in the browser by assets/js/rows.js."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from nicegui.element import Element

from proprium.ui.bundle import ASSETS


class Line(NamedTuple):
    """What one row shows; rows.js reads it in this order. Text is shown as it is, whoever wrote it."""

    name: str
    number: str
    share: str
    width: str  # of its bar, in CSS
    title: str
    is_still: bool  # pressing it does nothing
    flag: str | None  # address of a picture


class Lines(Element, component=ASSETS / "js" / "rows.js"):
    """A pressed row carries its place, from 0 on, in `data-value`."""

    def show(self, lines: Iterable[Line]) -> None:
        """In place of those before; sends nothing when they are the same."""
        shown = tuple(tuple(line) for line in lines)  # NiceGUI would watch every list for changes
        if self._props.get("rows") != shown:
            self._props["rows"] = shown
