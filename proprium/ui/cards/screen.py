"""One open dashboard: what it looks at, where its numbers come from, and where its presses lead."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any
from weakref import proxy

from nicegui import Client, ui
from starlette.datastructures import QueryParams

from proprium.errors import BadQuery, NotForReaders, ProblemForReader
from proprium.figures.names import name_of
from proprium.figures.template import Look
from proprium.live import Watch
from proprium.metrics.filters import Filter
from proprium.metrics.goals import Segment
from proprium.metrics.period import Compare
from proprium.metrics.results import Dashboard, Metric
from proprium.ui.cards import answer, keys
from proprium.ui.cards.bar import LiveDot, PeriodPicker
from proprium.ui.cards.board import Board, told
from proprium.ui.cards.chips import Chips
from proprium.ui.cards.filter_dialog import FilterDialog
from proprium.ui.cards.footer import Footer
from proprium.ui.cards.full_list import FullList
from proprium.ui.cards.segments import Segments
from proprium.ui.cards.tiles import Tile
from proprium.ui.cards.view import CUSTOM, View, view_from
from proprium.ui.cards.why import Explainer
from proprium.ui.frame import Frame
from proprium.ui.page_memory import weak_method
from proprium.ui.parts.controls import link_button
from proprium.ui.parts.states import note
from proprium.ui.services import Services

# One round trip: the theme, whether there is a mouse (a finger must scroll over the chart), and whether anybody looks.
ASK_BROWSER = "[propriumTheme.isDark(), matchMedia('(pointer: fine)').matches, !document.hidden]"


class Screen:
    def __init__(
        self,
        services: Services,
        view: View,
        *,
        can_edit: bool,
        segments: tuple[Segment, ...] = (),
    ) -> None:
        self._services = services
        self.view = view
        self.answer: Dashboard | None = None
        self.name = name_of(services.atlas)
        self._self: Screen = proxy(self)  # for what it holds: with itself that would be a cycle
        self.segments = Segments(services, self._self, segments, can_edit=can_edit)
        self._client: Client = ui.context.client
        self.look, self._can_zoom, self._is_shown = Look.LIGHT, False, True
        self._watches: list[Watch[Any]] = []
        self._can_edit = can_edit
        self._explainer = Explainer(services, view.facts.number, self.name, can_edit=can_edit)
        self._targets: list[str] = []

    # ---- drawing the shell ------------------------------------------------------------------------------------

    def build_bar(self, targets: list[str]) -> None:
        self._targets = targets
        self._live = LiveDot()

    def build_period(self) -> None:
        self._period = PeriodPicker(
            on_period=weak_method(self._choose_period),
            on_dates=weak_method(self.show_dates),
            on_compare=weak_method(self._choose_compare),
        )

    async def build(self) -> None:
        """Everything that can be seen before the first number is there."""
        self._chips = Chips(self.name, weak_method(self._remove_filter), weak_method(self.ask_for_filter))
        with self._chips.tools:
            self.segments.build_save()
        self._notice = ui.element("div").classes("notice")
        self._notice.set_visibility(False)
        self._board = Board(self._services, self._self)
        await self._board.build(can_edit=self._can_edit)
        self._draw_controls()
        keys.listen(self._press, self._show_address, self._set_shown)

    def build_footer(self, frame: Frame) -> None:
        with frame.foot:
            self._footer = Footer()
        frame.on_theme(self._set_theme)

    # ---- numbers ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Call it once the browser is there."""
        self._client.on_delete(self.close)
        self._client.on_disconnect(self._rest_or_run)
        self._client.on_connect(self._rest_or_run)
        try:
            known = await ui.run_javascript(ASK_BROWSER, timeout=10)
        except TimeoutError:  # gone, or very slow: then the numbers come without what only the browser knows
            known = [False, False, True]
        if self._client.is_deleted:
            return
        is_dark, self._can_zoom, self._is_shown = known
        self.look = Look.DARK if is_dark else Look.LIGHT
        self._ask()
        number = self.view.facts.number
        live = self._services.hub.watch(
            number,
            ("live", self.view.facts.live_min),
            answer.live_of(self._services.warehouse, self.view.facts, self._services.clock),
            self._live.show,
            every_s=answer.LIVE_EVERY_S,
        )
        self._watches.append(live)
        self._board.ask(self.view)
        self._set_shown(self._is_shown)

    def close(self) -> None:
        for watch in self._watches:
            watch.close()
        self._watches.clear()
        self._board.close()

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
        if not self._is_seen:
            watch.pause()

    def _arrive(self, result: Dashboard) -> None:
        self.answer = result
        self._draw()

    def _fail(self, problem: Exception) -> None:
        self._board.set_stale(False)
        if self.answer is None or isinstance(problem, ProblemForReader):
            self._board.fail(told(problem))

    def _draw(self) -> None:
        if self.answer is None:
            return
        self._board.show(self.answer, self.look, can_zoom=self._can_zoom)
        self._footer.show(self.answer)
        self._show_notice(self.answer)

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
        """Shows another view and writes it into the address; one that is refused says why and changes nothing."""
        try:
            view = change(self.view)
            view_from(view.params(), view.facts, view.query.now)  # what cannot be in an address cannot be shown
        except (BadQuery, NotForReaders) as problem:
            with self._client:
                ui.notify(str(problem), type="warning")
            return
        if view != self.view:
            self._client.run_javascript(f"history.pushState(null, '', {json.dumps(view.address())})")
            self.show(view)

    def show(self, view: View) -> None:
        is_other_question = view.key != self.view.key
        self.view = view
        self._draw_controls()
        if is_other_question:
            self._board.set_stale(True)
            self._ask()
        else:
            self._draw()
        self._board.ask(view)

    def _draw_controls(self) -> None:
        self._period.show(self.view)
        self._chips.show(self.view.query.filters)
        self._board.choose(self.view)

    def _show_address(self, search: str) -> None:
        """Back and forward."""
        try:
            view = view_from(QueryParams(search.removeprefix("?")), self.view.facts, self._services.clock())
        except (BadQuery, NotForReaders):
            self._client.run_javascript("location.reload()")  # opened anew, the page says what is wrong
            return
        self.show(view)

    def show_dates(self, first: date, last: date) -> None:
        self.go(lambda view: view.with_dates(first, last))

    def _choose_period(self, key: str) -> None:
        self.go(lambda view: view.with_period(key, self._services.clock()))

    def _choose_compare(self, compare: Compare) -> None:
        self.go(lambda view: view.with_compare(compare))

    def choose_metric(self, key: str) -> None:
        self.go(lambda view: view.with_metric(key))

    def choose_tab(self, tile: Tile, key: str) -> None:
        self.go(lambda view: view.with_tab(tile, key))

    async def expand(self, tile: Tile) -> None:
        """The whole list behind a tile."""
        query = self.view.at(self._services.clock())
        full = FullList(self._services, query, self.name, self.add_filters, self._explainer.explain)
        with self._client:
            await full.open(tile, self.view.tab(tile))

    async def explain(self, metric: str) -> None:
        """Why a card's number is what it is."""
        if not metric.startswith(CUSTOM):
            with self._client:
                await self._explainer.explain(self.view.at(self._services.clock()), Metric(metric))

    def add_filters(self, *wanted: Filter) -> None:
        def put(view: View) -> View:
            for one in wanted:
                view = view.with_filter(one)
            return view

        self.go(put)

    def _remove_filter(self, unwanted: Filter) -> None:
        self.go(lambda view: view.without_filter(unwanted))

    async def ask_for_filter(self, given: Filter | None = None) -> None:
        """A dialog for a new filter, or for another one in place of `given`."""

        def put(wanted: Filter) -> None:
            self.go(lambda view: (view.without_filter(given) if given else view).with_filter(wanted))

        query = self.view.at(self._services.clock())
        with self._client:
            await FilterDialog(self._services, query, self.name, put, self.segments).open(given)

    # ---- what the browser tells -------------------------------------------------------------------------------

    def _set_shown(self, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._rest_or_run()

    @property
    def _is_seen(self) -> bool:
        """Nobody sees a page that was closed; it is kept for a while, since it may only have lost its connection."""
        return self._is_shown and self._client.has_socket_connection

    def _rest_or_run(self) -> None:
        shown: list[Watch[Any] | Board] = [*self._watches, self._board]
        for each in shown:
            each.resume() if self._is_seen else each.pause()

    def _set_theme(self, is_dark: bool) -> None:
        self.look = Look.DARK if is_dark else Look.LIGHT
        self._draw()

    async def _press(self, key: str) -> None:
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
            await self.ask_for_filter()
        elif key == "?":
            keys.show_keys()
        elif key.isdigit() and 0 < int(key) <= len(self._targets):
            ui.navigate.to(self._targets[int(key) - 1])


def _toggle_compare(view: View) -> View:
    return view.with_compare(Compare.NONE if view.query.compare is not Compare.NONE else Compare.PREVIOUS)
