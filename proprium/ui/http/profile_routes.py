"""Form posts of the account page: name, e-mail address, and the confirmation of a new one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse

from proprium.accounts import email_change, login_sessions, users
from proprium.accounts.audit import Actor
from proprium.errors import InvalidLink, SignInRequired, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import session
from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http.forms import FormText, redirect_back
from proprium.ui.http.security import reject_cross_origin
from proprium.ui.services import Services


def router(services: Services, address_of: ClientAddressOf = peer_address) -> APIRouter:
    database, clock = services.database, services.clock
    routes = APIRouter(
        prefix="/auth",
        include_in_schema=False,
        dependencies=[Depends(reject_cross_origin(services.settings.public_url))],
    )

    def signed_in_user(request: Request) -> User:
        if (user := session.user_of(services, request)) is None:
            raise SignInRequired(_("Your session has ended. Sign in and try again."))
        return user

    async def check_password(request: Request, user: User, password: str) -> None:
        """Raises UserFacingError unless this is the user's password."""
        check = partial(
            login_sessions.check_password,
            database,
            user.email,
            password,
            throttle=services.attempts,
            address=address_of(request),
            device=session.token_of(request),
        )
        try:
            await services.hashing.run(check, is_known=True)
        except SignInRequired:
            raise UserFacingError(_("A new e-mail address needs your password. Nothing was changed.")) from None

    @routes.post("/profile")
    async def profile(request: Request, name: FormText, email: FormText, current: FormText = "") -> RedirectResponse:
        user = signed_in_user(request)
        try:
            new_email = users.validate_email(email)
            needs_link = new_email != user.email and services.mail.is_available
            if new_email != user.email and not needs_link:
                await check_password(request, user, current)
            kept_email = user.email if needs_link else new_email
            actor = Actor.of_user(user, address_of(request))
            await asyncio.to_thread(
                partial(users.set_profile, database, user.id, name=name, email=kept_email, actor=actor)
            )
            if not needs_link:
                return redirect_back("/account", _("Saved."), "good")
            services.mail_throttle.count_request(address_of(request))
            if services.mail_throttle.allows_mail(new_email):
                ask = partial(email_change.ask_confirmation, database, services.mail, user.id, new_email, clock=clock)
                await asyncio.to_thread(ask)
        except UserFacingError as problem:
            return redirect_back("/account", problem)
        message = _("Saved. Open the link that was sent to {email} to change the address.", email=new_email)
        return redirect_back("/account", message, "good")

    @routes.post("/e-mail")
    async def confirm_email(request: Request, token: Annotated[str, Form(max_length=1_000)]) -> RedirectResponse:
        try:
            services.attempts.count_attempt(None, address_of(request))
            work = partial(
                email_change.confirm, database, services.mail, token, address=address_of(request), clock=clock
            )
            user = await asyncio.to_thread(work)
        except InvalidLink:
            raise
        except UserFacingError as problem:
            return redirect_back("/login", problem)
        path = "/account" if session.user_of(services, request) else "/login"
        return redirect_back(path, _("Your e-mail address is {email} now.", email=user.email), "good")

    return routes
