"""SQL page: read-only queries over the user's properties, with results and charts."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request
from nicegui import ui

from proprium.accounts import audit
from proprium.errors import PropertyNotFound, SignInRequired, SqlRefused, UserFacingError
from proprium.figures.template import Look
from proprium.i18n import N_, ngettext
from proprium.i18n import gettext as _
from proprium.properties import permissions, service
from proprium.sql_console.examples import EXAMPLES
from proprium.sql_console.results import SnapshotInfo, SqlResult
from proprium.sql_console.snapshot import MAX_EVENTS, SnapshotProperty, SnapshotScope
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import empty_state
from proprium.ui.components.fields import select
from proprium.ui.components.text import span, title
from proprium.ui.http.html_head import stylesheet_html
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import Layout, layout, wait_until_connected
from proprium.ui.page_memory import weak_method
from proprium.ui.self_tracking import track
from proprium.ui.services import Services
from proprium.ui.sql_console.editor import SqlEditor
from proprium.ui.sql_console.query_library import QueryLibrary
from proprium.ui.sql_console.result_view import ResultView
from proprium.ui.sql_console.schema import schema_panel

log = logging.getLogger(__name__)

ALL = "all"
PERIOD_LABELS = {
    "7": N_("Last 7 days"),
    "30": N_("Last 30 days"),
    "90": N_("Last 90 days"),
    "365": N_("Last 12 months"),
    ALL: N_("All time"),
}
DEFAULT_DAYS = "30"
# On a phone the lists are below the editor: scroll back up to it.
SCROLL_TO_EDITOR_SCRIPT = "document.querySelector('.sqlcard').scrollIntoView({block: 'nearest', behavior: 'smooth'})"


def register(services: Services) -> None:
    @ui.page("/sql")
    async def sql(request: Request, property: str = ALL, days: str = DEFAULT_DAYS) -> None:
        user = session.require_user(services, request)
        visible_properties = service.visible_properties(services.database, user)
        if property not in {ALL, *(str(property_.id) for property_ in visible_properties)}:
            raise PropertyNotFound(property[:40])  # as for an unknown one
        access = PageAccess.of(request, user, listed=visible_properties)
        with layout(services, request, "SQL", user, access=access) as page_layout:
            ui.add_head_html(stylesheet_html("sql"))
            if not visible_properties:
                title("SQL")
                empty_state(
                    _("No properties yet"),
                    _("There is no data to query. A property is a site or app that you track."),
                )
                return
            days = days if days in PERIOD_LABELS else DEFAULT_DAYS
            console = _SqlConsole(services, page_layout, user, visible_properties, property, days)
        track(services, "view_sql")
        if not await wait_until_connected():
            return
        with suppress(TimeoutError):  # a browser that is busy or gone
            console.set_theme(await page_layout.is_dark())


class _SqlConsole:
    """The SQL console of one open page; runs one query at a time."""

    def __init__(
        self,
        services: Services,
        page_layout: Layout,
        user: User,
        visible_properties: list[Property],
        property_id: str,
        days: str,
    ) -> None:
        self._services = services
        self._client = ui.context.client
        self._query_task: asyncio.Task[tuple[SqlResult, SnapshotInfo]] | None = None
        self._build_head(visible_properties, property_id, days)
        with ui.element("div").classes("bench"):
            with ui.element("div").classes("main"):
                with ui.element("section").classes(f"{theme.CARD} sqlcard") as editor_card:
                    editor_card.props["aria-label"] = _("SQL query")
                    self._editor = SqlEditor(EXAMPLES[0].sql, weak_method(self.run))
                    with ui.element("div").classes("bar"):
                        with button(_("Run"), "bolt", kind=theme.PRIMARY, on_click=self.run) as self._run_button:
                            span("Ctrl ↵", "hint hide-m")
                        self._cancel_button = button(_("Cancel"), "close", on_click=self._cancel)
                        self._cancel_button.set_visibility(False)
                        button(_("Save"), "check", on_click=lambda: self._library.open_save_dialog(self._editor.sql))
                        self._snapshot_label = span("", f"{theme.MUTED} {theme.SMALL} end")
                self._result_view = ResultView(weak_method(self._record_download))
            with ui.element("div").classes("side"):
                self._library = QueryLibrary(services, user, weak_method(self.open_query))
                schema_panel(self._editor.id)
        self._describe_snapshot(None)
        page_layout.on_theme_change(self.set_theme)
        self._client.on_delete(self._cancel)

    def set_theme(self, is_dark: bool) -> None:
        self._editor.set_theme(is_dark)
        self._result_view.set_look(Look.DARK if is_dark else Look.LIGHT)

    def _build_head(self, visible_properties: list[Property], property_id: str, days: str) -> None:
        name_by_id = {str(property_.id): property_.name for property_ in visible_properties}
        with ui.element("div").classes("pagehead sqlhead"):
            with ui.element("div").classes("grow"):
                title("SQL")
                span(_("Query your data: read-only, in DuckDB's SQL dialect"), theme.MUTED)
            options = {ALL: _("All properties")} | name_by_id if len(name_by_id) > 1 else name_by_id
            self._property_select = select(
                _("Property"), options, property_id if property_id in options else next(iter(options))
            )
            period_labels = {key: _(label) for key, label in PERIOD_LABELS.items()}
            self._days_select = select(_("Period"), period_labels, days)

        def show_selection() -> None:
            defaults = {"property": ALL, "days": DEFAULT_DAYS}
            selection = {"property": self._property_select.value, "days": self._days_select.value}
            parameters = {name: value for name, value in selection.items() if value != defaults[name]}
            ui.navigate.history.replace("/sql" + (f"?{urlencode(parameters)}" if parameters else ""))
            self._describe_snapshot(None)

        for field in (self._property_select, self._days_select):
            field.on_value_change(show_selection)

    def _record_download(self, file_name: str) -> None:
        chosen = self._property_select.value
        property_id = None if chosen == ALL else UUID(chosen)
        actor = session.current_actor(self._services)
        audit.record_export(self._services.database, f"SQL {file_name}", property_id, actor=actor)

    async def open_query(self, sql: str) -> None:
        self._editor.show(sql)
        ui.run_javascript(SCROLL_TO_EDITOR_SCRIPT)
        await self.run()

    async def run(self) -> None:
        if self._query_task is not None:
            return
        sql = self._editor.sql
        self._editor.clear_error_mark()
        self._result_view.show_running()

        async def execute() -> tuple[SqlResult, SnapshotInfo]:
            """Runs the query with the user's current rights: the page may have been opened before they changed."""
            user = session.user_of(self._services, self._client.request)
            if user is None:
                raise SignInRequired(_("Your session has ended. Sign in and try again."))
            property_id, days = self._property_select.value, self._days_select.value
            scope = await asyncio.to_thread(scope_of, self._services, user, property_id, days)
            return await self._services.sql_runner.run(user.id, sql, scope)

        try:
            self._query_task = asyncio.create_task(execute())
            self._show_running(True)
            result, snapshot = await self._query_task
        except asyncio.CancelledError:
            self._show_error(_("Cancelled."))
        except UserFacingError as problem:
            self._show_error(str(problem), problem if isinstance(problem, SqlRefused) else None)
        except Exception:
            log.exception("SQL query failed unexpectedly")
            self._show_error(_("The server could not run the query. Its log has the reason."))
        else:
            if not self._client.is_deleted:
                self._result_view.show(result, snapshot)
                self._describe_snapshot(snapshot)
        finally:
            self._query_task = None
            self._show_running(False)

    def _cancel(self) -> None:
        if self._query_task is not None:
            self._query_task.cancel()

    def _show_error(self, message: str, sql_error: SqlRefused | None = None) -> None:
        if self._client.is_deleted:
            return
        location = ""
        if sql_error and sql_error.line:
            location = _("Line {line}, column {column}", line=sql_error.line, column=sql_error.column)
        self._result_view.fail(message, location)
        if sql_error:
            self._editor.mark_error(sql_error)

    def _describe_snapshot(self, snapshot: SnapshotInfo | None) -> None:
        """Describes the snapshot of the last query; before the first query, the limit on its size."""
        if snapshot is None:
            text = ngettext(
                "Queries run on the newest {count} event.", "Queries run on the newest {count} events.", MAX_EVENTS
            )
        else:
            text = _(
                "Snapshot of {time}: {events}, {sessions} · times in {timezone}",
                time=snapshot.taken_text,
                events=ngettext("{count} event", "{count} events", snapshot.event_count),
                sessions=ngettext("{count} session", "{count} sessions", snapshot.session_count),
                timezone=snapshot.timezone,
            )
        self._snapshot_label.set_text(text)

    def _show_running(self, is_running: bool) -> None:
        if not self._client.is_deleted:
            self._run_button.props["disabled"] = is_running
            self._cancel_button.set_visibility(is_running)


def scope_of(services: Services, user: User, property_id: str, days: str) -> SnapshotScope:
    """Returns the scope of a query: the properties that `user` may see, or the selected one.

    `days` is a key of PERIOD_LABELS. Raises PropertyNotFound where none is visible.
    """
    visible_properties = service.visible_properties(services.database, user)
    matching_properties = [property_ for property_ in visible_properties if property_id in {ALL, str(property_.id)}]
    if not matching_properties:
        raise PropertyNotFound(property_id)
    chosen_properties = tuple(
        SnapshotProperty(
            property_.number or 0,
            property_.id,
            property_.name,
            property_.timezone,
            permissions.may_edit(user, property_),
        )
        for property_ in matching_properties
    )
    return SnapshotScope(chosen_properties, None if days == ALL else int(days))
