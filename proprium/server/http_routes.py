"""Answers of `serve` that are no screens: the maps' geometry, reports as files."""

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
from proprium.reports.renderer import Format, Printer
from proprium.reports.report_queue import requester_of
from proprium.storage.database import Database
from proprium.storage.tables import Property, User

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that has disconnected: seen in logs only."""
NOT_KEPT = {"Cache-Control": "private, no-store"}


def maps(atlas: Atlas) -> APIRouter:
    """`?v=<version of the atlas>` makes the address one that browsers keep for good."""
    routes = APIRouter(include_in_schema=False)

    @cache
    def packed(country: str | None) -> bytes:
        plain = atlas.regions_bytes(country) if country else atlas.world_bytes()
        return gzip.compress(plain, 9, mtime=0)

    @routes.get("/maps/world.json")
    def world(request: Request) -> Response:
        return _geometry(request, packed(None), atlas.version)

    @routes.get("/maps/regions/{country}.json")
    def regions(request: Request, country: str) -> Response:
        if not atlas.has_regions(country):
            raise NotFound(f"There is no map of the regions of {country[:10]!r}.")
        return _geometry(request, packed(country), atlas.version)

    return routes


def peer_address(request: HTTPConnection) -> str | None:
    return request.client.host if request.client else None


def reports(
    database: Database,
    printer: Printer,
    user_of: Callable[[Request], User | None],
    clock: Clock = utc_now,
    *,
    address_of: Callable[[HTTPConnection], str | None] = peer_address,
) -> APIRouter:
    """Report files for people, keys and, of public properties, anonymous readers.

    `user_of` returns the signed-in person, `address_of` the client's address. Missing and forbidden look the same.
    """
    routes = APIRouter(include_in_schema=False)

    def find(request: Request, property_id: UUID) -> tuple[Property, DataAccess, UUID | None]:
        token = authorization.bearer(request.headers)
        asker = (
            authorization.of_person(user_of(request))
            if token is None
            else authorization.of_token(database, token, clock=clock)
        )
        found = authorization.find_readable(database, asker, property_id)
        return found, authorization.data_access(asker, found), asker.id

    @routes.get("/properties/{property_id}/report.{kind}")
    async def report(request: Request, property_id: str, kind: str) -> Response:
        wanted = _format(kind)
        property_, data_access, account_id = await asyncio.to_thread(find, request, _uuid(property_id))
        requester = requester_of(account_id, address_of(request))
        work = printer.report(property_, request.query_params.multi_items(), wanted, clock(), data_access, requester)
        made = await cancel_on_disconnect(work, request.receive)
        if made is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(made.name)}"}
        return Response(made.content, media_type=made.media_type, headers=headers | NOT_KEPT)

    return routes


def _geometry(request: Request, packed: bytes, version: str) -> Response:
    headers = {
        "Cache-Control": IMMUTABLE if request.query_params.get("v") == version else REVALIDATE,
        "ETag": f'"{hashlib.sha256(packed).hexdigest()[:16]}"',
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, media_type="application/json", headers={**headers, "Content-Encoding": "gzip"})
    return Response(gzip.decompress(packed), media_type="application/json", headers=headers)


def _format(kind: str) -> Format:
    try:
        return Format(kind)
    except ValueError:
        known = ", ".join(f"report.{format_}" for format_ in Format)
        raise NotFound(f"There is no report.{kind[:10]}. Known are: {known}.") from None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise PropertyNotFound(text[:40]) from None
