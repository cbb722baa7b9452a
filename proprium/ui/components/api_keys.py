"""The account page's API keys: made, shown once, listed and revoked."""

from __future__ import annotations

from uuid import UUID

from nicegui import run, ui
from nicegui.element import Element

from proprium.accounts import api_keys
from proprium.errors import NotForReaders, ProblemForReader, SignInNeeded
from proprium.properties import service
from proprium.storage.tables import ApiKey, User
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import tell
from proprium.ui.components.fields import select, switch, text_input
from proprium.ui.components.panels import code, panel
from proprium.ui.services import Services

ALL = "all"


class ApiKeys:
    """For one open account page."""

    def __init__(self, services: Services, user: User) -> None:
        self._services, self._database = services, services.database
        self._request = ui.context.client.request
        with panel("API keys") as box:
            with box.head:
                link_button("What they open", "/api/v1/docs")
                button("New key", "plus", on_click=self._ask)
            self._body = box.body
        self._draw(user)

    def _draw(self, user: User) -> None:
        self._body.clear()
        names = {one.id: one.name for one in service.visible_to(self._database, user)}
        mine = api_keys.keys_of(self._database, user.id)
        with self._body:
            if not mine:
                ui.label("None yet. With a key a program reads your numbers, or sends events of its own.").classes(
                    theme.MUTED
                )
                return
            with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
                for key in mine:
                    whose = names.get(key.property_id, "a deleted property") if key.property_id else "all that you see"
                    self._row(key, whose)

    def _row(self, key: ApiKey, whose: str) -> None:
        with ui.element("tr"):
            with ui.element("td"):
                ui.label(key.name).classes("strong")
                used = f"last used {key.used_at:%-d %B %Y}" if key.used_at else "never used"
                ui.label(f"since {key.created_at:%-d %B %Y}, {used}").classes(f"{theme.MUTED} {theme.SMALL}")
            with ui.element("td").classes(theme.MUTED):
                ui.label(whose)
            with ui.element("td"):
                tag("may send" if key.may_write else "reads only")
            with ui.element("td").classes("r"):
                button("Revoke", "trash", name=f"Revoke {key.name}", on_click=lambda: self._revoke(key))

    def _ask(self) -> None:
        user = self._user()
        seen = service.visible_to(self._database, user)
        with dialog("New API key") as box:
            name = text_input("Name", placeholder="shop", why="What it is for.", autofocus=True)
            choices = {ALL: "All properties that you see"} | {str(one.id): one.name for one in seen}
            whose = select("For", choices, ALL)
            why = "Every key reads. One that sends, sends to properties that you may edit."
            writes = switch("It may send events too", False, why=why)
            with ui.element("div").classes("ft") as foot:
                button("Cancel", on_click=box.close)
                button("Create", "plus", kind=theme.PRIMARY, on_click=lambda: act())
            made = ui.element("div").classes(theme.STACK)

        async def act() -> None:
            chosen = None if whose.value == ALL else whose.value
            try:
                token = await run.io_bound(lambda: self._create(name.value or "", chosen, writes.value))
            except ProblemForReader as problem:
                tell(str(problem), "bad")
                return
            if token is None:  # the server is stopping
                return
            foot.delete()
            self._show(made, token)
            self._draw(self._user())

        box.open()

    def _create(self, name: str, property_id: str | None, may_write: bool) -> str:
        user = self._user()
        found = service.find_visible(self._database, UUID(property_id), user) if property_id else None
        if found and may_write and not service.may_edit(user, found):
            raise NotForReaders(f"You may read {found.name}, but not send to it. Make a key that only reads.")
        return api_keys.create(
            self._database, name, user_id=user.id, property_id=found.id if found else None, may_write=may_write
        )

    def _show(self, place: Element, token: str) -> None:
        with place:
            ui.label("Copy it now. It is shown this once, and kept as a hash only.").classes("strong")
            code(token, name="The new API key")

    async def _revoke(self, key: ApiKey) -> None:
        try:
            user = self._user()
            await run.io_bound(lambda: api_keys.revoke(self._database, key.id, user_id=user.id))
        except ProblemForReader as problem:
            tell(str(problem), "bad")
            return
        tell(f"{key.name} stopped working.")
        self._draw(user)

    def _user(self) -> User:
        """Asked again for every change: a login may have ended since the page was opened."""
        if (user := session.user_of(self._services, self._request)) is None:
            raise SignInNeeded("Your session has ended. Sign in and try again.")
        return user
