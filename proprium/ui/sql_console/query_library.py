"""Saved queries and example queries of the SQL console."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from nicegui import run, ui

from proprium.errors import SignInRequired, UserFacingError
from proprium.i18n import gettext as _
from proprium.sql_console import saved_queries
from proprium.sql_console.examples import EXAMPLES
from proprium.storage.tables import SavedQuery, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, menu_item
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import text_input
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.services import Services

T = TypeVar("T")
OnOpen = Callable[[str], Any]


class QueryLibrary:
    """Panels with saved and example queries.

    `on_open` is called with the chosen query's SQL.
    """

    def __init__(self, services: Services, user: User, on_open: OnOpen) -> None:
        self._services, self._database, self._on_open = services, services.database, on_open
        self._request = ui.context.client.request
        self._last_name = ""
        with panel(_("Saved queries"), hint=_("Only visible to you"), body_classes="queries") as box:
            self._card, self._list = box.card, box.body
        self._draw(saved_queries.list_saved(self._database, user.id))
        with panel(_("Examples"), body_classes="queries"):
            for example in EXAMPLES:
                with ui.element("div").classes("query"):
                    self._build_open_button(_(example.title), example.sql)

    def open_save_dialog(self, sql: str) -> None:
        async def save(name: str) -> bool:
            saved_query = await self._run_or_toast(lambda user: saved_queries.save(self._database, user.id, name, sql))
            if saved_query is None:
                return False
            self._last_name = saved_query.name
            toast(_("Saved as “{name}”.", name=saved_query.name))
            return True

        self._open_name_dialog(
            _("Save query"),
            self._last_name,
            _("Save"),
            save,
            placeholder=_("Sign-ups by country"),
            help_text=_("Saving under an existing name replaces that query."),
        )

    def _open_name_dialog(
        self,
        title: str,
        name: str,
        action_label: str,
        action: Callable[[str], Awaitable[bool]],
        *,
        placeholder: str = "",
        help_text: str = "",
    ) -> None:
        """Asks for a name and calls `action` with it, which returns True when the dialog may close."""
        with self._card, dialog(title) as box:  # in the card, as a redraw of the list deletes the row
            name_input = text_input(_("Name"), value=name, placeholder=placeholder, help_text=help_text, autofocus=True)
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                action_button = button(action_label, "check", kind=theme.PRIMARY)

        async def submit() -> None:
            if await action(name_input.value or ""):
                box.close()

        name_input.on("keydown.enter", submit)
        action_button.on("click", submit)
        box.open()

    def _draw(self, queries: list[SavedQuery]) -> None:
        self._list.clear()
        with self._list:
            if not queries:
                ui.label(_("No saved queries yet.")).classes(f"{theme.MUTED} {theme.SMALL}")
            for query in queries:
                self._build_row(query)

    def _build_row(self, query: SavedQuery) -> None:
        def open_query(sql: str) -> Any:
            self._last_name = query.name
            return self._on_open(sql)

        async def rename(name: str) -> bool:
            return bool(
                await self._run_or_toast(lambda user: saved_queries.rename(self._database, user.id, query.id, name))
            )

        async def delete() -> None:
            with self._card:  # the row is gone when the list has been redrawn
                await self._run_or_toast(lambda user: saved_queries.delete(self._database, user.id, query.id))

        def open_rename_dialog() -> None:
            self._open_name_dialog(_("Rename query"), query.name, _("Rename"), rename)

        with ui.element("div").classes("query"):
            self._build_open_button(query.name, query.sql, open_query)
            with button("", "dots", kind=theme.BARE, name=_("Options for {name}", name=query.name)), ui.menu():
                menu_item(_("Rename"), "pencil", on_click=open_rename_dialog)
                menu_item(_("Delete"), "trash", kind=theme.DANGER, on_click=delete)

    def _build_open_button(self, title: str, sql: str, on_open: OnOpen | None = None) -> None:
        with ui.element("button").classes("cut").props('type="button"') as open_button:
            span(title)
        open_button.props["title"] = _("Run “{name}”", name=title)
        open_button.on("click", lambda: (on_open or self._on_open)(sql))

    async def _run_or_toast(self, action: Callable[[User], T]) -> T | None:
        """Runs `action` in a thread as the currently signed-in user and redraws the list.

        Shows errors as a toast.
        """
        try:
            user = session.user_of(self._services, self._request)
            if user is None:
                raise SignInRequired(_("Your session has ended. Sign in and try again."))
            result = await run.io_bound(action, user)
            self._draw(await run.io_bound(saved_queries.list_saved, self._database, user.id) or [])
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return None
        return result
