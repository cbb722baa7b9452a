"""What one keeps, and what there is to begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from nicegui import run, ui

from proprium.errors import ProblemForReader, SignInNeeded
from proprium.sql_console import saved_queries
from proprium.sql_console.examples import EXAMPLES
from proprium.storage.tables import SavedQuery, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, menu_item
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import tell
from proprium.ui.components.fields import text_input
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.services import Services

T = TypeVar("T")
Open = Callable[[str], Any]


class Library:
    """Saved queries and examples; `on_open` gets the statement that was chosen."""

    def __init__(self, services: Services, user: User, on_open: Open) -> None:
        self._services, self._database, self._on_open = services, services.database, on_open
        self._request = ui.context.client.request
        self._last_name = ""
        with panel("Saved", hint="Only you see them", body="queries") as box:
            self._card, self._list = box.card, box.body
        self._draw(saved_queries.saved_of(self._database, user.id))
        with panel("Examples", body="queries"):
            for example in EXAMPLES:
                with ui.element("div").classes("query"):
                    self._opener(example.title, example.sql)

    def ask_to_save(self, sql: str) -> None:
        with self._card, dialog("Save the statement") as box:
            why = "A name that is there already gets the new statement."
            name = text_input("Name", value=self._last_name, placeholder="Sign-ups by country", why=why, autofocus=True)
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=box.close)
                keep = button("Save", "check", kind=theme.PRIMARY)

        async def act() -> None:
            kept = await self._attempt(lambda user: saved_queries.save(self._database, user.id, name.value or "", sql))
            if kept is not None:
                self._last_name = kept.name
                box.close()
                tell(f"Saved as “{kept.name}”.")

        name.on("keydown.enter", act)
        keep.on("click", act)
        box.open()

    def _draw(self, queries: list[SavedQuery]) -> None:
        self._list.clear()
        with self._list:
            if not queries:
                ui.label("None yet: Save keeps the statement under a name.").classes(f"{theme.MUTED} {theme.SMALL}")
            for query in queries:
                self._row(query)

    def _row(self, query: SavedQuery) -> None:
        def opened(sql: str) -> Any:
            self._last_name = query.name
            return self._on_open(sql)

        with ui.element("div").classes("query"):
            self._opener(query.name, query.sql, opened)
            with button("", "dots", kind=theme.BARE, name=f"More about {query.name}"), ui.menu():
                menu_item("Rename", "pencil", on_click=lambda: self._ask_to_rename(query))
                menu_item("Delete", "trash", kind=theme.DANGER, on_click=lambda: self._delete(query))

    def _opener(self, title: str, sql: str, on_open: Open | None = None) -> None:
        with ui.element("button").classes("cut").props('type="button"') as opener:
            span(title)
        opener.props["title"] = f"Run “{title}”"
        opener.on("click", lambda: (on_open or self._on_open)(sql))

    def _ask_to_rename(self, query: SavedQuery) -> None:
        with self._card, dialog("Rename") as box:  # the row goes when the list is drawn anew
            name = text_input("Name", value=query.name, autofocus=True)
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=box.close)
                rename = button("Rename", kind=theme.PRIMARY)

        async def act() -> None:
            if await self._attempt(
                lambda user: saved_queries.rename(self._database, user.id, query.id, name.value or "")
            ):
                box.close()

        name.on("keydown.enter", act)
        rename.on("click", act)
        box.open()

    async def _delete(self, query: SavedQuery) -> None:
        with self._card:
            await self._attempt(lambda user: saved_queries.delete(self._database, user.id, query.id))

    async def _attempt(self, act: Callable[[User], T]) -> T | None:
        """Off the event loop, by whoever is signed in now; the list shows what came of it."""
        try:
            user = session.user_of(self._services, self._request)
            if user is None:
                raise SignInNeeded("Your session has ended. Sign in and try again.")
            done = await run.io_bound(act, user)
            self._draw(await run.io_bound(saved_queries.saved_of, self._database, user.id) or [])
        except ProblemForReader as problem:
            tell(str(problem), "bad")
            return None
        return done
