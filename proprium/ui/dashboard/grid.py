"""All cards of a dashboard: how they lie, and what each of them draws of an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from nicegui import ui

from proprium.errors import ProblemForReader
from proprium.figures.names import named
from proprium.figures.template import Look
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.query.query import Goal
from proprium.metrics.results import Breakdown, Dashboard, Dimension
from proprium.ui import theme
from proprium.ui.dashboard import live_data, tiles
from proprium.ui.dashboard.chart import Chart
from proprium.ui.dashboard.custom_cards import CustomCards
from proprium.ui.dashboard.dom import switch_class
from proprium.ui.dashboard.events_tile import EventsTile, opened_of
from proprium.ui.dashboard.goals_tile import Goals
from proprium.ui.dashboard.metric_cards import Headline
from proprium.ui.dashboard.places_tile import Places
from proprium.ui.dashboard.ranked_list import RankedTile
from proprium.ui.dashboard.side_query import Aside
from proprium.ui.dashboard.state import View
from proprium.ui.dashboard.tiles import Tile
from proprium.ui.dashboard.week_heatmap import Week, week_of
from proprium.ui.page_memory import weak_method
from proprium.ui.render_queue import pause
from proprium.ui.services import Services

if TYPE_CHECKING:
    from proprium.ui.dashboard.controller import Screen

log = logging.getLogger(__name__)

BROKEN = "The numbers could not be read. They are asked for again with the next event; the server's log says more."
UNDRAWN = "This could not be drawn. The server's log says why."


class Board:
    """Presses go to the screen, which changes the view; the view and its answer come back here."""

    def __init__(self, services: Services, screen: Screen) -> None:
        """`screen` is a weak proxy: the screen holds the board."""
        self._services, self._screen = services, screen
        self._view = screen.view
        self._drawing: asyncio.Task[None] | None = None

    async def build(self, *, can_edit: bool) -> None:
        """In pieces of a few milliseconds."""
        screen, services = self._screen, self._services
        with ui.element("div").classes("dashboard") as self._body:
            await self._head(can_edit)
            with ui.element("div").classes(theme.GRID2):
                pages = self._tile(tiles.PAGES)
                await pause()
                sources = self._tile(tiles.SOURCES)
            await pause()
            self._places = Places(
                services.atlas,
                on_country=lambda country: screen.go(lambda view: view.with_country(country)),
                on_tab=weak_method(screen.choose_tab),
                on_filter=weak_method(screen.add_filters),
                on_region=lambda region: screen.add_filters(Filter("region", Operator.IS, (region,))),
                on_expand=weak_method(screen.expand),
            )
            await pause()
            with ui.element("div").classes(theme.GRID_MAP):
                self._week = Week(weak_method(screen.add_filters), weak_method(screen.expand))
                settings = f"/properties/{screen.view.facts.id}/settings#goals" if can_edit else ""
                facts, on_goal, on_aim = screen.view.facts, weak_method(self._filter_goal), weak_method(self._aim)
                self._goals = Goals(facts.goals, on_goal, on_aim, data_access=facts.data_access, settings=settings)
            await pause()
            with ui.element("div").classes(f"{theme.GRID3} bottom"):
                devices = self._tile(tiles.DEVICES)
                await pause()
                self._events = EventsTile(
                    weak_method(self._open_event), weak_method(screen.add_filters), weak_method(screen.expand)
                )
                bots = self._tile(tiles.BOTS)
        self._tiles = [pages, sources, self._places.tile, devices, self._events, bots]
        number = screen.view.facts.number
        self._asides: list[Aside[Any]] = [
            Aside(services.hub, number, weak_method(self._show_week), self._failing(self._week), live_data.EVERY_S),
            Aside(services.hub, number, weak_method(self._show_opened), self._failing(self._events), live_data.EVERY_S),
        ]

    def choose(self, view: View) -> None:
        """What is marked, titled and offered, as the view has it."""
        self._view = view
        self._headline.offer(view.facts.custom_cards, has_goals=bool(view.facts.goals))
        self._headline.choose(view.metric)
        self._chart.offer(view)
        self._places.choose(view)
        self._goals.choose(view.query.goal)
        self._events.open(view)
        for tile in self._tiles:
            tile.choose(view.tab(tile.tile))

    def ask(self, view: View) -> None:
        """The questions that are asked beside the dashboard's own."""
        warehouse, clock = self._services.warehouse, self._services.clock
        week, opened = self._asides
        week.ask(("week", view.question), lambda: week_of(warehouse, view.at(clock())))
        if not view.event:
            opened.close()
            return
        key: Hashable = ("event", view.question, view.event, view.event_key, view.query.data_access)
        opened.ask(key, lambda: opened_of(warehouse, view.at(clock()), view.event, view.event_key))

    def show(self, found: Dashboard, look: Look, *, can_zoom: bool) -> None:
        """The answer, in place; the lists follow one by one. A card that breaks says so and leaves the others alone."""
        breakdowns = named(found.breakdowns, self._screen.name)
        self.set_stale(False)
        self._headline.show(found)
        if self._custom:
            self._custom.offer(found.custom_events, self._view.facts.custom_cards)
        drawing = live_data.drawing_of(found, self._view)
        _try(self._chart, lambda: self._chart.show(drawing, found.query, look, can_zoom=can_zoom))
        _try(self._places, lambda: self._places.show(breakdowns, self._view, look))
        _try(self._goals, lambda: self._goals.show(found))
        _try(self._week, lambda: self._week.recolour(look, self._view.query.timezone.key))
        self._stop_drawing()
        self._drawing = asyncio.create_task(self._draw_lists(breakdowns))

    async def _draw_lists(self, breakdowns: dict[Dimension, Breakdown]) -> None:
        """In pieces: the rows of six lists are most of what there is to draw."""
        for tile in self._tiles:
            async with self._services.turns.piece():
                _try(tile, lambda tile=tile: self._draw(tile, breakdowns))  # type: ignore[misc]

    def _stop_drawing(self) -> None:
        """What is drawn next is newer."""
        if self._drawing is not None:
            self._drawing.cancel()

    def fail(self, text: str) -> None:
        self._stop_drawing()
        for card in (*self._tiles, self._places, self._chart, self._goals):
            card.fail(text)  # type: ignore[attr-defined]

    def set_stale(self, is_stale: bool) -> None:
        """Paler while another answer is on its way."""
        switch_class(self._body, "stale", is_stale)

    def pause(self) -> None:
        for aside in self._asides:
            aside.pause()

    def resume(self) -> None:
        for aside in self._asides:
            aside.resume()

    def close(self) -> None:
        self._stop_drawing()
        for aside in self._asides:
            aside.close()

    async def _head(self, can_edit: bool) -> None:
        screen = self._screen
        with ui.element("section").classes(theme.CARD).props('aria-label="Numbers and their course"'):
            self._headline = Headline(weak_method(screen.choose_metric), weak_method(screen.explain))
            self._headline.offer(screen.view.facts.custom_cards, has_goals=bool(screen.view.facts.goals))
            await pause()
            self._chart = Chart(
                on_interval=lambda interval: screen.go(lambda view: view.with_interval(interval)),
                on_dates=weak_method(screen.show_dates),
            )
            self._custom: CustomCards | None = None
            if can_edit:
                with self._chart.tools:
                    self._custom = CustomCards(self._services, screen)

    def _tile(self, tile: Tile) -> RankedTile:
        return RankedTile(
            tile,
            weak_method(self._screen.choose_tab),
            weak_method(self._screen.add_filters),
            weak_method(self._screen.expand),
        )

    def _draw(self, tile: RankedTile, breakdowns: dict[Dimension, Breakdown]) -> None:
        tab = self._view.tab(tile.tile)
        if tab.dimension in breakdowns:  # else it is on its way
            tile.show(tab, breakdowns[tab.dimension])

    def _show_week(self, cells: Breakdown) -> None:
        _try(self._week, lambda: self._week.show(cells, self._screen.look, self._view.query.timezone.key))

    def _show_opened(self, breakdown: Breakdown) -> None:
        _try(self._events, lambda: self._events.show_opened(breakdown))

    def _failing(self, card: Any) -> Callable[[Exception], None]:
        return lambda problem: card.fail(told(problem))

    def _open_event(self, name: str, key: str) -> None:
        self._screen.go(lambda view: view.with_event(name, key))

    def _filter_goal(self, goal: Goal) -> None:
        self._screen.add_filters(*goal.filters)

    def _aim(self, goal: str) -> None:
        self._screen.go(lambda view: view.with_goal(goal))


def told(problem: Exception) -> str:
    """What a reader can do something with."""
    return str(problem) if isinstance(problem, ProblemForReader) else BROKEN


def _try(card: Any, draw: Callable[[], None]) -> None:
    try:
        draw()
    except Exception:
        log.exception("A card could not be drawn")
        card.fail(UNDRAWN)
