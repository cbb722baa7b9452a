"""Health and numbers for machines: /healthz, /readyz and /metrics, the same in `serve` and `collect`."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from ipaddress import ip_address

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from collector.client_address import is_proxied

HealthCheck = Callable[[], str | None]
"""None when all is well, else what is wrong. May block."""


def health_routes(checks: Mapping[str, HealthCheck], metrics: Callable[[], str], metrics_token: str = "") -> APIRouter:
    """`checks` by the name of what they look at; `metrics` is Prometheus text, and may block.

    With a token, /metrics asks for it from everywhere; without one it answers this machine and its private network.
    """
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n", headers={"Cache-Control": "no-store"})

    @routes.get("/readyz")
    def readyz() -> Response:
        failures = {name: message for name, check in checks.items() if (message := _run_check(check))}
        body = {"ready": not failures, "wrong": failures}
        return JSONResponse(body, 503 if failures else 200, headers={"Cache-Control": "no-store"})

    @routes.get("/metrics")
    def prometheus(request: Request) -> Response:
        if metrics_token and not has_token(request, metrics_token):
            return PlainTextResponse(
                "Authorization: Bearer <PROPRIUM_METRICS_TOKEN> is needed.\n", 401, {"WWW-Authenticate": "Bearer"}
            )
        if not metrics_token and not is_private_client(request):
            return PlainTextResponse("not from here\n", 404)
        return PlainTextResponse(metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return routes


def is_private_client(request: Request) -> bool:
    """Asked by this machine or its private network, and not through a proxy: numbers are not for passers-by."""
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


def _run_check(check: HealthCheck) -> str | None:
    try:
        return check()
    except Exception as problem:  # a check that cannot even look has found something
        return f"{type(problem).__name__}: {problem}"
