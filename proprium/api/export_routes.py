"""Raw event export: streams GET /api/v1/properties/{id}/events.{csv,jsonl,parquet}."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from fastapi import APIRouter, Request, Security
from starlette.responses import Response, StreamingResponse

from proprium.accounts import audit, authorization
from proprium.accounts.authorization import Principal
from proprium.api import parameters, problems
from proprium.api.authentication import ApiAuthenticator
from proprium.api.event_routes import BEARER
from proprium.api.metrics_routes import NO_STORE_HEADERS
from proprium.api.parameters import PERIOD, PROPERTY
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.serialization import queries, raw_events
from proprium.serialization.raw_events import MEDIA_TYPES, ExportFormat
from proprium.warehouse.warehouse import Warehouse

MAX_CONCURRENT_CHUNKS = 1
"""Chunks built at a time over all downloads, so that parallel exports do not slow a collector in this process down."""
PARAMETERS = (PROPERTY, *PERIOD)
FORMAT_DESCRIPTIONS = {
    ExportFormat.CSV: "One column per known key and per detected field (browser, country …), and one with all data as "
    "JSON. Text that a spreadsheet would run as a formula is prefixed with an apostrophe, also after ; | tab and line "
    "breaks within a cell. UTF-8 with a byte order mark, as every CSV file here.",
    ExportFormat.JSON_LINES: "One JSON object per line: id, created_at, event, data, and the detected fields (browser, "
    "country …).",
    ExportFormat.PARQUET: "The same columns as the CSV, typed; times in UTC.",
}
ACCESS_DESCRIPTION = (
    " Events are exported as stored, in order of arrival; without a period, all of them. is_bot follows the property's "
    "setting for automated browsers; is_automated tells whether the browser reported to be automated or is headless. "
    "Requires a key of the property, a key of a user who may edit the property, or such a user signed in to the "
    "browser. If an export fails midway, the connection is closed with an error, so an incomplete file is never "
    "mistaken for a complete one."
)


@dataclass(frozen=True)
class _EventFile:
    name: str
    kind: ExportFormat
    chunks: Iterator[bytes]


def routes(warehouse: Warehouse, authenticator: ApiAuthenticator, *, counts_automated: bool) -> APIRouter:
    """`counts_automated`: whether properties without a setting count automated browsers as people."""
    router = APIRouter(prefix="/properties", dependencies=[Security(BEARER)])
    slots = asyncio.Semaphore(MAX_CONCURRENT_CHUNKS)

    def open_file(request: Request, principal: Principal, kind: ExportFormat) -> _EventFile:
        property_ = authorization.find_exportable(authenticator.database, principal, parameters.property_id(request))
        pairs = parameters.query_pairs(request, PARAMETERS)
        is_chosen = not {"period", "from", "to"}.isdisjoint(name for name, _ in pairs)
        query_pairs = pairs if is_chosen else [*pairs, ("period", "all")]
        query = queries.query_of(warehouse, property_, query_pairs, authenticator.clock(), EVERY_KEY)
        period = None if query.period.key == "all" else query.period
        events = raw_events.events_of(authenticator.database, property_, period, counts_automated)
        chunks = raw_events.stream(events, kind)
        name = raw_events.file_name(property_, period, kind)
        actor = authenticator.actor(request, principal)
        audit.record_export(authenticator.database, name, property_.id, actor=actor)
        return _EventFile(name, kind, chunks)

    def add_route(kind: ExportFormat) -> None:
        schema = {"type": "string", "format": "binary"} if kind is ExportFormat.PARQUET else {"type": "string"}
        content = {MEDIA_TYPES[kind].partition(";")[0]: {"schema": schema}}
        file_response = {"description": "The export file.", "content": content}

        @router.get(
            f"/{{property_id}}/events.{kind}",
            operation_id=f"events_{kind}",
            summary=f"Raw events as {kind.upper() if kind is ExportFormat.CSV else kind.capitalize()}",
            description=FORMAT_DESCRIPTIONS[kind] + ACCESS_DESCRIPTION,
            response_class=Response,
            responses={200: file_response, **problems.openapi_responses(400, 401, 403, 404, 429, 503)},
            openapi_extra={"parameters": list(PARAMETERS)},
        )
        async def export(request: Request) -> Response:
            event_file = await authenticator.run(
                request, lambda principal: open_file(request, principal, kind), allow_session=True
            )
            chunks = _stream_chunks(event_file.chunks, slots)
            # HTTP/1.0 has no chunked encoding: without a length, a cut file would look complete.
            if request.scope.get("http_version") == "1.0":
                return await _response_with_length(event_file, chunks)
            return StreamingResponse(chunks, media_type=MEDIA_TYPES[kind], headers=_file_headers(event_file))

    for kind in ExportFormat:
        add_route(kind)
    return router


def _file_headers(event_file: _EventFile) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{event_file.name}"', **NO_STORE_HEADERS}


async def _stream_chunks(chunks: Iterator[bytes], slots: asyncio.Semaphore) -> AsyncIterator[bytes]:
    """Builds each chunk in a thread. An error closes the connection before the last chunk, so the client notices."""
    while True:
        async with slots:
            chunk = await asyncio.to_thread(next, chunks, None)
        if chunk is None:
            return
        yield chunk


async def _response_with_length(event_file: _EventFile, chunks: AsyncIterator[bytes]) -> Response:
    """Responds with a Content-Length, for HTTP/1.0: spools the export into a temporary file first."""
    temp_file = tempfile.TemporaryFile()  # noqa: SIM115 (`_read_and_close` closes it after sending)
    size_bytes = 0
    async for chunk in chunks:
        size_bytes += await asyncio.to_thread(temp_file.write, chunk)
    temp_file.seek(0)
    headers = {**_file_headers(event_file), "Content-Length": str(size_bytes)}
    return StreamingResponse(_read_and_close(temp_file), media_type=MEDIA_TYPES[event_file.kind], headers=headers)


def _read_and_close(temp_file: BinaryIO) -> Iterator[bytes]:
    with temp_file:
        while chunk := temp_file.read(1 << 18):
            yield chunk
