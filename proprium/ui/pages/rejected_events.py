"""What was turned away at the door, why, and what would let it in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from fastapi import Request
from nicegui import run, ui

from proprium.metrics.automated import automated_hits
from proprium.properties import service
from proprium.storage import rejected_events
from proprium.storage.tables import Property, Refused
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import empty
from proprium.ui.components.panels import panel
from proprium.ui.components.rejection_fixes import Fixes
from proprium.ui.components.rejection_messages import AUTOMATED, Fix, advice_of, sentence_of
from proprium.ui.components.text import span, title, words
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import frame
from proprium.ui.services import Services

SHOWN = 200
RECENT = timedelta(hours=24)


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}/refused")
    async def page(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        found = service.find_editable(services.database, property_id, user)
        rows = await run.io_bound(rejected_events.newest, services.database, found.number or 0) or []
        automated = await run.io_bound(_automated, services, found.number or 0)
        access = PageAccess.of(request, user, subject=found)
        with frame(services, request, f"Refused events of {found.name}", user, access=access, width="narrow"):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title("Refused events")
                    span(found.name, theme.MUTED)
                link_button("Settings", f"/properties/{found.id}/settings", "settings")
                link_button("Dashboard", f"/properties/{found.id}", "chart")
            fixes = Fixes(services, found)
            if automated and not fixes.counts_automated:
                _kept_apart(fixes, automated)
            if rows:
                _reasons(services, fixes, rows)
                _list(services, found, rows)
            else:
                empty(
                    "Nothing was refused",
                    f"The newest {rejected_events.KEPT:,} refused events would stand here.",
                    "check",
                )


def _automated(services: Services, number: int) -> int:
    return automated_hits(services.warehouse, number, services.clock() - RECENT)


def _kept_apart(fixes: Fixes, count: int) -> None:
    """Not refused, but missed all the same by who tests a site with a browser that a program drives."""
    with panel("Kept apart", hint="last 24 hours", body=f"{theme.BODY} {theme.STACK} wide"):
        _line(count, "by automated browsers: stored, and in no number except Bots.", "", fixes.of(AUTOMATED))


def _reasons(services: Services, fixes: Fixes, rows: Sequence[Refused]) -> None:
    """How often each reason was given, and what mends it."""
    with panel("Why", body=f"{theme.BODY} {theme.STACK} wide"):
        for (reason, hostname), count in Counter((row.reason, _host_that_matters(row)) for row in rows).most_common(20):
            advice = advice_of(reason, services.settings.collect_rate)
            _line(count, sentence_of(reason, hostname), advice, fixes.of(reason, hostname))


def _line(count: int, sentence: str, advice: str, fix: Fix | None) -> None:
    with ui.element("div").classes(f"{theme.LINE} wraps wide"):
        span(f"{count:,} ×", "strong").style("min-width: 32px")
        with ui.element("div").style("flex: 1 1 220px"):
            ui.label(sentence)
            if advice:
                ui.label(advice).classes(f"{theme.MUTED} {theme.SMALL}")
        if fix:
            button(fix[0], on_click=fix[1])


def _list(services: Services, found: Property, rows: Sequence[Refused]) -> None:
    async def forget() -> None:
        service.find_editable(services.database, found.id, session.current_user(services))
        await run.io_bound(rejected_events.forget, services.database, found.number or 0)
        ui.navigate.reload()

    with panel(f"The newest {min(SHOWN, len(rows)):,}", hint=f"{len(rows):,} are kept") as box:
        with box.head:
            button("Empty the list", on_click=forget)
        with ui.element("div").classes(theme.SCROLL_X), ui.element("table").classes(theme.TABLE):
            with ui.element("thead"), ui.element("tr"):
                for name in ("Time (UTC)", "Reason", "Event", "Page", "Host", "Browser"):
                    words("th", name)
            with ui.element("tbody"):
                for row in rows[:SHOWN]:
                    _row(row)


def _row(row: Refused) -> None:
    with ui.element("tr"):
        words("td", f"{row.at:%-d %b %H:%M:%S}", theme.MUTED).style("white-space: nowrap")
        for text in (row.reason, row.event, row.page, row.hostname, row.browser):
            cell = words("td", text or "–", "cut").style("max-width: 170px")
            if text:
                cell.props["title"] = text


def _host_that_matters(row: Refused) -> str | None:
    return row.hostname if row.reason == "hostname" else None
