"""Who is asking: the login cookie, read for a request and tied to the page it opens."""

from __future__ import annotations

import re
from typing import NoReturn
from urllib.parse import quote

from fastapi import HTTPException
from nicegui import ui
from starlette.requests import HTTPConnection
from starlette.responses import Response

from proprium.accounts import devices, login_sessions
from proprium.storage.tables import Role, User
from proprium.ui.services import Services

SESSION_COOKIE = "proprium_session"
DEVICE_COOKIE = "proprium_device"
DEVICE_PATH = "/auth"
"""Where the device cookie is sent: to the forms that check a password."""

HOME_PATH = "/properties"

_NAME = "[A-Za-z0-9._~-]+"
_LOCAL_PATH = re.compile(rf"/(?:{_NAME}(?:/{_NAME})*/?)?(?:[?#]\S*)?")


def token_of(request: HTTPConnection) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def user_of(services: Services, request: HTTPConnection) -> User | None:
    """The signed-in person, None for everybody else. One indexed read; cheap enough for the event loop."""
    return login_sessions.user_of(services.database, token_of(request), clock=services.clock)


def require_user(services: Services, request: HTTPConnection) -> User:
    """The signed-in person. Everybody else is sent to the sign-in page, and from there back to here."""
    return user_of(services, request) or _redirect_to_login(request)


def current_user(services: Services) -> User | None:
    """The person behind the open page, asked again in every handler that changes something: a login may have ended."""
    return user_of(services, ui.context.client.request)


def safe_redirect_target(target: str) -> str:
    """`target` when it is a path of this server, else the list of properties. For every redirect to a received value.

    Browsers read a backslash as a slash, drop tabs and line breaks, and read what follows two slashes as a host. The
    pages here need none of it: plain names between single slashes, then any query.
    """
    return target if _LOCAL_PATH.fullmatch(target) and target.isprintable() else HOME_PATH


def set_cookie(response: Response, token: str, *, is_https: bool) -> None:
    """Sets the cookie: out of reach of scripts, not sent along by forms of other sites."""
    max_age_s = int(login_sessions.SESSION_LIFETIME.total_seconds())
    response.set_cookie(
        SESSION_COOKIE, token, max_age=max_age_s, path="/", httponly=True, samesite="lax", secure=is_https
    )


def delete_cookie(response: Response, *, is_https: bool) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=is_https)


def keep_device(response: Response, device_cookie: str, *, is_https: bool) -> None:
    """Sets the cookie by which this browser is known when it signs in again. It opens nothing."""
    response.set_cookie(
        DEVICE_COOKIE,
        device_cookie,
        max_age=int(devices.COOKIE_LIFETIME.total_seconds()),
        path=DEVICE_PATH,
        httponly=True,
        samesite="lax",
        secure=is_https,
    )


def _redirect_to_login(request: HTTPConnection) -> NoReturn:
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    raise HTTPException(303, headers={"Location": f"/login?next={quote(target, safe='/')}"})


def is_owner(user: User | None) -> bool:
    """True for who may decide about the server itself."""
    return user is not None and user.role == Role.OWNER
