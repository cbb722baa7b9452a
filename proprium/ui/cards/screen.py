"""One open dashboard: what it looks at, where its numbers come from, and which card shows them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from nicegui import Client, ui
from starlette.datastructures import QueryParams

from proprium.errors import BadQuery, ProblemForReader
from proprium.figures.names import name_of, named
from proprium.figures.template import Look
from proprium.live import Watch
from proprium.metrics.filters import Filter, Operator
from proprium.metrics.period import Compare
from proprium.metrics.results import Dashboard, Dimension, Live
from proprium.ui import theme
from proprium.ui.cards import answer, keys, tiles
from proprium.ui.cards.bar import LiveDot, PeriodPicker
from proprium.ui.cards.chart import Chart
from proprium.ui.cards.chips import Chips, ask_for_filter
from proprium.ui.cards.custom import CustomCards
from proprium.ui.cards.footer import Footer
from proprium.ui.cards.full_list import FullList
from proprium.ui.cards.headline import Headline
from proprium.ui.cards.pieces import switch_class
from proprium.ui.cards.places import Places
from proprium.ui.cards.ranked import RankedTile
from proprium.ui.cards.tiles import Tile
from proprium.ui.cards.view import View, view_from
from proprium.ui.frame import Frame
from proprium.ui.parts.controls import link_button
from proprium.ui.parts.states import note
from proprium.ui.services import Services

log = logging.getLogger(__name__)

BROKEN = "The numbers could not be read. They are asked for again with the next event; the server's log says more."
CHECK_EVERY_S = 10
# One round trip: the theme, whether there is a mouse (a finger must scroll over the chart), and whether anybody looks.
ASK_BROWSER = "[propriumTheme.isDark(), matchMedia('(pointer: fine)').matches, !document.hidden]"


class Screen:
    """`may_see` is asked again while the page is open: a login may end, a property become private."""

    def __init__(self, services: Services, view: View, may_see: Callable[[], bool], *, can_edit: bool) -> None:
        self._services, self._may_see, self._checked_s = services, may_see, time.monotonic()
        self.view = view
        self.answer: Dashboard | None = None
        self._client: Client = ui.context.client
        self._look, self._can_zoom, self._is_shown = Look.LIGHT, False, True
        self._watches: list[Watch[Any]] = []
        self._can_edit = can_edit
        self._name = name_of(services.atlas)
        self._targets: list[str] = []

    # ---- drawing the shell ------------------------------------------------------------------------------------

    def build_bar(self, targets: list[str]) -> None:
        self._targets = targets
        self._live = LiveDot()

    def build_period(self) -> None:
        self._period = PeriodPicker(
            on_period=lambda key: self.go(lambda view: view.with_period(key, self._services.clock())),
            on_dates=self._show_dates,
            on_compare=lambda compare: self.go(lambda view: view.with_compare(compare)),
        )

    def build(self) -> None:
        """Everything that can be seen before the first number is there."""
        self._chips = Chips(self._name, self._remove_filter, self._edit_filter)
        self._notice = ui.element("div").classes("notice")
        self._notice.set_visibility(False)
        with ui.element("div").classes("dashboard") as self._body:
            with ui.element("section").classes(theme.CARD).props('aria-label="Numbers and their course"'):
                self._headline = Headline(self._choose_metric)
                self._headline.offer(self.view.facts.custom_cards, has_goals=bool(self.view.facts.goals))
                self._chart = Chart(
                    on_interval=lambda interval: self.go(lambda view: view.with_interval(interval)),
                    on_dates=self._show_dates,
                )
                if self._can_edit:
                    with self._chart.tools:
                        self._custom: CustomCards | None = CustomCards(self._services, self)
                else:
                    self._custom = None
            with ui.element("div").classes(theme.GRID2):
                pages, sources = self._tile(tiles.PAGES), self._tile(tiles.SOURCES)
            self._places = Places(
                self._services.atlas,
                on_country=lambda country: self.go(lambda view: view.with_country(country)),
                on_tab=self._choose_tab,
                on_filter=self._add_filter,
                on_region=lambda region: self._add_filter(Filter("region", Operator.IS, (region,))),
                on_expand=self._expand,
            )
            with ui.element("div").classes(f"{theme.GRID3} bottom"):
                devices, events, bots = self._tile(tiles.DEVICES), self._tile(tiles.EVENTS), self._tile(tiles.BOTS)
        self._tiles = [pages, sources, self._places.tile, devices, events, bots]
        self._draw_controls()
        keys.listen(self._press, self._show_address, self._set_shown)

    def build_footer(self, frame: Frame) -> None:
        with frame.foot:
            self._footer = Footer()
        frame.on_theme(self._set_theme)

    def _tile(self, tile: Tile) -> RankedTile:
        return RankedTile(tile, self._choose_tab, self._add_filter, self._expand)

    # ---- numbers ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Call it once the browser is there."""
        self._client.on_delete(self.close)
        is_dark, self._can_zoom, self._is_shown = await ui.run_javascript(ASK_BROWSER, timeout=10)
        self._look = Look.DARK if is_dark else Look.LIGHT
        self._ask()
        number = self.view.facts.number
        live = self._services.hub.watch(
            number,
            ("live", self.view.facts.live_min),
            answer.live_of(self._services.warehouse, self.view.facts, self._services.clock),
            self._arrive_live,
            every_s=answer.LIVE_EVERY_S,
        )
        self._watches.append(live)
        self._set_shown(self._is_shown)

    def close(self) -> None:
        for watch in self._watches:
            watch.close()
        self._watches.clear()

    def _ask(self) -> None:
        """Watches the view's question instead of the one before."""
        if self._watches:
            self._watches.pop(0).close()
        watch = self._services.hub.watch(
            self.view.facts.number,
            self.view.key,
            answer.numbers_of(self._services.warehouse, self.view, self._services.clock),
            self._arrive,
            on_error=self._fail,
            is_same=answer.shows_the_same,
            every_s=answer.EVERY_S,
        )
        self._watches.insert(0, watch)
        if not self._is_shown:
            watch.pause()

    def _arrive(self, result: Dashboard) -> None:
        if self._may_still_see():
            self.answer = result
            self._draw()

    def _may_still_see(self) -> bool:
        """Asked now and then, not with every event; a page that may not is left."""
        now = time.monotonic()
        if now - self._checked_s < CHECK_EVERY_S:
            return True
        self._checked_s = now
        if not self._may_see():
            self._leave()
            return False
        return True

    def _arrive_live(self, live: Live) -> None:
        self._live.show(live)

    def _fail(self, problem: Exception) -> None:
        text = str(problem) if isinstance(problem, ProblemForReader) else BROKEN
        switch_class(self._body, "stale", False)
        if self.answer is None or isinstance(problem, ProblemForReader):
            for card in (*self._tiles, self._places, self._chart):
                card.fail(text)  # type: ignore[attr-defined]

    def _draw(self) -> None:
        """The answer, in place. A card that breaks says so and leaves the others alone."""
        found, view = self.answer, self.view
        if found is None:
            return
        breakdowns = named(found.breakdowns, self._name)
        switch_class(self._body, "stale", False)
        self._headline.show(found)
        self._footer.show(found)
        self._show_notice(found)
        if self._custom:
            self._custom.offer(found.custom_events, view.facts.custom_cards)
        self._try(self._chart, lambda: self._draw_chart(found))
        self._try(self._places, lambda: self._places.show(breakdowns, view, self._look))
        for tile in self._tiles:
            self._try(tile, lambda tile=tile: self._draw_tile(tile, breakdowns))  # type: ignore[misc]

    def _draw_chart(self, found: Dashboard) -> None:
        drawing = answer.drawing_of(found, self.view)
        self._chart.show(drawing, found.query, self._look, can_zoom=self._can_zoom)

    def _draw_tile(self, tile: RankedTile, breakdowns: dict[Dimension, Any]) -> None:
        tab = self.view.tab(tile.tile)
        if tab.dimension in breakdowns:  # else it is on its way
            tile.show(tab, breakdowns[tab.dimension])

    def _try(self, card: Any, draw: Callable[[], None]) -> None:
        try:
            draw()
        except Exception:
            log.exception("A card could not be drawn")
            card.fail("This could not be drawn. The server's log says why.")

    def _show_notice(self, found: Dashboard) -> None:
        if found.is_empty and not self._notice.visible:
            with self._notice, note("No event yet. Put the tag on your pages, and this page moves by itself.", "warn"):
                if self._can_edit:
                    link_button("See the tag", f"/properties/{self.view.facts.id}/install", "code").classes("end")
        elif not found.is_empty and self._notice.visible:
            self._notice.clear()
        self._notice.set_visibility(found.is_empty)

    # ---- going elsewhere --------------------------------------------------------------------------------------

    def go(self, change: Callable[[View], View]) -> None:
        """Shows another view and writes it into the address; a BadQuery is told and changes nothing."""
        try:
            view = change(self.view)
            view_from(view.params(), view.facts, view.query.now)  # what cannot be in an address cannot be shown
        except BadQuery as problem:
            with self._client:
                ui.notify(str(problem), type="warning")
            return
        if view != self.view:
            self._client.run_javascript(f"history.pushState(null, '', {json.dumps(view.address())})")
            self.show(view)

    def show(self, view: View) -> None:
        if not self._may_still_see():
            return
        is_other_question = view.key != self.view.key
        self.view = view
        self._draw_controls()
        if is_other_question:
            switch_class(self._body, "stale", True)
            self._ask()
        else:
            self._draw()

    def _draw_controls(self) -> None:
        self._period.show(self.view)
        self._chips.show(self.view.query.filters)
        self._headline.offer(self.view.facts.custom_cards, has_goals=bool(self.view.facts.goals))
        self._headline.choose(self.view.metric)
        self._chart.offer(self.view)
        self._places.choose(self.view)
        for tile in self._tiles:
            tile.choose(self.view.tab(tile.tile))

    def _leave(self) -> None:
        """It is gone, or not theirs any more: the same page as for one that never was."""
        self.close()
        self._client.run_javascript("location.reload()")

    def _show_address(self, search: str) -> None:
        """Back and forward."""
        try:
            view = view_from(QueryParams(search.removeprefix("?")), self.view.facts, self._services.clock())
        except BadQuery:
            self._client.run_javascript("location.reload()")  # opened anew, the page says what is wrong
            return
        self.show(view)

    def _show_dates(self, first: date, last: date) -> None:
        self.go(lambda view: view.with_dates(first, last))

    def _choose_metric(self, key: str) -> None:
        self.go(lambda view: view.with_metric(key))

    def _choose_tab(self, tile: Tile, key: str) -> None:
        self.go(lambda view: view.with_tab(tile, key))

    async def _expand(self, tile: Tile) -> None:
        if self._may_still_see():
            full = FullList(self._services, self._name, self._add_filter)
            await full.open(tile, self.view.tab(tile), self.view.at(self._services.clock()))

    def _add_filter(self, wanted: Filter) -> None:
        self.go(lambda view: view.with_filter(wanted))

    def _remove_filter(self, unwanted: Filter) -> None:
        self.go(lambda view: view.without_filter(unwanted))

    def _edit_filter(self, given: Filter) -> None:
        self.ask_for_filter(given)

    def ask_for_filter(self, given: Filter | None = None) -> None:
        def put(wanted: Filter) -> None:
            self.go(lambda view: (view.without_filter(given) if given else view).with_filter(wanted))

        with self._client:
            ask_for_filter(put, given)

    # ---- what the browser tells -------------------------------------------------------------------------------

    def _set_shown(self, is_shown: bool) -> None:
        self._is_shown = is_shown
        for watch in self._watches:
            watch.resume() if is_shown else watch.pause()

    def _set_theme(self, is_dark: bool) -> None:
        self._look = Look.DARK if is_dark else Look.LIGHT
        self._draw()

    def _press(self, key: str) -> None:
        lower = key.lower()
        if lower in keys.PERIODS:
            self.go(lambda view: view.with_period(keys.PERIODS[lower], self._services.clock()))
        elif lower == "x":
            self.go(_toggle_compare)
        elif key in {"ArrowLeft", "ArrowRight"}:
            self.go(lambda view: view.stepped(1 if key == "ArrowRight" else -1))
        elif key == "Escape":
            self.go(lambda view: view.with_filters())
        elif key == "/":
            self.ask_for_filter()
        elif key == "?":
            keys.show_keys()
        elif key.isdigit() and 0 < int(key) <= len(self._targets):
            ui.navigate.to(self._targets[int(key) - 1])


def _toggle_compare(view: View) -> View:
    return view.with_compare(Compare.NONE if view.query.compare is not Compare.NONE else Compare.PREVIOUS)
