"""Error responses of the API as application/problem+json (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from collector.errors import RequestRejected
from proprium.errors import UserFacingError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
DETAIL_BY_STATUS = {
    404: "No such endpoint. See /api/v1/docs for the API reference.",
    405: "This endpoint does not support that HTTP method. See /api/v1/docs for the API reference.",
}


class Problem(BaseModel):
    """An error as defined by RFC 9457: what failed and how to fix it."""

    type: str = "about:blank"
    title: str
    detail: str = Field(description="The invalid value and what was expected.")
    status: int


def install(api: FastAPI) -> None:
    """Registers the exception handlers."""

    @api.exception_handler(UserFacingError)
    def user_facing_error(_: Request, error: UserFacingError) -> Response:
        return problem_response(error.status, error.title, str(error), error.headers)

    @api.exception_handler(RequestRejected)
    def request_rejected(_: Request, error: RequestRejected) -> Response:
        return problem_response(error.status, HTTPStatus(error.status).phrase, str(error))

    @api.exception_handler(HTTPException)
    def http_error(_: Request, error: HTTPException) -> Response:
        detail = DETAIL_BY_STATUS.get(error.status_code, str(error.detail))
        return problem_response(error.status_code, HTTPStatus(error.status_code).phrase, detail, error.headers)

    @api.exception_handler(ClientDisconnect)
    def client_disconnected(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # goes nowhere

    @api.exception_handler(Exception)
    def internal_error(request: Request, error: Exception) -> Response:
        log.error("request failed", exc_info=error, extra={"method": request.method, "path": request.url.path})
        return problem_response(
            500, HTTPStatus(500).phrase, "The server could not handle the request. The server log has the details."
        )


def openapi_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Returns the OpenAPI descriptions of error responses with these HTTP statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem_response(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **extra_fields: Any
) -> Response:
    body = {"type": "about:blank", "title": title, "detail": detail, "status": status, **extra_fields}
    headers = {"Cache-Control": "no-store", **(headers or {})}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in {429, 503}:
        headers.setdefault("Retry-After", "1")
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)
