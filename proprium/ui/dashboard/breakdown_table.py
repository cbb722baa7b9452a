"""Breakdown table dialog: all rows of a tile, with metric columns, sorting, search and CSV/JSON download."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.figures import numbers
from proprium.figures.names import NameLookup, label_text
from proprium.figures.wording import unfiltered_bots_text
from proprium.i18n import gettext as _
from proprium.metrics.breakdown_query import MAX_ROWS, default_metric
from proprium.metrics.catalog.dimension_spec import Scope
from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.data_keys import data_keys
from proprium.metrics.query.filters import Filter, filter_for
from proprium.metrics.query.query import Query
from proprium.metrics.results import BreakdownTable, BreakdownTableRow, Dimension, Metric
from proprium.reports import table_files
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.data_table import DataTable, TableColumn
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import compact_select
from proprium.ui.components.text import span
from proprium.ui.dashboard import table_columns as wording
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.row_links import RowLinks
from proprium.ui.dashboard.table_reader import TableReader
from proprium.ui.dashboard.tiles import Tab, Tile
from proprium.ui.dashboard.toolbar import RIGHT_ALIGNED
from proprium.ui.http.asset_urls import flag_url
from proprium.ui.services import Services

SHARE = "share"
"""Key of the column of shares, which is no metric."""
PAGE_SIZE = 200
"""Rows per page; "Show more" adds a page, and the search covers all rows."""


class BreakdownTableDialog:
    def __init__(
        self,
        services: Services,
        query: Query,
        name_of: NameLookup,
        on_filter: Callable[[Filter], Any],
        on_explain: Callable[[Query, Metric], Awaitable[None]],
        reasons: EmptyReasons,
        links: RowLinks,
    ) -> None:
        """`query` is the one on the screen. A click on a row filters the dashboard and closes the dialog."""
        self._services, self._query, self._on_filter, self._on_explain = services, query, on_filter, on_explain
        self._table_reader = TableReader(services.warehouse, name_of)
        self._name_of = name_of
        self._reasons, self._links = reasons, links
        self._sort: Metric | None = None
        self._is_ascending = False
        self._last_page: BreakdownTable | None = None
        self._rows: tuple[BreakdownTableRow, ...] = ()

    async def open(self, tile: Tile, tab: Tab) -> None:
        self._tab = tab
        with dialog(_(tab.table_title or tile.title), size="huge") as self._dialog:
            with ui.element("div").classes(f"{theme.LINE} wraps listtools"):
                self._search_input = ui.input(placeholder=_("Search")).props(
                    "outlined dense clearable debounce=200 autofocus"
                )
                self._search_input.props["aria-label"] = _("Search this table")
                with ui.element("div").classes(f"{theme.LINE} by"):
                    span(_("Break down by"), theme.MUTED).props('aria-hidden="true"').style("white-space: nowrap")
                    self._dimension_select = compact_select(
                        _("Break down by"), wording.dimension_choices(), tab.dimension
                    )
                self._columns_button = button(_("Columns"), "table", name=_("Columns")).props('aria-haspopup="dialog"')
                with self._columns_button, ui.menu().props(f'{RIGHT_ALIGNED} role="dialog"') as columns_menu:
                    columns_menu.props["aria-label"] = _("Columns")
                    self._column_switches = ui.element("div").classes("cardlist stack tight")
                button("CSV", "file", name=_("Download this table as CSV"), on_click=lambda: self._download("csv"))
                button("JSON", "file", name=_("Download this table as JSON"), on_click=lambda: self._download("json"))
            self._count_label = span("", "mut small num").props('role="status"')
            self._data_table = DataTable(self.sort_by, self.filter_by_row, self.explain_row, _("Breakdown"))
            self._message = ui.label("").classes("missing")
            self._more_button = button("", on_click=self._load_page).classes("more")
            self._more_label = span("")
            self._more_label.move(self._more_button)
        self._choose_default_columns()
        self._more_button.set_visibility(False)
        self._search_input.on_value_change(self._reload)
        self._dimension_select.on_value_change(self.reset_columns)
        self._dialog.open()
        keys, _loaded = await asyncio.gather(
            asyncio.to_thread(data_keys, self._services.warehouse, self._query), self._reload()
        )
        if not self._dialog.is_deleted and keys:
            self._dimension_select.set_options(wording.dimension_choices(keys), value=self._dimension_select.value)

    # ---- query ------------------------------------------------------------------------------------------------

    @property
    def _dimension_key(self) -> str:
        return str(self._dimension_select.value)

    async def _reload(self) -> None:
        self._rows = ()
        await self._load_page()

    async def _load_page(self) -> None:
        request = (self._dimension_key, self._metrics, self._sort, self._is_ascending, self._search_text)
        page = await self._read_table(PAGE_SIZE, len(self._rows))
        if page is None or self._dialog.is_deleted:
            return
        if request == (
            self._dimension_key,
            self._metrics,
            self._sort,
            self._is_ascending,
            self._search_text,
        ):  # else a newer request is running
            self._last_page, self._rows = page, (*self._rows, *page.rows)
            self._draw(page)

    async def _read_table(self, limit: int, offset: int) -> BreakdownTable | None:
        try:
            return await asyncio.to_thread(
                self._table_reader.read,
                self._query,
                self._dimension_key,
                metrics=self._metrics,
                sort=self._sort or self._metrics[0],
                ascending=self._is_ascending,
                search=self._search_text,
                limit=limit,
                offset=offset,
            )
        except UserFacingError as problem:
            self._show_message(str(problem))
            return None

    @property
    def _search_text(self) -> str:
        return (self._search_input.value or "").strip()

    async def reset_columns(self) -> None:
        """Shows the default columns and order of the chosen dimension."""
        self._sort, self._is_ascending = None, False
        self._choose_default_columns()
        await self._reload()

    async def sort_by(self, key: str) -> None:
        """Sorts by this column, descending; reverses the order if it is the sorted one."""
        metric = Metric(key)
        previous_sort = self._sort or self._metrics[0]
        self._is_ascending = metric is previous_sort and not self._is_ascending
        self._sort = metric
        await self._reload()

    # ---- columns ----------------------------------------------------------------------------------------------

    def _choose_default_columns(self) -> None:
        has_goals = bool(self._query.goals)
        self._metrics = wording.default_columns(self._dimension_key, has_goals=has_goals)
        self._possible_metrics = wording.possible_columns(self._dimension_key, has_goals=has_goals)
        self._columns_button.set_visibility(len(self._possible_metrics) > 1)
        self._column_switches.clear()
        with self._column_switches:
            for metric in self._possible_metrics:
                switch = ui.switch(
                    wording.column_title(metric, self._dimension_key, self._query), value=metric in self._metrics
                )
                switch.on_value_change(lambda event, metric=metric: self._set_column(metric, event.value))
                switch.set_enabled(metric is not default_metric(self._dimension_key))  # rows are listed for this metric

    async def _set_column(self, metric: Metric, is_on: bool) -> None:
        metrics = {*self._metrics, metric} if is_on else {*self._metrics} - {metric}
        count_metric = default_metric(self._dimension_key)
        self._metrics = (
            count_metric,
            *(
                candidate
                for candidate in self._possible_metrics
                if candidate in metrics and candidate is not count_metric
            ),
        )
        if self._sort not in self._metrics:
            self._sort, self._is_ascending = None, False
        await self._reload()

    # ---- rows -------------------------------------------------------------------------------------------------

    def _draw(self, page: BreakdownTable) -> None:
        count_metric = default_metric(self._dimension_key)
        max_count = max((row.numbers.get(count_metric) or 0 for row in self._rows), default=0) or 1
        columns = [
            TableColumn(metric.value, wording.column_title(metric, self._dimension_key, self._query))
            for metric in page.metrics
        ]
        columns.insert(1, TableColumn(SHARE, _("Share"), is_sortable=False))
        rows = [self._row_data(row, 100 * (row.numbers.get(count_metric) or 0) / max_count) for row in self._rows]
        label_title = wording.dimension_title(self._dimension_key)
        self._data_table.show(label_title, columns, page.sort, rows, is_ascending=self._is_ascending)
        self._show_message("" if rows else _("No results") if self._search_text else self._empty_text)
        remaining_count = page.distinct - len(rows)
        self._more_button.set_visibility(remaining_count > 0)
        next_count, remaining = f"{min(remaining_count, PAGE_SIZE):,}", f"{remaining_count:,}"
        self._more_label.set_text(_("Show {count} more of {total}", count=next_count, total=remaining))
        row_count = wording.row_count_text(self._dimension_key, page.distinct)
        if remaining_count > 0:
            shown = f"{len(rows):,}"
            row_count = _("{shown} of {rows}", shown=shown, rows=row_count)
        counts = _("{rows}, {total}", rows=row_count, total=self._total_text(page))
        self._count_label.set_text(f"{counts} · {self._note}" if self._note else counts)

    def _total_text(self, page: BreakdownTable) -> str:
        """Returns what the rows count together, and what their shares are of: "12 of 5,938 page views"."""
        total = spec_of(self._dimension_key).count_text(page.total)
        if page.matching_total == page.total:
            return total
        matching_count = f"{page.matching_total:,}"
        return _("{count} of {total}", count=matching_count, total=total)

    @property
    def _note(self) -> str:
        return unfiltered_bots_text(self._query) if spec_of(self._dimension_key).scope is Scope.BOT else ""

    @property
    def _empty_text(self) -> str:
        is_tab = self._dimension_key == self._tab.dimension
        period_text = self._tab.empty_message if is_tab else _("No data in this period.")
        return self._reasons.text(self._dimension_key, period_text)

    def _row_data(self, row: BreakdownTableRow, width_percent: float) -> dict[str, Any]:
        texts = {metric.value: numbers.format_metric_exact(metric, value) for metric, value in row.numbers.items()}
        flag = flag_url(row.value) if self._dimension_key == Dimension.COUNTRY else None
        is_static = filter_for(self._dimension_key, row.value) is None
        width = f"{width_percent:.1f}%"
        assert self._last_page is not None
        return {
            **texts,
            SHARE: numbers.share(self._last_page.share_percent(row)),
            "label": label_text(row, self._dimension_key),
            "flag": flag or "",
            "still": is_static,
            "url": "" if is_static else self._links.row(self._dimension_key, row.value),
            "page": self._links.page(self._dimension_key, row.value),
            "width": width,
        }

    def _show_message(self, text: str) -> None:
        self._message.set_text(text)
        self._message.set_visibility(bool(text))
        self._data_table.element.set_visibility(not text)

    # ---- actions of rows --------------------------------------------------------------------------------------

    def _filters_of(self, index: int) -> Iterable[Filter]:
        if 0 <= index < len(self._rows) and (filter_ := filter_for(self._dimension_key, self._rows[index].value)):
            yield filter_

    def filter_by_row(self, index: int) -> None:
        for filter_ in self._filters_of(index):
            self._dialog.close()
            self._on_filter(filter_)

    async def explain_row(self, index: int) -> None:
        for filter_ in self._filters_of(index):
            row_query = self._query.with_filters(*self._query.filters, filter_)
            await self._on_explain(row_query, self._sort or self._metrics[0])

    async def _download(self, file_format: str) -> None:
        """Downloads this table as shown, with up to MAX_ROWS rows."""
        table = await self._read_table(MAX_ROWS, 0)
        if table is None:
            return
        if file_format == "csv":
            content, media_type = await asyncio.to_thread(table_files.to_csv, table), "text/csv"
        else:
            text = await asyncio.to_thread(table_files.to_json, table, self._query, self._name_of)
            content, media_type = text.encode(), "application/json"
        period = self._query.period
        file_stem = "".join(character if character.isalnum() else "-" for character in self._dimension_key)
        ui.download.content(content, f"{file_stem}-{period.first_day}-{period.last_day}.{file_format}", media_type)
        if table.distinct > len(table.rows):
            shown, total = f"{len(table.rows):,}", f"{table.distinct:,}"
            toast(_("The file contains the first {shown} of {total} rows.", shown=shown, total=total))
