"""Dashboard page of one property; its URL holds the complete state (period, filters, metric …)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from uuid import UUID

from fastapi import Request
from nicegui import ui
from starlette.responses import RedirectResponse, Response

from proprium.accounts import authorization
from proprium.errors import BadQuery, Forbidden, PropertyNotFound
from proprium.i18n import gettext as _
from proprium.metrics.cached_reader import first_event_at
from proprium.metrics.query import url
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.goals import parse_segments
from proprium.properties import permissions, service
from proprium.properties.site_address import site_host
from proprium.storage import rejected_events
from proprium.storage.tables import Property, User
from proprium.ui import session, theme
from proprium.ui.components.controls import button, link_button
from proprium.ui.components.feedback import error_note, note
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.rebuild_notice import RebuildNotice
from proprium.ui.components.text import title
from proprium.ui.dashboard.controller import DashboardController
from proprium.ui.dashboard.export_menu import ExportMenu
from proprium.ui.dashboard.keyboard import show_shortcuts
from proprium.ui.dashboard.state import DashboardState, state_from
from proprium.ui.dashboard.toolbar import SEPARATOR, MenuEntry, MoreMenu, PdfButton, PropertySwitcher
from proprium.ui.http import light_page
from proprium.ui.http.asset_urls import preload_html
from proprium.ui.http.html_head import stylesheet_html
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import RESPONSE_TIMEOUT_S, Layout, layout, wait_until_connected
from proprium.ui.render_queue import yield_to_loop
from proprium.ui.self_tracking import track
from proprium.ui.services import Services


def register(services: Services) -> None:
    @ui.page("/properties/{property_id}", response_timeout=RESPONSE_TIMEOUT_S)
    @ui.page("/properties/{property_id}/", response_timeout=RESPONSE_TIMEOUT_S)
    async def dashboard(request: Request, property_id: str) -> Response | None:
        if "report" in request.query_params:
            return RedirectResponse(_report_url(request, _uuid(property_id)), 307)
        user = session.user_of(services, request)
        property_ = service.find_visible(services.database, _uuid(property_id), user)
        if services.warehouse.rebuild_percent() is not None:
            access = PageAccess.of(request, user, subject=property_)
            with layout(services, request, property_.name, user, access=access):
                with ui.element("div").classes("pagehead"):
                    title(property_.name)
                notice = RebuildNotice(services.warehouse)
                if await wait_until_connected() and await notice.wait():
                    ui.navigate.reload()
            return None
        data_access = authorization.data_access(authorization.principal_of_user(user), property_)
        facts = await asyncio.to_thread(facts_of, services, property_, data_access)
        async with services.render_queue.build():
            others = service.visible_properties(services.database, user) if user else [property_]
            access = PageAccess.of(request, user, subject=property_, listed=others)
            is_light = user is None and light_page.is_wanted(request)
            with layout(
                services,
                request,
                property_.name,
                user,
                access=access,
                has_navigation=False,
                image_url=f"/properties/{property_.id}/card.png" if property_.is_public else "",
                is_indexed=property_.is_public and property_.is_indexed,
            ) as page_layout:
                if not is_light:
                    ui.add_head_html(preload_html(services.atlas))
                ui.add_head_html(stylesheet_html("dashboard"))
                try:
                    state = state_from(request.query_params, facts, services.clock())
                except (BadQuery, Forbidden) as error:
                    note(str(error), icon_name="lock") if isinstance(error, Forbidden) else error_note(str(error))
                    default_view = _("Show the last 28 days of {name}", name=property_.name)
                    link_button(default_view, f"/properties/{property_.id}", kind=theme.PRIMARY)
                    return None
                controller = await _build(services, page_layout, property_, others, user, state)
                if user is None:
                    await controller.show_first()
        if is_light:
            light_page.mark()
            return None
        track(services, "view_property")
        if await wait_until_connected():
            await controller.start()
        return None


def facts_of(services: Services, property_: Property, data_access: DataAccess) -> url.PropertyFacts:
    """Reads the property's facts; queries the warehouse for the first event, so call it off the event loop."""
    return url.facts_of(property_, first_event_at(services.warehouse, property_.number or 0), data_access)


def _uuid(property_id: str) -> UUID:
    """Parses an id; raises PropertyNotFound for a malformed one, as for an unknown one."""
    try:
        return UUID(property_id)
    except ValueError:
        raise PropertyNotFound(property_id) from None


async def _build(
    services: Services,
    page_layout: Layout,
    property_: Property,
    others: list[Property],
    user: User | None,
    state: DashboardState,
) -> DashboardController:
    can_edit = permissions.may_edit(user, property_)
    segments = parse_segments(property_.segments)
    host = site_host(property_.hostnames, property_.name)
    controller = DashboardController(services, state, can_edit=can_edit, segments=segments, site_host=host)
    with page_layout.toolbar:
        switcher = PropertySwitcher(property_, others, is_signed_in=user is not None)
        controller.build_live_dot(switcher.property_urls)
    await yield_to_loop()
    with page_layout.actions:
        controller.build_period_picker()
        await yield_to_loop()
        controller.segments.build_menu()
        button("", "filter", name=_("Filter"), on_click=controller.open_filter_dialog).classes(theme.HIDE_ON_PHONE)
        export_menu = ExportMenu(services, property_, controller)
        export_menu.pdf_button = PdfButton(export_menu.download_pdf)
        _DashboardMenu(services, controller, export_menu, property_, user)
    await yield_to_loop()
    title(property_.name, "hidden-name")  # the switcher shows it
    await controller.build()
    controller.build_footer(page_layout)
    return controller


class _DashboardMenu:
    """The ⋮ menu: exports for every reader, property actions only for users who can edit it.

    Not a function: closures that refer to each other would keep a closed page in memory.
    """

    def __init__(
        self,
        services: Services,
        controller: DashboardController,
        export_menu: ExportMenu,
        property_: Property,
        user: User | None,
    ) -> None:
        self._controller, self._export_menu, self._user = controller, export_menu, user
        self._actions = PropertyActions(services)
        self._has_rejected_events = bool(rejected_events.newest(services.database, property_.number or 0, 1))
        self._menu = MoreMenu(self._entries(property_))

    def _entries(self, property_: Property) -> list[MenuEntry]:
        export_menu, user = self._export_menu, self._user
        entries: list[MenuEntry] = [
            (_("Filter …"), "filter", self._controller.open_filter_dialog, ""),
            (_("Export PDF"), "print", export_menu.download_pdf, ""),
            (_("Export Markdown"), "file", export_menu.download_markdown, ""),
            (_("Export CSV (zip)"), "table", partial(export_menu.download_data, "csv"), ""),
            (_("Export JSON"), "code", partial(export_menu.download_data, "json"), ""),
            (_("Keyboard shortcuts"), "keyboard", show_shortcuts, theme.HIDE_ON_PHONE),
        ]
        if permissions.may_edit(user, property_):
            entries += [SEPARATOR, *self._editor_entries(property_)]
        entries.append(SEPARATOR)
        entries.append((_("Account"), "user", "/account", "") if user else (_("Sign in"), "user", "/login", ""))
        return entries

    def _editor_entries(self, property_: Property) -> Iterator[MenuEntry]:
        property_url = f"/properties/{property_.id}"
        yield _("Tracking code"), "code", partial(self._actions.show_tag, property_), ""
        yield _("Install"), "bolt", f"{property_url}/install", ""
        yield _("Settings"), "settings", f"{property_url}/settings", ""
        yield "SQL", "table", f"/sql?property={property_.id}", ""
        is_owner = permissions.may_own(self._user, property_)
        if is_owner:
            label, icon_name = (_("Make private"), "lock") if property_.is_public else (_("Make public"), "globe")
            yield label, icon_name, partial(self._switch_visibility, property_), ""
        if self._has_rejected_events:
            yield _("Rejected events"), "warn", f"{property_url}/refused", ""
        if is_owner and not property_.is_protected:
            yield _("Delete …"), "trash", partial(self._delete, property_), theme.DANGER

    async def _switch_visibility(self, property_: Property) -> None:
        await self._actions.set_public(property_, not property_.is_public, self._redraw)

    def _redraw(self, property_: Property) -> None:
        self._menu.show(self._entries(property_))

    def _delete(self, property_: Property) -> None:
        self._actions.delete(property_, lambda deleted: ui.navigate.to("/properties"))


def _report_url(request: Request, property_id: UUID) -> str:
    """Maps the seed system's `?report` and `?report=md` to the report's URL, keeping the other parameters."""
    extension = "md" if request.query_params["report"] == "md" else "pdf"
    query_string = request.url.remove_query_params("report").query
    return f"/properties/{property_id}/report.{extension}" + (f"?{query_string}" if query_string else "")
