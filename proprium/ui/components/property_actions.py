"""What can be done to a property, as dialogs: the list, the dashboard and the settings offer the same ones.

Each asks for the rights again when it acts: a page may be older than they are.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any, TypeVar
from uuid import UUID

from nicegui import run, ui

from proprium.errors import NotFound, ProblemForReader
from proprium.properties import service
from proprium.storage.tables import Property
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.dialogs import dialog, typed_confirmation
from proprium.ui.components.feedback import tell
from proprium.ui.components.fields import text_input
from proprium.ui.components.panels import code
from proprium.ui.components.snippets import Snippets
from proprium.ui.http import page_access
from proprium.ui.layout import track
from proprium.ui.services import Services

T = TypeVar("T")
Done = Callable[[Property], Any]


class Actions:
    """For one open page. `on_done` callbacks get the property as it is afterwards."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._client = ui.context.client
        self._request = self._client.request  # of the page: its cookie says who is asking

    def create(self) -> None:
        """One field, then straight to the page with the tag."""
        with dialog("New property") as box:
            name = text_input("Name", placeholder="example.com", why="The address of the site will do.", autofocus=True)
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=box.close)
                add = button("Create", "plus", kind=theme.PRIMARY)

        async def act() -> None:
            made = await self._attempt(lambda: self._create(name.value or ""))
            if made is not None:
                track(self._services, "add_property")
                ui.navigate.to(f"/properties/{made.id}/install")

        name.on("keydown.enter", act)
        add.on("click", act)
        box.open()

    def rename(self, found: Property, on_done: Done) -> None:
        with dialog("Rename") as box:
            name = text_input("Name", value=found.name, autofocus=True)
            with ui.element("div").classes("ft"):
                button("Cancel", on_click=box.close)
                save = button("Rename", kind=theme.PRIMARY)

        async def act() -> None:
            if renamed := await self.update(found.id, name=name.value or ""):
                box.close()
                await _call(on_done, renamed)

        name.on("keydown.enter", act)
        save.on("click", act)
        box.open()

    async def set_public(self, found: Property, is_public: bool, on_done: Done) -> None:
        if changed := await self.update(found.id, is_public=is_public):
            tell("Anyone with its address can read it now." if is_public else "Only you can read it now.")
            await _call(on_done, changed)

    def show_tag(self, found: Property) -> None:
        track(self._services, "see_site_tag")
        with dialog("Site tag", wide=True) as box:
            ui.label(f"Into the head of every page of {found.name}:").classes(theme.MUTED)
            code(Snippets(self._services.settings, found).tag(), name="The site tag")
            with ui.element("div").classes("ft"):
                link_button("Instructions", f"/properties/{found.id}/install")
                button("Done", kind=theme.PRIMARY, on_click=box.close)
        box.open()

    def delete(self, found: Property, on_done: Done) -> None:
        text = f"Deletes {found.name} and every event it ever received. This cannot be undone."

        async def act() -> None:
            access = page_access.release(self._client, found.id)
            if not await self._attempt(lambda: self._delete(found.id)):
                page_access.restore(self._client, access)
            else:
                track(self._services, "delete_property")
                await _call(on_done, found)

        typed_confirmation(f"Delete {found.name}?", text, found.name, "Delete it for good", act)

    def reset(self, found: Property, on_done: Done) -> None:
        text = f"Deletes every event of {found.name}. The property, its settings and its tag stay."

        async def act() -> None:
            deleted = await self._attempt(lambda: self._reset(found.id))
            if deleted is not None:
                tell(f"{deleted:,} events are gone.")
                await _call(on_done, found)

        typed_confirmation(f"Reset {found.name}?", text, found.name, "Delete all events", act)

    async def update(self, property_id: UUID, **values: Any) -> Property | None:
        """Sets them, None when that was refused: then the page says why."""
        return await self._attempt(lambda: self._update(property_id, values))

    async def publish_key(self, property_id: UUID, key: str, is_public: bool) -> Property | None:
        """Makes one data key public or private for readers, None when that was refused."""
        return await self._attempt(lambda: self._publish_key(property_id, key, is_public))

    def _create(self, name: str) -> Property:
        user = session.user_of(self._services, self._request)
        if user is None or not service.may_create(user):
            raise NotFound("Your account may not create properties. Ask the owner of this server.")
        return service.create_property(self._database, name, user.id)

    def _update(self, property_id: UUID, values: dict[str, Any]) -> Property:
        self._check(property_id)
        return service.update_settings(self._database, property_id, **values)

    def _publish_key(self, property_id: UUID, key: str, is_public: bool) -> Property:
        self._check(property_id)
        return service.set_data_key_public(self._database, property_id, key, is_public)

    def _delete(self, property_id: UUID) -> bool:
        self._check(property_id)
        service.delete_property(self._database, property_id)
        return True

    def _reset(self, property_id: UUID) -> int:
        self._check(property_id)
        return service.reset_property(self._database, property_id)

    def _check(self, property_id: UUID) -> None:
        service.find_editable(self._database, property_id, session.user_of(self._services, self._request))

    async def _attempt(self, act: Callable[[], T]) -> T | None:
        """Off the event loop; a refusal is told to the reader."""
        try:
            return await run.io_bound(act)
        except ProblemForReader as problem:
            tell(str(problem), "bad")
            return None


async def _call(on_done: Done, found: Property) -> None:
    result = on_done(found)
    if isawaitable(result):
        await result
