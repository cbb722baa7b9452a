"""GET /api/v1/properties…: the numbers of the dashboard, for programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Security
from pydantic import BaseModel
from starlette.responses import Response

from proprium.accounts import authorization
from proprium.accounts.authorization import Asker
from proprium.api import parameters, problems
from proprium.api.authentication import Door
from proprium.api.event_routes import BEARER
from proprium.api.parameters import COMPARE, DIMENSION, FILTERS, INTERVAL, METRICS, PERIOD, PROPERTY, ROWS, Pairs
from proprium.figures.names import NameOf
from proprium.metrics.live import live
from proprium.metrics.query.data_access import DataAccess
from proprium.serialization import queries, schemas, serializers
from proprium.serialization.queries import chosen
from proprium.storage.tables import Property
from proprium.warehouse.warehouse import Warehouse

NOT_KEPT = {"Cache-Control": "private, no-store"}
MEDIA_TYPE = "application/json"

ONE = (PROPERTY,)
QUERY = (*PERIOD, COMPARE, INTERVAL, *FILTERS)  # everywhere, so that one address asks for everything
NUMBERS = (PROPERTY, *QUERY, METRICS)
BREAKDOWN = (PROPERTY, DIMENSION, *QUERY, METRICS, *ROWS)

Answered = Callable[[Property, Pairs, datetime, DataAccess], BaseModel]


def routes(warehouse: Warehouse, door: Door, name: NameOf) -> APIRouter:
    """`name` knows what places are called."""
    router = APIRouter(prefix="/properties", dependencies=[Security(BEARER)])

    async def answered(request: Request, told: Sequence[parameters.Parameter], answer: Answered) -> Response:
        """The answer about the property in the address."""

        def work(asker: Asker) -> BaseModel:
            found = authorization.find_readable(door.database, asker, parameters.property_id(request))
            return answer(found, parameters.asked(request, told), door.clock(), authorization.data_access(asker, found))

        return _json(await door.work(request, work))

    @router.get("", **_told("properties", "The properties that a key opens", schemas.Properties, ()))
    async def properties(request: Request) -> Response:
        def work(asker: Asker) -> BaseModel:
            parameters.asked(request, ())
            found = authorization.readable(door.database, asker)
            return schemas.Properties(properties=[serializers.property_shape(one) for one in found])

        return _json(await door.work(request, work))

    @router.get("/{property_id}", **_told("property", "One property", schemas.Property, ONE))
    async def property_(request: Request) -> Response:
        return await answered(request, ONE, lambda found, *_: serializers.property_shape(found))

    @router.get("/{property_id}/totals", **_told("totals", "Headline numbers", schemas.Totals, NUMBERS))
    async def totals(request: Request) -> Response:
        def answer(found: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> BaseModel:
            wanted = chosen(parameters.metrics(pairs))
            query = queries.query_of(warehouse, found, pairs, now, data_access)
            return serializers.totals_shape(queries.totals(warehouse, query), wanted)

        return await answered(request, NUMBERS, answer)

    @router.get("/{property_id}/timeline", **_told("timeline", "Numbers over time", schemas.Timeline, NUMBERS))
    async def timeline(request: Request) -> Response:
        def answer(found: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> BaseModel:
            wanted = chosen(parameters.metrics(pairs))
            query = queries.query_of(warehouse, found, pairs, now, data_access)
            return serializers.timeline_shape(queries.timeline(warehouse, query), wanted)

        return await answered(request, NUMBERS, answer)

    @router.get(
        "/{property_id}/breakdown/{dimension:path}",
        **_told("breakdown", "The values of one dimension", schemas.Breakdown, BREAKDOWN),
    )
    async def breakdown(request: Request) -> Response:
        def answer(found: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> BaseModel:
            wanted = parameters.slice_of(pairs)
            query = queries.query_of(warehouse, found, pairs, now, data_access)
            dimension = request.path_params["dimension"]
            return serializers.breakdown_shape(queries.breakdown(warehouse, query, dimension, wanted, name))

        return await answered(request, BREAKDOWN, answer)

    @router.get("/{property_id}/live", **_told("live", "Who is here right now", schemas.Live, ONE))
    async def live_(request: Request) -> Response:
        def answer(found: Property, _: Pairs, now: datetime, __: DataAccess) -> BaseModel:
            assert found.number is not None
            return serializers.live_shape(live(warehouse, found.number, now), now)

        return await answered(request, ONE, answer)

    return router


def _told(name: str, summary: str, model: type[BaseModel], told: Sequence[parameters.Parameter]) -> dict[str, Any]:
    """What OpenAPI says of a route. Parameters are read by us: a message of ours says what would be right."""
    wrong = (400, 401, 403, 404, 429, 503) if told else (400, 401, 429)
    return {
        "operation_id": name,
        "summary": summary,
        "description": " ".join((model.__doc__ or "").split()),
        "response_model": model,
        "response_description": f"{summary}.",
        "responses": problems.told(*wrong),
        "openapi_extra": {"parameters": list(told)} if told else None,
    }


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type=MEDIA_TYPE, headers=NOT_KEPT)
