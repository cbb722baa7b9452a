"""A tile's whole list in a dialog: every metric, sorted, searched, broken down by something else, as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from nicegui import ui

from proprium.errors import ProblemForReader
from proprium.figures import numbers
from proprium.figures.names import NameOf
from proprium.metrics.breakdown_query import MOST_ROWS, own_count
from proprium.metrics.data_keys import data_keys
from proprium.metrics.query.filters import Filter, filter_for
from proprium.metrics.query.query import Query
from proprium.metrics.results import Dimension, Metric, Table, TableRow
from proprium.reports import table_files
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.data_table import Column, DataTable
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import tell
from proprium.ui.components.fields import bare_select
from proprium.ui.components.text import span
from proprium.ui.dashboard import table_columns as wording
from proprium.ui.dashboard.table_reader import Listing
from proprium.ui.dashboard.tiles import Tab, Tile
from proprium.ui.dashboard.toolbar import RIGHT_ALIGNED
from proprium.ui.http.asset_urls import flag_url
from proprium.ui.services import Services

PAGE = 200
"""Rows at once; "more" adds as many, and the search finds the others."""


class FullList:
    def __init__(
        self,
        services: Services,
        query: Query,
        name: NameOf,
        on_filter: Callable[[Filter], Any],
        on_why: Callable[[Query, Metric], Awaitable[None]],
    ) -> None:
        """`query` is the one on the screen; a pressed row filters the page, and closes the list."""
        self._services, self._query, self._on_filter, self._on_why = services, query, on_filter, on_why
        self._listing = Listing(services.warehouse, name)
        self._name = name
        self._sort: Metric | None = None
        self._ascending = False
        self._found: Table | None = None
        self._rows: tuple[TableRow, ...] = ()

    async def open(self, tile: Tile, tab: Tab) -> None:
        self._missing = tab.missing
        title = f"{tile.title}: {(tab.group or tab.label).lower()}" if len(tile.tabs) > 1 else tile.title
        with dialog(title, size="huge") as self._box:
            with ui.element("div").classes(f"{theme.LINE} wraps listtools"):
                self._search = ui.input(placeholder="Search").props("outlined dense clearable debounce=200 autofocus")
                self._search.props["aria-label"] = "Search the list"
                with ui.element("div").classes(f"{theme.LINE} by"):
                    span("by", theme.MUTED).props('aria-hidden="true"')
                    self._dimension = bare_select("Break down by", wording.choices(), tab.dimension)
                self._build_columns()
                button("CSV", "file", name="Download this table as CSV", on_click=lambda: self._download("csv"))
                button("JSON", "file", name="Download this table as JSON", on_click=lambda: self._download("json"))
            self._count = span("", "mut small num").props('role="status"')
            self._table = DataTable(self._sort_by, self._choose, self._explain, "The list")
            self._message = ui.label("").classes("missing")
            self._more = button("", on_click=self._add_page).classes("more")
            self._label = span("")
            self._label.move(self._more)
        self._choose_default_columns()
        self._more.set_visibility(False)
        self._search.on_value_change(self._fill)
        self._dimension.on_value_change(self._break_down)
        self._box.open()
        await asyncio.gather(self._fill(), self._offer_keys())

    # ---- what is asked ----------------------------------------------------------------------------------------

    @property
    def _by(self) -> str:
        return str(self._dimension.value)

    async def _fill(self) -> None:
        self._rows = ()
        await self._add_page()

    async def _add_page(self) -> None:
        asked = (self._by, self._metrics, self._sort, self._ascending, self._typed)
        found = await self._attempt(PAGE, len(self._rows))
        if found is None or self._box.is_deleted:
            return
        if asked == (self._by, self._metrics, self._sort, self._ascending, self._typed):  # else another is on its way
            self._found, self._rows = found, (*self._rows, *found.rows)
            self._draw(found)

    async def _attempt(self, limit: int, offset: int) -> Table | None:
        try:
            return await asyncio.to_thread(
                self._listing.read,
                self._query,
                self._by,
                metrics=self._metrics,
                sort=self._sort or self._metrics[0],
                ascending=self._ascending,
                search=self._typed,
                limit=limit,
                offset=offset,
            )
        except ProblemForReader as problem:
            self._say(str(problem))
            return None

    @property
    def _typed(self) -> str:
        return (self._search.value or "").strip()

    async def _break_down(self) -> None:
        self._sort, self._ascending = None, False
        self._choose_default_columns()
        await self._fill()

    async def _sort_by(self, key: str) -> None:
        """Most first; the same head again turns it round."""
        metric = Metric(key)
        was = self._sort or self._metrics[0]
        self._ascending = metric is was and not self._ascending
        self._sort = metric
        await self._fill()

    async def _offer_keys(self) -> None:
        keys = await asyncio.to_thread(data_keys, self._services.warehouse, self._query)
        if not self._box.is_deleted and keys:
            self._dimension.set_options(wording.choices(keys), value=self._dimension.value)

    # ---- columns ----------------------------------------------------------------------------------------------

    def _build_columns(self) -> None:
        with button("Columns", "table", name="Columns").props('aria-haspopup="menu"'), ui.menu().props(RIGHT_ALIGNED):
            self._switches = ui.element("div").classes("cardlist stack tight")

    def _choose_default_columns(self) -> None:
        has_goals = bool(self._query.goals)
        self._metrics = wording.default_columns(self._by, has_goals=has_goals)
        self._possible = wording.possible_columns(self._by, has_goals=has_goals)
        self._switches.clear()
        with self._switches:
            for metric in self._possible:
                switch = ui.switch(wording.column_title(metric, self._by), value=metric in self._metrics)
                switch.on_value_change(lambda event, metric=metric: self._set_column(metric, event.value))
                switch.set_enabled(metric is not own_count(self._by))  # what its rows are listed for

    async def _set_column(self, metric: Metric, is_on: bool) -> None:
        wanted = {*self._metrics, metric} if is_on else {*self._metrics} - {metric}
        own = own_count(self._by)
        self._metrics = (own, *(one for one in self._possible if one in wanted and one is not own))
        if self._sort not in self._metrics:
            self._sort, self._ascending = None, False
        await self._fill()

    # ---- what is shown ----------------------------------------------------------------------------------------

    def _draw(self, found: Table) -> None:
        own = own_count(self._by)
        most = max((row.numbers.get(own) or 0 for row in self._rows), default=0) or 1
        heads = [Column(metric.value, wording.column_title(metric, self._by)) for metric in found.metrics]
        rows = [self._row(row, 100 * (row.numbers.get(own) or 0) / most) for row in self._rows]
        first = wording.dimension_title(self._by)
        self._table.show(first, heads, found.sort, rows, ascending=self._ascending)
        self._say("" if rows else "Nothing fits the search." if self._typed else self._missing)
        left = found.distinct - len(rows)
        self._more.set_visibility(left > 0)
        self._label.set_text(f"Show {min(left, PAGE):,} more of {left:,}")
        of_all = f"{len(rows):,} of {found.distinct:,}" if left > 0 else f"{len(rows):,} listed"
        unit = wording.column_title(own, self._by).lower()
        self._count.set_text(f"{of_all} · {numbers.exact(found.total)} {unit}")

    def _row(self, row: TableRow, width_percent: float) -> dict[str, Any]:
        texts = {metric.value: numbers.exact_of_metric(metric, number) for metric, number in row.numbers.items()}
        flag = flag_url(row.value) if self._by == Dimension.COUNTRY else None
        is_still = filter_for(self._by, row.value) is None
        width = f"{width_percent:.1f}%"
        return {**texts, "label": row.label, "flag": flag or "", "still": is_still, "width": width}

    def _say(self, text: str) -> None:
        self._message.set_text(text)
        self._message.set_visibility(bool(text))
        self._table.element.set_visibility(not text)

    # ---- what a press does ------------------------------------------------------------------------------------

    def _filters_of(self, index: int) -> Iterable[Filter]:
        if 0 <= index < len(self._rows) and (wanted := filter_for(self._by, self._rows[index].value)):
            yield wanted

    def _choose(self, index: int) -> None:
        for wanted in self._filters_of(index):
            self._box.close()
            self._on_filter(wanted)

    async def _explain(self, index: int) -> None:
        for wanted in self._filters_of(index):
            about = self._query.with_filters(*self._query.filters, wanted)
            await self._on_why(about, self._sort or self._metrics[0])

    async def _download(self, kind: str) -> None:
        """Exactly this table, with all its rows, up to as many as one answer holds."""
        found = await self._attempt(MOST_ROWS, 0)
        if found is None:
            return
        if kind == "csv":
            content, media = await asyncio.to_thread(table_files.csv, found), "text/csv"
        else:
            text = await asyncio.to_thread(table_files.json, found, self._query, self._name)
            content, media = text.encode(), "application/json"
        period = self._query.period
        name = "".join(char if char.isalnum() else "-" for char in self._by)
        ui.download.content(content, f"{name}-{period.first_day}-{period.last_day}.{kind}", media)
        if found.distinct > len(found.rows):
            tell(f"The file has the first {len(found.rows):,} of {found.distinct:,} rows.")
