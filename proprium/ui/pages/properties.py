"""All properties of the person who looks: totals, one card each, search, and everything that can be done to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from urllib.parse import urlencode

from fastapi import Request
from nicegui import run, ui
from nicegui.elements.mixins.text_element import TextElement

from proprium.figures import numbers
from proprium.live.subscriptions import Watch
from proprium.metrics.overview import PropertyOverview, overview
from proprium.properties import service
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import empty
from proprium.ui.components.property_actions import Actions
from proprium.ui.components.property_card import SUMS, PropertyCard
from proprium.ui.components.proxy_notice import proxy_notice
from proprium.ui.components.rebuild_notice import RebuildNotice
from proprium.ui.components.text import span, title
from proprium.ui.http import page_access
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import frame, is_connected
from proprium.ui.services import Services

SORTS = {"visitors": "Most visitors", "name": "Name", "events": "Most events", "newest": "Newest"}
FILL_AT_LEAST_EVERY_S = 30
"""The count of who is there falls by itself, without an event."""
SEARCH_FROM = 4  # properties; fewer are seen at a glance


def register(services: Services) -> None:
    @ui.page("/properties")
    async def properties(request: Request, q: str = "", sort: str = "visitors") -> None:
        user = session.require_user(services, request)
        visible = service.visible_to(services.database, user)
        with frame(services, request, "Properties", user, access=PageAccess.of(request, user, listed=visible)):
            page = _Page(services, user, visible, q, sort if sort in SORTS else "visitors")
        if await is_connected():
            await page.fill()


class _Page:
    """One person's open list."""

    def __init__(self, services: Services, user: User, visible: list[Property], search: str, sort: str) -> None:
        self._services, self._user, self._search, self._sort = services, user, search, sort
        self._actions = Actions(services)
        self._client = ui.context.client
        self._cards: dict[int, PropertyCard] = {}
        self._seen: dict[int, PropertyOverview] = {}
        self._watches: list[Watch[PropertyOverview]] = []
        self._all = visible
        self._head()
        if session.is_owner(user):
            proxy_notice(services)
        self._rebuild = RebuildNotice(services.warehouse)
        self._totals = _Totals(len(self._all))
        self._grid = ui.element("div").classes("props").props('aria-live="off"')
        self._nothing = ui.element("section").classes(theme.CARD)
        self._client.on_delete(self._unwatch)
        self._draw()

    async def fill(self) -> None:
        """Fetches every number once, then follows what moves."""
        self._unwatch()
        if not await self._rebuild.wait():
            return
        numbers_ = [found.number for found in self._all if found.number is not None]
        seen = await run.io_bound(overview, self._services.warehouse, numbers_, self._services.clock())
        if self._client.is_deleted:  # closed meanwhile: nobody would end the watches
            return
        self._seen = dict(seen or {})
        with self._client:
            self._draw()
        for number in numbers_:
            self._watches.append(self._watch(number))

    def _watch(self, number: int) -> Watch[PropertyOverview]:
        services = self._services

        def look() -> PropertyOverview:
            return overview(services.warehouse, [number], services.clock())[number]

        return services.hub.watch(number, "overview", look, partial(self._moved, number), every_s=FILL_AT_LEAST_EVERY_S)

    def _unwatch(self) -> None:
        while self._watches:
            self._watches.pop().close()

    def _moved(self, number: int, seen: PropertyOverview) -> None:
        self._seen[number] = seen
        with self._client:
            if card := self._cards.get(number):
                card.show(seen, self._services.clock())
            self._totals.show(self._seen)

    def _head(self) -> None:
        with ui.element("div").classes("pagehead"):
            title("Properties", "grow")
            if len(self._all) >= SEARCH_FROM or self._search:
                self._search_field()
                self._sort_field()
            if self._all:
                link_button("SQL", "/sql", "table")
            if service.may_create(self._user):
                button("New property", "plus", kind=theme.PRIMARY, on_click=self._actions.create)

    def _search_field(self) -> None:
        field = ui.input(value=self._search, placeholder="Search").props("outlined dense clearable debounce=150")
        field.props["aria-label"] = "Search properties"
        field.on_value_change(lambda e: self._narrow(e.value or "", self._sort)).style("width: 190px")

    def _sort_field(self) -> None:
        field = ui.select(SORTS, value=self._sort).props('outlined dense options-dense aria-label="Sort by"')
        field.on_value_change(lambda e: self._narrow(self._search, e.value)).style("width: 160px").classes("hide-s")

    def _narrow(self, search: str, sort: str) -> None:
        self._search, self._sort = search, sort
        parameters = {name: value for name, value in (("q", search), ("sort", sort)) if value and value != "visitors"}
        ui.navigate.history.replace("/properties" + (f"?{urlencode(parameters)}" if parameters else ""))
        self._draw()

    async def _changed(self) -> None:
        self._all = service.visible_to(self._services.database, self._user)
        page_access.relist(self._client, self._user, self._all)
        await self.fill()

    def _draw(self) -> None:
        shown = [found for found in self._all if _fits(found, self._search)]
        self._totals.count(len(self._all))
        self._totals.show({n: seen for n, seen in self._seen.items() if n in {found.number for found in self._all}})
        self._grid.clear()
        self._cards.clear()
        with self._grid:
            for found in _sorted(shown, self._sort, self._seen):
                self._cards[found.number or 0] = self._card(found)
        self._say_nothing(is_empty=not shown)

    def _card(self, found: Property) -> PropertyCard:
        may_edit = service.may_edit(self._user, found)
        card = PropertyCard(found, self._actions, may_edit=may_edit, on_change=self._changed)
        if seen := self._seen.get(found.number or 0):
            card.show(seen, self._services.clock())
        return card

    def _say_nothing(self, *, is_empty: bool) -> None:
        self._nothing.clear()
        self._nothing.set_visibility(is_empty)
        if is_empty:
            with self._nothing:
                if self._search:
                    empty(f"Nothing is called “{self._search}”", "Search looks at names and ids.", "search")
                else:
                    empty(
                        "No property yet",
                        "A property is a site that you watch. Give it a name and put its tag on a page.",
                    )


class _Totals:
    """The strip above the cards."""

    def __init__(self, properties: int) -> None:
        with (
            ui.element("section")
            .classes(f"{theme.CARD} {theme.KPIS} totals")
            .props('aria-label="All properties together"')
        ):
            self._properties = _figure("Properties")
            self._figures = {key: _figure(label) for key, label in SUMS.items()}
        self.count(properties)

    def count(self, properties: int) -> None:
        self._properties.set_text(numbers.exact(properties))

    def show(self, seen: Mapping[int, PropertyOverview]) -> None:
        for key, label in self._figures.items():
            total = sum(getattr(one, key) for one in seen.values())
            label.set_text(numbers.short(total) if seen else "–")
            label.props["title"] = numbers.exact(total)


def _figure(label: str) -> TextElement:
    with ui.element("div").classes(theme.KPI):
        span(label, "l")
        return span("–", "v num")


def _fits(found: Property, search: str) -> bool:
    wanted = search.strip().casefold()
    return wanted in found.name.casefold() or wanted in str(found.id)


def _sorted(found: Sequence[Property], by: str, seen: Mapping[int, PropertyOverview]) -> list[Property]:
    """`found` comes by name, so that equal ones stay in that order."""

    def number(one: Property, key: str) -> int:
        known = seen.get(one.number or 0)
        return int(getattr(known, key)) if known else 0

    if by == "visitors":
        return sorted(found, key=lambda one: (-number(one, "visitors_24h"), -number(one, "events")))
    if by == "events":
        return sorted(found, key=lambda one: -number(one, "events"))
    if by == "newest":
        return sorted(found, key=lambda one: one.created_at, reverse=True)
    return list(found)
