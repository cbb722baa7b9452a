"""Builds the API as a FastAPI app mounted at /api/v1: routes, OpenAPI schema and documentation page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from collector.service import Collector
from proprium.accounts.authorization import bearer_token
from proprium.api import (
    docs,
    event_routes,
    export_routes,
    management_models,
    metrics_routes,
    problems,
    property_routes,
    user_routes,
)
from proprium.api.authentication import (
    MAX_READS_PER_MINUTE,
    AddressOf,
    ApiAuthenticator,
    UserOf,
    anonymous,
    peer_address,
)
from proprium.api.management import Manager
from proprium.api.models import Event
from proprium.clock import Clock, utc_now
from proprium.figures.names import NameLookup
from proprium.i18n import untranslated
from proprium.storage.database import Database
from proprium.warehouse.warehouse import Warehouse

PREFIX = "/api/v1"
TITLE = "Proprium"
DESCRIPTION = (
    "Read the dashboard's metrics, export raw events, send events from back ends and imports, and manage properties, "
    "goals, segments, access and accounts with a key that may manage. Every request needs "
    "an API key (Authorization: Bearer …), which gives access to every property that its owner can see, or to a single "
    "one. To download a whole dashboard as one file, use the dashboard's query parameters and the same key: GET "
    "/properties/{id}/report.json, report.csv (a zip with one CSV file per table), report.pdf, report.html, report.md."
)


def build(
    database: Database,
    collector: Collector,
    warehouse: Warehouse,
    lookup_name: NameLookup,
    public_url: str,
    render_head: Callable[[], str] = str,
    *,
    user_of: UserOf = anonymous,
    address_of: AddressOf = peer_address,
    clock: Clock = utc_now,
    reads_per_minute: int = MAX_READS_PER_MINUTE,
    counts_automated: bool = False,
) -> FastAPI:
    """Builds the API app, to be mounted at PREFIX.

    `lookup_name` translates the codes of places into names; `render_head` returns the HTML that every page of the site
    has in its head; `user_of` returns the signed-in user of a request, `address_of` the client's IP address.
    `counts_automated`: whether properties without a setting count automated browsers as people.
    """
    api = FastAPI(title=TITLE, version=version("proprium"), docs_url=None, redoc_url=None)
    authenticator = ApiAuthenticator(database, clock, user_of, address_of, reads_per_minute=reads_per_minute)
    api.include_router(metrics_routes.routes(warehouse, authenticator, lookup_name))
    api.include_router(export_routes.routes(warehouse, authenticator, counts_automated=counts_automated))
    api.include_router(event_routes.routes(authenticator, collector))
    manager = Manager(authenticator)
    api.include_router(property_routes.routes(manager))
    api.include_router(user_routes.routes(manager, public_url))
    problems.install(api)
    api.add_middleware(Untranslated)
    api.add_middleware(CrossOriginReads)

    def openapi_schema() -> dict[str, object]:
        if api.openapi_schema is None:
            schema = get_openapi(title=api.title, version=api.version, description=DESCRIPTION, routes=api.routes)
            component_schemas = schema["components"]["schemas"]
            component_schemas |= component_schemas_of((Event, problems.Problem, *management_models.BODIES))
            api.openapi_schema = schema
        return api.openapi_schema

    api.openapi = openapi_schema  # type: ignore[method-assign]

    @api.get("/docs", include_in_schema=False)
    def documentation() -> Response:
        return HTMLResponse(docs.page(api.openapi(), public_url + PREFIX, render_head()))

    return api


def component_schemas_of(models: Iterable[type[BaseModel]]) -> dict[str, Any]:
    """Returns the schemas of models that no route names as its response, and of the models inside them."""
    schemas: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    return schemas


class CrossOriginReads:
    """CORS middleware: pages of other sites may read with an API key, and never with the cookie of a signed-in user.

    Only responses to requests with a bearer key carry the header, and a request with a key is never answered by its
    cookie. Requests with credentials are not allowed at all.
    """

    ALLOW_ORIGIN = ("Access-Control-Allow-Origin", "*")

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and is_preflight_of_get(headers):
            preflight_headers = dict([self.ALLOW_ORIGIN]) | {
                "Access-Control-Allow-Methods": "GET",
                "Access-Control-Allow-Headers": "Authorization",
                "Access-Control-Max-Age": "86400",
            }
            await Response(status_code=204, headers=preflight_headers)(scope, receive, send)
            return
        is_readable = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} and bearer_token(headers)

        async def send_with_cors(message: Message) -> None:
            if is_readable and message["type"] == "http.response.start":
                response_headers = MutableHeaders(scope=message)
                response_headers.append(*self.ALLOW_ORIGIN)
                response_headers.append("Access-Control-Expose-Headers", "Content-Disposition, Retry-After")
            await send(message)

        await self.app(scope, receive, send_with_cors)


def is_preflight_of_get(headers: Headers) -> bool:
    """Returns True for a browser's question whether a page of another site may send a GET request with a key."""
    return headers.get("origin") is not None and headers.get("access-control-request-method", "").upper() == "GET"


class Untranslated:
    """Middleware that keeps all texts of responses as the code has them: programs compare them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with untranslated():
            await self.app(scope, receive, send)
