"""Invitation page: creates the account that was prepared for an e-mail address, with the token of its link."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from proprium.accounts import instance_options, invitations
from proprium.accounts.passwords import MIN_PASSWORD_LENGTH
from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page(invitations.PATH)
    def invitation(request: Request, token: str = "", said: str = "") -> None:
        invited = invitations.find(services.database, token, clock=services.clock)
        name = instance_options.get(services.database).name or "Proprium"
        with layout(
            services, request, _("Invitation"), access=ANYONE, is_tracked=False, width="slim", has_navigation=False
        ):
            title(_("Join {name}", name=name))
            ui.label(_("You are invited. Choose a password for your account {email}.", email=invited.email)).classes(
                theme.MUTED
            )
            show_flash(said)
            with post_form("/auth/invitation"):
                hidden_input("token", token)
                hidden_input("username", invited.email, autocomplete="username")
                native_input(_("Your name"), "name", autocomplete="name", is_required=False)
                native_input(
                    _("Password"),
                    "password",
                    input_type="password",
                    autocomplete="new-password",
                    help_text=_("At least {minimum} characters.", minimum=MIN_PASSWORD_LENGTH),
                    minlength=str(MIN_PASSWORD_LENGTH),
                )
                button(_("Create account"), kind=f"{theme.PRIMARY} big", is_submit=True)
