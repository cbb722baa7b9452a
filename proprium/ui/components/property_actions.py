"""Property actions as dialogs (create, rename, publish, show tracking code, reset, delete) of all pages.

Each action checks the user's rights again when it runs: a page may have been opened before they changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any, TypeVar
from uuid import UUID

from nicegui import run, ui

from proprium.accounts.audit import Actor
from proprium.errors import NotFound, UserFacingError
from proprium.i18n import N_, ngettext
from proprium.i18n import gettext as _
from proprium.properties import permissions, service
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.dialogs import confirm_by_typing, dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import text_input
from proprium.ui.components.panels import code
from proprium.ui.components.snippets import Snippets
from proprium.ui.http import page_access
from proprium.ui.self_tracking import track
from proprium.ui.services import Services

PUBLIC_TEXT = N_(
    "Anyone who has the link will see the dashboard without an account: all its numbers, pages, sources, locations,"
    " devices and events. Search engines list it only if you allow that in its settings. Readers can download it as a"
    " report."
)
NOT_PUBLIC_TEXT = N_(
    "Settings, raw events, SQL and the data of events stay private, except data keys that you publish."
)

PUBLISHING = frozenset({"is_public", "public_data_keys"})
"""Settings that decide what people without access see."""

T = TypeVar("T")
OnDone = Callable[[Property], Any]


class PropertyActions:
    """Actions for one open page. `on_done` callbacks get the property as it is after the action."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database
        self._client = ui.context.client
        self._request = self._client.request  # its cookie identifies the user

    def create(self) -> None:
        """Asks for a name, then opens the install page of the new property."""
        with dialog(_("New property")) as box:
            name = text_input(
                _("Name"), placeholder="example.com", help_text=_("Domain or name of your site."), autofocus=True
            )
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                create_button = button(_("Create"), "plus", kind=theme.PRIMARY)

        def create() -> Property:
            user = session.user_of(self._services, self._request)
            if user is None or not permissions.may_create(user):
                raise NotFound(_("Your account cannot create properties. Ask the owner of this server."))
            actor = session.actor_of(self._services, self._request, user)
            return service.create_property(
                self._database, name.value or "", user.id, timezone=user.timezone, actor=actor
            )

        async def submit() -> None:
            property_ = await self.run_or_toast(create)
            if property_ is not None:
                track(self._services, "add_property")
                ui.navigate.to(f"/properties/{property_.id}/install")

        name.on("keydown.enter", submit)
        create_button.on("click", submit)
        box.open()

    def rename(self, property_: Property, on_done: OnDone) -> None:
        with dialog(_("Rename")) as box:
            name = text_input(_("Name"), value=property_.name, autofocus=True)
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                rename_button = button(_("Rename"), kind=theme.PRIMARY)

        async def submit() -> None:
            if updated_property := await self.update(property_.id, name=name.value or ""):
                box.close()
                await _call_on_done(on_done, updated_property)

        name.on("keydown.enter", submit)
        rename_button.on("click", submit)
        box.open()

    async def set_public(self, property_: Property, is_public: bool, on_done: OnDone) -> None:
        """Makes the dashboard public, after a confirmation, or private."""
        if is_public and not await self.confirm_public(property_):
            return
        if updated_property := await self.update(property_.id, is_public=is_public):
            await _call_on_done(on_done, updated_property)
            if not is_public:
                toast(_("The dashboard of {name} is private now.", name=property_.name))
                return
            toast(_("The dashboard of {name} is public now.", name=property_.name))
            with self._client, dialog(_("{name} is public", name=property_.name)) as box:
                ui.label(_("Anyone with this link can view the dashboard:"))
                code(self.dashboard_url(property_), name=_("Link to the dashboard"))
                with ui.element("div").classes("ft"):
                    button(_("Done"), kind=theme.PRIMARY, on_click=box.close)
            box.open()

    async def confirm_public(self, property_: Property) -> bool:
        """Asks before the dashboard is made public: says what readers will see, and shows the link."""
        is_confirmed: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def answer(is_public: bool) -> None:
            if not is_confirmed.done():
                is_confirmed.set_result(is_public)

        def confirm() -> None:
            answer(True)
            box.close()

        with self._client, dialog(_("Make {name} public?", name=property_.name)) as box:
            ui.label(_(PUBLIC_TEXT))
            ui.label(_(NOT_PUBLIC_TEXT)).classes(theme.MUTED)
            code(self.dashboard_url(property_), name=_("Link to the dashboard"))
            with ui.element("div").classes("ft"):
                button(_("Cancel"), on_click=box.close)
                button(_("Make public"), "globe", kind=theme.PRIMARY, on_click=confirm)
        box.on("hide", lambda: answer(False))
        self._client.on_delete(lambda: answer(False))
        box.open()
        return await is_confirmed

    def dashboard_url(self, property_: Property) -> str:
        return f"{self._services.settings.public_url}/properties/{property_.id}"

    def show_tag(self, property_: Property) -> None:
        track(self._services, "see_site_tag")
        with dialog(_("Tracking code"), is_wide=True) as box:
            advice = _("Paste this into the <head> of every page of {name}:", name=property_.name)
            ui.label(advice).classes(theme.MUTED)
            code(Snippets(self._services.settings, property_).tag(), name=_("Tracking code"))
            with ui.element("div").classes("ft"):
                link_button(_("Instructions"), f"/properties/{property_.id}/install")
                button(_("Done"), kind=theme.PRIMARY, on_click=box.close)
        box.open()

    def delete(self, property_: Property, on_done: OnDone) -> None:
        name = property_.name
        text = _("Deletes {name} and all its events. This cannot be undone.", name=name)

        def delete() -> bool:
            service.delete_property(self._database, property_.id, actor=self.owner_of(property_.id))
            return True

        async def confirm() -> None:
            access = page_access.release(self._client, property_.id)
            if not await self.run_or_toast(delete):
                page_access.restore(self._client, access)
            else:
                track(self._services, "delete_property")
                await _call_on_done(on_done, property_)

        confirm_by_typing(_("Delete {name}?", name=name), text, name, _("Delete permanently"), confirm)

    def reset(self, property_: Property, on_done: OnDone) -> None:
        name = property_.name
        text = _("Deletes all events of {name}. The property, its settings and its tracking code stay.", name=name)

        def reset() -> int:
            return service.reset_property(self._database, property_.id, actor=self.owner_of(property_.id))

        async def confirm() -> None:
            deleted_count = await self.run_or_toast(reset)
            if deleted_count is not None:
                toast(ngettext("{count} event deleted.", "{count} events deleted.", deleted_count))
                await _call_on_done(on_done, property_)

        confirm_by_typing(_("Reset {name}?", name=name), text, name, _("Delete all events"), confirm)

    async def update(self, property_id: UUID, **values: Any) -> Property | None:
        """Updates settings; returns None when they were rejected, after a toast with the reason.

        Publishing takes an owner of the property, all else an editor.
        """

        def update() -> Property:
            actor = self.editor_of(property_id) if PUBLISHING.isdisjoint(values) else self.owner_of(property_id)
            return service.update_settings(self._database, property_id, **values, actor=actor)

        return await self.run_or_toast(update)

    async def publish_key(self, property_id: UUID, key: str, is_public: bool) -> Property | None:
        """Makes one data key public or private for readers; returns None when that was rejected, after a toast."""

        def publish() -> Property:
            actor = self.owner_of(property_id)
            return service.set_data_key_public(self._database, property_id, key, is_public, actor=actor)

        return await self.run_or_toast(publish)

    def editor_of(self, property_id: UUID) -> Actor:
        """Returns the reader of the page as the actor of a change. Raises PropertyNotFound if they may not edit."""
        user = session.user_of(self._services, self._request)
        service.find_editable(self._database, property_id, user)
        return self._actor(user)

    def owner_of(self, property_id: UUID) -> Actor:
        """Does what `editor_of` does, for changes that only owners of the property may make."""
        user = session.user_of(self._services, self._request)
        service.find_owned(self._database, property_id, user)
        return self._actor(user)

    def _actor(self, user: User | None) -> Actor:
        assert user is not None  # nobody edits without an account
        return session.actor_of(self._services, self._request, user)

    async def run_or_toast(self, action: Callable[[], T]) -> T | None:
        """Runs `action` in a thread; shows a UserFacingError as a toast and returns None."""
        try:
            return await run.io_bound(action)
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return None


async def _call_on_done(on_done: OnDone, property_: Property) -> None:
    result = on_done(property_)
    if isawaitable(result):
        await result
