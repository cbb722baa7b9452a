"""Account page: profile, password, active sessions and API keys of the signed-in user."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from proprium.accounts import login_sessions
from proprium.accounts.passwords import MIN_PASSWORD_LENGTH
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.properties import service
from proprium.storage.tables import Role, User
from proprium.ui import session, theme
from proprium.ui.components.api_keys import ApiKeysPanel
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.panels import panel
from proprium.ui.components.preferences import build_preferences_panel
from proprium.ui.components.second_factor import build_second_factor_panels
from proprium.ui.components.text import title
from proprium.ui.components.times import last_active_text
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

ROLE_LABELS = {Role.OWNER: N_("owner"), Role.MEMBER: N_("member")}


def register(services: Services) -> None:
    @ui.page("/account")
    def account(request: Request, said: str = "") -> None:
        user = session.require_user(services, request)
        access = PageAccess.of(request, user, listed=service.visible_properties(services.database, user))
        with layout(services, request, _("Account"), user, access=access, width="narrow"):
            with ui.element("div").classes("pagehead"):
                title(_("Account"), "grow")
                with post_form("/auth/logout", ""):
                    button(_("Sign out"), "leave", is_submit=True)
            show_flash(said)
            with panel(_("Profile")) as profile:
                with profile.head:
                    tag(_(ROLE_LABELS[user.role]))
                with post_form("/auth/profile"):
                    native_input(_("Name"), "name", value=user.name, autocomplete="name", is_required=False)
                    native_input(_("E-mail"), "email", input_type="email", value=user.email, autocomplete="email")
                    if not services.mail.is_available:  # else a link to the new address confirms it
                        native_input(
                            _("Password, to change the e-mail address"),
                            "current",
                            input_type="password",
                            autocomplete="current-password",
                            is_required=False,
                        )
                    with ui.element("div"):
                        button(_("Save"), kind=theme.PRIMARY, is_submit=True)
            build_preferences_panel(services, user)
            _password_panel(user)
            build_second_factor_panels(services, user)
            _sessions_panel(services, request, user)
            ApiKeysPanel(services, user)


def _password_panel(user: User) -> None:
    help_text = _(
        "At least {minimum} characters. You will be signed out on all other devices.", minimum=MIN_PASSWORD_LENGTH
    )
    with panel(_("Password")) as box:
        box.card.props('id="password"')
        with post_form("/auth/password"):
            hidden_input("username", user.email, autocomplete="username")
            native_input(_("Current password"), "current", input_type="password", autocomplete="current-password")
            native_input(
                _("New password"),
                "password",
                input_type="password",
                autocomplete="new-password",
                help_text=help_text,
                minlength=str(MIN_PASSWORD_LENGTH),
            )
            with ui.element("div"):
                button(_("Change password"), kind=theme.PRIMARY, is_submit=True)


def _sessions_panel(services: Services, request: Request, user: User) -> None:
    with panel(_("Active sessions")) as box:
        with box.head, post_form("/auth/everywhere", ""):
            button(_("Sign out everywhere"), "leave", is_submit=True)
        with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
            for login in login_sessions.list_sessions(services.database, user.id, clock=services.clock):
                is_current = login_sessions.is_session_of_token(login, session.token_of(request))
                active_text = _("active now") if is_current else last_active_text(services.clock(), login.seen_at)
                signed_in_on = f"{login.created_at:%-d %B %Y}"
                with ui.element("tr"):
                    with ui.element("td"):
                        ui.label(login.browser or _("Unknown browser")).classes("strong")
                        for line in (active_text, _("signed in {date}", date=signed_in_on)):
                            ui.label(line).classes(f"{theme.MUTED} {theme.SMALL}")
                    with ui.element("td").classes("r"):
                        if is_current:
                            tag(_("this browser"), "good")
                        else:
                            with post_form("/auth/revoke", ""):
                                hidden_input("login", str(login.id))
                                button(_("Sign out"), is_submit=True)
