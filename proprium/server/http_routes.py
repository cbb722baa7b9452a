"""HTTP routes of `serve` besides pages and API: map geometry and report downloads."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from functools import cache
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.requests import HTTPConnection
from starlette.responses import Response

from maps.atlas import Atlas
from proprium.accounts import authorization
from proprium.clock import Clock, utc_now
from proprium.errors import NotFound, PropertyNotFound
from proprium.metrics.query.data_access import DataAccess
from proprium.reports.cancellation import cancel_on_disconnect
from proprium.reports.renderer import ReportFormat, ReportRenderer
from proprium.reports.report_queue import requester_of
from proprium.storage.database import Database
from proprium.storage.tables import Property, User

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
STATUS_CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a disconnected client; appears in logs only."""
NO_STORE_HEADERS = {"Cache-Control": "private, no-store"}


def maps(atlas: Atlas) -> APIRouter:
    """Returns the routes of map geometry.

    URLs with `?v=<atlas version>` are cached by browsers forever.
    """
    routes = APIRouter(include_in_schema=False)

    @cache
    def gzipped_geometry(country: str | None) -> bytes:
        geometry = atlas.regions_bytes(country) if country else atlas.world_bytes()
        return gzip.compress(geometry, 9, mtime=0)

    @routes.get("/maps/world.json")
    def world(request: Request) -> Response:
        return _geometry_response(request, gzipped_geometry(None), atlas.version)

    @routes.get("/maps/regions/{country}.json")
    def regions(request: Request, country: str) -> Response:
        if not atlas.has_regions(country):
            raise NotFound(f"There is no region map for {country[:10]!r}.")
        return _geometry_response(request, gzipped_geometry(country), atlas.version)

    return routes


def peer_address(request: HTTPConnection) -> str | None:
    return request.client.host if request.client else None


def reports(
    database: Database,
    renderer: ReportRenderer,
    user_of: Callable[[Request], User | None],
    clock: Clock = utc_now,
    *,
    address_of: Callable[[HTTPConnection], str | None] = peer_address,
) -> APIRouter:
    """Returns the route of report downloads for signed-in users, API keys and, on public properties, anonymous readers.

    `user_of` returns the signed-in user, `address_of` the client's address. Missing and forbidden properties both
    answer 404.
    """
    routes = APIRouter(include_in_schema=False)

    def find_property(request: Request, property_id: UUID) -> tuple[Property, DataAccess, UUID | None]:
        token = authorization.bearer_token(request.headers)
        principal = (
            authorization.principal_of_user(user_of(request))
            if token is None
            else authorization.principal_of_token(database, token, clock=clock)
        )
        property_ = authorization.find_readable(database, principal, property_id)
        return property_, authorization.data_access(principal, property_), principal.id

    @routes.get("/properties/{property_id}/report.{kind}")
    async def report(request: Request, property_id: str, kind: str) -> Response:
        try:
            report_format = ReportFormat(kind)
        except ValueError:
            format_names = ", ".join(f"report.{format_}" for format_ in ReportFormat)
            raise NotFound(f"There is no report.{kind[:10]}. Available: {format_names}.") from None
        try:
            parsed_id = UUID(property_id)
        except ValueError:
            raise PropertyNotFound(property_id[:40]) from None
        property_, data_access, account_id = await asyncio.to_thread(find_property, request, parsed_id)
        requester = requester_of(account_id, address_of(request))
        rendering = renderer.render(
            property_, request.query_params.multi_items(), report_format, clock(), data_access, requester
        )
        report_file = await cancel_on_disconnect(rendering, request.receive)
        if report_file is None:
            return Response(status_code=STATUS_CLIENT_CLOSED_REQUEST)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(report_file.name)}"}
        return Response(report_file.content, media_type=report_file.media_type, headers=headers | NO_STORE_HEADERS)

    return routes


def _geometry_response(request: Request, gzipped: bytes, version: str) -> Response:
    headers = {
        "Cache-Control": IMMUTABLE if request.query_params.get("v") == version else REVALIDATE,
        "ETag": f'"{hashlib.sha256(gzipped).hexdigest()[:16]}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(gzipped, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"})
    return Response(gzip.decompress(gzipped), media_type="application/json", headers=headers)
