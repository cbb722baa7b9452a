"""One's own SQL over one's own properties."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui

from proprium.errors import ProblemForReader, PropertyNotFound, SignInNeeded, SqlRefused
from proprium.figures.template import Look
from proprium.properties import service
from proprium.sql_console.examples import EXAMPLES
from proprium.sql_console.results import Held, Result
from proprium.sql_console.snapshot import MOST_EVENTS, Chosen, Scope
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import empty
from proprium.ui.components.fields import select
from proprium.ui.components.text import span, title
from proprium.ui.http.asset_urls import asset_url
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import Frame, frame, is_connected, track
from proprium.ui.page_memory import weak_method
from proprium.ui.services import Services
from proprium.ui.sql_console.editor import Editor
from proprium.ui.sql_console.query_library import Library
from proprium.ui.sql_console.result_view import Outcome
from proprium.ui.sql_console.schema import schema

log = logging.getLogger(__name__)

ALL = "all"
PERIODS = {"7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days", "365": "Last 12 months", ALL: "All time"}
DEFAULT_DAYS = "30"
# On a phone the lists stand far below.
SHOW_EDITOR = "document.querySelector('.sqlcard').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


def register(services: Services) -> None:
    @ui.page("/sql")
    async def sql(request: Request, property: str = ALL, days: str = DEFAULT_DAYS) -> None:
        user = session.require_user(services, request)
        visible = service.visible_to(services.database, user)
        chosen = _known(property, visible)
        with frame(services, request, "SQL", user, access=PageAccess.of(request, user, listed=visible)) as page:
            ui.add_head_html(f'<link rel="stylesheet" href="{asset_url("css/sql.css")}">')
            if not visible:
                title("SQL")
                empty("No property yet", "There is nothing to ask. A property is a site that you watch.")
                return
            bench = _Bench(services, page, user, visible, chosen, days if days in PERIODS else DEFAULT_DAYS)
        track(services, "view_sql")
        if not await is_connected():
            return
        with suppress(TimeoutError):  # a browser that is busy or gone
            bench.set_theme(await page.is_dark())


class _Bench:
    """One open page."""

    def __init__(
        self, services: Services, page: Frame, user: User, visible: list[Property], chosen: str, days: str
    ) -> None:
        self._services = services
        self._client = ui.context.client
        self._running: asyncio.Task[tuple[Result, Held]] | None = None
        self._head(visible, chosen, days)
        with ui.element("div").classes("bench"):
            with ui.element("div").classes("main"):
                self._editor_card()
                self._outcome = Outcome()
            with ui.element("div").classes("side"):
                self._library = Library(services, user, weak_method(self._open))
                schema(self._editor.id)
        self._describe(None)
        page.on_theme(self.set_theme)
        self._client.on_delete(self._cancel)

    def set_theme(self, is_dark: bool) -> None:
        self._editor.set_theme(is_dark)
        self._outcome.set_look(Look.DARK if is_dark else Look.LIGHT)

    def _head(self, visible: list[Property], chosen: str, days: str) -> None:
        names = {str(one.id): one.name for one in visible}
        with ui.element("div").classes("pagehead sqlhead"):
            with ui.element("div").classes("grow"):
                title("SQL")
                span("Ask your own data, read-only, in DuckDB's dialect", theme.MUTED)
            offered = {ALL: "All properties"} | names if len(names) > 1 else names
            self._property = select("Property", offered, chosen if chosen in offered else next(iter(offered)))
            self._days = select("Period", PERIODS, days)
        for field in (self._property, self._days):
            field.on_value_change(self._chosen)

    def _editor_card(self) -> None:
        with ui.element("section").classes(f"{theme.CARD} sqlcard").props('aria-label="Statement"'):
            self._editor = Editor(EXAMPLES[0].sql, weak_method(self.run))
            with ui.element("div").classes("bar"):
                with button("Run", "bolt", kind=theme.PRIMARY, on_click=self.run) as self._run:
                    span("Ctrl ↵", "hint hide-m")
                self._stop = button("Cancel", "close", on_click=self._cancel)
                self._stop.set_visibility(False)
                button("Save", "check", on_click=lambda: self._library.ask_to_save(self._editor.sql))
                self._held = span("", f"{theme.MUTED} {theme.SMALL} end")

    def _chosen(self) -> None:
        usual = {"property": ALL, "days": DEFAULT_DAYS}
        asked = {"property": self._property.value, "days": self._days.value}
        kept = {name: value for name, value in asked.items() if value != usual[name]}
        ui.navigate.history.replace("/sql" + (f"?{urlencode(kept)}" if kept else ""))
        self._describe(None)

    async def _open(self, sql: str) -> None:
        self._editor.show(sql)
        ui.run_javascript(SHOW_EDITOR)
        await self.run()

    async def run(self) -> None:
        if self._running is not None:
            return
        self._editor.unmark()
        self._outcome.wait()
        try:
            self._running = asyncio.create_task(self._ask(self._editor.sql))
            self._show_running(True)
            result, held = await self._running
        except asyncio.CancelledError:
            self._fail("Cancelled.")
        except ProblemForReader as problem:
            self._fail(str(problem), problem if isinstance(problem, SqlRefused) else None)
        except Exception:
            log.exception("somebody's SQL could not be run")
            self._fail("The server could not run it; its log says why.")
        else:
            self._show(result, held)
        finally:
            self._running = None
            self._show_running(False)

    async def _ask(self, sql: str) -> tuple[Result, Held]:
        """With the rights of whoever is signed in now: the page may be older than they are."""
        user = session.user_of(self._services, self._client.request)
        if user is None:
            raise SignInNeeded("Your session has ended. Sign in and try again.")
        scope = await asyncio.to_thread(scope_of, self._services, user, self._property.value, self._days.value)
        return await self._services.sql.run(user.id, sql, scope)

    def _cancel(self) -> None:
        if self._running is not None:
            self._running.cancel()

    def _show(self, result: Result, held: Held) -> None:
        if not self._client.is_deleted:
            self._outcome.show(result, held)
            self._describe(held)

    def _fail(self, text: str, refused: SqlRefused | None = None) -> None:
        if self._client.is_deleted:
            return
        place = f"Line {refused.line}, column {refused.column}" if refused and refused.line else ""
        self._outcome.fail(text, place)
        if refused:
            self._editor.mark(refused)

    def _describe(self, held: Held | None) -> None:
        """What the statement asks: before the first run only how much of it there may be."""
        if held is None:
            self._held.set_text(f"A copy of at most {MOST_EVENTS:,} events is asked, the newest ones.")
            return
        counts = f"{_count(held.events, 'event')}, {_count(held.sessions, 'session')}"
        self._held.set_text(f"Copy of {held.taken_text}: {counts} · times in {held.timezone}")

    def _show_running(self, is_running: bool) -> None:
        if not self._client.is_deleted:
            self._run.props["disabled"] = is_running
            self._stop.set_visibility(is_running)


def scope_of(services: Services, user: User, chosen: str, days: str) -> Scope:
    """The properties that this person may see, or the chosen one of them. Raises PropertyNotFound."""
    visible = service.visible_to(services.database, user)
    wanted = [one for one in visible if chosen in {ALL, str(one.id)}]
    if not wanted:
        raise PropertyNotFound(chosen)
    properties = tuple(
        Chosen(one.number or 0, one.id, one.name, one.timezone, service.may_edit(user, one)) for one in wanted
    )
    return Scope(properties, None if days == ALL else int(days))


def _known(property_id: str, visible: list[Property]) -> str:
    """What is not theirs looks like what does not exist."""
    if property_id != ALL and property_id not in {str(one.id) for one in visible}:
        raise PropertyNotFound(property_id[:40])
    return property_id


def _count(number: int, unit: str) -> str:
    return f"{number:,} {unit}" if number == 1 else f"{number:,} {unit}s"
