"""Documentation page: recipes to copy, filled in with this server's URL and, when signed in, a property's id."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from fastapi import Request
from nicegui import ui

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.properties import permissions, service
from proprium.sql_console.examples import EXAMPLES
from proprium.ui import session, theme
from proprium.ui.components.fields import select
from proprium.ui.components.panels import code, panel
from proprium.ui.components.snippets import YOUR_ID, Snippets
from proprium.ui.components.text import title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

DESCRIPTION = N_(
    "How to send page views, clicks and custom events to Proprium and read statistics: script tag, curl, Python."
)
API_REFERENCE = "/api/v1/docs"
TAG_OPTIONS = (
    ("data-cookieless", N_("Sets no cookie: visitors are recognised for one day.")),
    ('data-domain="example.com"', N_("Uses one visitor cookie for this domain and all its subdomains.")),
    ("data-hash", N_("Counts the part after # as part of the page path, for hash routers.")),
    ('data-exclude="/admin/*"', N_("Tracks nothing on these paths.")),
    ("data-no-clicks", N_("Does not track clicks.")),
    ("data-no-scroll", N_("Does not track scroll depth.")),
    ("data-no-routes", N_("Tracks only the first page view; your own code reports the others.")),
)


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Code:
    """A code block with its accessible name."""

    name: str
    content: Callable[[Snippets], str]


@dataclass(frozen=True)
class Link:
    label: str
    href: str


@dataclass(frozen=True)
class Options:
    """A table of the script tag's attributes."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Recipe:
    """One panel of the page: its title, and its content from top to bottom."""

    title: str
    parts: tuple[Paragraph | Code | Link | Options, ...]


RECIPES = (
    Recipe(
        N_("Tracking code"),
        (
            Paragraph(
                N_(
                    "Add it to the <head> of every page. Page views, clicks, scroll depth and time are tracked "
                    "automatically."
                )
            ),
            Code(N_("Tracking code"), Snippets.tag),
            Options(TAG_OPTIONS),
            Paragraph(
                N_(
                    "A page can have one tag for each of several properties. Custom events then go to all of them, "
                    "unless they name a collectorId."
                )
            ),
        ),
    ),
    Recipe(
        "Google Tag Manager",
        (
            Paragraph(
                N_(
                    "Create a Custom HTML tag with the trigger All Pages. Tag managers remove the attributes of "
                    "scripts, so the property's id is in the address:"
                )
            ),
            Code(N_("Tracking code for Google Tag Manager"), Snippets.google_tag_manager),
            Paragraph(
                N_(
                    "Options are added to the address: &cookieless, &domain=example.com, &hash, &exclude=/admin/*, "
                    "&noClicks, &noScroll, &noRoutes."
                )
            ),
        ),
    ),
    Recipe(
        N_("Name clicks"),
        (
            Paragraph(N_("Click events identify the element, never its text. Give it a label of your own:")),
            Code(N_("A labelled link"), Snippets.labelled_link),
        ),
    ),
    Recipe(
        N_("Custom events"),
        (
            Paragraph(N_("Any name and any data, without setup. Also works before the script has loaded.")),
            Code(N_("An event on a click"), Snippets.event_on_click),
            Code(N_("An event from a script"), Snippets.event_from_script),
            Paragraph(N_("To show it as a number on the dashboard, use Custom cards.")),
        ),
    ),
    Recipe(
        N_("Single-page apps"),
        (
            Paragraph(N_("Route changes count as page views automatically. To report them from your router instead:")),
            Code(N_("Page views of a single-page app"), Snippets.page_view),
        ),
    ),
    Recipe(
        N_("From the command line"),
        (
            Paragraph(N_("204: stored on disk. 4xx: the response names the invalid field.")),
            Code("curl", Snippets.curl),
        ),
    ),
    Recipe(
        N_("From Python"),
        (
            Paragraph(N_("Server-side events count as events. With a user_id they also belong to that visitor.")),
            Code("Python", Snippets.python),
        ),
    ),
    Recipe(
        N_("From Node"),
        (
            Paragraph(N_("Any program that can send an HTTP request works. This one needs Node 18 or newer.")),
            Code("Node", Snippets.node),
        ),
    ),
    Recipe(
        N_("Import events (server-side)"),
        (
            Paragraph(
                N_("With an API key: each event with its own time, IP address and browser; up to 1,000 per request.")
            ),
            Code(N_("The API from Python"), Snippets.batch_import),
            Paragraph(
                N_(
                    "Without user_id, events of one day from one network with the same user_agent are one visitor: IP "
                    "addresses are cut to /24 (IPv4) or /48 (IPv6). The day is that of the timestamp if it is today or "
                    "yesterday, else today."
                )
            ),
            Paragraph(
                N_(
                    "Create keys on the account page. Each event gets its own result: stored, duplicate, dropped or "
                    "rejected."
                )
            ),
            Link(N_("API reference: import events"), API_REFERENCE),
        ),
    ),
    Recipe(
        N_("Read statistics"),
        (
            Paragraph(
                N_("With an API key: totals, timelines and breakdowns as JSON; raw events as CSV, JSON or Parquet.")
            ),
            Code(N_("Reading with curl"), Snippets.read_with_curl),
            Code(N_("Reading from Python"), Snippets.read_with_python),
            Paragraph(
                N_(
                    "The values match the dashboard. The same key also opens its report.json, report.csv and "
                    "report.pdf."
                )
            ),
            Link(N_("API reference: read statistics"), API_REFERENCE),
        ),
    ),
    Recipe(
        "SQL",
        (
            Paragraph(
                N_("What no card shows: read-only SQL over the events and sessions of your properties, with a chart.")
            ),
            Code(N_("An SQL query"), lambda snippets: EXAMPLES[0].sql),
            Paragraph(
                N_("The schema is listed beside the editor. Queries can be saved, results downloaded as CSV or JSON.")
            ),
            Link(N_("Open the SQL page"), "/sql"),
        ),
    ),
    Recipe(
        N_("Without JavaScript"),
        (
            Paragraph(N_("An image (pixel) for e-mails and pages without scripts. It counts a page view.")),
            Code(N_("The pixel"), Snippets.pixel),
        ),
    ),
    Recipe(
        N_("Proxy through your domain"),
        (
            Paragraph(N_("Ad blockers block known analytics domains. Load the script from your own instead:")),
            Code(N_("Tracking code through your domain"), Snippets.proxied_tag),
            Paragraph(N_("nginx: inside the server block of your site:")),
            Code("nginx", Snippets.nginx),
            Paragraph(N_("Caddy: inside the block of your site:")),
            Code("Caddy", Snippets.caddy),
            Paragraph(N_("Cloudflare: as a worker on a route of your site:")),
            Code(N_("A Cloudflare worker"), Snippets.cloudflare),
            Paragraph(
                N_(
                    "Add the proxy to PROPRIUM_TRUSTED_PROXIES of this server, or every visitor gets the proxy's "
                    "location."
                )
            ),
        ),
    ),
    Recipe(
        "Content-Security-Policy",
        (
            Paragraph(N_("A page with a policy must allow this server. Add it to these directives:")),
            Code(N_("Directives of a Content-Security-Policy"), Snippets.content_security_policy),
            Paragraph(
                N_(
                    "img-src is for the pixel only. Through your own domain, 'self' is enough. Inline code needs a "
                    "nonce."
                )
            ),
        ),
    ),
    Recipe(
        N_("Opt out"),
        (
            Paragraph(N_("Run this once in a browser's console on your site. It then sends no events:")),
            Code(N_("Opt out"), lambda snippets: "localStorage.collector_optout = '1'"),
            Paragraph(N_("Browsers that send Global Privacy Control or Do Not Track are counted without a cookie.")),
        ),
    ),
)


def register(services: Services) -> None:
    @ui.page("/documentation")
    def documentation(request: Request, property: str = "") -> None:
        user = session.user_of(services, request)
        visible_properties = service.visible_properties(services.database, user) if user else []
        properties = [
            candidate
            for candidate in visible_properties
            if permissions.may_edit(user, candidate) and not candidate.is_protected
        ]
        property_ = next(
            (candidate for candidate in properties if str(candidate.id) == property),
            properties[0] if properties else None,
        )
        page_title, access = _("Documentation"), PageAccess.of(request, user, listed=properties)
        with layout(services, request, page_title, user, access=access, width="narrow", description=_(DESCRIPTION)):
            title(page_title)
            if property_ is None:
                hint = _(
                    "Replace {placeholder} with your property's id. When you are signed in and have a property, it is "
                    "filled in.",
                    placeholder=YOUR_ID,
                )
                ui.label(hint).classes(theme.MUTED)
            else:
                name_by_id = {str(candidate.id): candidate.name for candidate in properties}
                select(_("Show recipes for"), name_by_id, str(property_.id)).on_value_change(
                    lambda event: ui.navigate.to(f"/documentation?property={UUID(event.value)}")
                )
            snippets = Snippets(services.settings, property_)
            for recipe in RECIPES:
                with panel(_(recipe.title), body_classes=f"{theme.BODY} {theme.STACK}"):
                    for part in recipe.parts:
                        build_part(part, snippets)


def build_part(part: Paragraph | Code | Link | Options, snippets: Snippets) -> None:
    match part:
        case Paragraph(text):
            ui.label(_(text)).classes(theme.MUTED)
        case Code(name, content):
            code(content(snippets), name=_(name))
        case Link(label, href):
            ui.link(_(label), href)
        case Options(rows):
            ui.label(_("Options (attributes of the script tag):")).classes("strong")
            table_box = ui.element("div").classes(theme.SCROLL_X)
            with table_box, ui.element("table").classes(f"{theme.TABLE} stacked"), ui.element("tbody"):
                for attribute, meaning in rows:
                    with ui.element("tr"):
                        with ui.element("td"), ui.element("code"):
                            ui.label(attribute).style("display: inline")
                        with ui.element("td"):
                            ui.label(_(meaning))
