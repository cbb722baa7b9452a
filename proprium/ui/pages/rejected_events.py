"""Rejected events page: the newest rejected events of a property, by reason, with fixes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from fastapi import Request
from nicegui import run, ui

from collector.errors import DropReason
from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.automated import automated_hits
from proprium.properties import service
from proprium.storage import rejected_events
from proprium.storage.tables import Property, RejectedEvent
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import empty_state
from proprium.ui.components.panels import panel
from proprium.ui.components.rejection_fixes import RejectionFixes
from proprium.ui.components.rejection_messages import AUTOMATED, Fix, advice_of, sentence_of
from proprium.ui.components.text import span, text, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

MAX_SHOWN_EVENTS = 200
AUTOMATED_WINDOW = timedelta(hours=24)


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}/refused")
    async def page(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        property_ = service.find_editable(services.database, property_id, user)
        property_number = property_.number or 0
        rows = await run.io_bound(rejected_events.newest, services.database, property_number) or []
        since = services.clock() - AUTOMATED_WINDOW
        automated_count = await run.io_bound(automated_hits, services.warehouse, property_number, since)
        access = PageAccess.of(request, user, subject=property_)
        page_title = _("Rejected events of {name}", name=property_.name)
        with layout(services, request, page_title, user, access=access, width="narrow"):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title(_("Rejected events"))
                    span(property_.name, theme.MUTED)
                link_button(_("Settings"), f"/properties/{property_.id}/settings", "settings")
                link_button(_("Dashboard"), f"/properties/{property_.id}", "chart")
            fixes = RejectionFixes(services, property_)
            if automated_count and not fixes.counts_automated:
                # Explains why hits of automated browsers are missing: accepted, but counted as bots.
                body_classes = f"{theme.BODY} {theme.STACK} wide"
                with panel(_("Recorded separately"), hint=_("last 24 hours"), body_classes=body_classes):
                    sentence = _("Sent by automated browsers: stored, and reported only under Bots.")
                    _build_reason(automated_count, sentence, "", fixes.fix_for(AUTOMATED))
            if rows:
                _reasons_panel(services, fixes, rows)
                _events_panel(services, property_, rows)
                return
            limit = ngettext(
                "The newest {count} event is listed here.",
                "The newest {count} events are listed here.",
                rejected_events.MAX_EVENTS_PER_PROPERTY,
            )
            empty_state(_("No rejected events"), limit, "check")


def _reasons_panel(services: Services, fixes: RejectionFixes, rows: Sequence[RejectedEvent]) -> None:
    """Lists the 20 most common reasons with count, advice and fix."""
    reasons = Counter((row.reason, row.hostname if row.reason == DropReason.HOSTNAME else None) for row in rows)
    with panel(_("Reasons"), body_classes=f"{theme.BODY} {theme.STACK} wide"):
        for (reason, hostname), count in reasons.most_common(20):
            advice = advice_of(reason, services.settings.collect_rate)
            _build_reason(count, sentence_of(reason, hostname), advice, fixes.fix_for(reason, hostname))


def _build_reason(count: int, sentence: str, advice: str, fix: Fix | None) -> None:
    with ui.element("div").classes(f"{theme.LINE} wraps wide"):
        span(f"{count:,} ×", "strong").style("min-width: 32px")
        with ui.element("div").style("flex: 1 1 220px"):
            ui.label(sentence)
            if advice:
                ui.label(advice).classes(f"{theme.MUTED} {theme.SMALL}")
        if fix:
            button(fix[0], on_click=fix[1])


def _events_panel(services: Services, property_: Property, rows: Sequence[RejectedEvent]) -> None:
    async def clear_list() -> None:
        service.find_editable(services.database, property_.id, session.current_user(services))
        await run.io_bound(rejected_events.clear, services.database, property_.number or 0)
        ui.navigate.reload()

    shown_rows = rows[:MAX_SHOWN_EVENTS]
    stored_count = f"{len(rows):,}"
    hint = _("{count} stored", count=stored_count)
    with panel(_("Newest {count}", count=len(shown_rows)), hint=hint) as box:
        with box.head:
            button(_("Clear"), on_click=clear_list)
        with ui.element("div").classes(theme.SCROLL_X), ui.element("table").classes(theme.TABLE):
            with ui.element("thead"), ui.element("tr"):
                for name in (_("Time (UTC)"), _("Reason"), _("Event"), _("Page"), _("Hostname"), _("Browser")):
                    text("th", name)
            with ui.element("tbody"):
                for row in shown_rows:
                    with ui.element("tr"):
                        text("td", f"{row.at:%-d %b %H:%M:%S}", theme.MUTED).style("white-space: nowrap")
                        for value in (row.reason, row.event, row.page, row.hostname, row.browser):
                            cell = text("td", value or "–", "cut").style("max-width: 170px")
                            if value:
                                cell.props["title"] = value
