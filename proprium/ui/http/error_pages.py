"""Error handlers: an HTML error page for browsers, application/problem+json (RFC 9457) for API clients."""

from __future__ import annotations

import logging
from functools import cache
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, Template
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from proprium.errors import UserFacingError
from proprium.ui.html_head import head_html

log = logging.getLogger(__name__)

# Independent of NiceGUI: it must render when everything else fails.
PAGE_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{ title }} · Proprium</title>
{% if again_s %}<meta http-equiv="refresh" content="{{ again_s }}">{% endif %}
{{ look | safe }}
</head>
<body>
<header class="top"><div><a class="brand" href="/"><span class="logo"></span> Proprium</a></div></header>
<main class="wrap slim">
<p class="mut strong">{{ status }}</p>
<h1>{{ title }}</h1>
<p>{{ detail }}</p>
<p class="line wraps">
<a class="btn pri" href="/">Home</a>
<a class="btn" href="/documentation">Documentation</a>
</p>
</main>
</body>
</html>
"""
TITLE_BY_STATUS = {
    403: "Forbidden",
    404: "Page not found",
    405: "Method not allowed",
    429: "Too many requests",
    500: "Server error",
}
DETAIL_BY_STATUS = {
    404: "This page does not exist, or you do not have access to it.",
    405: "This URL does not support that HTTP method.",
    500: "The server could not render this page. See the server log for details.",
}


def install(app: FastAPI) -> None:
    """Adds the error handlers.

    Call it for our own app and for NiceGUI's (`nicegui.app`): each serves some paths.
    """
    app.add_exception_handler(UserFacingError, _handle_user_facing_error)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_exception_handler(404, _handle_http_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(Exception, _handle_unexpected_error)


def error_response(
    request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """Returns the error as HTML or problem+json, as the client accepts."""
    if "text/html" in request.headers.get("accept", ""):
        is_page = request.method in {"GET", "HEAD"}  # a refresh after a form post would GET it, and lose its input
        retry_after_s = headers.get("Retry-After") if headers and status == 503 and is_page else None
        return HTMLResponse(_render_page(status, title, detail, retry_after_s), status, headers)
    problem_json = {"type": "about:blank", "title": title, "detail": detail, "status": status}
    return JSONResponse(problem_json, status, headers, media_type="application/problem+json")


def _handle_user_facing_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserFacingError)
    return error_response(request, error.status, error.title, str(error), dict(error.headers))


def _handle_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _handle_unexpected_error(request, error)
    headers = dict(error.headers or {})
    if 300 <= error.status_code < 400:
        return Response(status_code=error.status_code, headers=headers)
    reason_phrase = HTTPStatus(error.status_code).phrase
    detail = "" if error.detail == reason_phrase else str(error.detail)
    title = TITLE_BY_STATUS.get(error.status_code, reason_phrase)
    return error_response(
        request, error.status_code, title, detail or DETAIL_BY_STATUS.get(error.status_code, reason_phrase), headers
    )


def _handle_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first_error = error.errors()[0]
    location, name = first_error["loc"][0], ".".join(str(part) for part in first_error["loc"][1:])
    if location == "path":  # /properties/no-uuid is a page that does not exist
        return error_response(request, 404, TITLE_BY_STATUS[404], DETAIL_BY_STATUS[404])
    return error_response(request, 422, "Invalid input", f"{name}: {first_error['msg']}.")


def _handle_unexpected_error(request: Request, error: Exception) -> Response:
    # Without the query, which may contain what a person typed.
    log.error("request failed", exc_info=error, extra={"method": request.method, "path": request.url.path})
    return error_response(request, 500, TITLE_BY_STATUS[500], DETAIL_BY_STATUS[500])


def _render_page(status: int, title: str, detail: str, retry_after_s: str | None = None) -> str:
    """Renders the error page, which reloads itself after `retry_after_s` seconds, if given."""
    return _template().render(
        status=status,
        title=title,
        detail=detail,
        again_s=retry_after_s,
        look=head_html(),
    )


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(PAGE_TEMPLATE)
