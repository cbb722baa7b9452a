"""Settings page of the server, for its owners: sections, panels of instance options, state and own request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from nicegui import ui

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import session, theme
from proprium.ui.components.controls import icon
from proprium.ui.components.instance_panel import instance_panel
from proprium.ui.components.proxy_notice import proxy_notice
from proprium.ui.components.request_panel import request_panel
from proprium.ui.components.server_state_panel import server_state_panel
from proprium.ui.components.text import span, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services


@dataclass(frozen=True)
class Section:
    """A link at the top of the page."""

    label: str
    description: str
    href: str
    icon_name: str


SECTIONS = (
    Section(N_("Users"), N_("Accounts, invitations, rights"), "/settings/users", "user"),
    Section(N_("Sign-in"), N_("Second factor, sign-in by another server"), "/settings/sign-in", "lock"),
    Section(N_("E-mail"), N_("Mail server, test mail, what was sent"), "/settings/mail", "open"),
    Section(N_("Audit log"), N_("Who changed what, and when"), "/settings/audit", "book"),
)
"""Pages that belong to the settings."""

PANELS: tuple[Callable[[Services, Request, User], None], ...] = (
    instance_panel,
    server_state_panel,
    request_panel,
)
"""Panels of the page, in their order; each is a module of `ui.components`."""


def register(services: Services) -> None:
    @ui.page("/settings")
    def instance_settings(request: Request) -> None:
        user = session.require_owner(services, request)
        access = PageAccess.of(request, user)
        with layout(services, request, _("Settings"), user, access=access, width="narrow"):
            title(_("Settings"))
            proxy_notice(services)
            with ui.element("nav").classes("sections") as navigation:
                navigation.props["aria-label"] = _("Settings pages")
                for section in SECTIONS:
                    _build_section(section)
            for build_panel in PANELS:
                build_panel(services, request, user)


def _build_section(section: Section) -> None:
    with ui.element("a").classes(f"{theme.CARD} section") as link:
        link.props["href"] = section.href
        icon(section.icon_name)
        with ui.element("span"):
            span(_(section.label), "strong")
            span(_(section.description), f"{theme.MUTED} {theme.SMALL}")
