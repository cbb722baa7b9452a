"""Sign-in page."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import passkeys
from proprium.i18n import gettext as _
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.passkey_buttons import sign_in_button
from proprium.ui.components.text import title
from proprium.ui.http.openid_routes import START_PATH
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    settings = services.settings

    @ui.page("/login")
    def log_in(request: Request, next: str = "", said: str = "") -> Response | None:
        if session.user_of(services, request):
            return RedirectResponse(session.safe_redirect_target(next), 303)
        if session.user_without_factor_check(services, request):
            return RedirectResponse(session.FACTOR_SETUP_PATH, 303)
        if not said and session.proxy_email(settings, request):
            return RedirectResponse(f"{session.PROXY_SIGN_IN_PATH}?{urlencode({'next': next})}", 303)
        with layout(services, request, _("Sign in"), access=ANYONE, width="slim"):
            title(_("Sign in"))
            show_flash(said)
            with post_form("/auth/login"):
                hidden_input("next", next)
                native_input(_("E-mail"), "email", input_type="email", autocomplete="username", autofocus="")
                native_input(_("Password"), "password", input_type="password", autocomplete="current-password")
                button(_("Sign in"), kind=f"{theme.PRIMARY} big", is_submit=True)
            if settings.oidc_issuer:
                query = urlencode({"next": next} if next else {})
                link_button(
                    _("Sign in with {name}", name=settings.oidc_name), f"{START_PATH}?{query}", "globe", kind="big"
                )
            if passkeys.exist(services.database):
                sign_in_button("big")
            ui.link(_("Forgot password?"), "/password-reset").classes(theme.SMALL)
        return None
