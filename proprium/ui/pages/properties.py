"""Property list page: totals, and a card with live numbers and actions for each visible property; search and sort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlencode

from fastapi import Request
from nicegui import run, ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement

from proprium.errors import WarehouseRebuilding
from proprium.figures import numbers
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.live.subscriptions import Subscription
from proprium.metrics.overview import PropertyOverview, overview
from proprium.properties import permissions, service
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import empty_state
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.property_card import SUM_LABELS, PropertyCard
from proprium.ui.components.proxy_notice import proxy_notice
from proprium.ui.components.rebuild_notice import RebuildNotice
from proprium.ui.components.text import span, title
from proprium.ui.http import page_access
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout, wait_until_connected
from proprium.ui.services import Services

SORT_LABELS = {
    "visitors": N_("Most visitors"),
    "name": N_("Name"),
    "events": N_("Most events"),
    "newest": N_("Newest"),
}
REFRESH_INTERVAL_S = 30
"""Refresh of each overview without new events: the number of live visitors falls as time passes."""
MIN_PROPERTIES_FOR_SEARCH = 4  # fewer need no search
MAX_PROPERTIES_AS_CARDS = 8
"""More are a compact list, unless the reader chose cards."""
COMPACT, CARDS = "compact", "cards"
SEARCH_KEY_SCRIPT = """<script>
addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest?.('input, textarea, select') || document.querySelector('.q-dialog')) return;
  const field = document.querySelector('.search-properties input');
  if (field) { event.preventDefault(); field.focus(); field.select(); }
});
</script>"""


def register(services: Services) -> None:
    @ui.page("/properties")
    async def properties(request: Request, q: str = "", sort: str = "visitors", view: str = "") -> None:
        user = session.require_user(services, request)
        visible = service.visible_properties(services.database, user)
        access = PageAccess.of(request, user, listed=visible)
        with layout(services, request, _("Properties"), user, access=access):
            ui.add_body_html(SEARCH_KEY_SCRIPT)
            sort = sort if sort in SORT_LABELS else "visitors"
            page = _PropertiesPage(services, user, visible, search=q, sort=sort, view=view)
        if await wait_until_connected():
            await page.load_numbers()


class _PropertiesPage:
    """The list on one open page."""

    def __init__(
        self, services: Services, user: User, visible: list[Property], *, search: str, sort: str, view: str
    ) -> None:
        self._services, self._user, self._search, self._sort, self._view = services, user, search, sort, view
        self._actions = PropertyActions(services)
        self._client = ui.context.client
        self._cards: dict[int, PropertyCard] = {}
        self._overviews: dict[int, PropertyOverview] = {}
        self._subscriptions: list[Subscription[PropertyOverview]] = []
        self._properties = visible
        self._view_button: Element | None = None
        self._build_head()
        if session.is_owner(user):
            proxy_notice(services)
        self._rebuild_notice = RebuildNotice(services.warehouse)
        self._totals = _TotalsStrip(len(self._properties))
        self._grid = ui.element("div").classes("props").props('aria-live="off"')
        self._empty_card = ui.element("section").classes(theme.CARD)
        self._client.on_delete(self._unsubscribe_all)
        self._draw()

    async def load_numbers(self) -> None:
        """Fetches all overviews in one query, then subscribes to the changes of each property."""
        self._unsubscribe_all()
        property_numbers = [property_.number for property_ in self._properties if property_.number is not None]
        while await self._rebuild_notice.wait():
            with suppress(WarehouseRebuilding):  # raised where this query is the first to find the damage
                now = self._services.clock()
                overviews = await run.io_bound(overview, self._services.warehouse, property_numbers, now)
                break
        else:
            return
        if self._client.is_deleted:  # closed meanwhile: the subscriptions would never be closed
            return
        self._overviews = dict(overviews or {})
        with self._client:
            self._draw()
        for property_number in property_numbers:
            self._subscriptions.append(self._subscribe(property_number))

    def _subscribe(self, property_number: int) -> Subscription[PropertyOverview]:
        services = self._services

        def compute() -> PropertyOverview:
            return overview(services.warehouse, [property_number], services.clock())[property_number]

        def show(property_overview: PropertyOverview) -> None:
            self._overviews[property_number] = property_overview
            with self._client:
                if card := self._cards.get(property_number):
                    card.show(property_overview, services.clock())
                self._totals.show(self._overviews)

        return services.live_queries.subscribe(
            property_number,
            "overview",
            compute,
            show,
            refresh_interval_s=REFRESH_INTERVAL_S,
        )

    def _unsubscribe_all(self) -> None:
        while self._subscriptions:
            self._subscriptions.pop().close()

    def _build_head(self) -> None:
        with ui.element("div").classes("pagehead"):
            title(_("Properties"), "grow")
            if len(self._properties) >= MIN_PROPERTIES_FOR_SEARCH or self._search:
                search = ui.input(value=self._search, placeholder=_("Search")).classes("search-properties")
                search.props("outlined dense clearable debounce=150").props["aria-label"] = _("Search properties")
                search.on_value_change(lambda event: self._set_options(search=event.value or ""))
                sort_labels = {key: _(label) for key, label in SORT_LABELS.items()}
                sort = ui.select(sort_labels, value=self._sort).classes("sort-properties")
                sort.props("outlined dense options-dense").props["aria-label"] = _("Sort by")
                sort.on_value_change(lambda event: self._set_options(sort=event.value))
                self._view_button = button("", "table", name=_("Compact list"), on_click=self._toggle_view)
            if self._properties:
                link_button("SQL", "/sql", "table")
            if permissions.may_create(self._user):
                button(_("New property"), "plus", kind=theme.PRIMARY, on_click=self._actions.create)

    @property
    def _is_compact(self) -> bool:
        """True for one line per property: as chosen, else where there are many."""
        return self._view == COMPACT or (self._view != CARDS and len(self._properties) > MAX_PROPERTIES_AS_CARDS)

    def _toggle_view(self) -> None:
        self._set_options(view=CARDS if self._is_compact else COMPACT)

    def _set_options(self, **options: str) -> None:
        """Changes search, sort or view, and the URL with it."""
        self._search, self._sort = options.get("search", self._search), options.get("sort", self._sort)
        self._view = options.get("view", self._view)
        pairs = (("q", self._search), ("sort", self._sort), ("view", self._view))
        parameters = {name: value for name, value in pairs if value and value != "visitors"}
        ui.navigate.history.replace("/properties" + (f"?{urlencode(parameters)}" if parameters else ""))
        self._draw()

    async def reload(self) -> None:
        """Reads the list again, after a change of one of its properties."""
        self._properties = service.visible_properties(self._services.database, self._user)
        page_access.relist(self._client, self._user, self._properties)
        await self.load_numbers()

    def _draw(self) -> None:
        search_text = self._search.strip().casefold()
        matching_properties = [
            property_
            for property_ in self._properties
            if search_text in property_.name.casefold() or search_text in str(property_.id)
        ]
        property_numbers = {property_.number for property_ in self._properties}
        self._totals.set_property_count(len(self._properties))
        self._totals.show({number: each for number, each in self._overviews.items() if number in property_numbers})
        self._grid.classes(add=COMPACT if self._is_compact else None, remove=None if self._is_compact else COMPACT)
        if self._view_button is not None:
            self._view_button.props["aria-pressed"] = "true" if self._is_compact else "false"
        self._grid.clear()
        self._cards.clear()
        with self._grid:
            for property_ in _sort_properties(matching_properties, self._sort, self._overviews):
                level = permissions.level_of(self._user, property_)
                card = PropertyCard(property_, self._actions, level=level, on_change=self.reload)
                if property_overview := self._overviews.get(property_.number or 0):
                    card.show(property_overview, self._services.clock())
                self._cards[property_.number or 0] = card
        self._empty_card.clear()
        self._empty_card.set_visibility(not matching_properties)
        if matching_properties:
            return
        with self._empty_card:
            if self._search:
                headline = _("No properties match “{search}”", search=self._search)
                empty_state(headline, _("The search covers names and ids."), "search")
            else:
                empty_state(
                    _("No properties yet"),
                    _("A property is a site or app that you track. Create one, then add its tracking code."),
                )


class _TotalsStrip:
    """Totals of all properties, above the cards."""

    def __init__(self, property_count: int) -> None:
        with ui.element("section").classes(f"{theme.CARD} {theme.KPIS} totals") as strip:
            strip.props["aria-label"] = _("Totals of all properties")
            self._properties = _build_figure(_("Properties"))
            self._figures = {key: _build_figure(_(label)) for key, label in SUM_LABELS.items()}
        self.set_property_count(property_count)

    def set_property_count(self, property_count: int) -> None:
        self._properties.set_text(numbers.exact(property_count))

    def show(self, overviews: Mapping[int, PropertyOverview]) -> None:
        for key, label in self._figures.items():
            total = sum(getattr(property_overview, key) for property_overview in overviews.values())
            label.set_text(numbers.short(total) if overviews else "–")
            label.props["title"] = numbers.exact(total)


def _build_figure(label: str) -> TextElement:
    with ui.element("div").classes(theme.KPI):
        span(label, "l")
        return span("–", "v num")


def _sort_properties(
    properties: Sequence[Property], sort: str, overviews: Mapping[int, PropertyOverview]
) -> list[Property]:
    """Sorts by `sort`, a key of SORT_LABELS; `properties` are in order of name, which equal ones keep."""

    def metric_value(property_: Property, key: str) -> int:
        property_overview = overviews.get(property_.number or 0)
        return int(getattr(property_overview, key)) if property_overview else 0

    if sort == "visitors":
        return sorted(
            properties,
            key=lambda property_: (-metric_value(property_, "visitors_24h"), -metric_value(property_, "events")),
        )
    if sort == "events":
        return sorted(properties, key=lambda property_: -metric_value(property_, "events"))
    if sort == "newest":
        return sorted(properties, key=lambda property_: property_.created_at, reverse=True)
    return list(properties)
