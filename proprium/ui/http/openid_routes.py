"""Sign-in with OpenID Connect: the way to the provider, and the way back."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse

from proprium.accounts.external_sign_in import user_of_identity
from proprium.accounts.openid import CALLBACK_PATH, FLOW_LIFETIME, OpenIdProvider
from proprium.errors import UserFacingError
from proprium.ui import session
from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http.forms import redirect_back
from proprium.ui.http.sign_in import SignIn
from proprium.ui.services import Services

START_PATH = "/auth/openid"
STATE_COOKIE = "proprium_openid"


def router(services: Services, address_of: ClientAddressOf = peer_address) -> APIRouter:
    """Returns the routes, none without a provider. They are links, not forms: the provider leads back from its site."""
    settings, sign_in = services.settings, SignIn(services)
    routes = APIRouter(include_in_schema=False)
    if not settings.oidc_issuer:
        return routes
    provider = OpenIdProvider(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret,
        settings.public_url,
        clock=services.clock,
    )
    cookie = {"path": START_PATH, "httponly": True, "samesite": "lax", "secure": settings.is_https}

    @routes.get(START_PATH)
    async def start(request: Request, next: Annotated[str, Query(max_length=2_000)] = "") -> RedirectResponse:
        try:
            services.attempts.count_attempt(None, address_of(request))
            url, state = await provider.start(services.states, session.safe_redirect_target(next))
        except UserFacingError as problem:
            return redirect_back("/login", problem, next=next)
        response = RedirectResponse(url, 303)
        response.set_cookie(STATE_COOKIE, state, max_age=int(FLOW_LIFETIME.total_seconds()), **cookie)  # type: ignore[arg-type]
        return response

    @routes.get(CALLBACK_PATH)
    async def finish(request: Request) -> RedirectResponse:
        try:
            state = request.cookies.get(STATE_COOKIE)
            identity, target = await provider.finish(services.states, state, request.query_params)
            find = partial(
                user_of_identity,
                services.database,
                identity,
                allowed_domains=settings.oidc_allowed_domains,
                creates_users=settings.oidc_creates_users,
            )
            user = await asyncio.to_thread(find)
        except UserFacingError as problem:
            response = redirect_back("/login", problem)
        else:
            response = RedirectResponse(session.safe_redirect_target(target), 303)
            await asyncio.to_thread(sign_in.complete, request, response, user)
        response.delete_cookie(STATE_COOKIE, **cookie)  # type: ignore[arg-type]
        return response

    return routes
