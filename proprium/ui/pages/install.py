"""Install page: tracking code to copy, and a live checklist of the events that arrive."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from itertools import islice
from time import monotonic
from uuid import UUID

from fastapi import Request
from nicegui import ui

from collector.event import HitOutcome
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.properties import service
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.events import StoredEvent, has_events, read_events
from proprium.storage.tables import Property
from proprium.ui import session, theme
from proprium.ui.components.controls import link_button, tabs
from proprium.ui.components.install_checklist import HitReport, InstallChecklist
from proprium.ui.components.panels import code, panel
from proprium.ui.components.proxy_watch import ProxyWatch
from proprium.ui.components.rejection_fixes import RejectionFixes
from proprium.ui.components.rejection_messages import advice_of
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
OUTCOME_PRECEDENCE_S = 3
"""After a hit of this process's collector, stored events are ignored this long: they have less detail."""
READ_BATCH_SIZE = 200  # stored events read per update


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
                    hit_monitor = _HitMonitor(services, property_)
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


class _HitMonitor:
    """Feeds the checklist from two sources: this process's collector, and storage for hits of other processes."""

    def __init__(self, services: Services, property_: Property) -> None:
        self._services, self._property = services, property_
        self._fixes = RejectionFixes(services, property_)
        self._client = ui.context.client
        with closing(ChangeFeed(services.database)) as change_feed:
            self._last_read_seq = change_feed.last_event_seq()
        self._opened_at = services.clock()
        self._last_outcome_s = float("-inf")
        has_stored_events = has_events(services.database, property_.number or 0)
        site_name = ", ".join(property_.hostnames) or property_.name
        self._checklist = InstallChecklist(
            site_name,
            f"/properties/{property_.id}",
            has_events=has_stored_events,
            country_name=services.atlas.name,
            advice_for=partial(advice_of, collect_rate=services.settings.collect_rate),
        )
        self._proxy_watch = ProxyWatch(services, self._fixes, self._checklist)

    def start(self) -> None:
        if self._client.is_deleted:  # closed before it connected: the subscriptions would never be closed
            return
        services, property_ = self._services, self._property

        def show_stored_event(event: StoredEvent | None) -> None:
            is_new = monotonic() - self._last_outcome_s > OUTCOME_PRECEDENCE_S
            if event is not None and is_new:
                self._show(HitReport.from_event(event, self._fixes.counts_automated))

        unsubscribe = services.hit_feed.subscribe(property_.id, self._on_outcome)
        subscription = services.live_queries.subscribe(
            property_.number or 0, ("arrived", self._last_read_seq), self.read_newest_event, show_stored_event
        )
        for outcome in services.hit_feed.recent(property_.id):
            if outcome.received_at >= self._opened_at:  # arrived while the browser was loading the page
                self._on_outcome(outcome)
        self._client.on_delete(unsubscribe)
        self._client.on_delete(subscription.close)

    def _on_outcome(self, outcome: HitOutcome) -> None:
        self._last_outcome_s = monotonic()
        self._show(HitReport.from_outcome(outcome, self._fixes.counts_automated))

    def read_newest_event(self) -> StoredEvent | None:
        """Reads the newest event since the page was opened, from any process. Runs in a thread."""
        events = read_events(self._services.database, self._property.number, after_seq=self._last_read_seq)
        newest_event = None
        for newest_event in islice(events, READ_BATCH_SIZE):
            self._last_read_seq = newest_event.seq
        return newest_event

    def _show(self, hit_report: HitReport) -> None:
        with self._client:
            self._checklist.show(hit_report, self._fixes.fix_for(hit_report.problem, hit_report.hostname))
            self._proxy_watch.on_hit(hit_report)
