"""Privacy page of one property, for its visitors: collected data, visitor identification, opt-out."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request
from nicegui import ui

from proprium.errors import PropertyNotFound
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.ui import theme
from proprium.ui.components.panels import code, panel
from proprium.ui.components.text import text, title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services

OPT_OUT_SCRIPT = "localStorage.setItem('collector_optout', '1')"
OPT_IN_SCRIPT = "localStorage.removeItem('collector_optout')"
COLLECTED_DATA = (
    N_("Pages viewed, the site that a visit came from, and the time spent on each page"),
    N_("Clicks on links, buttons and downloads by their name, and scroll depth; never typed text"),
    N_("Browser, operating system, device type, screen size, language"),
    N_("Country, region and city, looked up from the IP address when a page is opened"),
)
STORAGE_TEXT = N_(
    "The IP address itself is never stored or logged. No data is shared with others: it stays on this server."
)
COOKIELESS_TEXT = N_(
    "No cookie is set. Visits within one day are linked by a number that is computed with a random key. The key changes"
    " daily and is destroyed the day after; from then on the number identifies no one."
)
COOKIE_TEXT = N_("By the cookie collectoruserid: a random number that is kept for 365 days and used by this site only.")
OPT_OUT_TEXT = N_(
    "Open the site that you want to opt out of, and run this line in your browser's console there. From then on this"
    " browser sends no data from that site."
)


def register(services: Services) -> None:
    @ui.page("/privacy/{property_id}")
    def privacy(request: Request, property_id: UUID) -> None:
        rules = services.rules_cache.find(property_id)
        if rules is None:
            raise PropertyNotFound(property_id)
        with layout(services, request, _("What is collected"), access=ANYONE, width="narrow", is_tracked=False):
            title(_("What is collected here"))
            with panel(_("Collected data")):
                with ui.element("ul").classes("prose"):
                    for line in COLLECTED_DATA:
                        text("li", _(line))
                _paragraph(_(STORAGE_TEXT))
            with panel(_("Visitor identification")):
                _paragraph(_(COOKIELESS_TEXT) if rules.is_cookieless else _(COOKIE_TEXT))
                _paragraph(_("Browsers that send Global Privacy Control or Do Not Track never get a cookie."))
            with panel(_("Opt out"), body_classes=f"{theme.BODY} {theme.STACK}"):
                _paragraph(_(OPT_OUT_TEXT))
                code(OPT_OUT_SCRIPT, name=_("Opt out"))
                _paragraph(_("To opt in again:"))
                code(OPT_IN_SCRIPT, name=_("Opt in again"))


def _paragraph(text: str) -> None:
    ui.label(text).classes(theme.MUTED)
