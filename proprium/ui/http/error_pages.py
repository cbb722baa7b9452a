"""Error handlers: an HTML error page for browsers, application/problem+json (RFC 9457) for API clients."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from proprium.errors import UserFacingError
from proprium.i18n import N_, gettext, ngettext
from proprium.i18n import gettext as _
from proprium.ui import session
from proprium.ui.http.html_head import head_html

log = logging.getLogger(__name__)

# Independent of NiceGUI: it must render when everything else fails.
_environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
_environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
PAGE_TEMPLATE = _environment.from_string(Path(__file__).with_name("error.html").read_text(encoding="utf-8"))

TITLE_BY_STATUS = {
    403: N_("Forbidden"),
    404: N_("Page not found"),
    405: N_("Method not allowed"),
    422: N_("Invalid input"),
    429: N_("Too many requests"),
    500: N_("Server error"),
}
DETAIL_BY_STATUS = {
    404: N_("This page does not exist, or you do not have access to it."),
    405: N_("This URL does not support that HTTP method."),
    500: N_("The server could not render this page. See the server log for details."),
}


SIGN_IN_STATUSES = frozenset({401, 403, 404})
"""Statuses that somebody who signs in may not get."""
PRIVATE_PATHS = "/properties/"
"""Prefix of the pages and files of a property."""


def install(app: FastAPI, is_signed_in: Callable[[Request], bool] = lambda request: True) -> None:
    """Adds the error handlers.

    Call it for our own app and for NiceGUI's (`nicegui.app`): each serves some paths. A missing page of a property
    leads anyone who is not signed in to the sign-in page, as an existing private one does: the answer does not tell
    whether the property exists.
    """
    app.state.is_signed_in = is_signed_in

    @app.exception_handler(UserFacingError)
    def user_facing_error(request: Request, error: UserFacingError) -> Response:
        return error_response(request, error.status, _(error.title), str(error), dict(error.headers))

    @app.exception_handler(404)
    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            return unexpected_error(request, error)
        headers = dict(error.headers or {})
        if 300 <= error.status_code < 400:
            return Response(status_code=error.status_code, headers=headers)
        detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
        return standard_error(request, error.status_code, detail, headers)

    @app.exception_handler(RequestValidationError)
    def validation_error(request: Request, error: RequestValidationError) -> Response:
        first_error = error.errors()[0]
        if first_error["loc"][0] == "path":  # /properties/no-uuid is a page that does not exist
            return standard_error(request, 404)
        field = ".".join(str(part) for part in first_error["loc"][1:])
        return standard_error(request, 422, f"{field}: {first_error['msg']}.")

    @app.exception_handler(Exception)
    def unexpected_error(request: Request, error: Exception) -> Response:
        # Without the query, which may contain what a person typed.
        log.error("request failed", exc_info=error, extra={"method": request.method, "path": request.url.path})
        return standard_error(request, 500)


def standard_error(request: Request, status: int, detail: str = "", headers: dict[str, str] | None = None) -> Response:
    """Returns the error with the title of its HTTP status, and the detail too if there is none."""
    reason_phrase = HTTPStatus(status).phrase
    title = _(TITLE_BY_STATUS.get(status, reason_phrase))
    return error_response(request, status, title, detail or _(DETAIL_BY_STATUS.get(status, reason_phrase)), headers)


def error_response(
    request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """Returns the error as HTML or problem+json, as the client accepts.

    The page reloads itself after the seconds of a 503's Retry-After.
    """
    if "text/html" not in request.headers.get("accept", ""):
        problem_json = {"type": "about:blank", "title": title, "detail": detail, "status": status}
        return JSONResponse(problem_json, status, headers, media_type="application/problem+json")
    is_page = request.method in {"GET", "HEAD"}  # a refresh after a form post would GET it, and lose its input
    sign_in_url = session.sign_in_url(request) if status in SIGN_IN_STATUSES and _is_signed_out(request) else ""
    if sign_in_url and is_page and status == 404 and request.url.path.startswith(PRIVATE_PATHS):
        return RedirectResponse(sign_in_url, 303)
    page = PAGE_TEMPLATE.render(
        status=status,
        title=title,
        detail=detail,
        retry_after_s=headers.get("Retry-After") if headers and status == 503 and is_page else None,
        head_html=head_html(),
        sign_in_url=sign_in_url,
    )
    return HTMLResponse(page, status, headers)


def _is_signed_out(request: Request) -> bool:
    """Returns True if certainly nobody is signed in; storage may be what failed."""
    with suppress(Exception):
        return not request.app.state.is_signed_in(request)
    return False
