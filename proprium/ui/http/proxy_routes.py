"""Sign-in by a header of a trusted proxy, such as Authelia or oauth2-proxy, which has signed the person in."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse

from proprium.accounts.external_sign_in import user_of_proxy
from proprium.errors import UserFacingError
from proprium.ui import session
from proprium.ui.http.forms import redirect_back
from proprium.ui.http.sign_in import SignIn
from proprium.ui.services import Services


def router(services: Services) -> APIRouter:
    sign_in = SignIn(services)
    routes = APIRouter(include_in_schema=False)

    @routes.get(session.PROXY_SIGN_IN_PATH)
    async def sign_in_by_proxy(
        request: Request, next: Annotated[str, Query(max_length=2_000)] = ""
    ) -> RedirectResponse:
        """Starts a session for the person whom the proxy names; others are led to the sign-in page."""
        target = session.safe_redirect_target(next)
        if (email := session.proxy_email(services.settings, request)) is None:
            return RedirectResponse("/login", 303)
        creates_users = services.settings.auth_header_creates_users
        try:
            user = await asyncio.to_thread(
                partial(user_of_proxy, services.database, email, creates_users=creates_users)
            )
        except UserFacingError as problem:
            return redirect_back("/login", problem)
        response = RedirectResponse(target, 303)
        await asyncio.to_thread(sign_in.complete, request, response, user)
        return response

    return routes
