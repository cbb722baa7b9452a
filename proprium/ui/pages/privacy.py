"""What is collected for one property, for the people whom it is about, and how to stay out of it."""

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
    "Which pages are opened, from which site a visit came, and for how long a page is looked at",
    "Clicks on links, buttons and downloads by their name, and how far a page is scrolled; never what is typed",
    "Browser, system, kind of device, size of the screen, language",
    "Country, region and city, looked up from the address when a page is opened",
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
    with panel("What is counted"):
        with ui.element("ul").classes("prose"):
            for line in COLLECTED_DATA:
                text("li", line)
        _paragraph(
            "The address itself is never stored nor logged. Nothing goes to anybody else: it stays on this server."
        )


def _visitor_identity_panel(*, is_cookieless: bool) -> None:
    with panel("How a visitor is known"):
        if is_cookieless:
            _paragraph(
                "No cookie is set. Visits of one day are put together by a random number that is made from a key which"
                " changes daily and is destroyed the day after; then nobody can tell any more who it was."
            )
        else:
            _paragraph(
                "By the cookie collectoruserid, a random number that lives for 365 days and belongs to this site alone."
            )
        _paragraph("A browser that sends Global Privacy Control or Do Not Track gets no cookie in any case.")


def _opt_out_panel() -> None:
    with panel("Staying out", body_classes=f"{theme.BODY} {theme.STACK}"):
        _paragraph(
            "Open the site that you do not want to be counted on, and run this line in your browser's console there."
            " From then on this browser sends nothing at all from that site."
        )
        code(OPT_OUT_SCRIPT, name="To stay out")
        _paragraph("To be counted again:")
        code(OPT_IN_SCRIPT, name="To be counted again")


def _paragraph(text: str) -> None:
    ui.label(text).classes(theme.MUTED)
