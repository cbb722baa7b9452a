"""Account page: profile, password, active sessions and API keys of the signed-in user."""

from __future__ import annotations

from datetime import datetime

from fastapi import Request
from nicegui import ui

from proprium.accounts import login_sessions
from proprium.properties import service
from proprium.storage.tables import LoginSession, User
from proprium.ui import session, theme
from proprium.ui.components.api_keys import ApiKeysPanel
from proprium.ui.components.chips import tag
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import show_flash
from proprium.ui.components.fields import hidden_input, native_input, post_form
from proprium.ui.components.panels import panel
from proprium.ui.components.text import title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page("/account")
    def account(request: Request, said: str = "") -> None:
        user = session.require_user(services, request)
        access = PageAccess.of(request, user, listed=service.visible_properties(services.database, user))
        with layout(services, request, "Account", user, access=access, width="narrow"):
            with ui.element("div").classes("pagehead"):
                title("Account", "grow")
                with post_form("/auth/logout", ""):
                    button("Sign out", "leave", is_submit=True)
            show_flash(said)
            _profile_panel(user)
            _password_panel(user)
            _sessions_panel(services, request, user)
            ApiKeysPanel(services, user)


def _profile_panel(user: User) -> None:
    with panel("Profile") as box:
        with box.head:
            tag(user.role)
        with post_form("/auth/profile"):
            native_input("Name", "name", value=user.name, autocomplete="name", is_required=False)
            native_input("E-mail", "email", input_type="email", value=user.email, autocomplete="email")
            with ui.element("div"):
                button("Save", kind=theme.PRIMARY, is_submit=True)


def _password_panel(user: User) -> None:
    with panel("Password") as box:
        box.card.props('id="password"')
        with post_form("/auth/password"):
            hidden_input("username", user.email, autocomplete="username")
            native_input("Current password", "current", input_type="password", autocomplete="current-password")
            native_input(
                "New password",
                "password",
                input_type="password",
                autocomplete="new-password",
                help_text="At least 10 characters. You will be signed out on all other devices.",
                minlength="10",
            )
            with ui.element("div"):
                button("Change password", kind=theme.PRIMARY, is_submit=True)


def _sessions_panel(services: Services, request: Request, user: User) -> None:
    logins = login_sessions.list_sessions(services.database, user.id, clock=services.clock)
    with panel("Active sessions") as box:
        with box.head, post_form("/auth/everywhere", ""):
            button("Sign out everywhere", "leave", is_submit=True)
        with ui.element("table").classes(theme.TABLE), ui.element("tbody"):
            for login in logins:
                _build_session_row(
                    login, login_sessions.is_session_of_token(login, session.token_of(request)), services.clock()
                )


def _build_session_row(login: LoginSession, is_current: bool, now: datetime) -> None:
    with ui.element("tr"):
        with ui.element("td"):
            ui.label(login.browser or "Unknown browser").classes("strong")
            ui.label(f"signed in {login.created_at:%-d %B %Y}").classes(f"{theme.MUTED} {theme.SMALL}")
        with ui.element("td").classes(theme.MUTED):
            ui.label("active now" if is_current else f"last active {time_ago(now, login.seen_at)}")
        with ui.element("td").classes("r"):
            if is_current:
                tag("this browser", "good")
                return
            with post_form("/auth/revoke", ""):
                hidden_input("login", str(login.id))
                button("Sign out", is_submit=True)


def time_ago(now: datetime, moment: datetime) -> str:
    """Formats an age such as "12 minutes ago", in the largest unit of which at least one has passed."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, unit_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if count := seconds // unit_s:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
