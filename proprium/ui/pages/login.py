"""Signing in."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.ui import session, theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import said_before
from proprium.ui.components.fields import hidden, native_input, post_form
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import frame
from proprium.ui.services import Services

FORGOTTEN = "Forgotten it? Whoever runs this server sets a new one with: proprium user password EMAIL"


def register(services: Services) -> None:
    @ui.page("/login")
    def log_in(request: Request, next: str = "", said: str = "") -> Response | None:
        if session.user_of(services, request):
            return RedirectResponse(session.safe_next(next), 303)
        with frame(services, request, "Sign in", access=ANYONE, width="slim"):
            title("Sign in")
            said_before(said)
            with post_form("/auth/login"):
                hidden("next", next)
                native_input("E-mail", "email", kind="email", autocomplete="username", autofocus="")
                native_input("Password", "password", kind="password", autocomplete="current-password")
                button("Sign in", kind=f"{theme.PRIMARY} big", submits=True)
            ui.label(FORGOTTEN).classes(f"{theme.MUTED} {theme.SMALL}")
        return None
