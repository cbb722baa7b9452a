"""Privacy page of one property, for its visitors: collected data, visitor identification, opt-out."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request
from nicegui import ui

from proprium.errors import PropertyNotFound
from proprium.ui import theme
from proprium.ui.components.panels import code, panel
from proprium.ui.components.text import text, title
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import layout
from proprium.ui.services import Services

OPT_OUT_SCRIPT = "localStorage.setItem('collector_optout', '1')"
OPT_IN_SCRIPT = "localStorage.removeItem('collector_optout')"
COLLECTED_DATA = (
    "Pages viewed, the site that a visit came from, and the time spent on each page",
    "Clicks on links, buttons and downloads by their name, and scroll depth; never typed text",
    "Browser, operating system, device type, screen size, language",
    "Country, region and city, looked up from the IP address when a page is opened",
)


def register(services: Services) -> None:
    @ui.page("/privacy/{property_id}")
    def privacy(request: Request, property_id: UUID) -> None:
        rules = services.rules_cache.find(property_id)
        if rules is None:
            raise PropertyNotFound(property_id)
        with layout(services, request, "What is collected", access=ANYONE, width="narrow", is_tracked=False):
            title("What is collected here")
            _collected_data_panel()
            _visitor_identity_panel(is_cookieless=rules.is_cookieless)
            _opt_out_panel()


def _collected_data_panel() -> None:
    with panel("Collected data"):
        with ui.element("ul").classes("prose"):
            for line in COLLECTED_DATA:
                text("li", line)
        _paragraph(
            "The IP address itself is never stored or logged. No data is shared with others: it stays on this server."
        )


def _visitor_identity_panel(*, is_cookieless: bool) -> None:
    with panel("Visitor identification"):
        if is_cookieless:
            _paragraph(
                "No cookie is set. Visits within one day are linked by a number that is computed with a random key. The"
                " key changes daily and is destroyed the day after; from then on the number identifies no one."
            )
        else:
            _paragraph(
                "By the cookie collectoruserid: a random number that is kept for 365 days and used by this site only."
            )
        _paragraph("Browsers that send Global Privacy Control or Do Not Track never get a cookie.")


def _opt_out_panel() -> None:
    with panel("Opt out", body_classes=f"{theme.BODY} {theme.STACK}"):
        _paragraph(
            "Open the site that you want to opt out of, and run this line in your browser's console there."
            " From then on this browser sends no data from that site."
        )
        code(OPT_OUT_SCRIPT, name="Opt out")
        _paragraph("To opt in again:")
        code(OPT_IN_SCRIPT, name="Opt in again")


def _paragraph(text: str) -> None:
    ui.label(text).classes(theme.MUTED)
