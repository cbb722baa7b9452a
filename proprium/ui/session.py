"""Who is asking: the login cookie, read for a request and tied to the page it opens."""

from __future__ import annotations

from typing import NoReturn
from urllib.parse import quote, urlsplit

from fastapi import HTTPException
from nicegui import ui
from starlette.requests import HTTPConnection
from starlette.responses import Response

from proprium.accounts import sessions
from proprium.storage.tables import Role, User
from proprium.ui.services import Services

COOKIE = "proprium_session"
HOME = "/properties"


def token_of(request: HTTPConnection) -> str:
    return request.cookies.get(COOKIE, "")


def user_of(services: Services, request: HTTPConnection) -> User | None:
    """The signed-in person, None for everybody else. One indexed read; cheap enough for the event loop."""
    return sessions.user_of(services.database, token_of(request), clock=services.clock)


def require_user(services: Services, request: HTTPConnection) -> User:
    """The signed-in person. Everybody else is sent to the sign-in page, and from there back to here."""
    return user_of(services, request) or _to_login(request)


def current_user(services: Services) -> User | None:
    """The person behind the open page, asked again in every handler that changes something: a login may have ended."""
    return user_of(services, ui.context.client.request)


def safe_next(target: str) -> str:
    """`target` when it leads to a page of this server, else the list of properties."""
    parts = urlsplit(target.replace("\\", "/"))
    is_local = target.startswith("/") and not parts.scheme and not parts.netloc and target.isprintable()
    return target if is_local else HOME


def keep(response: Response, token: str, *, is_https: bool) -> None:
    """Sets the cookie: out of reach of scripts, not sent along by forms of other sites."""
    max_age = int(sessions.LIFETIME.total_seconds())
    response.set_cookie(COOKIE, token, max_age=max_age, path="/", httponly=True, samesite="lax", secure=is_https)


def forget(response: Response, *, is_https: bool) -> None:
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=is_https)


def _to_login(request: HTTPConnection) -> NoReturn:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    raise HTTPException(303, headers={"Location": f"/login?next={quote(target, safe='/')}"})


def is_owner(user: User | None) -> bool:
    """True for who may decide about the server itself."""
    return user is not None and user.role == Role.OWNER
