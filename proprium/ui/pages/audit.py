"""Audit log pages: of the whole server for its owners, of a property for those who own it; and both as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from fastapi import APIRouter, Request
from nicegui import ui
from starlette.responses import StreamingResponse

from proprium.accounts import audit
from proprium.accounts.audit import AuditFilter
from proprium.i18n import gettext as _
from proprium.properties import service
from proprium.serialization.csv_cells import csv_bytes
from proprium.storage.tables import User
from proprium.ui import session, theme
from proprium.ui.components.audit_table import CSV_HEADINGS, AuditQuery, audit_table, csv_row
from proprium.ui.components.controls import link_button
from proprium.ui.components.text import span, title
from proprium.ui.http.page_access import PageAccess
from proprium.ui.layout import layout
from proprium.ui.services import Services

PATH = "/settings/audit"


def register(services: Services) -> None:
    @ui.page(PATH)
    def audit_log(request: Request) -> None:
        user = session.require_owner(services, request)
        query = AuditQuery.parse(request.query_params)
        with layout(services, request, _("Audit log"), user, access=PageAccess.of(request, user)):
            with ui.element("div").classes("pagehead"):
                title(_("Audit log"), "grow")
                link_button(_("Download CSV"), query.url(f"{PATH}.csv"), "table")
                link_button(_("Users"), "/settings/users", "user")
                link_button(_("Settings"), "/settings", "settings")
            audit_table(services, query, PATH)

    @ui.page("/properties/{property_id}/audit")
    def property_audit_log(request: Request, property_id: UUID) -> None:
        user = session.require_user(services, request)
        property_ = service.find_owned(services.database, property_id, user)
        query, path = AuditQuery.parse(request.query_params), f"/properties/{property_id}/audit"
        access = PageAccess.of(request, user, subject=property_)
        page_title = _("Audit log of {name}", name=property_.name)
        with layout(services, request, page_title, user, access=access):
            with ui.element("div").classes("pagehead"):
                with ui.element("div").classes("grow"):
                    title(_("Audit log"))
                    span(property_.name, theme.MUTED)
                link_button(_("Download CSV"), query.url(f"{path}.csv"), "table")
                link_button(_("Settings"), f"/properties/{property_id}/settings", "settings")
            audit_table(services, query, path, zone=property_.timezone, property_id=property_id)


def router(services: Services) -> APIRouter:
    """Returns the routes of the CSV files."""
    routes = APIRouter(include_in_schema=False)

    def csv_response(request: Request, user: User, entry_filter: AuditFilter, name: str) -> StreamingResponse:
        actor = session.actor_of(services, request, user)
        audit.record_export(services.database, name, entry_filter.property_id, actor=actor)
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        chunks = _csv_chunks(services, entry_filter)
        return StreamingResponse(chunks, media_type="text/csv; charset=utf-8", headers=headers)

    @routes.get(f"{PATH}.csv")
    def audit_csv(request: Request) -> StreamingResponse:
        user = session.require_owner(services, request)
        entry_filter = AuditQuery.parse(request.query_params).filter(services.clock(), "UTC", None)
        return csv_response(request, user, entry_filter, "audit.csv")

    @routes.get("/properties/{property_id}/audit.csv")
    def property_audit_csv(request: Request, property_id: UUID) -> StreamingResponse:
        user = session.require_user(services, request)
        property_ = service.find_owned(services.database, property_id, user)
        query = AuditQuery.parse(request.query_params)
        entry_filter = query.filter(services.clock(), property_.timezone, property_id)
        return csv_response(request, user, entry_filter, f"audit-{property_id}.csv")

    return routes


def _csv_chunks(services: Services, entry_filter: AuditFilter) -> Iterator[bytes]:
    yield csv_bytes([CSV_HEADINGS])
    for entries in audit.entry_batches(services.database, entry_filter):
        yield csv_bytes(map(csv_row, entries), continues_file=True)
