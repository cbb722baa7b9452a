"""The events tile: custom events, the keys of one event's data, the values of one key, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from proprium.metrics.breakdown import breakdown, breakdown_of
from proprium.metrics.data_keys import data_keys
from proprium.metrics.query.filters import DATA_PREFIX, Filter, Operator
from proprium.metrics.query.query import Query
from proprium.metrics.results import Breakdown, Dimension, Row
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.dashboard.dom import set_prop
from proprium.ui.dashboard.ranked_list import RankedTile
from proprium.ui.dashboard.tiles import EVENTS, Tab, Tile
from proprium.ui.page_memory import weak_method
from proprium.warehouse.warehouse import Warehouse

if TYPE_CHECKING:
    from proprium.ui.dashboard.state import View

KEYS = "data"
"""What the list of keys calls its dimension: none that can be filtered on."""
NO_KEYS = "In this period it came without data."
NO_PUBLIC_KEYS = "In this period it came without public data. Its owner chooses which keys are public."


def opened_of(warehouse: Warehouse, query: Query, event: str, key: str) -> Breakdown:
    """The keys of an event's data by the hits that carried them; with `key`, that key's values."""
    about = query.with_filters(*query.filters, event_filter(event))
    if key:
        return breakdown(warehouse, about, DATA_PREFIX + key)
    counted = [(found.key, found.count) for found in data_keys(warehouse, about)]
    sent = breakdown(warehouse, about, Dimension.EVENT_NAME, limit=1).total
    return breakdown_of(KEYS, "events", counted, sent, len(counted))


def event_filter(name: str) -> Filter:
    return Filter("event", Operator.IS, (name,))


class EventsTile(RankedTile):
    """Pressing an event opens it, pressing a key opens that, pressing a value filters the page."""

    def __init__(
        self,
        on_open: Callable[[str, str], None],
        on_filters: Callable[..., None],
        on_expand: Callable[[Tile], Any],
    ) -> None:
        self._event, self._key, self._no_keys = "", "", ""
        self._on_open, self._on_filters = on_open, on_filters
        super().__init__(EVENTS, lambda tile, key: None, on_filters, on_expand, on_row=weak_method(self._press))
        with self.panel.head:
            self._use = button("Filter", "filter", on_click=lambda: on_filters(event_filter(self._event)))
            self._back = button("", "back", kind=f"{theme.BARE} goback", name="Back", on_click=self._go_back)
        self._back.move(self.panel.head, 0)
        self._use.move(self.panel.head, 2)

    def open(self, view: View) -> None:
        """Titles and the way back, as the view has them; its rows follow."""
        self._event, self._key = view.event, view.event_key
        self._no_keys = NO_KEYS if view.query.data_access.is_full else NO_PUBLIC_KEYS
        name = f"{self._event} · {self._key}" if self._key else self._event
        self.panel.title.set_text(name or EVENTS.title)
        set_prop(self.panel.title, "title", name or EVENTS.title)
        self._back.set_visibility(bool(self._event))
        self._use.set_visibility(bool(self._event))
        set_prop(self._back, "aria-label", f"Back to {self._event if self._key else 'all events'}")
        set_prop(self._use, "aria-label", f"Filter the page by the event {self._event}")
        self._hint.set_visibility(not self._event)

    def show(self, tab: Tab, breakdown: Breakdown) -> None:
        if not self._event:
            super().show(tab, breakdown)

    def show_opened(self, breakdown: Breakdown) -> None:
        if self._event:
            self.list.show(breakdown, "Nothing was sent under this key." if self._key else self._no_keys)

    def _go_back(self) -> None:
        self._on_open(self._event if self._key else "", "")

    def _press(self, row: Row) -> None:
        if not self._event:
            self._on_open(row.value or "", "")
        elif not self._key:
            self._on_open(self._event, row.value or "")
        else:
            value = Filter(DATA_PREFIX + self._key, Operator.IS, (row.value or "",))
            self._on_filters(event_filter(self._event), value)
