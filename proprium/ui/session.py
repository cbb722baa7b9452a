"""Session and device cookies: the signed-in user of a request or an open page, safe redirects to the sign-in page."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import quote

from fastapi import HTTPException
from nicegui import ui
from starlette.requests import HTTPConnection
from starlette.responses import Response

from collector.client_address import canonical_ip
from proprium.accounts import devices, login_sessions, second_factor
from proprium.accounts.audit import Actor
from proprium.config import Settings
from proprium.errors import NotFound, SignInRequired
from proprium.i18n import gettext as _
from proprium.storage.tables import Role, User
from proprium.ui.services import Services

SESSION_COOKIE = "proprium_session"
DEVICE_COOKIE = "proprium_device"
DEVICE_PATH = "/auth"
"""Cookie path of the device cookie: only the forms that check a password receive it."""

HOME_PATH = "/properties"
PROXY_SIGN_IN_PATH = "/auth/proxy"
FACTOR_SETUP_PATH = "/account/authenticator"

_NAME = "[A-Za-z0-9._~-]+"
_LOCAL_PATH = re.compile(rf"/(?:{_NAME}(?:/{_NAME})*/?)?(?:[?#]\S*)?")


def token_of(request: HTTPConnection) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def user_of(services: Services, request: HTTPConnection) -> User | None:
    """Returns the signed-in user, or None; None too for one who must add a second factor before anything else.

    One to three indexed reads; cheap enough for the event loop.
    """
    user = user_without_factor_check(services, request)
    return None if user is None or second_factor.is_missing(services.database, user) else user


def user_without_factor_check(services: Services, request: HTTPConnection) -> User | None:
    """Returns the signed-in user, also one who may do nothing yet but add a second factor.

    None if a trusted proxy names somebody else: they signed in there after this session had started.
    """
    user = login_sessions.user_of(services.database, token_of(request), clock=services.clock)
    if user is None or not services.settings.auth_header:
        return user
    return user if proxy_email(services.settings, request) in {None, user.email} else None


def proxy_email(settings: Settings, request: HTTPConnection) -> str | None:
    """Returns the e-mail address that a trusted proxy names in PROPRIUM_AUTH_HEADER; None without one.

    Anybody else may send the header too: it counts from the addresses in PROPRIUM_TRUSTED_PROXIES alone, and once.
    """
    if not settings.auth_header or request.client is None:
        return None
    peer = canonical_ip(request.client.host)
    values = request.headers.getlist(settings.auth_header)
    if peer is None or len(values) != 1 or not any(ip_address(peer) in each for each in settings.trusted_proxies):
        return None
    return values[0].strip().lower() or None


def require_user(services: Services, request: HTTPConnection) -> User:
    """Returns the signed-in user.

    Otherwise redirects to the sign-in page, which leads back to this one.
    """
    if user := user_of(services, request):
        return user
    if user_without_factor_check(services, request):
        raise HTTPException(303, headers={"Location": FACTOR_SETUP_PATH})
    raise HTTPException(303, headers={"Location": sign_in_url(request)})


def require_owner(services: Services, request: HTTPConnection) -> User:
    """Returns the signed-in owner of the server; to members, its pages look missing. Redirects as `require_user`."""
    if is_owner(user := require_user(services, request)):
        return user
    raise HTTPException(404)


def actor_of(services: Services, request: HTTPConnection, user: User) -> Actor:
    """Returns the user of a request, or of an open page, as the audit log names them."""
    return Actor.of_user(user, services.address_of(request))


def sign_in_url(request: HTTPConnection) -> str:
    """Returns the URL of the sign-in page, which leads back to the page of `request`."""
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(target, safe='/')}"


def current_user(services: Services) -> User | None:
    """Returns the user of the open page.

    Handlers that change data call it each time: the session may have ended.
    """
    return user_of(services, ui.context.client.request)


def current_actor(services: Services) -> Actor:
    """Returns the user of the open page as the audit log names them. Raises SignInRequired once their session ended."""
    if (user := current_user(services)) is None:
        raise SignInRequired(_("Your session has ended. Sign in and try again."))
    return actor_of(services, ui.context.client.request, user)


def owner_of_server(services: Services, request: HTTPConnection) -> tuple[User, Actor]:
    """Returns the owner of the server who has a page open, for a change that they make. Raises NotFound."""
    user = user_of(services, request)
    if user is None or not is_owner(user):
        raise NotFound(_("Only owners of this server can do that."))
    return user, actor_of(services, request, user)


def safe_redirect_target(target: str) -> str:
    """Returns `target` if it is a path on this server, else the property list. Prevents open redirects.

    Browsers read a backslash as a slash, drop tabs and line breaks, and read a host after two slashes. Paths of this
    server need none of that: plain names between single slashes, then any query.
    """
    return target if _LOCAL_PATH.fullmatch(target) and target.isprintable() else HOME_PATH


def set_cookie(response: Response, token: str, *, is_https: bool) -> None:
    """Sets the session cookie: HttpOnly, and SameSite=Lax, so that forms of other sites do not send it."""
    max_age_s = int(login_sessions.SESSION_LIFETIME.total_seconds())
    response.set_cookie(
        SESSION_COOKIE, token, max_age=max_age_s, path="/", httponly=True, samesite="lax", secure=is_https
    )


def delete_cookie(response: Response, *, is_https: bool) -> None:
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=is_https)


def keep_device(response: Response, device_cookie: str, *, is_https: bool) -> None:
    """Sets the device cookie, which identifies this browser at its next sign-in.

    It grants no access.
    """
    response.set_cookie(
        DEVICE_COOKIE,
        device_cookie,
        max_age=int(devices.COOKIE_LIFETIME.total_seconds()),
        path=DEVICE_PATH,
        httponly=True,
        samesite="lax",
        secure=is_https,
    )


def is_owner(user: User | None) -> bool:
    """Returns True for owners, who may change settings of the server itself."""
    return user is not None and user.role == Role.OWNER
