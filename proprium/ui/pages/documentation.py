"""Documentation page: recipes to copy, filled in with this server's URL and, when signed in, a property's id."""

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

DESCRIPTION = (
    "How to send page views, clicks and custom events to Proprium and read statistics: script tag, curl, Python."
)
TAG_OPTIONS = (
    ("data-cookieless", "Sets no cookie: visitors are recognised for one day."),
    ("data-hash", "Counts the part after # as part of the page path, for hash routers."),
    ('data-exclude="/admin/*"', "Tracks nothing on these paths."),
    ("data-no-clicks", "Does not track clicks."),
    ("data-no-scroll", "Does not track scroll depth."),
    ("data-no-routes", "Tracks only the first page view; your own code reports the others."),
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
            f"Replace {YOUR_ID} with your property's id. When you are signed in and have a property, it is filled in."
        )
        return
    name_by_id = {str(candidate.id): candidate.name for candidate in properties}
    property_select = select("Show recipes for", name_by_id, str(property_.id))
    property_select.on_value_change(lambda event: ui.navigate.to(f"/documentation?property={UUID(event.value)}"))


def _recipes(snippets: Snippets) -> None:
    with _recipe(
        "Tracking code",
        "Add it to the <head> of every page. Page views, clicks, scroll depth and time are tracked automatically.",
    ):
        code(snippets.tag(), name="Tracking code")
        _options_table()
    with _recipe("Name clicks", "Click events identify the element, never its text. Give it a label of your own:"):
        code(snippets.labelled_link(), name="A labelled link")
    with _recipe("Custom events", "Any name and any data, without setup. Also works before the script has loaded."):
        code(snippets.event_on_click(), name="An event on a click")
        code(snippets.event_from_script(), name="An event from a script")
        _paragraph("To show it as a number on the dashboard, use Custom cards.")
    with _recipe(
        "Single-page apps", "Route changes count as page views automatically. To report them from your router instead:"
    ):
        code(snippets.page_view(), name="Page views of a single-page app")
    with _recipe("From the command line", "204: stored on disk. 4xx: the response names the invalid field."):
        code(snippets.curl(), name="curl")
    with _recipe("From Python", "Server-side events count as events. With a user_id they also belong to that visitor."):
        code(snippets.python(), name="Python")
    with _recipe("From Node", "Any program that can send an HTTP request works. This one needs Node 18 or newer."):
        code(snippets.node(), name="Node")
    with _recipe(
        "Import events (server-side)",
        "With an API key: each event with its own time, IP address and browser; up to 1,000 per request.",
    ):
        code(snippets.batch_import(), name="The API from Python")
        _paragraph(
            "Create keys on the account page. Each event gets its own result: stored, duplicate, dropped or rejected."
        )
        ui.link("API reference: import events", "/api/v1/docs")
    with _recipe(
        "Read statistics",
        "With an API key: totals, timelines and breakdowns as JSON; raw events as CSV, JSON or Parquet.",
    ):
        code(snippets.read_with_curl(), name="Reading with curl")
        code(snippets.read_with_python(), name="Reading from Python")
        _paragraph(
            "The values match the dashboard. The same key also opens its report.json, report.csv and report.pdf."
        )
        ui.link("API reference: read statistics", "/api/v1/docs")
    with _recipe(
        "SQL",
        "What no card shows: read-only SQL over the events and sessions of your properties, with a chart.",
    ):
        code(EXAMPLES[0].sql, name="An SQL query")
        _paragraph("The schema is listed beside the editor. Queries can be saved, results downloaded as CSV or JSON.")
        ui.link("Open the SQL page", "/sql")
    with _recipe(
        "Without JavaScript", "An image (pixel) for e-mails and pages without scripts. It counts a page view."
    ):
        code(snippets.pixel(), name="The pixel")
    _own_domain(snippets)
    with _recipe("Content-Security-Policy", "A page with a policy must allow this server. Add it to these directives:"):
        code(snippets.content_security_policy(), name="Directives of a Content-Security-Policy")
        _paragraph(
            "img-src is for the pixel only. Through your own domain, 'self' is enough. Inline code needs a nonce."
        )
    with _recipe("Opt out", "Run this once in a browser's console on your site. It then sends no events:"):
        code("localStorage.collector_optout = '1'", name="Opt out")
        _paragraph("Browsers that send Global Privacy Control or Do Not Track are counted without a cookie.")


def _own_domain(snippets: Snippets) -> None:
    with _recipe(
        "Proxy through your domain",
        "Ad blockers block known analytics domains. Load the script from your own instead:",
    ):
        code(snippets.proxied_tag(), name="Tracking code through your domain")
        _paragraph("nginx: inside the server block of your site:")
        code(snippets.nginx(), name="nginx")
        _paragraph("Caddy: inside the block of your site:")
        code(snippets.caddy(), name="Caddy")
        _paragraph("Cloudflare: as a worker on a route of your site:")
        code(snippets.cloudflare(), name="A Cloudflare worker")
        _paragraph(
            "Add the proxy to PROPRIUM_TRUSTED_PROXIES of this server, or every visitor gets the proxy's location."
        )


@contextmanager
def _recipe(title: str, text: str) -> Iterator[None]:
    with panel(title, body_classes=f"{theme.BODY} {theme.STACK}"):
        _paragraph(text)
        yield


def _paragraph(text: str) -> None:
    ui.label(text).classes(theme.MUTED)


def _options_table() -> None:
    ui.label("Options (attributes of the script tag):").classes("strong")
    with ui.element("div").classes(theme.SCROLL_X), ui.element("table").classes(theme.TABLE), ui.element("tbody"):
        for attribute, meaning in TAG_OPTIONS:
            with ui.element("tr"):
                with ui.element("td"), ui.element("code"):
                    ui.label(attribute).style("display: inline")
                with ui.element("td"):
                    ui.label(meaning)
