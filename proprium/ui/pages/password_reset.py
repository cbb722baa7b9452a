"""Pages for forgotten passwords: ask for a link by e-mail, and choose a new password with it."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from proprium.accounts import password_reset
from proprium.accounts.passwords import MIN_PASSWORD_LENGTH
from proprium.i18n import gettext as _
from proprium.mail.mailer import Transport
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import note, show_flash
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.panels import code
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page("/password-reset")
    def ask_for_link(request: Request, said: str = "") -> None:
        with layout(services, request, _("Forgot password"), access=ANYONE, width="slim"):
            title(_("Forgot your password?"))
            if not services.mail.is_available:
                _owner_help()
                return
            show_flash(said)
            if services.mail.transport is Transport.LOG:
                note(_("No mail server is configured: the mail is written to the server's log."), "warn")
            ui.label(_("Enter the e-mail address of your account. You will receive a link by e-mail.")).classes(
                theme.MUTED
            )
            with post_form("/auth/password-reset"):
                native_input(_("E-mail"), "email", input_type="email", autocomplete="username", autofocus="")
                button(_("Send link"), kind=f"{theme.PRIMARY} big", is_submit=True)
            ui.link(_("Back to sign in"), "/login").classes(theme.SMALL)

    @ui.page(password_reset.PAGE_PATH)
    def choose_password(request: Request, token: str = "", said: str = "") -> None:
        user = password_reset.find_user(services.database, token, clock=services.clock)
        with layout(services, request, _("New password"), access=ANYONE, is_tracked=False, width="slim"):
            title(_("Choose a new password"))
            ui.label(_("For {email}. You will be signed out on all devices.", email=user.email)).classes(theme.MUTED)
            show_flash(said)
            with post_form("/auth/new-password"):
                hidden_input("token", token)
                hidden_input("username", user.email, autocomplete="username")
                native_input(
                    _("New password"),
                    "password",
                    input_type="password",
                    autocomplete="new-password",
                    help_text=_("At least {minimum} characters.", minimum=MIN_PASSWORD_LENGTH),
                    minlength=str(MIN_PASSWORD_LENGTH),
                    autofocus="",
                )
                button(_("Change password"), kind=f"{theme.PRIMARY} big", is_submit=True)


def _owner_help() -> None:
    """Says how to get a link on a server that sends no mail."""
    ui.label(_("This server sends no e-mail. Ask an owner of the server for a link to choose a new password.")).classes(
        theme.MUTED
    )
    ui.label(_("On the command line of the server, an owner gets the link with:")).classes(theme.MUTED)
    code("proprium user password-link EMAIL", name=_("Command for a link"))
    ui.link(_("Back to sign in"), "/login").classes(theme.SMALL)
