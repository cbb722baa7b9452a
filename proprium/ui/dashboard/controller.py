"""Dashboard controller: state, live subscriptions, navigation, shortcuts and browser events of one open page."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from functools import reduce
from typing import Any
from weakref import proxy

from nicegui import Client, ui
from starlette.datastructures import QueryParams

from proprium.errors import BadQuery, Forbidden, UserFacingError
from proprium.figures.names import name_lookup
from proprium.figures.template import Look
from proprium.live.subscriptions import Subscription
from proprium.metrics.query.filters import Filter
from proprium.metrics.query.goals import Segment
from proprium.metrics.query.parts import ALL_PARTS, Part
from proprium.metrics.query.period import Compare
from proprium.metrics.results import Dashboard, Metric
from proprium.ui.dashboard import keyboard, live_data
from proprium.ui.dashboard.breakdown_table import BreakdownTableDialog
from proprium.ui.dashboard.empty_notice import EmptyNotice
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.explain_panel import ExplainPanel
from proprium.ui.dashboard.filter_chips import FilterChips
from proprium.ui.dashboard.filter_dialog import FilterDialog
from proprium.ui.dashboard.footer import Footer
from proprium.ui.dashboard.grid import Grid, error_text
from proprium.ui.dashboard.row_links import RowLinks
from proprium.ui.dashboard.segments import SegmentsMenu
from proprium.ui.dashboard.state import CUSTOM_PREFIX, DashboardState, state_from
from proprium.ui.dashboard.tiles import Tile
from proprium.ui.dashboard.toolbar import LiveDot, PeriodPicker
from proprium.ui.layout import Layout
from proprium.ui.page_memory import weak_method
from proprium.ui.services import Services

# One round trip for: dark theme, mouse (touch must scroll the page over the chart, not zoom), visibility of the tab,
# and whether the chart has space for few labels only.
BROWSER_STATE_SCRIPT = (
    "[propriumTheme.isDark(), matchMedia('(pointer: fine)').matches, !document.hidden,"
    f" matchMedia('{keyboard.NARROW_QUERY}').matches]"
)


class DashboardController:
    """Holds the state of one page: `navigate` changes it, `Grid` draws its results."""

    def __init__(
        self,
        services: Services,
        state: DashboardState,
        *,
        can_edit: bool,
        segments: tuple[Segment, ...] = (),
        site_host: str = "",
        parts: frozenset[Part] = ALL_PARTS,
    ) -> None:
        """`site_host`: the host of the property's site, for links to its pages; "" if unknown."""
        self._services = services
        self.state = state
        self.dashboard: Dashboard | None = None
        self.name_of = name_lookup(services.atlas)
        self._weak_self: DashboardController = proxy(self)  # for parts held by self: avoids reference cycles
        weak_self = self._weak_self
        self.links = RowLinks(lambda: weak_self.state, site_host)
        self.segments = SegmentsMenu(services, self._weak_self, segments, can_edit=can_edit)
        self._client: Client = ui.context.client
        self.look, self._can_zoom, self._is_visible, self._is_narrow = Look.LIGHT, False, True, False
        self._subscriptions: list[Subscription[Any]] = []
        self._can_edit, self._parts = can_edit, parts
        self._explain_panel = ExplainPanel(services, state.facts.number, self.name_of, can_edit=can_edit)
        self._property_urls: list[str] = []
        self._live_dot: LiveDot | None = None

    # ---- static layout ----------------------------------------------------------------------------------------

    def build_live_dot(self, property_urls: list[str]) -> None:
        self._property_urls = property_urls
        self._live_dot = LiveDot()

    def build_period_picker(self) -> None:
        self._period_picker = PeriodPicker(
            on_period=weak_method(self.choose_period),
            on_dates=weak_method(self.show_dates),
            on_compare=weak_method(self.choose_compare),
        )

    async def build(self) -> None:
        """Builds everything that is visible before the first result, and registers browser events."""
        self._filter_chips = FilterChips(
            self.name_of, weak_method(self.remove_filter), weak_method(self.open_filter_dialog)
        )
        with self._filter_chips.tools:
            self.segments.build_save_button()
        self._empty_notice = EmptyNotice(self._services, self._weak_self, can_edit=self._can_edit)
        self._grid = Grid(self._services, self._weak_self, self._parts)
        await self._grid.build(can_edit=self._can_edit)
        self._draw_controls()
        keyboard.listen(self.on_key, self.on_url_change, self._set_visible, self._set_narrow)

    async def show_first(self) -> None:
        """Draws the current numbers before the page is sent, from a result that pages opened meanwhile share.

        Without one, such as after a timeout, the page is sent without numbers.
        """
        state, services = self.state, self._services
        compute = live_data.dashboard_computation(services.warehouse, state, services.clock)
        try:
            self.dashboard = await services.recent_results.get((state.facts.number, *state.cache_key), compute)
        except UserFacingError:
            return
        if self._live_dot:
            self._live_dot.show(self.dashboard.live)
        await self._grid.show_first(self.dashboard)

    def build_footer(self, layout: Layout) -> None:
        with layout.footer:
            self._footer = Footer()
        layout.on_theme_change(self.set_theme)

    # ---- live queries -----------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Subscribes to the live queries. Call once the browser is connected."""
        self._client.on_delete(self.close)
        self._client.on_disconnect(self._pause_or_resume)
        self._client.on_connect(self._pause_or_resume)
        try:
            browser_state = await ui.run_javascript(BROWSER_STATE_SCRIPT, timeout=10)
        except TimeoutError:  # closed or very slow browser: continue with defaults (light, no zoom, visible)
            browser_state = [False, False, True, False]
        await self._services.render_queue.wait_for_turn()  # a result that other pages show is drawn at once
        if self._client.is_deleted:
            return
        is_dark, self._can_zoom, self._is_visible, self._is_narrow = browser_state
        self.look = Look.DARK if is_dark else Look.LIGHT
        self._subscribe()
        if self._live_dot:
            live_subscription = self._services.live_queries.subscribe(
                self.state.facts.number,
                ("live", self.state.facts.limits.live_window_min, self.state.facts.data_access.restriction),
                live_data.live_visitors_computation(self._services.warehouse, self.state.facts, self._services.clock),
                self._live_dot.show,
                refresh_interval_s=live_data.LIVE_REFRESH_INTERVAL_S,
            )
            self._subscriptions.append(live_subscription)
        self._grid.update_side_queries(self.state)
        self._set_visible(self._is_visible)

    def close(self) -> None:
        """Ends all live subscriptions."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()
        self._grid.close()

    def _subscribe(self) -> None:
        """Replaces the main subscription, which is first in the list."""
        if self._subscriptions:
            self._subscriptions.pop(0).close()
        subscription = self._services.live_queries.subscribe(
            self.state.facts.number,
            self.state.cache_key,
            live_data.dashboard_computation(self._services.warehouse, self.state, self._services.clock),
            self.show,
            on_error=self.show_error,
            is_same=live_data.is_same_dashboard,
            refresh_interval_s=live_data.REFRESH_INTERVAL_S,
        )
        self._subscriptions.insert(0, subscription)
        if not self._is_active:
            subscription.pause()

    def show(self, result: Dashboard) -> None:
        """Shows a result of the main query."""
        self.dashboard = result
        self._draw()

    def show_error(self, error: Exception) -> None:
        """Shows an error of the main query; after an unexpected one, the last result stays."""
        self._grid.set_stale(False)
        if self.dashboard is None or isinstance(error, UserFacingError):
            self._grid.fail(error_text(error))

    def _draw(self) -> None:
        if self.dashboard is None:
            return
        self._grid.show(self.dashboard, self.look, can_zoom=self._can_zoom, is_narrow=self._is_narrow)
        if Part.CARDS in self._parts:  # else the number of events was not shared
            self._footer.show(self.dashboard)
        with self._client:
            self._empty_notice.show(self.dashboard)

    def empty_reasons(self) -> EmptyReasons:
        """Returns the facts that explain empty lists."""
        return EmptyReasons.of(self.state, self.dashboard, self.name_of, self._services.geoip_state())

    # ---- navigation -------------------------------------------------------------------------------------------

    def navigate(self, change: Callable[[DashboardState], DashboardState]) -> None:
        """Applies `change` to the state and pushes its URL to the history.

        An invalid state is not applied; the user sees the reason.
        """
        try:
            state = change(self.state)
            state_from(state.params(), state.facts, state.query.now)  # raises if the URL would be invalid
        except (BadQuery, Forbidden) as problem:
            with self._client:
                ui.notify(str(problem), type="warning")
            return
        if state != self.state:
            self._client.run_javascript(f"history.pushState(null, '', {json.dumps(state.url())})")
            self.apply_state(state)

    def apply_state(self, state: DashboardState) -> None:
        """Shows a state without a history entry; queries only if its cache key differs."""
        is_other_query = state.cache_key != self.state.cache_key
        self.state = state
        self._draw_controls()
        if is_other_query:
            self._grid.set_stale(True)
            self._subscribe()
        else:
            self._draw()
        self._grid.update_side_queries(state)

    def _draw_controls(self) -> None:
        self._period_picker.show(self.state)
        self._filter_chips.show(self.state.query.filters)
        self._grid.apply_state(self.state)

    def on_url_change(self, query_string: str) -> None:
        """Applies the URL after the browser's back or forward."""
        try:
            params, now = QueryParams(query_string.removeprefix("?")), self._services.clock()
            path, page_params = self.state.path, self.state.page_params
            state = state_from(params, self.state.facts, now, path=path, page_params=page_params)
        except (BadQuery, Forbidden):
            self._client.run_javascript("location.reload()")  # the reloaded page shows the error
            return
        self.apply_state(state)

    def show_dates(self, first: date, last: date) -> None:
        """Navigates to a custom period, both dates included."""
        self.navigate(lambda state: state.with_dates(first, last))

    def show_hours(self, start: datetime, end: datetime) -> None:
        """Navigates to a period between two local times, the end excluded."""
        self.navigate(lambda state: state.with_hours(start, end))

    def choose_period(self, key: str) -> None:
        self.navigate(lambda state: state.with_period(key, self._services.clock()))

    def choose_compare(self, compare: Compare) -> None:
        self.navigate(lambda state: state.with_compare(compare))

    def choose_metric(self, key: str) -> None:
        self.navigate(lambda state: state.with_metric(key))

    def choose_tab(self, tile: Tile, key: str) -> None:
        self.navigate(lambda state: state.with_tab(tile, key))

    async def open_breakdown(self, tile: Tile) -> None:
        """Opens the breakdown table of a tile's active tab."""
        query = self.state.query_at(self._services.clock())
        breakdown_dialog = BreakdownTableDialog(
            self._services,
            query,
            self.name_of,
            self.add_filters,
            self._explain_panel.open,
            self.empty_reasons(),
            self.links,
        )
        with self._client:
            await breakdown_dialog.open(tile, self.state.tab(tile))

    async def explain(self, metric: str) -> None:
        """Opens the explain panel of a metric; custom events have none."""
        if not metric.startswith(CUSTOM_PREFIX):
            with self._client:
                await self._explain_panel.open(self.state.query_at(self._services.clock()), Metric(metric))

    def add_filters(self, *filters: Filter) -> None:
        self.navigate(lambda state: reduce(DashboardState.with_filter, filters, state))

    def remove_filter(self, filter_: Filter) -> None:
        self.navigate(lambda state: state.without_filter(filter_))

    async def open_filter_dialog(self, old_filter: Filter | None = None) -> None:
        """Opens the dialog for a new filter, or to edit `old_filter`."""

        def apply_filters(*new_filters: Filter) -> None:
            def with_new_filters(state: DashboardState) -> DashboardState:
                state = state.without_filter(old_filter) if old_filter else state
                return reduce(DashboardState.with_filter, new_filters, state)

            self.navigate(with_new_filters)

        query = self.state.query_at(self._services.clock())
        with self._client:
            await FilterDialog(self._services, query, self.name_of, apply_filters, self.segments).open(old_filter)

    # ---- browser events ---------------------------------------------------------------------------------------

    def _set_visible(self, is_visible: bool) -> None:
        self._is_visible = is_visible
        self._pause_or_resume()

    def _set_narrow(self, is_narrow: bool) -> None:
        self._is_narrow = is_narrow
        self._draw()

    @property
    def _is_active(self) -> bool:
        """True while the tab is visible and connected.

        A closed page still exists for a while, since it may only have lost its connection.
        """
        return self._is_visible and self._client.has_socket_connection

    def _pause_or_resume(self) -> None:
        pausables: list[Subscription[Any] | Grid] = [*self._subscriptions, self._grid]
        for pausable in pausables:
            pausable.resume() if self._is_active else pausable.pause()

    def set_theme(self, is_dark: bool) -> None:
        self.look = Look.DARK if is_dark else Look.LIGHT
        self._draw()

    async def on_key(self, key: str) -> None:
        """Handles a keyboard shortcut."""
        lower_key = key.lower()
        if lower_key in keyboard.PERIOD_BY_KEY:
            self.choose_period(keyboard.PERIOD_BY_KEY[lower_key])
        elif lower_key == "x":
            is_compared = self.state.query.compare is not Compare.NONE
            self.choose_compare(Compare.NONE if is_compared else Compare.PREVIOUS)
        elif key in {"ArrowLeft", "ArrowRight"}:
            now = self._services.clock()
            self.navigate(lambda state: state.with_period_step(1 if key == "ArrowRight" else -1, now))
        elif key == "Escape":
            self.navigate(lambda state: state.with_filters())
        elif key == "/":
            await self.open_filter_dialog()
        elif key == "?":
            keyboard.show_shortcuts()
        elif key.isdigit() and 0 < int(key) <= len(self._property_urls):
            ui.navigate.to(self._property_urls[int(key) - 1])
