"""Changelog page, rendered from CHANGELOG.md."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from proprium.config import CHANGELOG_FILE
from proprium.i18n import gettext as _
from proprium.ui import session, theme
from proprium.ui.components.feedback import empty_state
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services


def register(services: Services) -> None:
    text = CHANGELOG_FILE.read_text("utf-8") if CHANGELOG_FILE.is_file() else ""

    @ui.page("/changelog")
    def changelog(request: Request) -> None:
        user = session.user_of(services, request)
        access, description = PageAccess.of(request, user), _("What changed in Proprium.")
        with layout(services, request, _("Changelog"), user, access=access, width="narrow", description=description):
            if text:
                with ui.element("article").classes(f"{theme.CARD} pad"):
                    ui.markdown(text).classes("prose")
            else:
                empty_state(_("No changelog"), _("This installation does not include CHANGELOG.md."), "book")
