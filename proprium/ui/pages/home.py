"""Home page: introduces Proprium to visitors who are not signed in; redirects signed-in users to their list."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import users
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.ui import session, theme
from proprium.ui.components.controls import icon, link_button
from proprium.ui.components.feedback import note
from proprium.ui.components.text import text, title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services

FEATURES = (  # icon, headline, description
    (
        "bolt",
        N_("Live dashboards"),
        N_("An event appears on every open dashboard within a second, without a reload."),
    ),
    (
        "lock",
        N_("Your data stays with you"),
        N_("One process, two files, no external services. IP addresses are never stored."),
    ),
    (
        "file",
        N_("Reports"),
        N_("Exactly what is on the screen, as PDF, as Markdown or as a single HTML page."),
    ),
)


def register(services: Services) -> None:
    @ui.page("/")
    def home(request: Request) -> Response | None:
        if session.user_of(services, request):
            return RedirectResponse(session.HOME_PATH, 303)
        with layout(services, request, _("Website analytics on your own server"), access=ANYONE, width="narrow"):
            with ui.element("div").classes(f"{theme.STACK} wide").style("padding: 7vh 0 2vh"):
                title(_("See who reads your site, as it happens."), "huge")
                ui.label(
                    _(
                        "Proprium is website analytics on your own server. Add one script tag to your pages and see "
                        "where visitors come from, what they read and what they do."
                    )
                ).classes(theme.MUTED).style("font-size: 16.5px; max-width: 60ch")
                if not users.has_users(services.database):
                    note(_("This server has no owner yet. Open the setup link that it printed at startup."), "warn")
                with ui.element("div").classes(f"{theme.LINE} wraps"):
                    link_button(_("Sign in"), "/login", kind=f"{theme.PRIMARY} big")
                    link_button(_("Documentation"), "/documentation", kind="big")
            with ui.element("div").classes(theme.GRID3):
                for icon_name, headline, description in FEATURES:
                    with ui.element("section").classes(f"{theme.CARD} pad {theme.STACK} tight"):
                        icon(icon_name).style("color: var(--acc); width: 22px; height: 22px; margin-bottom: 6px")
                        text("h2", _(headline))
                        ui.label(_(description)).classes(theme.MUTED)
        return None
