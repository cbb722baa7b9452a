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


class Problem(BaseModel):
    """An error as defined by RFC 9457: what failed and how to fix it."""

    type: str = "about:blank"
    title: str
    detail: str = Field(description="The invalid value and what was expected.")
    status: int


def install(api: FastAPI) -> None:
    """Registers the exception handlers."""
    api.add_exception_handler(UserFacingError, _user_facing_error_response)
    api.add_exception_handler(RequestRejected, _request_rejected_response)
    api.add_exception_handler(HTTPException, _http_error_response)
    api.add_exception_handler(ClientDisconnect, _client_disconnected_response)
    api.add_exception_handler(Exception, _internal_error_response)


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


def _user_facing_error_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, UserFacingError)
    return problem_response(error.status, error.title, str(error), error.headers)


def _request_rejected_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRejected)
    return problem_response(error.status, HTTPStatus(error.status).phrase, str(error))


def _http_error_response(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem_response(
        error.status_code, HTTPStatus(error.status_code).phrase, _http_error_message(error), error.headers
    )


def _http_error_message(error: HTTPException) -> str:
    if error.status_code == 404:
        return "No such endpoint. See /api/v1/docs for the API reference."
    if error.status_code == 405:
        return "This endpoint does not support that HTTP method. See /api/v1/docs for the API reference."
    return str(error.detail)


def _client_disconnected_response(_: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the client disconnected: the response goes nowhere


def _internal_error_response(request: Request, error: Exception) -> Response:
    log.error("request failed", exc_info=error, extra={"method": request.method, "path": request.url.path})
    return problem_response(
        500, "Server error", "The server could not handle the request. The server log has the details."
    )
