"""A tile of ranked rows: tabs in its head, rows that are changed in place and filter the page when they are pressed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures import numbers
from proprium.metrics.query.filters import Filter, filter_for
from proprium.metrics.results import Breakdown, Dimension, Row
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import skeleton
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import EMIT_PRESSED_ROW, set_prop, set_style, switch_class
from proprium.ui.dashboard.tiles import Tab, Tile
from proprium.ui.http.asset_urls import flag_url

SIZE = 9
"""Rows of a tile."""


@dataclass
class _Line:
    """The elements of one row, and which value they show."""

    button: Element
    bar: Element
    flag: Element | None
    name: TextElement
    count: TextElement
    share: TextElement


class RankedList:
    """Rows of one breakdown at a time."""

    def __init__(
        self,
        on_filter: Callable[[Filter], None],
        *,
        with_flags: bool = False,
        on_row: Callable[[Row], Any] | None = None,
    ) -> None:
        """`on_row` is told of a pressed row instead, where pressing one does not filter."""
        self._with_flags, self._on_filter, self._on_row = with_flags, on_filter, on_row
        self._dimension = ""
        self._rows: tuple[Row, ...] = ()
        self._lines: list[_Line] = []
        self.box = ui.element("div").classes(f"{theme.ROWS} ranked").style(f"--rows: {SIZE}")
        self.box.on("click", self._press, js_handler=EMIT_PRESSED_ROW)
        with self.box:
            self._skeletons = [skeleton(34) for _ in range(3)]
            self._message = ui.label().classes("missing")
            self._message.set_visibility(False)

    def show(self, breakdown: Breakdown, missing: str) -> None:
        """Draws `breakdown` into the rows that are there; `missing` is what an empty one says."""
        self._dimension = breakdown.dimension
        self._rows = breakdown.rows[:SIZE]
        self._end_waiting()
        with self.box:
            while len(self._lines) < len(self._rows):
                self._lines.append(self._line(len(self._lines)))
        most = max((row.count for row in self._rows), default=1) or 1
        for line, row in zip(self._lines, self._rows, strict=False):
            self._draw(line, row, breakdown.unit, 100 * row.count / most)
        for index, line in enumerate(self._lines):
            line.button.set_visibility(index < len(self._rows))
        self._say("" if self._rows else missing)

    def fail(self, problem: str) -> None:
        """An error stays here and says what to do."""
        self._end_waiting()
        for line in self._lines:
            line.button.set_visibility(False)
        self._say(problem)

    def _say(self, text: str) -> None:
        self._message.set_text(text)
        self._message.set_visibility(bool(text))

    def _end_waiting(self) -> None:
        for waiting in self._skeletons:
            waiting.delete()
        self._skeletons.clear()

    def _line(self, index: int) -> _Line:
        with ui.element("button").classes(theme.ROW) as row:
            row.props["type"] = "button"
            row.props["data-value"] = str(index)
            bar = ui.element("span").classes("b")
            flag = ui.element("img").classes("flag").props('alt=""') if self._with_flags else None
            return _Line(row, bar, flag, span("", "n"), span("", "c"), span("", "p"))

    def _draw(self, line: _Line, row: Row, unit: str, width_percent: float) -> None:
        line.name.set_text(row.label)
        line.count.set_text(numbers.short(row.count))
        line.share.set_text(numbers.share(row.share_percent))
        set_style(line.bar, "width", f"{max(1.5, width_percent):.1f}%")
        set_prop(line.button, "title", f"{row.label}\n{numbers.exact(row.count)} {unit}")
        switch_class(line.button, "still", self._on_row is None and self._filter(row) is None)
        if line.flag is not None:
            address = flag_url(row.value) if self._dimension == Dimension.COUNTRY else None
            line.flag.set_visibility(address is not None)
            set_prop(line.flag, "src", address or "")

    def _filter(self, row: Row) -> Filter | None:
        return filter_for(self._dimension, row.value)

    def _press(self, event: object) -> None:
        index = int(getattr(event, "args", -1))
        if not 0 <= index < len(self._rows):
            return
        if self._on_row:
            self._on_row(self._rows[index])
        elif wanted := self._filter(self._rows[index]):
            self._on_filter(wanted)


class RankedTile:
    """A card with tabs over one list."""

    def __init__(
        self,
        tile: Tile,
        on_tab: Callable[[Tile, str], None],
        on_filter: Callable[[Filter], None],
        on_expand: Callable[[Tile], Any],
        *,
        with_flags: bool = False,
        on_row: Callable[[Row], Any] | None = None,
    ) -> None:
        self.tile = tile
        with panel(tile.title, body="") as self.panel:
            self._sub = TabRow([], on_tab=lambda key: on_tab(tile, key), name=f"{tile.title} by")
            self._sub.box.classes("subtabs")
            self.list = RankedList(on_filter, with_flags=with_flags, on_row=on_row)
        with self.panel.head:
            self._hint = span("", "s end cut")
            self._tabs = TabRow(
                _top_level(tile.tabs) if len(tile.tabs) > 1 else [],
                on_tab=lambda key: on_tab(tile, key),
                name=f"{tile.title}: what to list",
            )
            button("", "expand", kind=f"{theme.BARE} expand", name=f"{tile.title}: the whole list").on(
                "click", lambda: on_expand(tile)
            )

    def show(self, tab: Tab, breakdown: Breakdown) -> None:
        self.choose(tab)
        self.list.show(breakdown, tab.missing)
        self._hint.set_text(_hint(breakdown) if len(self.tile.tabs) < 4 else "")

    def choose(self, tab: Tab) -> None:
        """Marks the open tab; below a group's name stand its members."""
        self._tabs.choose(
            next(key for key, label in _top_level(self.tile.tabs) if tab.key == key or label == tab.group)
        )
        members = [(other.key, other.label) for other in self.tile.tabs if other.group and other.group == tab.group]
        self._sub.offer(members)
        self._sub.choose(tab.key)

    def fail(self, problem: str) -> None:
        self.list.fail(problem)


class TabRow:
    """Small tabs; the open one is marked from outside, so that an address can open it too."""

    def __init__(self, options: list[tuple[str, str]], on_tab: Callable[[str], None], name: str) -> None:
        self._on_tab = on_tab
        self._options: list[tuple[str, str]] = []
        self._buttons: dict[str, Element] = {}
        self.box = ui.element("div").classes(theme.TABS).props('role="group"')
        self.box.props["aria-label"] = name
        self.box.on("click", lambda event: self._on_tab(event.args), js_handler=EMIT_PRESSED_ROW)
        self.box.set_visibility(False)
        self.offer(options)

    def offer(self, options: list[tuple[str, str]]) -> None:
        """Shows these (key, label) tabs; hides itself without any."""
        if options == self._options:
            return
        self._options = options
        self.box.clear()
        with self.box:
            self._buttons = {key: _tab_button(key, label) for key, label in options}
        self.box.set_visibility(bool(options))

    def choose(self, key: str) -> None:
        for other, element in self._buttons.items():
            switch_class(element, theme.ON, other == key)
            set_prop(element, "aria-pressed", "true" if other == key else "false")


def _tab_button(key: str, label: str) -> Element:
    with ui.element("button").props('type="button"') as element:
        element.props["data-value"] = key
        span(label)
    return element


def _top_level(tabs: tuple[Tab, ...]) -> list[tuple[str, str]]:
    """Tabs by label; a group stands once, for its first member."""
    found: dict[str, str] = {}
    for tab in tabs:
        found.setdefault(tab.group or tab.label, tab.key)
    return [(key, label) for label, key in found.items()]


def _hint(breakdown: Breakdown) -> str:
    return f"{numbers.exact(breakdown.total)} {breakdown.unit}" if breakdown.rows else ""
