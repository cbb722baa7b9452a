"""API keys panel of the account page: create, show the token once, list, revoke."""

from __future__ import annotations

from uuid import UUID

from nicegui import run, ui
from nicegui.element import Element

from proprium.accounts import api_keys
from proprium.errors import Forbidden, SignInRequired, UserFacingError
from proprium.properties import service
from proprium.storage.tables import ApiKey, User
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.dialogs import dialog
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import select, switch, text_input
from proprium.ui.components.panels import code, panel
from proprium.ui.services import Services

ALL_PROPERTIES = "all"


class ApiKeysPanel:
    """Lists a user's API keys on one open account page."""

    def __init__(self, services: Services, user: User) -> None:
        self._services, self._database = services, services.database
        self._request = ui.context.client.request
        with panel("API keys") as box:
            with box.head:
                link_button("API reference", "/api/v1/docs")
                button("New key", "plus", on_click=self._open_dialog)
            self._body = box.body
        self._draw(user)

    def _draw(self, user: User) -> None:
        self._body.clear()
        name_by_id = {property_.id: property_.name for property_ in service.visible_properties(self._database, user)}
        keys = api_keys.list_keys(self._database, user.id)
        with self._body:
            if not keys:
                ui.label("No API keys yet. With a key, a program can read your statistics or send events.").classes(
                    theme.MUTED
                )
                return
            with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
                for key in keys:
                    scope_label = (
                        name_by_id.get(key.property_id, "Deleted property") if key.property_id else "All properties"
                    )
                    self._build_row(key, scope_label)

    def _build_row(self, key: ApiKey, scope_label: str) -> None:
        with ui.element("tr"):
            with ui.element("td"):
                ui.label(key.name).classes("strong")
                usage_text = f"last used {key.used_at:%-d %B %Y}" if key.used_at else "never used"
                ui.label(f"created {key.created_at:%-d %B %Y}, {usage_text}").classes(f"{theme.MUTED} {theme.SMALL}")
            with ui.element("td").classes(theme.MUTED):
                ui.label(scope_label)
            with ui.element("td"):
                tag("Can send events" if key.may_write else "Read-only")
            with ui.element("td").classes("r"):
                button("Revoke", "trash", name=f"Revoke {key.name}", on_click=lambda: self._revoke(key))

    def _open_dialog(self) -> None:
        user = self._current_user()
        properties = service.visible_properties(self._database, user)
        with dialog("New API key") as box:
            name = text_input("Name", placeholder="shop", help_text="What this key is for.", autofocus=True)
            choices = {ALL_PROPERTIES: "All properties"}
            choices |= {str(property_.id): property_.name for property_ in properties}
            property_select = select("Property", choices, ALL_PROPERTIES)
            help_text = "Every key can read. It can send events only to properties that you can edit."
            write_switch = switch("Allow sending events", False, help_text=help_text)
            with ui.element("div").classes("ft") as footer:
                button("Cancel", on_click=box.close)
                button("Create", "plus", kind=theme.PRIMARY, on_click=lambda: submit())
            token_box = ui.element("div").classes(theme.STACK)

        async def submit() -> None:
            property_id = None if property_select.value == ALL_PROPERTIES else property_select.value
            try:
                token = await run.io_bound(lambda: self._create(name.value or "", property_id, write_switch.value))
            except UserFacingError as problem:
                toast(str(problem), "bad")
                return
            if token is None:  # run.io_bound returns None while the server shuts down
                return
            footer.delete()
            self._show_token(token_box, token)
            self._draw(self._current_user())

        box.open()

    def _create(self, name: str, property_id: str | None, may_write: bool) -> str:
        user = self._current_user()
        property_ = service.find_visible(self._database, UUID(property_id), user) if property_id else None
        if property_ and may_write and not service.may_edit(user, property_):
            raise Forbidden(
                f"You can read {property_.name}, but not send events to it. Create a read-only key instead."
            )
        return api_keys.create(
            self._database, name, user_id=user.id, property_id=property_.id if property_ else None, may_write=may_write
        )

    def _show_token(self, container: Element, token: str) -> None:
        """Shows the token for the only time: storage keeps its hash."""
        with container:
            ui.label("Copy it now — you won't see it again.").classes("strong")
            code(token, name="The new API key")

    async def _revoke(self, key: ApiKey) -> None:
        try:
            user = self._current_user()
            await run.io_bound(lambda: api_keys.revoke(self._database, key.id, user_id=user.id))
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return
        toast(f"API key {key.name} revoked.")
        self._draw(user)

    def _current_user(self) -> User:
        """Reads the signed-in user again before each change: the login may have ended since the page was opened."""
        if (user := session.user_of(self._services, self._request)) is None:
            raise SignInRequired("Your session has ended. Sign in and try again.")
        return user
