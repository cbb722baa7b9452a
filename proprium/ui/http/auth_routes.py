"""Authentication routes: form posts for setup, sign-in, sign-out and password, answered by redirects."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse

from proprium.accounts import invitations, login_sessions, second_factor, setup, users
from proprium.accounts.audit import Actor
from proprium.errors import InvalidInvitation, SignInRequired, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import session
from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http import page_access
from proprium.ui.http.forms import FormText, redirect_back
from proprium.ui.http.security import reject_cross_origin
from proprium.ui.http.sign_in import SignIn
from proprium.ui.services import Services


def router(services: Services, address_of: ClientAddressOf = peer_address) -> APIRouter:
    """Returns the routes. `address_of` identifies the client for the login throttle."""
    settings, database = services.settings, services.database
    routes = APIRouter(
        prefix="/auth", include_in_schema=False, dependencies=[Depends(reject_cross_origin(settings.public_url))]
    )
    second_step = SignIn(services)

    def start_session(request: Request, user: User, target: str, *, is_sign_in: bool = True) -> RedirectResponse:
        """Starts a session for a user who has just authenticated, and signs the browser in."""
        response = RedirectResponse(target, 303)
        second_step.complete(request, response, user, is_sign_in=is_sign_in)
        return response

    def actor_of(request: Request, user: User) -> Actor:
        return Actor.of_user(user, address_of(request))

    def first_step(request: Request, user: User, target: str) -> RedirectResponse:
        """Signs a user in whose password was right, or asks for their second factor first."""
        if second_factor.is_enabled(database, user):
            return second_step.ask_second_factor(user, target)
        return start_session(request, user, target)

    def signed_in_user(request: Request) -> User:
        if (user := session.user_of(services, request)) is None:
            raise SignInRequired(_("Your session has ended. Sign in and try again."))
        return user

    @routes.post("/setup")
    async def set_up(
        request: Request,
        token: FormText,
        email: FormText,
        password: FormText,
        name: FormText = "",
        sample: FormText = "",
    ) -> RedirectResponse:
        try:
            services.attempts.count_attempt(None, address_of(request))
            work = partial(setup.complete_setup, database, token, email, name, password, address=address_of(request))
            owner = await services.hashing.run(work)
        except UserFacingError as problem:
            return redirect_back("/setup", problem, token=token)
        if sample and services.add_sample is not None:
            asyncio.get_running_loop().run_in_executor(None, services.add_sample, owner.id)
        return await asyncio.to_thread(start_session, request, owner, session.HOME_PATH)

    @routes.post("/invitation")
    async def accept_invitation(
        request: Request, token: FormText, password: FormText, name: FormText = ""
    ) -> RedirectResponse:
        address = address_of(request)
        work = partial(invitations.accept, database, token, name, password, address=address, clock=services.clock)
        try:
            services.attempts.count_attempt(None, address)
            user = await services.hashing.run(work)
        except InvalidInvitation:
            raise
        except UserFacingError as problem:
            return redirect_back("/invitation", problem, token=token)
        return await asyncio.to_thread(start_session, request, user, session.HOME_PATH)

    @routes.post("/login")
    async def log_in(request: Request, email: FormText, password: FormText, next: FormText = "") -> RedirectResponse:
        address = address_of(request)
        device = second_step.devices.recognise(request.cookies.get(session.DEVICE_COOKIE), email)
        work = partial(
            login_sessions.check_password,
            database,
            email,
            password,
            throttle=services.attempts,
            address=address,
            device=device,
        )
        try:
            services.attempts.check(email, address, device)  # before it joins the queue
            user = await services.hashing.run(work, is_known=device is not None)
        except UserFacingError as problem:
            return redirect_back("/login", problem, next=next)
        return await asyncio.to_thread(first_step, request, user, session.safe_redirect_target(next))

    @routes.post("/logout")
    async def log_out(request: Request) -> RedirectResponse:
        await asyncio.to_thread(login_sessions.revoke_token, database, session.token_of(request))
        return await _sign_out_response(services)

    @routes.post("/everywhere")
    async def log_out_everywhere(request: Request) -> RedirectResponse:
        user = signed_in_user(request)
        actor = actor_of(request, user)
        await asyncio.to_thread(partial(login_sessions.revoke_all, database, user.id, actor=actor))
        return await _sign_out_response(services)

    @routes.post("/revoke")
    async def revoke(request: Request, login: Annotated[UUID, Form()]) -> RedirectResponse:
        user = signed_in_user(request)
        actor = actor_of(request, user)
        await asyncio.to_thread(partial(login_sessions.revoke, database, user.id, login, actor=actor))
        await page_access.end_pages(services)
        return redirect_back("/account", _("Session signed out."), "good")

    @routes.post("/password")
    async def password(request: Request, current: FormText, password: FormText) -> RedirectResponse:
        user, login = signed_in_user(request), session.token_of(request)

        def change_password() -> User:
            throttle = services.attempts
            try:  # the session's token has a login throttle of its own, like a known device
                login_sessions.check_password(
                    database, user.email, current, throttle=throttle, address=address_of(request), device=login
                )
            except SignInRequired:
                raise UserFacingError(_("The current password is incorrect. Nothing was changed.")) from None
            return users.set_password(database, user.email, password, actor=actor_of(request, user))

        try:
            services.attempts.check(user.email, device=login)
            updated_user = await services.hashing.run(change_password, is_known=True)
        except UserFacingError as problem:
            return redirect_back("/account", problem)
        response = await asyncio.to_thread(partial(start_session, request, updated_user, "/account", is_sign_in=False))
        await page_access.end_pages(services)
        return response

    return routes


async def _sign_out_response(services: Services) -> RedirectResponse:
    await page_access.end_pages(services)
    response = RedirectResponse("/login", 303)
    session.delete_cookie(response, is_https=services.settings.is_https)
    return response
