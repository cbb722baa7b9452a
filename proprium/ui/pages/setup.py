"""The first run: whoever holds the printed link becomes the owner."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import setup, users
from proprium.errors import NotFound
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import checkbox, hidden_input, native_input, post_form
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services

INVALID_LINK_TEXT = "This setup link is not valid any more. Restart the server for a new one, or sign in."


def register(services: Services) -> None:
    @ui.page("/setup")
    def set_up(request: Request, token: str = "", said: str = "") -> Response | None:
        if users.has_users(services.database):
            return RedirectResponse("/login", 303)
        if not setup.is_valid(services.database, token):
            raise NotFound(INVALID_LINK_TEXT)
        with layout(services, request, "Set up", access=ANYONE, is_tracked=False, width="slim", has_navigation=False):
            title("Make it yours")
            ui.label("You will own this server: you see every property and may invite others.").classes(theme.MUTED)
            show_flash(said)
            with post_form("/auth/setup"):
                hidden_input("token", token)
                native_input("Your name", "name", autocomplete="name", is_required=False)
                native_input("E-mail", "email", input_type="email", autocomplete="username")
                native_input(
                    "Password",
                    "password",
                    input_type="password",
                    autocomplete="new-password",
                    help_text="10 characters or more.",
                    minlength="10",
                )
                checkbox(
                    "With the sample property Exemplar",
                    "sample",
                    is_checked=True,
                    help_text="A year of made-up visitors to look around in. Delete it whenever you like.",
                )
                button("Create the owner", kind=f"{theme.PRIMARY} big", is_submit=True)
        return None
