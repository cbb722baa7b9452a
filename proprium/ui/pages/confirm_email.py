"""Page of the link that confirms a new e-mail address."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from proprium.accounts import email_change
from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.fields import hidden_input, post_form
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page(email_change.PAGE_PATH)
    def confirm_email(request: Request, token: str = "") -> None:
        change = email_change.find(services.database, token, clock=services.clock)
        with layout(services, request, _("New e-mail address"), access=ANYONE, is_tracked=False, width="slim"):
            title(_("Confirm your new e-mail address"))
            ui.label(
                _("Your account {email} will use {new_email}.", email=change.user.email, new_email=change.new_email)
            ).classes(theme.MUTED)
            with post_form("/auth/e-mail"):
                hidden_input("token", token)
                button(_("Change the address"), kind=f"{theme.PRIMARY} big", is_submit=True)
