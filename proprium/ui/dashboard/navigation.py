"""Navigation of the dashboard: what cards, tiles and menus may ask of the page that shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Protocol

from proprium.figures.names import NameLookup
from proprium.figures.template import Look
from proprium.metrics.query.filters import Filter
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.row_links import RowLinks
from proprium.ui.dashboard.state import DashboardState
from proprium.ui.dashboard.tiles import Tile


class DashboardNavigation(Protocol):
    """State of one open dashboard, and the calls that change it. The controller implements it."""

    state: DashboardState
    look: Look
    name_of: NameLookup
    links: RowLinks

    def navigate(self, change: Callable[[DashboardState], DashboardState]) -> None:
        """Applies `change` to the state; shows the reason if the result is invalid."""

    def empty_reasons(self) -> EmptyReasons:
        """Returns the facts that explain empty lists."""

    def add_filters(self, *filters: Filter) -> None: ...

    def show_dates(self, first: date, last: date) -> None: ...

    def show_hours(self, start: datetime, end: datetime) -> None: ...

    def choose_metric(self, key: str) -> None: ...

    def choose_tab(self, tile: Tile, key: str) -> None: ...

    async def open_breakdown(self, tile: Tile) -> None: ...

    async def explain(self, metric: str) -> None: ...
