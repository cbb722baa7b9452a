"""POST /api/v1/events: server-side events and imports, through the same pipeline as events from browsers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPBearer
from starlette.responses import JSONResponse, Response

from collector.batch_import import (
    MAX_BATCH_BODY_BYTES,
    MAX_BATCH_EVENTS,
    BatchReader,
    EventResult,
    ParsedEvent,
    store_events,
)
from collector.errors import RequestRejected, UnknownProperty
from collector.event import Hit
from collector.service import Collector
from proprium.accounts import authorization
from proprium.api import problems
from proprium.api.authentication import ApiAuthenticator
from proprium.api.models import Results
from proprium.api.request_body import read_body
from proprium.config import RETENTION_DAYS
from proprium.errors import UserFacingError
from proprium.storage.tables import ApiKey, Property

BEARER = HTTPBearer(
    auto_error=False, description="An API key: create one on the account page or with `proprium key add NAME --write`."
)
_EVENT_SCHEMA = {"$ref": "#/components/schemas/Event"}
_OPENAPI_BODY = {
    "requestBody": {
        "required": True,
        "description": (
            f"One event, or an array of 1 to {MAX_BATCH_EVENTS} events; at most {MAX_BATCH_BODY_BYTES >> 20} MiB."
        ),
        "content": {
            "application/json": {
                "schema": {
                    "anyOf": [
                        _EVENT_SCHEMA,
                        {"type": "array", "items": _EVENT_SCHEMA, "minItems": 1, "maxItems": 1_000},
                    ]
                }
            }
        },
    }
}


def routes(authenticator: ApiAuthenticator, collector: Collector) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/events",
        summary="Send events",
        description="Each event gets its own result: an invalid event does not affect the others. After an error, "
        "events with an id can safely be sent again. Responds with 400 if every event is rejected.",
        response_model=Results,
        responses=problems.openapi_responses(400, 401, 403, 413, 429, 503),
        openapi_extra=_OPENAPI_BODY,
        dependencies=[Security(BEARER)],
    )
    async def send_events(request: Request) -> Response:
        try:
            key = await authenticator.require_write_key(request)
            body = await read_body(request, MAX_BATCH_BODY_BYTES)
            now = authenticator.clock()
            reader = BatchReader(now, now - timedelta(days=RETENTION_DAYS), key.property_id)
            allowed_ids = {property_.id for property_ in await asyncio.to_thread(editable_properties, key)}
            parsed_events: list[ParsedEvent] = []
            for parsed_event in reader.read(body):
                if isinstance(parsed_event, Hit) and parsed_event.property_id not in allowed_ids:
                    # A property without access looks like a missing one.
                    parsed_event = UnknownProperty(
                        f"collectorId is {parsed_event.property_id}, but this API key has no access to a property "
                        "with that id."
                    )
                parsed_events.append(parsed_event)
        except (RequestRejected, UserFacingError) as problem:
            event_count = getattr(problem, "event_count", 1)  # of an array; an unreadable body counts as one event
            collector.observers.on_received(event_count)
            collector.observers.on_rejected(problem.status, event_count)
            raise
        return _results_response(await store_events(collector, parsed_events))

    def editable_properties(key: ApiKey) -> list[Property]:
        """Lists the properties that the key may send to: at most those that its user may edit."""
        database = authenticator.database
        return authorization.editable_properties(database, authorization.principal_of_key(database, key))

    return router


def _results_response(results: Sequence[EventResult]) -> Response:
    result_objects: list[dict[str, Any]] = []
    for result in results:
        result_object: dict[str, Any] = {"result": result.status}
        if result.id:
            result_object["id"] = str(result.id)
        if result.reason:
            result_object["reason"] = result.reason
        if result.problem:
            result_object |= {"status": result.problem.status, "detail": str(result.problem)}
        result_objects.append(result_object)
    count_by_status = Counter(result.status for result in results)
    if count_by_status["rejected"] == len(results):
        return problems.problem_response(
            400, "Bad Request", f"No valid event in this request. {results[0].problem}", results=result_objects
        )
    counts = {status: count_by_status[status] for status in ("stored", "duplicate", "dropped", "rejected")}
    return JSONResponse({**counts, "results": result_objects}, headers={"Cache-Control": "no-store"})
