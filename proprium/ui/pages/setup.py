"""Setup page of the first run: creates the owner account with the token of the printed setup link."""

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

INVALID_LINK_TEXT = "This setup link is no longer valid. Restart the server to get a new one, or sign in."


def register(services: Services) -> None:
    @ui.page("/setup")
    def set_up(request: Request, token: str = "", said: str = "") -> Response | None:
        if users.has_users(services.database):
            return RedirectResponse("/login", 303)
        if not setup.is_valid(services.database, token):
            raise NotFound(INVALID_LINK_TEXT)
        with layout(services, request, "Set up", access=ANYONE, is_tracked=False, width="slim", has_navigation=False):
            title("Create owner account")
            ui.label("The owner can see and edit every property on this server.").classes(theme.MUTED)
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
                    help_text="At least 10 characters.",
                    minlength="10",
                )
                checkbox(
                    "Add sample data",
                    "sample",
                    is_checked=True,
                    help_text="The property Exemplar with a year of sample visits. Delete it at any time.",
                )
                button("Create account", kind=f"{theme.PRIMARY} big", is_submit=True)
        return None
