"""Health checks and Prometheus metrics: /healthz, /readyz and /metrics, the same in `serve` and `collect`."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from ipaddress import ip_address

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from collector.client_address import is_proxied

HealthCheck = Callable[[], str | None]
"""Returns None when healthy, else a message. May block."""


def health_routes(checks: Mapping[str, HealthCheck], metrics: Callable[[], str], metrics_token: str = "") -> APIRouter:
    """Returns the routes. `checks` are keyed by component name; `metrics` returns Prometheus text, and may block.

    With a token, /metrics requires it from every client; without one it answers this machine and its private network.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    @routes.get("/readyz")
    def readyz() -> Response:
        failures = {}
        for name, check in checks.items():
            try:
                message = check()
            except Exception as problem:  # a check that cannot run is a failed check
                message = f"{type(problem).__name__}: {problem}"
            if message:
                failures[name] = message
        body = {"ready": not failures, "wrong": failures}
        return JSONResponse(body, 503 if failures else 200, headers={"Cache-Control": "no-store"})

    @routes.get("/metrics")
    def prometheus(request: Request) -> Response:
        if metrics_token and not has_token(request, metrics_token):
            return PlainTextResponse(
                "Send the header Authorization: Bearer <PROPRIUM_METRICS_TOKEN>.\n", 401, {"WWW-Authenticate": "Bearer"}
            )
        if not metrics_token and not is_private_client(request):
            return PlainTextResponse("Not found\n", 404)
        return PlainTextResponse(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def is_private_client(request: Request) -> bool:
    """Returns True for direct requests from this machine or its private network.

    A proxied client may be anyone.
    """
    if request.client is None or is_proxied(name for name, _ in request.headers.raw):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    return address.is_private or address.is_loopback


def has_token(request: Request, token: str) -> bool:
    scheme, _, presented_token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(presented_token.strip().encode(), token.encode())
