"""The dashboard of one property: everything it shows stands in its address."""

from __future__ import annotations

import asyncio
from functools import partial
from uuid import UUID

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import authorization
from proprium.errors import BadQuery, NotForReaders, PropertyNotFound
from proprium.metrics.overview import first_event_at
from proprium.metrics.query import url
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.goals import segments_of
from proprium.properties import service
from proprium.storage import rejected_events
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import note, problem
from proprium.ui.components.property_actions import Actions
from proprium.ui.components.rebuild_notice import RebuildNotice
from proprium.ui.components.text import title
from proprium.ui.dashboard.controller import Screen
from proprium.ui.dashboard.export_menu import Takeaway
from proprium.ui.dashboard.keyboard import show_keys
from proprium.ui.dashboard.state import View, view_from
from proprium.ui.dashboard.toolbar import LINE, Entry, More, PdfButton, Switcher
from proprium.ui.http.asset_urls import asset_url, preload_html
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import Frame, frame, is_connected, track
from proprium.ui.render_queue import pause
from proprium.ui.services import Services

LONGEST_S = 30.0
"""Until the page is built. NiceGUI's own 3 s are short where many open one at the same time."""


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}", response_timeout=LONGEST_S)
    @ui.page("/properties/{property_id}/", response_timeout=LONGEST_S)
    async def dashboard(request: Request, property_id: str) -> Response | None:
        if "report" in request.query_params:
            return RedirectResponse(_report_address(request, _uuid(property_id)), 307)
        user = session.user_of(services, request)
        found = _find(services, property_id, user)
        if services.warehouse.rebuilt_percent() is not None:
            access = PageAccess.of(request, user, subject=found)
            with frame(services, request, found.name, user, access=access):
                with ui.element("div").classes("pagehead"):
                    title(found.name)
                await _wait(services)
            return None
        data_access = authorization.data_access(authorization.of_person(user), found)
        facts = await asyncio.to_thread(facts_of, services, found, data_access)
        async with services.turns.mine():
            others = service.visible_to(services.database, user) if user else [found]
            access = PageAccess.of(request, user, subject=found, listed=others)
            with frame(services, request, found.name, user, access=access, with_nav=False) as page:
                ui.add_head_html(preload_html(services.atlas))
                ui.add_head_html(f'<link rel="stylesheet" href="{asset_url("css/dashboard.css")}">')
                try:
                    view = view_from(request.query_params, facts, services.clock())
                except (BadQuery, NotForReaders) as trouble:
                    _say(trouble, found)
                    return None
                screen = await _build(services, page, found, others, user, view)
        track(services, "view_property")
        if await is_connected():
            await screen.start()
        return None


async def _wait(services: Services) -> None:
    """There is nothing to draw before the warehouse can be asked; then the page opens anew."""
    notice = RebuildNotice(services.warehouse)
    if await is_connected() and await notice.wait():
        ui.navigate.reload()


def facts_of(services: Services, found: Property, data_access: DataAccess) -> url.PropertyFacts:
    """Asks the warehouse where "all time" begins: not on the event loop."""
    return url.facts_of(found, first_event_at(services.warehouse, found.number or 0), data_access)


def _find(services: Services, property_id: str, user: User | None) -> Property:
    return service.find_visible(services.database, _uuid(property_id), user)


def _uuid(property_id: str) -> UUID:
    """What is no id at all looks like an id that nothing has."""
    try:
        return UUID(property_id)
    except ValueError:
        raise PropertyNotFound(property_id) from None


async def _build(
    services: Services, page: Frame, found: Property, others: list[Property], user: User | None, view: View
) -> Screen:
    can_edit = service.may_edit(user, found)
    segments = segments_of(found.segments)
    screen = Screen(services, view, can_edit=can_edit, segments=segments)
    with page.bar:
        switcher = Switcher(found, others, is_signed_in=user is not None)
        screen.build_bar(switcher.targets)
    await pause()
    with page.actions:
        screen.build_period()
        await pause()
        screen.segments.build_menu()
        button("", "filter", name="Filter", on_click=screen.ask_for_filter).classes(theme.HIDE_ON_PHONE)
        takeaway = Takeaway(services, found, screen)
        takeaway.button = PdfButton(takeaway.take_pdf)
        _menu(services, screen, takeaway, found, user)
    await screen.build()
    screen.build_footer(page)
    return screen


def _menu(services: Services, screen: Screen, takeaway: Takeaway, found: Property, user: User | None) -> None:
    """Everybody may take a report away; the rest is for those whose property it is."""
    actions = Actions(services)
    entries: list[Entry] = [
        ("Filter …", "filter", screen.ask_for_filter, ""),
        ("PDF", "print", takeaway.take_pdf, ""),
        ("Markdown", "file", takeaway.take_markdown, ""),
        ("CSV of all tables", "table", partial(takeaway.take_data, "csv"), ""),
        ("JSON", "code", partial(takeaway.take_data, "json"), ""),
        ("Keys", "keyboard", show_keys, theme.HIDE_ON_PHONE),
    ]
    if service.may_edit(user, found):
        entries += [
            LINE,
            ("Site tag", "code", lambda: actions.show_tag(found), ""),
            ("Install", "bolt", f"/properties/{found.id}/install", ""),
            ("Settings", "settings", f"/properties/{found.id}/settings", ""),
            ("SQL", "table", f"/sql?property={found.id}", ""),
            _visibility(actions, found),
        ]
        if rejected_events.newest(services.database, found.number or 0, 1):
            entries.append(("Refused events", "warn", f"/properties/{found.id}/refused", ""))
        if not found.is_protected:
            entries.append(("Delete …", "trash", lambda: actions.delete(found, _to_list), theme.DANGER))
    entries.append(LINE)
    entries.append(("Account", "user", "/account", "") if user else ("Sign in", "user", "/login", ""))
    More(entries)


def _visibility(actions: Actions, found: Property) -> Entry:
    def reload(_: Property) -> None:
        ui.navigate.reload()

    async def switch() -> None:
        await actions.set_public(found, not found.is_public, reload)

    return ("Make it private", "lock", switch, "") if found.is_public else ("Make it public", "globe", switch, "")


def _to_list(_: Property) -> None:
    ui.navigate.to("/properties")


def _say(trouble: BadQuery | NotForReaders, found: Property) -> None:
    """The message in the page, with the way out."""
    note(str(trouble), icon_name="lock") if isinstance(trouble, NotForReaders) else problem(str(trouble))
    link_button(f"Show the last 28 days of {found.name}", f"/properties/{found.id}", kind=theme.PRIMARY)


def _report_address(request: Request, property_id: UUID) -> str:
    """The seed's `?report` and `?report=md`, with everything else that was asked."""
    kind = "md" if request.query_params["report"] == "md" else "pdf"
    asked = request.url.remove_query_params("report").query
    return f"/properties/{property_id}/report.{kind}" + (f"?{asked}" if asked else "")
