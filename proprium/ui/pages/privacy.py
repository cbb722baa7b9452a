"""What is collected for one property, for the people whom it is about, and how to stay out of it."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request
from nicegui import ui

from proprium.errors import PropertyNotFound
from proprium.ui import theme
from proprium.ui.components.panels import code, panel
from proprium.ui.components.text import title, words
from proprium.ui.http.page_access import ANYONE
from proprium.ui.layout import frame
from proprium.ui.services import Services

OPT_OUT = "localStorage.setItem('collector_optout', '1')"
OPT_IN = "localStorage.removeItem('collector_optout')"
COUNTED = (
    "Which pages are opened, from which site a visit came, and for how long a page is looked at",
    "Clicks on links, buttons and downloads by their name, and how far a page is scrolled; never what is typed",
    "Browser, system, kind of device, size of the screen, language",
    "Country, region and city, looked up from the address when a page is opened",
)


def register(services: Services) -> None:
    @ui.page("/privacy/{property_id}")
    def privacy(request: Request, property_id: UUID) -> None:
        rules = services.directory.find(property_id)
        if rules is None:
            raise PropertyNotFound(property_id)
        with frame(services, request, "What is collected", access=ANYONE, width="narrow", is_tracked=False):
            title("What is collected here")
            _collected()
            _visitors(is_cookieless=rules.is_cookieless)
            _staying_out()


def _collected() -> None:
    with panel("What is counted"):
        with ui.element("ul").classes("prose"):
            for line in COUNTED:
                words("li", line)
        _say("The address itself is never stored nor logged. Nothing goes to anybody else: it stays on this server.")


def _visitors(*, is_cookieless: bool) -> None:
    with panel("How a visitor is known"):
        if is_cookieless:
            _say(
                "No cookie is set. Visits of one day are put together by a random number that is made from a key which"
                " changes daily and is destroyed the day after; then nobody can tell any more who it was."
            )
        else:
            _say(
                "By the cookie collectoruserid, a random number that lives for 365 days and belongs to this site alone."
            )
        _say("A browser that sends Global Privacy Control or Do Not Track gets no cookie in any case.")


def _staying_out() -> None:
    with panel("Staying out", body=f"{theme.BODY} {theme.STACK}"):
        _say(
            "Open the site that you do not want to be counted on, and run this line in your browser's console there."
            " From then on this browser sends nothing at all from that site."
        )
        code(OPT_OUT, name="To stay out")
        _say("To be counted again:")
        code(OPT_IN, name="To be counted again")


def _say(text: str) -> None:
    ui.label(text).classes(theme.MUTED)
