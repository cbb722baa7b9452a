"""Helpers of form posts: field lengths, and the redirect back to a form with a message above it."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form, Request
from starlette.responses import RedirectResponse

from collector.user_agent import classify
from proprium.errors import PasswordQueueFull, UserFacingError
from proprium.i18n import gettext as _
from proprium.ui import flash

MAX_FIELD_LENGTH = 1_000  # characters of any field; a password is hashed whole
FormText = Annotated[str, Form(max_length=MAX_FIELD_LENGTH)]


def redirect_back(path: str, message: UserFacingError | str, kind: str = "bad", **parameters: str) -> RedirectResponse:
    """Redirects back to the form with a message above it.

    Raises PasswordQueueFull (503 with Retry-After) instead.
    """
    if isinstance(message, PasswordQueueFull):
        raise message
    query = urlencode(
        {name: value for name, value in parameters.items() if value} | {"said": flash.put(str(message), kind)}
    )
    return RedirectResponse(f"{path}?{query}", 303)


def browser_label(request: Request) -> str:
    """Returns a session's label on the account page: "Firefox on Linux"."""
    agent = classify(request.headers.get("user-agent", ""))
    if agent.browser and agent.platform:
        return _("{browser} on {system}", browser=agent.browser, system=agent.platform)
    return agent.browser or agent.platform or ""
