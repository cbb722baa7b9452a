"""GET /api/v1/properties/{id}/events.{csv,jsonl,parquet}: raw events as one long file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from fastapi import APIRouter, Request, Security
from starlette.responses import Response, StreamingResponse

from proprium.accounts import authorization
from proprium.accounts.authorization import Asker
from proprium.api import parameters, problems
from proprium.api.authentication import Door
from proprium.api.event_routes import BEARER
from proprium.api.metrics_routes import NOT_KEPT
from proprium.api.parameters import PERIOD, PROPERTY, Pairs
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.period import Period
from proprium.serialization import queries, raw_events
from proprium.serialization.raw_events import MEDIA_TYPES, Format
from proprium.storage.tables import Property
from proprium.warehouse.warehouse import Warehouse

PIECES_AT_ONCE = 1
"""One piece of one download is made at a time, so that a collector in this process is not kept waiting by many."""
TOLD = (PROPERTY, *PERIOD)
ABOUT = {
    Format.CSV: "A column for each known key, for what was found out about the sender, and one with all data as JSON. "
    "Text that a spreadsheet would run has an apostrophe before it, also after ; | tab and line breaks in a cell.",
    Format.JSON_LINES: "One JSON object a line: id, created_at, event, data, and what was found out about the sender.",
    Format.PARQUET: "The columns of the CSV with types; times in UTC.",
}
WHO = (
    " As they are stored, in the order in which they arrived; without a period: all of them. For keys of a person who "
    "may change the property, keys of the property itself, and for such a person in a browser where they are signed "
    "in. A file that could not be finished breaks off with an error of the connection, never silently."
)


@dataclass(frozen=True)
class _File:
    name: str
    kind: Format
    pieces: Iterator[bytes]


def routes(warehouse: Warehouse, door: Door) -> APIRouter:
    router = APIRouter(prefix="/properties", dependencies=[Security(BEARER)])
    slots = asyncio.Semaphore(PIECES_AT_ONCE)

    def file(request: Request, asker: Asker, kind: Format) -> _File:
        found = authorization.find_exportable(door.database, asker, parameters.property_id(request))
        pairs = parameters.asked(request, TOLD)
        period = _period(warehouse, found, pairs, door.clock())
        pieces = raw_events.stream(raw_events.events_of(door.database, found, period), kind)
        return _File(raw_events.file_name(found, period, kind), kind, pieces)

    def add(kind: Format) -> None:
        @router.get(f"/{{property_id}}/events.{kind}", **_told(kind))
        async def export(request: Request) -> Response:
            made = await door.work(request, lambda asker: file(request, asker, kind), or_signed_in=True)
            pieces = _made(made.pieces, slots)
            if request.scope.get("http_version") == "1.0":  # it ends where the connection does, whole or not
                return await _whole(made, pieces)
            return StreamingResponse(pieces, media_type=MEDIA_TYPES[kind], headers=_headers(made))

    for kind in Format:
        add(kind)
    return router


def _period(warehouse: Warehouse, found: Property, pairs: Pairs, now: datetime) -> Period | None:
    """None: all that there is."""
    is_chosen = not {"period", "from", "to"}.isdisjoint(name for name, _ in pairs)
    period = queries.query_of(
        warehouse, found, pairs if is_chosen else [*pairs, ("period", "all")], now, EVERY_KEY
    ).period
    return None if period.key == "all" else period


def _told(kind: Format) -> dict[str, Any]:
    schema = {"type": "string", "format": "binary"} if kind is Format.PARQUET else {"type": "string"}
    answer = {"description": "The file.", "content": {MEDIA_TYPES[kind].partition(";")[0]: {"schema": schema}}}
    return {
        "operation_id": f"events_{kind}",
        "summary": f"Raw events as {kind.upper() if kind is Format.CSV else kind.capitalize()}",
        "description": ABOUT[kind] + WHO,
        "response_class": Response,
        "responses": {200: answer, **problems.told(400, 401, 403, 404, 429, 503)},
        "openapi_extra": {"parameters": list(TOLD)},
    }


def _headers(made: _File) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{made.name}"', **NOT_KEPT}


async def _made(pieces: Iterator[bytes], slots: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """Each in a thread. What goes wrong ends the connection before the last chunk, so that the reader knows."""
    while True:
        async with slots:
            piece = await asyncio.to_thread(next, pieces, None)
        if piece is None:
            return
        yield piece


async def _whole(made: _File, pieces: AsyncIterator[bytes]) -> Response:
    """The same with its length told, from a file in the temporary folder."""
    kept = tempfile.TemporaryFile()  # noqa: SIM115 (`_read` closes it when it was sent)
    size = 0
    async for piece in pieces:
        size += await asyncio.to_thread(kept.write, piece)
    kept.seek(0)
    headers = {**_headers(made), "Content-Length": str(size)}
    return StreamingResponse(_read(kept), media_type=MEDIA_TYPES[made.kind], headers=headers)


def _read(kept: BinaryIO) -> Iterator[bytes]:
    with kept:
        while piece := kept.read(1 << 18):
            yield piece
