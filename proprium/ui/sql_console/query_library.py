"""Saved queries and example queries of the SQL console."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from nicegui import run, ui

from proprium.errors import SignInRequired, UserFacingError
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
        with panel("Saved queries", hint="Only visible to you", body_classes="queries") as box:
            self._card, self._list = box.card, box.body
        self._draw(saved_queries.list_saved(self._database, user.id))
        with panel("Examples", body_classes="queries"):
            for example in EXAMPLES:
                with ui.element("div").classes("query"):
                    self._build_open_button(example.title, example.sql)

    def open_save_dialog(self, sql: str) -> None:
        with self._card, dialog("Save query") as box:
            help_text = "Saving under an existing name replaces that query."
            name = text_input(
                "Name", value=self._last_name, placeholder="Sign-ups by country", help_text=help_text, autofocus=True
            )
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=box.close)
                save_button = button("Save", "check", kind=theme.PRIMARY)

        async def submit() -> None:
            saved_query = await self._run_or_toast(
                lambda user: saved_queries.save(self._database, user.id, name.value or "", sql)
            )
            if saved_query is not None:
                self._last_name = saved_query.name
                box.close()
                toast(f"Saved as “{saved_query.name}”.")

        name.on("keydown.enter", submit)
        save_button.on("click", submit)
        box.open()

    def _draw(self, queries: list[SavedQuery]) -> None:
        self._list.clear()
        with self._list:
            if not queries:
                ui.label("No saved queries yet.").classes(f"{theme.MUTED} {theme.SMALL}")
            for query in queries:
                self._build_row(query)

    def _build_row(self, query: SavedQuery) -> None:
        def open_query(sql: str) -> Any:
            self._last_name = query.name
            return self._on_open(sql)

        with ui.element("div").classes("query"):
            self._build_open_button(query.name, query.sql, open_query)
            with button("", "dots", kind=theme.BARE, name=f"Options for {query.name}"), ui.menu():
                menu_item("Rename", "pencil", on_click=lambda: self._open_rename_dialog(query))
                menu_item("Delete", "trash", kind=theme.DANGER, on_click=lambda: self._delete(query))

    def _build_open_button(self, title: str, sql: str, on_open: OnOpen | None = None) -> None:
        with ui.element("button").classes("cut").props('type="button"') as open_button:
            span(title)
        open_button.props["title"] = f"Run “{title}”"
        open_button.on("click", lambda: (on_open or self._on_open)(sql))

    def _open_rename_dialog(self, query: SavedQuery) -> None:
        with self._card, dialog("Rename query") as box:  # in the card, as a redraw of the list deletes the row
            name = text_input("Name", value=query.name, autofocus=True)
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=box.close)
                rename_button = button("Rename", kind=theme.PRIMARY)

        async def submit() -> None:
            if await self._run_or_toast(
                lambda user: saved_queries.rename(self._database, user.id, query.id, name.value or "")
            ):
                box.close()

        name.on("keydown.enter", submit)
        rename_button.on("click", submit)
        box.open()

    async def _delete(self, query: SavedQuery) -> None:
        with self._card:
            await self._run_or_toast(lambda user: saved_queries.delete(self._database, user.id, query.id))

    async def _run_or_toast(self, action: Callable[[User], T]) -> T | None:
        """Runs `action` in a thread as the currently signed-in user and redraws the list.

        Shows errors as a toast.
        """
        try:
            user = session.user_of(self._services, self._request)
            if user is None:
                raise SignInRequired("Your session has ended. Sign in and try again.")
            result = await run.io_bound(action, user)
            self._draw(await run.io_bound(saved_queries.list_saved, self._database, user.id) or [])
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return None
        return result
