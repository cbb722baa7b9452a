"""Setup page of the first run: creates the owner account with the token of the printed setup link."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import setup, users
from proprium.accounts.passwords import MIN_PASSWORD_LENGTH
from proprium.errors import InvalidSetupLink
from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import checkbox, hidden_input, native_input, post_form
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page("/setup")
    def set_up(request: Request, token: str = "", said: str = "") -> Response | None:
        if users.has_users(services.database):
            return RedirectResponse("/login", 303)
        if not setup.is_valid(services.database, token):
            raise InvalidSetupLink
        with layout(
            services, request, _("Set up"), access=ANYONE, is_tracked=False, width="slim", has_navigation=False
        ):
            title(_("Create owner account"))
            ui.label(_("The owner can see and edit every property on this server, and invites others.")).classes(
                theme.MUTED
            )
            show_flash(said)
            with post_form("/auth/setup"):
                hidden_input("token", token)
                native_input(_("Your name"), "name", autocomplete="name", is_required=False)
                native_input(_("E-mail"), "email", input_type="email", autocomplete="username")
                native_input(
                    _("Password"),
                    "password",
                    input_type="password",
                    autocomplete="new-password",
                    help_text=_("At least {minimum} characters.", minimum=MIN_PASSWORD_LENGTH),
                    minlength=str(MIN_PASSWORD_LENGTH),
                )
                checkbox(
                    _("Add sample data"),
                    "sample",
                    is_checked=True,
                    help_text=_("The property Exemplar with a year of sample visits. Delete it at any time."),
                )
                button(_("Create account"), kind=f"{theme.PRIMARY} big", is_submit=True)
        return None
