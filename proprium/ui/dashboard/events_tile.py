"""Events tile: drill-down from custom events to data keys and their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.breakdown import breakdown, breakdown_of
from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.data_keys import data_keys
from proprium.metrics.query.filters import DATA_PREFIX, Filter, Operator
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, BreakdownRow, Dimension
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.dashboard.dom import set_prop
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.ranked_list import RankedTile
from proprium.ui.dashboard.row_links import RowLinks
from proprium.ui.dashboard.state import DashboardState
from proprium.ui.dashboard.tiles import EVENTS, Tab, Tile
from proprium.ui.page_memory import weak_method
from proprium.warehouse.warehouse import Warehouse

DATA_KEYS_DIMENSION = "data"
"""Dimension of the list of data keys; it cannot be filtered on."""
NO_KEYS = N_("This event had no data in this period.")
NO_PUBLIC_KEYS = N_("This event had no public data in this period. The property's owner chooses which keys are public.")


def event_breakdown(warehouse: Warehouse, query: Query, event: str, key: str) -> Breakdown:
    """Counts the hits of an event by data key; with `key`, by that key's values."""
    event_query = query.with_filters(*query.filters, event_filter(event))
    if key:
        return breakdown(warehouse, event_query, DATA_PREFIX + key)
    counts = [(data_key.key, data_key.count) for data_key in data_keys(warehouse, event_query)]
    event_count = breakdown(warehouse, event_query, Dimension.EVENT_NAME, limit=1).total
    return breakdown_of(spec_of(DATA_KEYS_DIMENSION), counts, event_count, len(counts), query)


def event_filter(name: str) -> Filter:
    """Returns the filter for one custom event."""
    return Filter("event", Operator.IS, (name,))


class EventsTile(RankedTile):
    """Opens a clicked event or data key; a click on a value filters the dashboard."""

    def __init__(
        self,
        on_open: Callable[[str, str], None],
        on_filters: Callable[..., None],
        on_expand: Callable[[Tile], Any],
        links: RowLinks,
    ) -> None:
        self._event, self._key, self._no_keys = "", "", ""
        self._on_open, self._on_filters, self._links = on_open, on_filters, links
        super().__init__(
            EVENTS,
            lambda tile, key: None,
            on_filters,
            on_expand,
            links,
            on_row=weak_method(self.open_row),
            url_of_row=weak_method(self.url_of_row),
        )
        with self.panel.head:
            self._filter_button = button(_("Filter"), "filter", on_click=lambda: on_filters(event_filter(self._event)))
            self._back_button = button("", "back", kind=f"{theme.BARE} goback", name=_("Back"))
            self._back_button.on("click", lambda: on_open(self._event if self._key else "", ""))
        self._back_button.move(self.panel.head, 0)
        self._filter_button.move(self.panel.head, 2)

    def apply_state(self, state: DashboardState) -> None:
        """Updates title, back and filter buttons; the rows follow with the result."""
        self._event, self._key = state.event, state.event_key
        self._no_keys = _(NO_KEYS if state.query.data_access.is_full else NO_PUBLIC_KEYS)
        name = f"{self._event} · {self._key}" if self._key else self._event
        self.panel.title.set_text(name or _(EVENTS.title))
        set_prop(self.panel.title, "title", name or _(EVENTS.title))
        self._back_button.set_visibility(bool(self._event))
        self._filter_button.set_visibility(bool(self._event))
        back_text = _("Back to {event}", event=self._event) if self._key else _("Back to all events")
        set_prop(self._back_button, "aria-label", back_text)
        set_prop(self._filter_button, "aria-label", _("Filter by event {event}", event=self._event))
        self._hint.set_visibility(not self._event)

    def show(self, tab: Tab, breakdown: Breakdown, reasons: EmptyReasons, note: str = "") -> None:
        if not self._event:
            super().show(tab, breakdown, reasons, note)

    def show_event(self, breakdown: Breakdown, reasons: EmptyReasons) -> None:
        if self._event:
            no_values = _("No values for this key in this period.")
            empty_text = no_values if self._key else self._no_keys
            self.ranked_list.show(breakdown, reasons.text(breakdown.dimension, empty_text))

    def open_row(self, row: BreakdownRow) -> None:
        """Opens the event or key of a row; filters by the value of one."""
        if not self._event:
            self._on_open(row.value or "", "")
        elif not self._key:
            self._on_open(self._event, row.value or "")
        else:
            self._on_filters(*self._filters_of_value(row))

    def url_of_row(self, row: BreakdownRow) -> str:
        """Returns the URL that `open_row` leads to."""
        if not self._event:
            return self._links.event(row.value or "")
        if not self._key:
            return self._links.event(self._event, row.value or "")
        return self._links.filtered(*self._filters_of_value(row))

    def _filters_of_value(self, row: BreakdownRow) -> tuple[Filter, Filter]:
        return event_filter(self._event), Filter(DATA_PREFIX + self._key, Operator.IS, (row.value or "",))
