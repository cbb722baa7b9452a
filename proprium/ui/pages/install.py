"""Install page: tracking code to copy, and a live checklist of the events that arrive."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from fastapi import Request
from nicegui import ui

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.properties import service
from proprium.ui import session, theme
from proprium.ui.components.controls import link_button, tabs
from proprium.ui.components.hit_monitor import HitMonitor
from proprium.ui.components.panels import code, panel
from proprium.ui.components.snippets import Snippets
from proprium.ui.components.text import span, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout, wait_until_connected
from proprium.ui.services import Services

SITE_KINDS = (
    ("html", N_("HTML")),
    ("spa", N_("SPA")),
    ("wordpress", N_("WordPress")),
    ("server", N_("Server-side")),
    ("pixel", N_("Pixel")),
)


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}/install")
    async def install(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        property_ = service.find_editable(services.database, property_id, user)
        access = PageAccess.of(request, user, subject=property_)
        page_title = _("Install {name}", name=property_.name)
        with layout(services, request, page_title, user, access=access):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title(_("Install the tracking code"))
                    span(property_.name, theme.MUTED)
                link_button(_("Rejected events"), f"/properties/{property_.id}/refused", "warn")
                link_button(_("Settings"), f"/properties/{property_.id}/settings", "settings")
                link_button(_("Dashboard"), f"/properties/{property_.id}", "chart")
            with ui.element("div").classes(theme.GRID_SIDE):
                body_classes, stack = f"{theme.BODY} {theme.STACK}", ui.element("div").classes(theme.STACK)
                with stack, panel(_("Tracking code"), body_classes=body_classes) as instructions:
                    snippets = Snippets(services.settings, property_)
                    show_kind = partial(_show_instructions, instructions.body, snippets)
                    with instructions.head:
                        tabs(
                            [(kind, _(label)) for kind, label in SITE_KINDS], "html", show_kind, name=_("Kind of site")
                        )
                    show_kind("html")
                with panel(_("Live"), body_classes="") as box:
                    hit_monitor = HitMonitor(services, property_)
                    box.card.props["id"] = "listener"
        if await wait_until_connected():
            hit_monitor.start()


def _show_instructions(body: ui.element, snippets: Snippets, kind: str) -> None:
    """Shows the instructions for `kind`, a key of SITE_KINDS."""
    body.clear()
    with body:
        match kind:
            case "html":
                _paragraph(_("Paste this into the <head> of every page."))
                code(snippets.tag(), name=_("Tracking code"))
                _paragraph(_("Then open one of those pages. This checklist updates when the first event arrives."))
            case "spa":
                _paragraph(
                    _(
                        "Add the tracking code once, to the page that loads your app. Route changes count as page "
                        "views automatically."
                    )
                )
                code(snippets.tag(), name=_("Tracking code"))
                _paragraph(_("For a router that keeps the path after #, add one option:"))
                code(snippets.tag("data-hash"), name=_("Tracking code for hash routes"))
            case "wordpress":
                _paragraph(_("Add this to functions.php of your theme, or to a code snippets plugin."))
                code(snippets.wordpress(), name="PHP")
            case "server":
                _paragraph(_("Any program can send events. Status 204 means that the event is stored on disk."))
                code(snippets.curl(), name="curl")
                code(snippets.python(), name="Python")
            case "pixel":
                _paragraph(_("For e-mails and pages without scripts. Put the path of the page after url=."))
                code(snippets.pixel(), name=_("The pixel"))


def _paragraph(text: str) -> None:
    ui.label(text).classes(theme.MUTED)
