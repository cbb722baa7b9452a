"""Pages that set up the authenticator app, and that show new recovery codes once."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import second_factor, totp
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import flash, session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import note, show_flash
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.panels import code, panel
from proprium.ui.components.passkey_buttons import add_button
from proprium.ui.components.text import title
from proprium.ui.http.factor_routes import APP_SECRET, CODES_PATH
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

SETUP_LIFETIME = timedelta(minutes=30)


def register(services: Services) -> None:
    @ui.page(session.FACTOR_SETUP_PATH)
    def set_up(request: Request, state: str = "", said: str = "") -> Response | None:
        if (user := session.user_without_factor_check(services, request)) is None:
            return RedirectResponse(session.sign_in_url(request), 303)
        access = PageAccess.of(request, user)
        with layout(services, request, _("Authenticator app"), user, access=access, is_tracked=False, width="slim"):
            title(_("Set up an authenticator app"))
            show_flash(said)
            if second_factor.is_missing(services.database, user):
                note(_("This server requires a second factor. Set one up to continue."), "warn")
            elif user.totp_secret is not None:
                note(_("An authenticator app is on already. Setting up another one replaces it."), "warn")
            _setup_form(services, user, state)
            if second_factor.is_missing(services.database, user):
                ui.label(_("Or use a passkey: your fingerprint, your face or a security key.")).classes(theme.MUTED)
                add_button("big")
                with post_form("/auth/logout", ""):
                    button(_("Sign out"), "leave", is_submit=True)
            else:
                ui.link(_("Back to your account"), "/account").classes(theme.SMALL)
        return None

    @ui.page(CODES_PATH)
    def recovery_codes(request: Request, said: str = "") -> Response | None:
        user = session.require_user(services, request)
        if (message := flash.pop(said)) is None:
            return RedirectResponse("/account", 303)
        access = PageAccess.of(request, user)
        with layout(services, request, _("Recovery codes"), user, access=access, is_tracked=False, width="slim"):
            title(_("Recovery codes"))
            ui.label(
                _(
                    "Keep them where you find them without your phone. Each signs you in once instead of the second"
                    " factor. You won't see them again."
                )
            ).classes(theme.MUTED)
            code(message.text.replace(" ", "\n"), name=_("Recovery codes"))
            link_button(_("I have saved them"), "/account", kind=f"{theme.PRIMARY} big")
        return None


def _setup_form(services: Services, user: User, state: str) -> None:
    """Builds QR code, secret and confirmation. After a wrong code the secret is that of the form before."""
    values = services.states.read(APP_SECRET, state)
    if values is None or values["user"] != str(user.id):
        values = {"user": str(user.id), "secret": totp.new_secret()}
        state = services.states.issue(APP_SECRET, values, SETUP_LIFETIME)
    secret = values["secret"]
    host = urlsplit(services.settings.public_url).netloc
    with panel(_("1. Scan this code with the app"), body_classes=f"{theme.BODY} {theme.STACK}"):
        image = ui.element("img").style("width: 200px; height: 200px; border-radius: 8px; align-self: center")
        image.props["src"] = totp.qr_code(secret, user.email, host)
        image.props["alt"] = _("QR code for the authenticator app")
        ui.label(_("Or type this key into the app:")).classes(f"{theme.MUTED} {theme.SMALL}")
        code(" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)), name=_("Key for the app"))
    with panel(_("2. Enter the code that the app shows"), body_classes=theme.BODY), post_form("/auth/authenticator"):
        hidden_input("state", state)
        native_input(_("Code"), "code", autocomplete="one-time-code", inputmode="numeric", placeholder="123 456")
        button(_("Turn on"), kind=f"{theme.PRIMARY} big", is_submit=True)
