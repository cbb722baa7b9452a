"""403, 404, 500 and their like: a small page for people, application/problem+json for programs."""

from __future__ import annotations

import logging
from functools import cache
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, Template
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from proprium.errors import ProblemForReader
from proprium.ui.html_head import look

log = logging.getLogger(__name__)

# Stands alone, without NiceGUI: it must come up when everything else does not.
PAGE = """<!doctype html>
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
<a class="btn pri" href="/">To the start</a>
<a class="btn" href="/documentation">Documentation</a>
</p>
</main>
</body>
</html>
"""
TITLES = {403: "Not from here", 404: "Nothing here", 405: "Not like this", 429: "Too fast", 500: "Something broke"}
DETAILS = {
    404: "There is no such page, or it is not yours to see.",
    405: "This address does not answer to that method.",
    500: "The server could not make this page. What happened is in its log.",
}


def install(app: FastAPI) -> None:
    """Call it for our own app and for NiceGUI's (`nicegui.app`): both answer for some paths."""
    app.add_exception_handler(ProblemForReader, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(404, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _broken)


def answer(request: Request, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """The error in the form the client asked for."""
    if "text/html" in request.headers.get("accept", ""):
        is_page = request.method in {"GET", "HEAD"}  # a form would be asked for as a page, and lose what was typed
        again_s = headers.get("Retry-After") if headers and status == 503 and is_page else None
        return HTMLResponse(_page(status, title, detail, again_s), status, headers)
    problem = {"type": "about:blank", "title": title, "detail": detail, "status": status}
    return JSONResponse(problem, status, headers, media_type="application/problem+json")


def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemForReader)
    return answer(request, error.status, error.title, str(error), dict(error.headers))


def _http(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _broken(request, error)
    headers = dict(error.headers or {})
    if 300 <= error.status_code < 400:
        return Response(status_code=error.status_code, headers=headers)
    phrase = HTTPStatus(error.status_code).phrase
    said = "" if error.detail == phrase else str(error.detail)
    title = TITLES.get(error.status_code, phrase)
    return answer(request, error.status_code, title, said or DETAILS.get(error.status_code, phrase), headers)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place, name = first["loc"][0], ".".join(str(part) for part in first["loc"][1:])
    if place == "path":  # /properties/no-uuid is a page that does not exist
        return answer(request, 404, TITLES[404], DETAILS[404])
    return answer(request, 422, "That did not work", f"{name}: {first['msg']}.")


def _broken(request: Request, error: Exception) -> Response:
    # The path alone: a query may hold what a person typed.
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request, 500, TITLES[500], DETAILS[500])


def _page(status: int, title: str, detail: str, again_s: str | None = None) -> str:
    """Asks again by itself after so long, where that will help."""
    return _template().render(
        status=status,
        title=title,
        detail=detail,
        again_s=again_s,
        look=look(),
    )


@cache
def _template() -> Template:
    return Environment(autoescape=True).from_string(PAGE)
