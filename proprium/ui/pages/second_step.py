"""Second step of a sign-in: a code of the authenticator app, a recovery code or a passkey."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import second_factor
from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import native_input, post_form
from proprium.ui.components.passkey_buttons import sign_in_button
from proprium.ui.components.text import title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.http.sign_in import SECOND_STEP_PATH, pending_user
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page(SECOND_STEP_PATH)
    def second_step(request: Request, said: str = "") -> Response | None:
        if (pending := pending_user(services, request)) is None:
            return RedirectResponse("/login", 303)
        factors = second_factor.factors_of(services.database, pending[0].id)
        with layout(services, request, _("Second step"), access=ANYONE, is_tracked=False, width="slim"):
            title(_("Second step"))
            show_flash(said)
            if factors.passkeys:
                sign_in_button(f"{theme.PRIMARY} big")
                text = (
                    _("Or enter the code that your authenticator app shows, or a recovery code.")
                    if factors.has_app
                    else _("Or enter a recovery code.")
                )
            else:
                text = _("Enter the code that your authenticator app shows, or a recovery code.")
            ui.label(text).classes(theme.MUTED)
            with post_form("/auth/second-factor"):
                field = native_input(_("Code"), "code", autocomplete="one-time-code", autocapitalize="none")
                if not factors.passkeys:
                    field.props("autofocus")
                button(_("Sign in"), kind="big" if factors.passkeys else f"{theme.PRIMARY} big", is_submit=True)
            ui.link(_("Back to sign in"), "/login").classes(theme.SMALL)
        return None
