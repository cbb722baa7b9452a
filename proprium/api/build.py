"""The API as an app of its own, mounted at /api/v1: its routes, its OpenAPI and its page."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse, Response

from collector.route import Collector
from proprium.api import docs, events, problems
from proprium.api.models import Event
from proprium.clock import Clock, utc_now
from proprium.storage.database import Database

PREFIX = "/api/v1"
TITLE = "Proprium"
ABOUT = "Send events from back ends and imports. Every request carries a key: Authorization: Bearer …."


def build(
    database: Database, collector: Collector, public_url: str, look: Callable[[], str] = str, *, clock: Clock = utc_now
) -> FastAPI:
    """Mount it at PREFIX. `look` is what every page has in its head."""
    api = FastAPI(title=TITLE, version=version("proprium"), docs_url=None, redoc_url=None)
    api.include_router(events.routes(database, collector, clock))
    problems.install(api)
    api.openapi = lambda: _described(api)  # type: ignore[method-assign]

    @api.get("/docs", include_in_schema=False)
    def documentation() -> Response:
        return HTMLResponse(docs.page(api.openapi(), public_url + PREFIX, look()))

    return api


def _described(api: FastAPI) -> dict[str, Any]:
    if api.openapi_schema is None:
        schema = get_openapi(title=api.title, version=api.version, description=ABOUT, routes=api.routes)
        known = schema["components"]["schemas"]
        known |= {model.__name__: model.model_json_schema() for model in (Event, problems.Problem)}
        api.openapi_schema = schema
    return api.openapi_schema
