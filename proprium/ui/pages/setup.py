"""The first run: whoever holds the printed link becomes the owner."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import setup, users
from proprium.errors import NotFound
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import said_before
from proprium.ui.components.fields import hidden, native_input, post_form, tick
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import frame
from proprium.ui.services import Services

NO_LONGER = "This setup link is not valid any more. Restart the server for a new one, or sign in."


def register(services: Services) -> None:
    @ui.page("/setup")
    def set_up(request: Request, token: str = "", said: str = "") -> Response | None:
        if users.has_users(services.database):
            return RedirectResponse("/login", 303)
        if not setup.is_valid(services.database, token):
            raise NotFound(NO_LONGER)
        with frame(services, request, "Set up", access=ANYONE, is_tracked=False, width="slim", with_nav=False):
            title("Make it yours")
            ui.label("You will own this server: you see every property and may invite others.").classes(theme.MUTED)
            said_before(said)
            with post_form("/auth/setup"):
                hidden("token", token)
                native_input("Your name", "name", autocomplete="name", required=False)
                native_input("E-mail", "email", kind="email", autocomplete="username")
                native_input(
                    "Password",
                    "password",
                    kind="password",
                    autocomplete="new-password",
                    why="10 characters or more.",
                    minlength="10",
                )
                tick(
                    "With the sample property Exemplar",
                    "sample",
                    checked=True,
                    why="A year of made-up visitors to look around in. Delete it whenever you like.",
                )
                button("Create the owner", kind=f"{theme.PRIMARY} big", submits=True)
        return None
