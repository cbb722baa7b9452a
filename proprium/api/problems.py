"""Whatever goes wrong in the API is told as application/problem+json."""

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
    """RFC 9457: what went wrong, and the way out."""

    type: str = "about:blank"
    title: str
    detail: str = Field(description="The value at fault and what was expected.")
    status: int


def install(api: FastAPI) -> None:
    api.add_exception_handler(UserFacingError, _user_facing_error_response)
    api.add_exception_handler(RequestRejected, _request_rejected_response)
    api.add_exception_handler(HTTPException, _http_error_response)
    api.add_exception_handler(ClientDisconnect, _client_disconnected_response)
    api.add_exception_handler(Exception, _internal_error_response)


def openapi_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The same for OpenAPI."""
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
        return "There is nothing at this address. What there is stands at /api/v1/docs."
    if error.status_code == 405:
        return "This address does not answer to that method."
    return str(error.detail)


def _client_disconnected_response(_: Request, error: Exception) -> Response:
    return Response(status_code=400)  # the sender has gone


def _internal_error_response(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem_response(500, "Something broke", "The server could not answer. What happened is in its log.")
