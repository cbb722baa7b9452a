"""Instance panel of the server's settings: name, invitations, defaults of new properties."""

from __future__ import annotations

from zoneinfo import available_timezones

from fastapi import Request
from nicegui import run, ui

from proprium.accounts import instance_options
from proprium.accounts.instance_options import InstanceOptions
from proprium.errors import UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import session, theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import toast
from proprium.ui.components.fields import select, switch, text_input
from proprium.ui.components.panels import panel
from proprium.ui.services import Services


def instance_panel(services: Services, request: Request, user: User) -> None:
    options = instance_options.get(services.database)
    with panel(_("Instance"), body_classes=f"{theme.BODY} {theme.STACK} wide") as box:
        box.card.props["id"] = "instance"
        help_text = _("Shown to people who are invited.")
        name = text_input(_("Name"), value=options.name, placeholder="Proprium", help_text=help_text)
        help_text = _("Without them, only the command line creates accounts, and open invitations stop working.")
        invitations = switch(_("Allow invitations"), options.allows_invitations, help_text=help_text)
        zones = {zone: zone.replace("_", " ") for zone in sorted(available_timezones() | {options.timezone})}
        help_text = _("New properties start with it.")
        timezone = select(_("Default time zone"), zones, options.timezone, help_text=help_text, is_searchable=True)
        help_text = _("New properties identify visitors without a cookie.")
        cookieless = switch(_("Cookieless by default"), options.is_cookieless, help_text=help_text)
        with ui.element("div"):
            save_button = button(_("Save"), "check", kind=theme.PRIMARY)

    async def save() -> None:
        new_options = InstanceOptions(
            name.value or "", bool(invitations.value), timezone.value or "UTC", bool(cookieless.value)
        )

        def change() -> InstanceOptions:
            _user, actor = session.owner_of_server(services, request)
            return instance_options.change(services.database, new_options, actor=actor)

        try:
            saved_options = await run.io_bound(change)
        except UserFacingError as problem:
            toast(str(problem), "bad")
            return
        if saved_options is not None:  # None while the server shuts down
            name.value = saved_options.name  # as the validation has normalised it
            toast(_("Saved."))

    save_button.on("click", save)
