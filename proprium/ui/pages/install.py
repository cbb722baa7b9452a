"""Putting the tag on a site: what to copy at the left, what arrives at the right."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import islice
from time import monotonic
from uuid import UUID

from fastapi import Request
from nicegui import ui

from collector.event import Outcome
from proprium.properties import service
from proprium.storage.change_feed import Tail
from proprium.storage.events import StoredEvent, has_events, read_events
from proprium.storage.tables import Property
from proprium.ui import session, theme
from proprium.ui.components.controls import link_button, tabs
from proprium.ui.components.install_checklist import Arrival, Listener
from proprium.ui.components.panels import code, panel
from proprium.ui.components.proxy_watch import ProxyWatch
from proprium.ui.components.rejection_fixes import Fixes
from proprium.ui.components.rejection_messages import advice_of
from proprium.ui.components.snippets import Snippets
from proprium.ui.components.text import span, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import frame, is_connected
from proprium.ui.services import Services

KINDS = (("html", "HTML"), ("spa", "SPA"), ("wordpress", "WordPress"), ("server", "Server-side"), ("pixel", "Pixel"))
HEARD_FOR_S = 3  # what this process's collector told says more than what storage keeps of it
LATEST = 200  # events from other processes that one look takes in


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}/install")
    async def install(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        found = service.find_editable(services.database, property_id, user)
        access = PageAccess.of(request, user, subject=found)
        with frame(services, request, f"Install {found.name}", user, access=access):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title("Install the tag")
                    span(found.name, theme.MUTED)
                link_button("Refused", f"/properties/{found.id}/refused", "warn")
                link_button("Settings", f"/properties/{found.id}/settings", "settings")
                link_button("Dashboard", f"/properties/{found.id}", "chart")
            with ui.element("div").classes(theme.GRID_SIDE):
                _instructions(Snippets(services.settings, found))
                with panel("Live", body="") as box:
                    listener = _listen(services, found)
                    box.card.props["id"] = "listener"
        if await is_connected():
            listener.start()


def _instructions(snippets: Snippets) -> None:
    with ui.element("div").classes(theme.STACK), panel("The tag", body=f"{theme.BODY} {theme.STACK}") as box:
        with box.head:
            tabs(KINDS, "html", lambda kind: _instruct(box.body, kind, snippets), name="Kind of site")
        _instruct(box.body, "html", snippets)


def _instruct(body: ui.element, kind: str, snippets: Snippets) -> None:
    body.clear()
    with body:
        _DRAW[kind](snippets)


def _html(snippets: Snippets) -> None:
    _say("Copy this into the <head> of every page.")
    code(snippets.tag(), name="The site tag")
    _say("Then open one of those pages: the list beside this fills in as the hit arrives.")


def _spa(snippets: Snippets) -> None:
    _say("The same tag, once, in the page that loads your app. Each change of the path is a page view by itself.")
    code(snippets.tag(), name="The site tag")
    _say("A router that keeps the path behind # needs one word more:")
    code(snippets.tag("data-hash"), name="The site tag for hash routes")


def _wordpress(snippets: Snippets) -> None:
    _say("Into functions.php of your theme, or into a plugin for code snippets.")
    code(snippets.wordpress(), name="PHP")


def _server(snippets: Snippets) -> None:
    _say("Any program can send an event. 204 means that it is on disk.")
    code(snippets.curl(), name="curl")
    code(snippets.python(), name="Python")


def _pixel(snippets: Snippets) -> None:
    _say("For e-mails and pages without scripts. Put the page's own path after url=.")
    code(snippets.pixel(), name="The pixel")


_DRAW = {"html": _html, "spa": _spa, "wordpress": _wordpress, "server": _server, "pixel": _pixel}


def _say(text: str) -> None:
    ui.label(text).classes(theme.MUTED)


def _listen(services: Services, found: Property) -> _Listening:
    return _Listening(services, found)


class _Listening:
    """Connects the list with the two places where hits show: this process's collector, and storage."""

    def __init__(self, services: Services, found: Property) -> None:
        self._services, self._found = services, found
        self._fixes = Fixes(services, found)
        self._client = ui.context.client
        self._since = _last_seq(services)
        self._opened_at = services.clock()
        self._heard_at = float("-inf")
        has_stored = has_events(services.database, found.number or 0)
        names = ", ".join(found.hostnames) or found.name
        self._list = Listener(
            names,
            f"/properties/{found.id}",
            has_events=has_stored,
            country_name=services.atlas.name,
            advice=partial(advice_of, collect_rate=services.settings.collect_rate),
        )
        self._proxies = ProxyWatch(services, self._fixes, self._list)

    def start(self) -> None:
        if self._client.is_deleted:  # closed before it was there: nobody would end what begins here
            return
        services, found = self._services, self._found
        forget = services.heard.subscribe(found.id, self._heard)
        watch = services.hub.watch(found.number or 0, ("arrived", self._since), self._latest, self._stored)
        for outcome in services.heard.recent(found.id):
            if outcome.at >= self._opened_at:  # it came while the page was on its way to the reader
                self._heard(outcome)
        self._client.on_delete(forget)
        self._client.on_delete(watch.close)

    def _heard(self, outcome: Outcome) -> None:
        self._heard_at = monotonic()
        self._show(Arrival.of_outcome(outcome, self._fixes.counts_automated))

    def _latest(self) -> StoredEvent | None:
        """The newest event since the page was opened, whichever process took it. Runs in a thread."""
        events = read_events(self._services.database, self._found.number, after_seq=self._since)
        newest = None
        for newest in islice(events, LATEST):
            self._since = newest.seq
        return newest

    def _stored(self, event: StoredEvent | None) -> None:
        is_news = monotonic() - self._heard_at > HEARD_FOR_S
        if event is not None and is_news:
            self._show(Arrival.of_event(event, self._fixes.counts_automated))

    def _show(self, arrival: Arrival) -> None:
        with self._client:
            self._list.show(arrival, self._fixes.of(arrival.trouble, arrival.hostname))
            self._proxies.after(arrival)


def _last_seq(services: Services) -> int:
    with closing(Tail(services.database)) as tail:
        return tail.last_event_seq()
