"""Dashboard grid: layout of all cards, and distribution of state and results to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.figures.names import with_labels
from proprium.figures.template import Look
from proprium.figures.wording import unfiltered_bots_text
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.metrics.catalog.dimension_spec import Scope
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.parts import ALL_PARTS, Part
from proprium.metrics.results import Breakdown, Dashboard, Dimension
from proprium.ui import theme
from proprium.ui.dashboard import live_data, tiles
from proprium.ui.dashboard.chart import Chart
from proprium.ui.dashboard.custom_cards import CustomCardsMenu
from proprium.ui.dashboard.dom import switch_class
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.events_tile import EventsTile, event_breakdown
from proprium.ui.dashboard.goals_tile import GoalsTile
from proprium.ui.dashboard.metric_cards import MetricCards
from proprium.ui.dashboard.navigation import DashboardNavigation
from proprium.ui.dashboard.places_tile import PlacesTile
from proprium.ui.dashboard.ranked_list import RankedTile
from proprium.ui.dashboard.side_query import SideQuery
from proprium.ui.dashboard.state import DashboardState
from proprium.ui.dashboard.tiles import Tile
from proprium.ui.dashboard.week_heatmap import WeekHeatmap, week_breakdown
from proprium.ui.page_memory import weak_method
from proprium.ui.render_queue import yield_to_loop
from proprium.ui.services import Services

log = logging.getLogger(__name__)

READ_ERROR_TEXT = N_("The data could not be loaded. The next event triggers a retry; see the server log for details.")
DRAW_ERROR_TEXT = N_("This card could not be drawn. See the server log for details.")


class Grid:
    """Builds and updates the cards. User input goes to the controller, which returns a new state and its result."""

    def __init__(self, services: Services, controller: DashboardNavigation, parts: frozenset[Part] = ALL_PARTS) -> None:
        """`controller` is a weak proxy, since the controller holds the grid. Other parts than `parts` are not built."""
        self._services, self._controller, self._parts = services, controller, parts
        self._state = controller.state
        self._draw_task: asyncio.Task[None] | None = None
        self._week_hint = ""
        self._metric_cards: MetricCards | None = None
        self._chart: Chart | None = None
        self._custom_cards_menu: CustomCardsMenu | None = None
        self._places_tile: PlacesTile | None = None
        self._week_heatmap: WeekHeatmap | None = None
        self._goals_tile: GoalsTile | None = None
        self._events_tile: EventsTile | None = None
        self._ranked_tiles: list[RankedTile] = []
        self._side_queries: list[SideQuery[Any]] = []

    async def build(self, *, can_edit: bool) -> None:
        """Builds all cards; yields to the event loop every few milliseconds."""
        with ui.element("div").classes("dashboard") as self._body:
            if self._parts & {Part.CARDS, Part.CHART}:
                await self._build_head(can_edit)
            if self._parts & {Part.PAGES, Part.SOURCES}:
                with ui.element("div").classes(theme.GRID2):
                    await self._build_tile(tiles.PAGES)
                    await self._build_tile(tiles.SOURCES)
            if Part.PLACES in self._parts:
                await self._build_places()
            if self._parts & {Part.WEEK, Part.GOALS}:
                with ui.element("div").classes(theme.GRID_MAP):
                    self._build_week_and_goals(can_edit)
                await yield_to_loop()
            if self._parts & {Part.DEVICES, Part.EVENTS, Part.BOTS}:
                with ui.element("div").classes(f"{theme.GRID3} bottom"):
                    await self._build_tile(tiles.DEVICES)
                    if Part.EVENTS in self._parts:
                        self._build_events_tile()
                    await self._build_tile(tiles.BOTS)
        self._week_query = self._side_query(weak_method(self._show_week), self._week_heatmap)
        self._event_query = self._side_query(weak_method(self._show_event), self._events_tile)
        self._side_queries = [self._week_query, self._event_query]

    async def _build_places(self) -> None:
        controller = self._controller
        self._places_tile = PlacesTile(
            self._services.atlas,
            on_country=lambda country: controller.navigate(lambda state: state.with_country(country)),
            on_tab=weak_method(controller.choose_tab),
            on_filter=weak_method(controller.add_filters),
            on_region=lambda region: controller.add_filters(Filter("region", Operator.IS, (region,))),
            on_expand=weak_method(controller.open_breakdown),
            links=controller.links,
        )
        self._ranked_tiles.append(self._places_tile.tile)
        await yield_to_loop()

    def _build_week_and_goals(self, can_edit: bool) -> None:
        controller = self._controller
        if Part.WEEK in self._parts:
            self._week_heatmap = WeekHeatmap(
                weak_method(controller.add_filters), weak_method(controller.open_breakdown)
            )
        if Part.GOALS in self._parts:
            self._goals_tile = GoalsTile(
                controller.state.facts.goals,
                on_goal=lambda goal: controller.add_filters(*goal.filters),
                on_focus=lambda name: controller.navigate(lambda state: state.with_goal(name)),
                links=controller.links,
                data_access=controller.state.facts.data_access,
                settings_url=f"/properties/{controller.state.facts.id}/settings#goals" if can_edit else "",
            )

    def _build_events_tile(self) -> None:
        controller = self._controller
        self._events_tile = EventsTile(
            lambda name, key: controller.navigate(lambda state: state.with_event(name, key)),
            weak_method(controller.add_filters),
            weak_method(controller.open_breakdown),
            controller.links,
        )
        self._ranked_tiles.append(self._events_tile)

    def _side_query(self, on_result: Callable[[Any], None], card: Any) -> SideQuery[Any]:
        return SideQuery(
            self._services.live_queries,
            self._controller.state.facts.number,
            on_result,
            self._error_handler(card),
            live_data.REFRESH_INTERVAL_S,
        )

    def apply_state(self, state: DashboardState) -> None:
        """Updates active tabs, titles and options of all cards; results follow with `show`."""
        self._state = state
        if self._metric_cards:
            self._metric_cards.set_custom_cards(state.facts.custom_cards, has_goals=bool(state.facts.goals))
            self._metric_cards.set_active_metric(state.metric)
        for card in (self._chart, self._places_tile, self._events_tile):
            if card:
                card.apply_state(state)
        if self._goals_tile:
            self._goals_tile.set_active_goal(state.query.goal)
        for tile in self._ranked_tiles:
            tile.set_active_tab(state.tab(tile.tile))

    def update_side_queries(self, state: DashboardState) -> None:
        """Subscribes to the side queries: heat map, and the opened event if any."""
        warehouse, clock = self._services.warehouse, self._services.clock
        if self._week_heatmap:
            week_key = ("week", state.query_key)
            self._week_query.set_query(week_key, lambda: week_breakdown(warehouse, state.query_at(clock())))
        if not (state.event and self._events_tile):
            self._event_query.close()
            return
        key: Hashable = ("event", state.query_key, state.event, state.event_key, state.query.data_access)
        self._event_query.set_query(
            key, lambda: event_breakdown(warehouse, state.query_at(clock()), state.event, state.event_key)
        )

    def show(self, dashboard: Dashboard, look: Look, *, can_zoom: bool, is_narrow: bool) -> None:
        """Draws a result in place, ranked lists one by one. A card that fails shows an error; the others are drawn."""
        breakdowns = with_labels(dashboard.breakdowns, self._controller.name_of)
        self.set_stale(False)
        reasons, timezone = self._controller.empty_reasons(), self._state.query.timezone.key
        if self._metric_cards:
            self._metric_cards.show(dashboard)
        if self._custom_cards_menu:
            self._custom_cards_menu.set_events(dashboard.custom_events, self._state.facts.custom_cards)
        chart_data = live_data.chart_data_from(dashboard, self._state)
        if chart := self._chart:
            _draw_safely(
                chart, lambda: chart.show(chart_data, dashboard.query, look, can_zoom=can_zoom, is_narrow=is_narrow)
            )
        if places_tile := self._places_tile:
            _draw_safely(places_tile, lambda: places_tile.show(breakdowns, self._state, look))
        if goals_tile := self._goals_tile:
            _draw_safely(goals_tile, lambda: goals_tile.show(dashboard))
        self._week_hint = hint = "" if can_zoom else _("Tap again to filter")
        if week_heatmap := self._week_heatmap:
            _draw_safely(week_heatmap, lambda: week_heatmap.recolour(look, timezone, reasons, hint))
        self._cancel_drawing()
        self._draw_task = asyncio.create_task(
            self._draw_lists(breakdowns, reasons, unfiltered_bots_text(dashboard.query))
        )

    async def show_first(self, dashboard: Dashboard) -> None:
        """Draws the numbers of a page that has no browser yet, for its first HTML: cards, goals and lists."""
        breakdowns = with_labels(dashboard.breakdowns, self._controller.name_of)
        reasons, bots_note = self._controller.empty_reasons(), unfiltered_bots_text(dashboard.query)
        for card in (self._metric_cards, self._goals_tile):
            if card:
                card.show(dashboard)
        for tile in self._ranked_tiles:
            self._draw_list(tile, breakdowns, reasons, bots_note)
            await yield_to_loop()

    async def _draw_lists(self, breakdowns: dict[Dimension, Breakdown], reasons: EmptyReasons, bots_note: str) -> None:
        """Draws the ranked lists in separate patches: their rows are most of the work."""
        for tile in self._ranked_tiles:
            async with self._services.render_queue.patch():
                self._draw_list(tile, breakdowns, reasons, bots_note)

    def _draw_list(
        self, tile: RankedTile, breakdowns: dict[Dimension, Breakdown], reasons: EmptyReasons, bots_note: str
    ) -> None:
        tab = self._state.tab(tile.tile)
        note = bots_note if tab.dimension.spec.scope is Scope.BOT else ""
        if tab.dimension in breakdowns:  # else still being computed
            _draw_safely(tile, partial(tile.show, tab, breakdowns[tab.dimension], reasons, note))

    def _cancel_drawing(self) -> None:
        if self._draw_task is not None:
            self._draw_task.cancel()

    def fail(self, message: str) -> None:
        """Shows an error in all cards of the main query."""
        self._cancel_drawing()
        for card in (*self._ranked_tiles, self._places_tile, self._chart, self._goals_tile):
            if card:
                card.fail(message)

    def set_stale(self, is_stale: bool) -> None:
        """Dims the cards while a new result is being computed."""
        switch_class(self._body, "stale", is_stale)

    def pause(self) -> None:
        for side_query in self._side_queries:
            side_query.pause()

    def resume(self) -> None:
        for side_query in self._side_queries:
            side_query.resume()

    def close(self) -> None:
        self._cancel_drawing()
        for side_query in self._side_queries:
            side_query.close()

    async def _build_head(self, can_edit: bool) -> None:
        controller = self._controller
        with ui.element("section").classes(theme.CARD) as section:
            section.props["aria-label"] = _("Metrics and chart")
            if Part.CARDS in self._parts:
                self._metric_cards = MetricCards(weak_method(controller.choose_metric), weak_method(controller.explain))
                self._metric_cards.set_custom_cards(
                    controller.state.facts.custom_cards, has_goals=bool(controller.state.facts.goals)
                )
                await yield_to_loop()
            if Part.CHART not in self._parts:
                return
            self._chart = Chart(
                on_interval=lambda interval: controller.navigate(lambda state: state.with_interval(interval)),
                on_dates=weak_method(controller.show_dates),
                on_hours=weak_method(controller.show_hours),
            )
            if can_edit:
                with self._chart.tools:
                    self._custom_cards_menu = CustomCardsMenu(self._services, controller)

    async def _build_tile(self, tile: Tile) -> None:
        """Builds a ranked tile, if it is one of the parts; a tile and its part have the same name."""
        if Part(tile.key) not in self._parts:
            return
        ranked_tile = RankedTile(
            tile,
            weak_method(self._controller.choose_tab),
            weak_method(self._controller.add_filters),
            weak_method(self._controller.open_breakdown),
            self._controller.links,
        )
        self._ranked_tiles.append(ranked_tile)
        await yield_to_loop()

    def _show_week(self, cells: Breakdown) -> None:
        look, timezone = self._controller.look, self._state.query.timezone.key
        reasons = self._controller.empty_reasons()
        if week_heatmap := self._week_heatmap:
            _draw_safely(week_heatmap, lambda: week_heatmap.show(cells, look, timezone, reasons, self._week_hint))

    def _show_event(self, breakdown: Breakdown) -> None:
        reasons = self._controller.empty_reasons()
        if events_tile := self._events_tile:
            _draw_safely(events_tile, lambda: events_tile.show_event(breakdown, reasons))

    def _error_handler(self, card: Any) -> Callable[[Exception], None]:
        return lambda error: card.fail(error_text(error))


def error_text(error: Exception) -> str:
    """Returns the message of a UserFacingError, and a general one for other errors."""
    return str(error) if isinstance(error, UserFacingError) else _(READ_ERROR_TEXT)


def _draw_safely(card: Any, draw: Callable[[], None]) -> None:
    try:
        draw()
    except Exception:
        log.exception("failed to draw a dashboard card", extra={"card": type(card).__name__})
        card.fail(_(DRAW_ERROR_TEXT))
