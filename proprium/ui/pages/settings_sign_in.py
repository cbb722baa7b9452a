"""Sign-in settings page for owners: the second factor of everyone, and the other ways to sign in."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from proprium.accounts import second_factor
from proprium.config import Settings
from proprium.errors import NotFound
from proprium.i18n import gettext as _
from proprium.ui import session, theme
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import checkbox, post_form
from proprium.ui.components.panels import panel
from proprium.ui.components.text import text, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page("/settings/sign-in")
    def settings_sign_in(request: Request, said: str = "") -> None:
        user = session.require_user(services, request)
        if not session.is_owner(user):
            raise NotFound(_("This page does not exist, or you do not have access to it."))
        is_required = second_factor.is_required(services.database)
        with layout(services, request, _("Sign-in"), user, access=PageAccess.of(request, user), width="narrow"):
            with ui.element("div").classes("pagehead"):
                title(_("Sign-in"), "grow")
            show_flash(said)
            with panel(_("Second factor"), body_classes=theme.BODY) as box:
                with box.head:
                    tag(_("required") if is_required else _("optional"), "good" if is_required else "")
                with post_form("/auth/require-second-factor"):
                    checkbox(
                        _("Require a second factor"),
                        "value",
                        is_checked=is_required,
                        help_text=_(
                            "Everyone with a password needs an authenticator app or a passkey. Those who have none are"
                            " signed out, and set one up at their next sign-in."
                        ),
                    )
                    with ui.element("div"):
                        button(_("Save"), kind=theme.PRIMARY, is_submit=True)
            _external_panel(services.settings)


def _external_panel(settings: Settings) -> None:
    """Shows the ways to sign in that the server's variables configure."""
    with panel(_("Sign-in elsewhere"), body_classes=f"{theme.BODY} {theme.STACK}"):
        with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
            for label, value in (
                (_("OpenID Connect"), settings.oidc_issuer),
                (_("Header of a trusted proxy"), settings.auth_header),
            ):
                with ui.element("tr"):
                    text("td", label, theme.MUTED)
                    text("td", value or _("not configured")).style("overflow-wrap: anywhere")
        ui.label(
            _(
                "Set these variables and restart the server: {variables}.",
                variables="PROPRIUM_OIDC_…, PROPRIUM_AUTH_HEADER",
            )
        ).classes(f"{theme.MUTED} {theme.SMALL}")
