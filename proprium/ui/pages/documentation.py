"""Recipes to copy. Signed in, they hold this server's address and the id of one of your properties."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from fastapi import Request
from nicegui import ui

from proprium.properties import service
from proprium.sql_console.examples import EXAMPLES
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.fields import select
from proprium.ui.components.panels import code, panel
from proprium.ui.components.snippets import YOUR_ID, Snippets
from proprium.ui.components.text import title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

DESCRIPTION = "How to send page views, clicks and your own events to Proprium, and read them: script tag, curl, Python."
TAG_OPTIONS = (
    ("data-cookieless", "No cookie: visitors are known for one day."),
    ("data-hash", "The part after # is a page of its own: for routers that use it."),
    ('data-exclude="/admin/*"', "These paths report nothing."),
    ("data-no-clicks", "Clicks are not reported."),
    ("data-no-scroll", "How far a page was scrolled is not reported."),
    ("data-no-routes", "After the first page view only your own code reports them."),
)


def register(services: Services) -> None:
    @ui.page("/documentation")
    def documentation(request: Request, property: str = "") -> None:
        user = session.user_of(services, request)
        properties = _editable_properties(services, user)
        property_ = next(
            (candidate for candidate in properties if str(candidate.id) == property),
            properties[0] if properties else None,
        )
        access = PageAccess.of(request, user, listed=properties)
        with layout(services, request, "Documentation", user, access=access, width="narrow", description=DESCRIPTION):
            title("Documentation")
            _property_choice(properties, property_)
            _recipes(Snippets(services.settings, property_))


def _editable_properties(services: Services, user: User | None) -> list[Property]:
    if user is None:
        return []
    properties = service.visible_properties(services.database, user)
    return [property_ for property_ in properties if service.may_edit(user, property_) and not property_.is_protected]


def _property_choice(properties: list[Property], property_: Property | None) -> None:
    if property_ is None:
        _paragraph(
            f"Put your property's id where it says {YOUR_ID}. Once you have a property, it stands there already."
        )
        return
    name_by_id = {str(candidate.id): candidate.name for candidate in properties}
    property_select = select("The recipes are for", name_by_id, str(property_.id))
    property_select.on_value_change(lambda event: ui.navigate.to(f"/documentation?property={UUID(event.value)}"))


def _recipes(snippets: Snippets) -> None:
    with _recipe(
        "The site tag", "Into the head of every page. Page views, clicks, scrolls and time follow by themselves."
    ):
        code(snippets.tag(), name="The site tag")
        _options_table()
    with _recipe("Name a click", "Clicks tell the element, never its text. Give it a label of your own:"):
        code(snippets.labelled_link(), name="A labelled link")
    with _recipe(
        "Events of your own", "Any name, any data, nothing to set up first; also before the script has loaded."
    ):
        code(snippets.event_on_click(), name="An event on a click")
        code(snippets.event_from_script(), name="An event from a script")
        _paragraph("Custom cards on the dashboard makes a headline number of it.")
    with _recipe(
        "Single-page apps", "A changed path is a page view by itself. To report them from your router instead:"
    ):
        code(snippets.page_view(), name="Page views of a single-page app")
    with _recipe("From the command line", "204: it is on disk. 4xx: the answer says which field was wrong."):
        code(snippets.curl(), name="curl")
    with _recipe(
        "From Python", "A server's events count as events. With a user_id they belong to that visitor as well."
    ):
        code(snippets.python(), name="Python")
    with _recipe("From Node", "Any program that can send a request will do. This one needs Node 18 or newer."):
        code(snippets.node(), name="Node")
    with _recipe(
        "The past, and for somebody else", "With an API key: each event's own time, address and browser; 1,000 at once."
    ):
        code(snippets.batch_import(), name="The API from Python")
        _paragraph(
            "Keys are made on the account page. Each event gets its own answer: stored, duplicate, dropped, rejected."
        )
        ui.link("Everything that the API takes", "/api/v1/docs")
    with _recipe(
        "Read the numbers",
        "With an API key: totals, timelines, breakdowns as JSON; raw events as CSV, JSON or Parquet.",
    ):
        code(snippets.read_with_curl(), name="Reading with curl")
        code(snippets.read_with_python(), name="Reading from Python")
        _paragraph(
            "They are those of the dashboard. The same key opens report.json, report.csv and report.pdf beside it."
        )
        ui.link("Everything that can be asked", "/api/v1/docs")
    with _recipe(
        "Ask in SQL", "What no card answers: read-only SQL over the events and visits of your properties, with a chart."
    ):
        code(EXAMPLES[0].sql, name="A question in SQL")
        _paragraph(
            "The schema stands beside it. A question is saved under a name, its answer downloaded as CSV or JSON."
        )
        ui.link("Ask now", "/sql")
    with _recipe("Without JavaScript", "A picture, for e-mails and pages without scripts. It counts a page view."):
        code(snippets.pixel(), name="The pixel")
    _own_domain(snippets)
    with _recipe(
        "Content-Security-Policy", "A page with a policy must allow this server. Add it to these lines of yours:"
    ):
        code(snippets.content_security_policy(), name="Lines of a Content-Security-Policy")
        _paragraph(
            "img-src is for the pixel only. Through your own domain 'self' is enough. Inline code needs a nonce."
        )
    with _recipe("Staying out", "Nothing is reported from a browser in whose console this was typed once:"):
        code("localStorage.collector_optout = '1'", name="Opting out")
        _paragraph("Who asks not to be followed (Global Privacy Control, Do Not Track) is counted without a cookie.")


def _own_domain(snippets: Snippets) -> None:
    with _recipe(
        "Through your own domain", "Blockers know addresses of analytics. Passed on by your site, it has yours:"
    ):
        code(snippets.proxied_tag(), name="The site tag through one's own domain")
        _paragraph("nginx, inside the server block of your site:")
        code(snippets.nginx(), name="nginx")
        _paragraph("Caddy, inside the block of your site:")
        code(snippets.caddy(), name="Caddy")
        _paragraph("Cloudflare, as a worker on a route of your site:")
        code(snippets.cloudflare(), name="A Cloudflare worker")
        _paragraph(
            "Name the proxy in PROPRIUM_TRUSTED_PROXIES of this server: else its place is taken for every visitor's."
        )


@contextmanager
def _recipe(title: str, text: str) -> Iterator[None]:
    with panel(title, body_classes=f"{theme.BODY} {theme.STACK}"):
        _paragraph(text)
        yield


def _paragraph(text: str) -> None:
    ui.label(text).classes(theme.MUTED)


def _options_table() -> None:
    ui.label("Options, as attributes of the tag:").classes("strong")
    with ui.element("div").classes(theme.SCROLL_X), ui.element("table").classes(theme.TABLE), ui.element("tbody"):
        for attribute, meaning in TAG_OPTIONS:
            with ui.element("tr"):
                with ui.element("td"), ui.element("code"):
                    ui.label(attribute).style("display: inline")
                with ui.element("td"):
                    ui.label(meaning)
