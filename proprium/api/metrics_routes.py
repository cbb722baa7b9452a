"""Stats endpoints under GET /api/v1/properties: properties, totals, timeline, breakdown and live visitors as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Security
from pydantic import BaseModel
from starlette.responses import Response

from proprium.accounts import authorization
from proprium.accounts.authorization import Principal
from proprium.api import parameters, problems
from proprium.api.authentication import ApiAuthenticator
from proprium.api.event_routes import BEARER
from proprium.api.parameters import COMPARE, DIMENSION, FILTERS, INTERVAL, METRICS, PERIOD, PROPERTY, ROWS, Pairs
from proprium.figures.names import NameLookup
from proprium.metrics.live import live_visitors
from proprium.metrics.query.data_access import DataAccess
from proprium.serialization import queries, schemas, serializers
from proprium.serialization.queries import metrics_or_all
from proprium.storage.tables import Property
from proprium.warehouse.warehouse import Warehouse

NO_STORE_HEADERS = {"Cache-Control": "private, no-store"}
MEDIA_TYPE = "application/json"

PROPERTY_PARAMETERS = (PROPERTY,)
QUERY_PARAMETERS = (*PERIOD, COMPARE, INTERVAL, *FILTERS)
"""Accepted by every stats endpoint, so that one query string works for all of them."""
METRICS_PARAMETERS = (PROPERTY, *QUERY_PARAMETERS, METRICS)
BREAKDOWN_PARAMETERS = (PROPERTY, DIMENSION, *QUERY_PARAMETERS, METRICS, *ROWS)

PropertyHandler = Callable[[Property, Pairs, datetime, DataAccess], BaseModel]


def routes(warehouse: Warehouse, authenticator: ApiAuthenticator, lookup_name: NameLookup) -> APIRouter:
    """Returns the router; `lookup_name` translates the codes of places into names."""
    router = APIRouter(prefix="/properties", dependencies=[Security(BEARER)])

    async def respond(
        request: Request, allowed_parameters: Sequence[parameters.Parameter], handler: PropertyHandler
    ) -> Response:
        """Runs `handler` for the property in the path; the API key must have access to it."""

        def handle(principal: Principal) -> BaseModel:
            property_ = authorization.find_readable(authenticator.database, principal, parameters.property_id(request))
            return handler(
                property_,
                parameters.query_pairs(request, allowed_parameters),
                authenticator.clock(),
                authorization.data_access(principal, property_),
            )

        return json_response(await authenticator.run(request, handle))

    @router.get("", **_openapi_options("properties", "List properties", schemas.Properties, ()))
    async def properties(request: Request) -> Response:
        def handle(principal: Principal) -> BaseModel:
            parameters.query_pairs(request, ())
            property_list = authorization.readable_properties(authenticator.database, principal)
            return schemas.Properties(
                properties=[serializers.serialize_property(property_) for property_ in property_list]
            )

        return json_response(await authenticator.run(request, handle))

    @router.get(
        "/{property_id}", **_openapi_options("property", "Get a property", schemas.Property, PROPERTY_PARAMETERS)
    )
    async def property_(request: Request) -> Response:
        return await respond(
            request, PROPERTY_PARAMETERS, lambda property_, *_: serializers.serialize_property(property_)
        )

    @router.get(
        "/{property_id}/totals", **_openapi_options("totals", "Totals of a period", schemas.Totals, METRICS_PARAMETERS)
    )
    async def totals(request: Request) -> Response:
        def handle(property_: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> BaseModel:
            metrics = metrics_or_all(parameters.metrics(pairs))
            query = queries.query_of(warehouse, property_, pairs, now, data_access)
            return serializers.serialize_totals(queries.totals(warehouse, query), metrics)

        return await respond(request, METRICS_PARAMETERS, handle)

    @router.get(
        "/{property_id}/timeline",
        **_openapi_options("timeline", "Metrics over time", schemas.Timeline, METRICS_PARAMETERS),
    )
    async def timeline(request: Request) -> Response:
        def handle(property_: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> BaseModel:
            metrics = metrics_or_all(parameters.metrics(pairs))
            query = queries.query_of(warehouse, property_, pairs, now, data_access)
            return serializers.serialize_timeline(queries.timeline(warehouse, query), metrics)

        return await respond(request, METRICS_PARAMETERS, handle)

    @router.get(
        "/{property_id}/breakdown/{dimension:path}",
        **_openapi_options("breakdown", "Breakdown by a dimension", schemas.Breakdown, BREAKDOWN_PARAMETERS),
    )
    async def breakdown(request: Request) -> Response:
        def handle(property_: Property, pairs: Pairs, now: datetime, data_access: DataAccess) -> BaseModel:
            slice_ = parameters.parse_slice(pairs)
            query = queries.query_of(warehouse, property_, pairs, now, data_access)
            dimension = request.path_params["dimension"]
            return serializers.serialize_breakdown(queries.breakdown(warehouse, query, dimension, slice_, lookup_name))

        return await respond(request, BREAKDOWN_PARAMETERS, handle)

    @router.get(
        "/{property_id}/live", **_openapi_options("live", "Current visitors", schemas.Live, PROPERTY_PARAMETERS)
    )
    async def live_(request: Request) -> Response:
        def handle(property_: Property, _: Pairs, now: datetime, __: DataAccess) -> BaseModel:
            assert property_.number is not None
            return serializers.serialize_live(live_visitors(warehouse, property_.number, now, property_.live_min), now)

        return await respond(request, PROPERTY_PARAMETERS, handle)

    return router


def _openapi_options(
    name: str, summary: str, model: type[BaseModel], allowed_parameters: Sequence[parameters.Parameter]
) -> dict[str, Any]:
    """Returns a route's OpenAPI options.

    FastAPI does not parse the parameters: `parameters` does, because its error messages list the valid values.
    """
    error_statuses = (400, 401, 403, 404, 429, 503) if allowed_parameters else (400, 401, 429)
    return {
        "operation_id": name,
        "summary": summary,
        "description": " ".join((model.__doc__ or "").split()),
        "response_model": model,
        "response_description": f"{summary}.",
        "responses": problems.openapi_responses(*error_statuses),
        "openapi_extra": {"parameters": list(allowed_parameters)} if allowed_parameters else None,
    }


def json_response(model: BaseModel, status: int = 200) -> Response:
    return Response(model.model_dump_json(), status, media_type=MEDIA_TYPE, headers=NO_STORE_HEADERS)
