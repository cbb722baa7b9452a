"""The forms that sign in and out and change an account: plain posts, answered by a redirect."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse

from collector.user_agent import classify
from proprium.accounts import login_sessions, setup, users
from proprium.accounts.devices import Devices
from proprium.errors import PasswordQueueFull, ProblemForReader, SignInNeeded
from proprium.storage.tables import User
from proprium.ui import session
from proprium.ui.components import flash
from proprium.ui.http import page_access
from proprium.ui.http.security import AddressOf, peer_address, refuse_other_origins
from proprium.ui.services import Services

LONGEST = 1_000  # characters of any field; a password is hashed whole
Text = Annotated[str, Form(max_length=LONGEST)]


def router(services: Services, address_of: AddressOf = peer_address) -> APIRouter:
    """Mount it on our own FastAPI app. `address_of` names the client for the limit on guessing."""
    settings, database = services.settings, services.database
    routes = APIRouter(
        prefix="/auth", include_in_schema=False, dependencies=[Depends(refuse_other_origins(settings.public_url))]
    )
    is_https = settings.is_https
    devices = Devices(database)

    def enter(request: Request, user: User, target: str) -> RedirectResponse:
        """A new session for someone who has just proved who they are."""
        token = login_sessions.start(database, user.id, browser_of(request), replaces=session.token_of(request))
        return admit(request, user.email, token, target)

    def admit(request: Request, email: str, token: str, target: str) -> RedirectResponse:
        """Sets the cookies of a session, and of a browser that is known from now on. May write."""
        answer = RedirectResponse(target, 303)
        session.keep(answer, token, is_https=is_https)
        device_cookie = devices.issue(email, request.cookies.get(session.DEVICE_COOKIE))
        session.keep_device(answer, device_cookie, is_https=is_https)
        return answer

    def signed_in(request: Request) -> User:
        if (user := session.user_of(services, request)) is None:
            raise SignInNeeded("Your session has ended. Sign in and try again.")
        return user

    @routes.post("/setup")
    async def set_up(
        request: Request, token: Text, email: Text, password: Text, name: Text = "", sample: Text = ""
    ) -> RedirectResponse:
        try:
            services.attempts.begin(None, address_of(request))
            owner = await services.hashing.run(partial(setup.complete_setup, database, token, email, name, password))
        except ProblemForReader as problem:
            return _back("/setup", problem, token=token)
        if sample and services.add_sample is not None:
            asyncio.get_running_loop().run_in_executor(None, services.add_sample, owner.id)
        return await asyncio.to_thread(enter, request, owner, session.HOME)

    @routes.post("/login")
    async def log_in(request: Request, email: Text, password: Text, next: Text = "") -> RedirectResponse:
        address = address_of(request)
        device = devices.recognise(request.cookies.get(session.DEVICE_COOKIE), email)
        work = partial(
            login_sessions.log_in,
            database,
            email,
            password,
            browser_of(request),
            attempts=services.attempts,
            replaces=session.token_of(request),
            address=address,
            device=device,
        )
        try:
            services.attempts.check(email, address, device)  # before it takes a place in the queue
            token = await services.hashing.run(work, is_known=device is not None)
        except ProblemForReader as problem:
            return _back("/login", problem, next=next)
        return await asyncio.to_thread(admit, request, email, token, session.safe_next(next))

    @routes.post("/logout")
    async def log_out(request: Request) -> RedirectResponse:
        await asyncio.to_thread(login_sessions.revoke_token, database, session.token_of(request))
        return await _signed_out(services)

    @routes.post("/everywhere")
    async def log_out_everywhere(request: Request) -> RedirectResponse:
        await asyncio.to_thread(login_sessions.revoke_all, database, signed_in(request).id)
        return await _signed_out(services)

    @routes.post("/revoke")
    async def revoke(request: Request, login: Annotated[UUID, Form()]) -> RedirectResponse:
        await asyncio.to_thread(login_sessions.revoke, database, signed_in(request).id, login)
        await page_access.end_pages(services)
        return _back("/account", "Signed out there.", "good")

    @routes.post("/profile")
    def profile(request: Request, name: Text, email: Text) -> RedirectResponse:
        user = signed_in(request)
        try:
            users.set_profile(database, user.id, name=name, email=email)
        except ProblemForReader as problem:
            return _back("/account", problem)
        return _back("/account", "Saved.", "good")

    @routes.post("/password")
    async def password(request: Request, current: Text, password: Text) -> RedirectResponse:
        user, login = signed_in(request), session.token_of(request)
        try:
            services.attempts.check(user.email, device=login)
            changed = await services.hashing.run(
                partial(_change_password, services, user, current, password, login), is_known=True
            )
        except ProblemForReader as problem:
            return _back("/account", problem)
        answer = await asyncio.to_thread(enter, request, changed, "/account")
        await page_access.end_pages(services)
        return answer

    return routes


def browser_of(request: Request) -> str:
    """ "Firefox on Linux": what the account page shows of a session."""
    agent = classify(request.headers.get("user-agent", ""))
    return f"{agent.browser or 'A browser'} on {agent.platform or 'an unknown system'}"


def _change_password(services: Services, user: User, current: str, new: str, login: str) -> User:
    """`login` is the token of the session: it has a limit of its own on guessing, as a known browser has."""
    try:
        proof = login_sessions.log_in(services.database, user.email, current, attempts=services.attempts, device=login)
    except SignInNeeded:
        raise ProblemForReader("The current password is not right. Nothing was changed.") from None
    try:
        return users.set_password(services.database, user.email, new)
    finally:
        login_sessions.revoke_token(services.database, proof)


async def _signed_out(services: Services) -> RedirectResponse:
    await page_access.end_pages(services)
    answer = RedirectResponse("/login", 303)
    session.forget(answer, is_https=services.settings.is_https)
    return answer


def _back(path: str, said: ProblemForReader | str, kind: str = "bad", **parameters: str) -> RedirectResponse:
    """To the form again, with a sentence above it; but a full queue is answered with 503 and Retry-After."""
    if isinstance(said, PasswordQueueFull):
        raise said
    query = urlencode(
        {name: value for name, value in parameters.items() if value} | {"said": flash.put(str(said), kind)}
    )
    return RedirectResponse(f"{path}?{query}", 303)
