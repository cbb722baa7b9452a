"""POST /api/v1/events: events of back ends and imports, through the same pipeline as those of browsers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPBearer
from starlette.responses import JSONResponse, Response

from collector.batch_import import BODY_LIMIT, EVENTS_LIMIT, Reader, Received, Result, keep_each
from collector.errors import Rejected, TooLarge, UnknownProperty
from collector.event import Hit
from collector.service import Collector
from proprium.accounts import authorization
from proprium.api import problems
from proprium.api.authentication import Door
from proprium.api.models import Results
from proprium.config import RETENTION_DAYS
from proprium.errors import ProblemForReader
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey

BEARER = HTTPBearer(auto_error=False, description="A key of the account page, or of `proprium key add NAME --write`.")
_EVENT = {"$ref": "#/components/schemas/Event"}
_BODY = {
    "requestBody": {
        "required": True,
        "description": f"An event, or an array of 1 to {EVENTS_LIMIT} events; at most {BODY_LIMIT >> 20} MiB.",
        "content": {
            "application/json": {
                "schema": {"anyOf": [_EVENT, {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": 1_000}]}
            }
        },
    }
}


def routes(door: Door, collector: Collector) -> APIRouter:
    router = APIRouter()

    @router.post(
        "/events",
        summary="Send events",
        description="Each event has its own result; one that is wrong takes no other along. Events with an id may be "
        "sent again after an error. 400 when not a single one could be read.",
        response_model=Results,
        responses=problems.told(400, 401, 403, 413, 429, 503),
        openapi_extra=_BODY,
        dependencies=[Security(BEARER)],
    )
    async def send_events(request: Request) -> Response:
        try:
            key = await door.writer(request)
            body = await _body(request)
            now = door.clock()
            reader = Reader(now, now - timedelta(days=RETENTION_DAYS), key.property_id)
            received = _within(reader.read(body), await asyncio.to_thread(_writable, door.database, key))
        except (Rejected, ProblemForReader) as problem:
            _count(collector, problem)
            raise
        return _answer(await keep_each(collector, received))

    return router


async def _body(request: Request) -> bytes:
    """Raises TooLarge before more than the limit is held in memory."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 9 or int(announced) > BODY_LIMIT):
        raise TooLarge(f"The body is too large; expected at most {BODY_LIMIT} bytes.")
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > BODY_LIMIT:
            raise TooLarge(f"The body is too large; expected at most {BODY_LIMIT} bytes.")
    return b"".join(parts)


def _writable(database: Database, key: ApiKey) -> Collection[UUID]:
    """The properties that this key may send to: never more than its user may edit."""
    return {one.id for one in authorization.editable(database, authorization.of_key(database, key))}


def _within(received: Sequence[Received], allowed: Collection[UUID]) -> list[Received]:
    """Somebody else's property looks like a missing one."""
    return [_unknown(one) if isinstance(one, Hit) and one.property_id not in allowed else one for one in received]


def _unknown(hit: Hit) -> UnknownProperty:
    return UnknownProperty(f"collectorId is {hit.property_id}; this key knows no such property.")


def _count(collector: Collector, problem: Rejected | ProblemForReader) -> None:
    """A request that cannot be read counts as one event, an array that is too long as its length."""
    events = getattr(problem, "events", 1)
    collector.counters.received += events
    collector.counters.rejected[problem.status] += events


def _answer(results: Sequence[Result]) -> Response:
    words = Counter(one.word for one in results)
    told = [_told(one) for one in results]
    if words["rejected"] == len(results):
        return problems.answer(400, "Bad Request", f"No event could be read. {results[0].problem}", results=told)
    counts = {word: words[word] for word in ("stored", "duplicate", "dropped", "rejected")}
    return JSONResponse({**counts, "results": told}, headers={"Cache-Control": "no-store"})


def _told(one: Result) -> dict[str, Any]:
    told: dict[str, Any] = {"result": one.word}
    if one.id:
        told["id"] = str(one.id)
    if one.reason:
        told["reason"] = one.reason
    if one.problem:
        told |= {"status": one.problem.status, "detail": str(one.problem)}
    return told
