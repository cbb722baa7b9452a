"""Ranked list tile: tabs, and rows with bars that are updated in place.

A click on a row filters the dashboard.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures import numbers
from proprium.i18n import gettext as _
from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.query.filters import Filter, filter_for
from proprium.metrics.results import Breakdown, BreakdownRow, Dimension
from proprium.ui import theme
from proprium.ui.components.controls import button, icon
from proprium.ui.components.feedback import skeleton
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.dashboard.dom import EMIT_PRESSED_ROW, set_prop, set_style, switch_class
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.row_links import PAGE_DIMENSIONS, RowLinks
from proprium.ui.dashboard.tiles import Tab, Tile
from proprium.ui.http.asset_urls import flag_url

VISIBLE_ROW_COUNT = 9
"""Rows of a tile; the breakdown table has all of them."""


@dataclass
class _RowElements:
    """The elements of one row, reused for another value on each update."""

    box: Element  # shown or hidden
    link: Element
    bar: Element
    flag: Element | None
    name: TextElement
    count: TextElement
    share: TextElement
    page_link: Element | None = None  # opens the page of the row on the tracked site
    url_key: Hashable = None  # of the value and the state that the URLs were made for


class RankedList:
    """Shows the first rows of one breakdown at a time."""

    def __init__(
        self,
        on_filter: Callable[[Filter], None],
        *,
        has_flags: bool = False,
        links: RowLinks,
        has_page_links: bool = False,
        on_row: Callable[[BreakdownRow], Any] | None = None,
        url_of_row: Callable[[BreakdownRow], str | None] | None = None,
    ) -> None:
        """`on_row` replaces filtering as the action of a click on a row, and `url_of_row` its URL."""
        self._has_flags, self._on_filter, self._on_row = has_flags, on_filter, on_row
        self._links, self._has_page_links, self._url_of_row = links, has_page_links, url_of_row
        self._dimension = ""
        self._rows: tuple[BreakdownRow, ...] = ()
        self._row_elements: list[_RowElements] = []
        self.box = ui.element("div").classes(f"{theme.ROWS} ranked").style(f"--rows: {VISIBLE_ROW_COUNT}")
        self.box.on("click", self._on_press, js_handler=EMIT_PRESSED_ROW)
        with self.box:
            self._head = ColumnHead()
            self._note = ui.label().classes("listnote")
            self._note.set_visibility(False)
            self._skeletons = [skeleton(34) for _ in range(3)]
            self._message = ui.label().classes("missing")
            self._message.set_visibility(False)

    def show(self, breakdown: Breakdown, empty_text: str, note: str = "") -> None:
        """Draws `breakdown` into the existing rows; shows `empty_text` without rows, and `note` above them."""
        self._dimension = breakdown.dimension
        self._rows = breakdown.rows[:VISIBLE_ROW_COUNT]
        self._remove_skeletons()
        spec = spec_of(breakdown.dimension)
        share_tooltip = _("Share of {total}", total=breakdown.count_text(breakdown.total))
        self._head.show(_(spec.title), _(breakdown.count_title), "%", share_tooltip)
        self._head.box.set_visibility(bool(self._rows))
        self._note.set_text(note)
        self._note.set_visibility(bool(note))
        with self.box:
            while len(self._row_elements) < len(self._rows):
                self._row_elements.append(self._build_row(str(len(self._row_elements))))
        max_count = max((row.count for row in self._rows), default=1) or 1
        state_key = self._links.key
        for elements, row in zip(self._row_elements, self._rows, strict=False):
            self._draw_row(elements, row, breakdown.count_text(row.count), 100 * row.count / max_count)
            self._draw_links(elements, row, state_key)
        for index, elements in enumerate(self._row_elements):
            elements.box.set_visibility(index < len(self._rows))
        self._show_message("" if self._rows else empty_text)

    def fail(self, message: str) -> None:
        """Shows an error in place of the rows."""
        self._remove_skeletons()
        for elements in self._row_elements:
            elements.box.set_visibility(False)
        self._head.box.set_visibility(False)
        self._show_message(message)

    def _show_message(self, text: str) -> None:
        self._message.set_text(text)
        self._message.set_visibility(bool(text))

    def _remove_skeletons(self) -> None:
        for placeholder in self._skeletons:
            placeholder.delete()
        self._skeletons.clear()

    def _draw_row(self, elements: _RowElements, row: BreakdownRow, count_text: str, width_percent: float) -> None:
        elements.name.set_text(row.label)
        elements.count.set_text(numbers.short(row.count))
        elements.share.set_text(numbers.share(row.share_percent))
        set_style(elements.bar, "width", f"{max(1.5, width_percent):.1f}%")
        set_prop(elements.link, "title", f"{row.label}\n{count_text}")
        switch_class(elements.link, "still", self._on_row is None and self._filter_by(row) is None)
        if elements.flag is not None:
            image_url = flag_url(row.value) if self._dimension == Dimension.COUNTRY else None
            elements.flag.set_visibility(image_url is not None)
            set_prop(elements.flag, "src", image_url or "")

    def _build_row(self, index: str) -> _RowElements:
        """Builds an empty row; links to pages stand beside it, since a link cannot contain another one."""
        box = ui.element("div").classes("rowline") if self._has_page_links else nullcontext()
        with box, ui.element("a").classes(theme.ROW).props('draggable="false"') as link:
            link.props["data-value"] = index
            bar = ui.element("span").classes("b")
            flag = ui.element("img").classes("flag").props('alt=""') if self._has_flags else None
            name, count, share = span("", "n"), span("", "c"), span("", "p")
        if not isinstance(box, Element):
            return _RowElements(link, link, bar, flag, name, count, share)
        with box, ui.element("a").classes("openpage").props('target="_blank" rel="noopener noreferrer"') as page_link:
            icon("open", "small")
        return _RowElements(box, link, bar, flag, name, count, share, page_link)

    def _draw_links(self, elements: _RowElements, row: BreakdownRow, state_key: Hashable) -> None:
        """Updates the URLs of a row if it stands for another value, or in another state."""
        url_key = (self._dimension, row.value, state_key)
        if url_key == elements.url_key:
            return
        elements.url_key = url_key
        url = self._url_of_row(row) if self._url_of_row else self._links.row(self._dimension, row.value)
        set_prop(elements.link, "href", url or None)
        if elements.page_link is not None:
            page_url = self._links.page(self._dimension, row.value)
            set_prop(elements.page_link, "href", page_url or None)
            set_prop(elements.page_link, "aria-label", _("Open page {page} in a new tab", page=row.label))
            set_prop(elements.page_link, "title", _("Open page"))
            switch_class(elements.page_link, "off", not page_url)

    def _filter_by(self, row: BreakdownRow) -> Filter | None:
        return filter_for(self._dimension, row.value)

    def _on_press(self, event: object) -> None:
        index = int(getattr(event, "args", -1))
        if not 0 <= index < len(self._rows):
            return
        if self._on_row:
            self._on_row(self._rows[index])
        elif filter_ := self._filter_by(self._rows[index]):
            self._on_filter(filter_)


class RankedTile:
    """A card with tabs and one ranked list."""

    def __init__(
        self,
        tile: Tile,
        on_tab: Callable[[Tile, str], None],
        on_filter: Callable[[Filter], None],
        on_expand: Callable[[Tile], Any],
        links: RowLinks,
        *,
        has_flags: bool = False,
        on_row: Callable[[BreakdownRow], Any] | None = None,
        url_of_row: Callable[[BreakdownRow], str | None] | None = None,
    ) -> None:
        self.tile = tile
        title = _(tile.title)
        with panel(title, body_classes="") as self.panel:
            self._subtabs = TabRow(
                [], on_tab=lambda key: on_tab(tile, key), name=_("{title}: choose column", title=title)
            )
            self._subtabs.box.classes("subtabs")
            self.ranked_list = RankedList(
                on_filter,
                has_flags=has_flags,
                links=links,
                has_page_links=any(tab.dimension in PAGE_DIMENSIONS for tab in tile.tabs),
                on_row=on_row,
                url_of_row=url_of_row,
            )
        key_by_label: dict[str, str] = {}  # of top-level tabs; a group has the key of its first member
        for tab in tile.tabs:
            key_by_label.setdefault(tab.group or tab.label, tab.key)
        tab_options = [(key, _(label)) for label, key in key_by_label.items()]
        with self.panel.head:
            self._hint = span("", "s end cut ranked-total")
            self._tabs = TabRow(
                tab_options if len(tile.tabs) > 1 else [],
                on_tab=lambda key: on_tab(tile, key),
                name=_("{title}: choose list", title=title),
            )
            button("", "expand", kind=f"{theme.BARE} expand", name=_("{title}: show all", title=title)).on(
                "click", lambda: on_expand(tile)
            )

    def show(self, tab: Tab, breakdown: Breakdown, reasons: EmptyReasons, note: str = "") -> None:
        """Draws the list of a tab; `reasons` explain an empty one."""
        self.set_active_tab(tab)
        breakdown, empty_text = reasons.explain(breakdown, tab.empty_message)
        self.ranked_list.show(breakdown, empty_text, note)
        has_space = len(self.tile.tabs) < 4
        self._hint.set_text(breakdown.count_text(breakdown.total) if has_space and breakdown.rows else "")

    def set_active_tab(self, tab: Tab) -> None:
        """Marks the open tab; shows the members of its group as subtabs."""
        self._tabs.set_active(
            next(other.key for other in self.tile.tabs if other is tab or (other.group and other.group == tab.group))
        )
        members = [(other.key, _(other.label)) for other in self.tile.tabs if other.group and other.group == tab.group]
        self._subtabs.set_options(members)
        self._subtabs.set_active(tab.key)

    def fail(self, message: str) -> None:
        self.ranked_list.fail(message)


class ColumnHead:
    """Head of a list's columns: what its rows are, what they count, and what the share is of. Hidden at first."""

    def __init__(self) -> None:
        self.box = ui.element("div").classes("colhead")
        with self.box:
            self._name, self._count, self._share = span("", "n"), span("", "c"), span("", "p")
        self.box.set_visibility(False)

    def show(self, name: str, count_title: str, share_title: str, share_tooltip: str = "") -> None:
        self._name.set_text(name)
        self._count.set_text(count_title)
        self._share.set_text(share_title)
        set_prop(self._share, "title", share_tooltip)


class TabRow:
    """Small tabs. The caller marks the active one, since the URL can open a tab too."""

    def __init__(self, options: list[tuple[str, str]], on_tab: Callable[[str], None], name: str) -> None:
        self._on_tab = on_tab
        self._options: list[tuple[str, str]] = []
        self._buttons: dict[str, Element] = {}
        self.box = ui.element("div").classes(theme.TABS).props('role="group"')
        self.box.props["aria-label"] = name
        self.box.on("click", lambda event: self._on_tab(event.args), js_handler=EMIT_PRESSED_ROW)
        self.box.set_visibility(False)
        self.set_options(options)

    def set_options(self, options: list[tuple[str, str]]) -> None:
        """Shows these (key, label) tabs; hidden if there are none."""
        if options == self._options:
            return
        self._options = options
        self._buttons = {}
        self.box.clear()
        with self.box:
            for key, label in options:
                with ui.element("button").props('type="button"') as tab_button:
                    tab_button.props["data-value"] = key
                    span(label)
                self._buttons[key] = tab_button
        self.box.set_visibility(bool(options))

    def set_active(self, key: str) -> None:
        for other_key, element in self._buttons.items():
            switch_class(element, theme.ON, other_key == key)
            set_prop(element, "aria-pressed", "true" if other_key == key else "false")
