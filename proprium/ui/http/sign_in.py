"""Completion of a sign-in: session and device cookies, and the step between password and second factor."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from uuid import UUID

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from proprium.accounts import login_sessions, users
from proprium.accounts.audit import Actor
from proprium.accounts.devices import DeviceCookies
from proprium.storage.tables import User
from proprium.ui import session
from proprium.ui.http.forms import browser_label
from proprium.ui.services import Services

PENDING_COOKIE = "proprium_pending"
"""Signed proof that the password was right; it grants nothing but the second step."""
PENDING_LIFETIME = timedelta(minutes=10)
PENDING = "second factor"
SECOND_STEP_PATH = "/login/second-factor"


class SignIn:
    """Signs browsers in on one server."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.devices = DeviceCookies(services.database)

    def complete(self, request: Request, response: Response, user: User, *, is_sign_in: bool = True) -> None:
        """Starts a session for a user who has authenticated, and sets its cookies. Writes to storage.

        `is_sign_in` is False for a session that continues another one, which the audit log does not record.
        """
        services, is_https = self._services, self._services.settings.is_https
        token = login_sessions.start_session(
            services.database,
            user.id,
            browser_label(request),
            replaced_token=session.token_of(request),
            actor=Actor.of_user(user, services.address_of(request)) if is_sign_in else None,
            clock=services.clock,
        )
        session.set_cookie(response, token, is_https=is_https)
        device_cookie = self.devices.issue(user.email, request.cookies.get(session.DEVICE_COOKIE))
        session.keep_device(response, device_cookie, is_https=is_https)
        if PENDING_COOKIE in request.cookies:
            response.delete_cookie(PENDING_COOKIE, path="/", httponly=True, samesite="lax", secure=is_https)

    def ask_second_factor(self, user: User, target: str) -> RedirectResponse:
        """Leads to the second step; the browser has no session before it. Writes to storage once."""
        values = {"user": str(user.id), "password": _fingerprint(user), "target": target}
        state = self._services.states.issue(PENDING, values, PENDING_LIFETIME)
        response = RedirectResponse(SECOND_STEP_PATH, 303)
        response.set_cookie(
            PENDING_COOKIE,
            state,
            max_age=int(PENDING_LIFETIME.total_seconds()),
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._services.settings.is_https,
        )
        return response

    def device_of(self, request: HTTPConnection, user: User) -> str | None:
        return self.devices.recognise(request.cookies.get(session.DEVICE_COOKIE), user.email)


def pending_user(services: Services, request: HTTPConnection) -> tuple[User, str] | None:
    """Returns the user whose password was right, and where they want to go; None once that is used or too old."""
    values = services.states.read(PENDING, request.cookies.get(PENDING_COOKIE))
    user = users.find_by_id(services.database, UUID(values["user"])) if values else None
    if values is None or user is None or values["password"] != _fingerprint(user):
        return None
    return user, session.safe_redirect_target(values["target"])


def use_pending(services: Services, request: HTTPConnection) -> bool:
    """Uses the pending sign-in up; False if another request was faster."""
    return services.states.redeem(PENDING, request.cookies.get(PENDING_COOKIE)) is not None


def _fingerprint(user: User) -> str:
    """Returns a value that changes with the password, so that a changed one ends pending sign-ins."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:16]
