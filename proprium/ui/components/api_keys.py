"""API keys panel of the account page: create, show the token once, list, revoke."""

from __future__ import annotations

from uuid import UUID

from nicegui import run, ui

from proprium.accounts import api_keys
from proprium.errors import Forbidden, SignInRequired, UserFacingError
from proprium.i18n import gettext as _
from proprium.properties import permissions, service
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
        with panel(_("API keys")) as box:
            with box.head:
                link_button(_("API reference"), "/api/v1/docs")
                button(_("New key"), "plus", on_click=self._open_dialog)
            self._body = box.body
        self._draw(user)

    def _draw(self, user: User) -> None:
        self._body.clear()
        name_by_id = {property_.id: property_.name for property_ in service.visible_properties(self._database, user)}
        keys = api_keys.list_keys(self._database, user.id)
        with self._body:
            if not keys:
                text = _("No API keys yet. With a key, a program can read your statistics or send events.")
                ui.label(text).classes(theme.MUTED)
                return
            with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
                for key in keys:
                    name = name_by_id.get(key.property_id) if key.property_id else _("All properties")
                    self._build_row(key, name or _("Deleted property"))

    def _build_row(self, key: ApiKey, scope_label: str) -> None:
        with ui.element("tr"):
            with ui.element("td"):
                ui.label(key.name).classes("strong")
                created_on = f"{key.created_at:%-d %B %Y}"
                used_on = f"{key.used_at:%-d %B %Y}" if key.used_at else ""
                usage_text = (
                    _("created {date}, last used {last_date}", date=created_on, last_date=used_on)
                    if used_on
                    else _("created {date}, never used", date=created_on)
                )
                ui.label(usage_text).classes(f"{theme.MUTED} {theme.SMALL}")
            with ui.element("td").classes(theme.MUTED):
                ui.label(scope_label)
            with ui.element("td"):
                for label in _scope_labels(key):
                    tag(label)
            with ui.element("td").classes("r"):
                button(_("Revoke"), "trash", name=_("Revoke {name}", name=key.name), on_click=lambda: self._revoke(key))

    def _open_dialog(self) -> None:
        user = self._current_user()
        properties = service.visible_properties(self._database, user)
        with dialog(_("New API key")) as box:
            name = text_input(_("Name"), placeholder="shop", help_text=_("What this key is for."), autofocus=True)
            choices = {ALL_PROPERTIES: _("All properties")}
            choices |= {str(property_.id): property_.name for property_ in properties}
            property_select = select(_("Property"), choices, ALL_PROPERTIES)
            help_text = _("Every key can read. It can send events only to properties that you can edit.")
            write_switch = switch(_("Allow sending events"), False, help_text=help_text)
            help_text = _("It can change properties, goals, segments and access wherever you can.")
            manage_switch = switch(_("Allow managing"), False, help_text=help_text)
            with ui.element("div").classes("ft") as footer:
                button(_("Cancel"), on_click=box.close)
                button(_("Create"), "plus", kind=theme.PRIMARY, on_click=lambda: submit())
            token_box = ui.element("div").classes(theme.STACK)

        async def submit() -> None:
            property_id = None if property_select.value == ALL_PROPERTIES else property_select.value
            try:
                token = await run.io_bound(
                    lambda: self._create(
                        name.value or "", property_id, may_write=write_switch.value, may_manage=manage_switch.value
                    )
                )
            except UserFacingError as problem:
                toast(str(problem), "bad")
                return
            if token is None:  # run.io_bound returns None while the server shuts down
                return
            footer.delete()
            with token_box:  # for the only time: storage keeps its hash
                ui.label(_("Copy it now — you won't see it again.")).classes("strong")
                code(token, name=_("The new API key"))
            self._draw(self._current_user())

        box.open()

    def _create(self, name: str, property_id: str | None, *, may_write: bool, may_manage: bool) -> str:
        user = self._current_user()
        property_ = service.find_visible(self._database, UUID(property_id), user) if property_id else None
        if property_ and may_write and not permissions.may_edit(user, property_):
            raise Forbidden(
                _(
                    "You can read {name}, but not send events to it. Create a read-only key instead.",
                    name=property_.name,
                )
            )
        return api_keys.create(
            self._database,
            name,
            user_id=user.id,
            property_id=property_.id if property_ else None,
            may_write=may_write,
            may_manage=may_manage,
            actor=session.actor_of(self._services, self._request, user),
        )

    async def _revoke(self, key: ApiKey) -> None:
        try:
            user = self._current_user()
            actor = session.actor_of(self._services, self._request, user)
            await run.io_bound(lambda: api_keys.revoke(self._database, key.id, user_id=user.id, actor=actor))
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return
        toast(_("API key {name} revoked.", name=key.name))
        self._draw(user)

    def _current_user(self) -> User:
        """Reads the signed-in user again before each change: the login may have ended since the page was opened."""
        if (user := session.user_of(self._services, self._request)) is None:
            raise SignInRequired(_("Your session has ended. Sign in and try again."))
        return user


def _scope_labels(key: ApiKey) -> list[str]:
    """Returns what a key may do besides reading."""
    labels = [
        label
        for label, is_allowed in ((_("Can send events"), key.may_write), (_("Can manage"), key.may_manage))
        if is_allowed
    ]
    return labels or [_("Read-only")]
