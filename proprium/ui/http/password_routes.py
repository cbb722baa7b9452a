"""Form posts for forgotten passwords: ask for a link, and set a new password with it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from nicegui import background_tasks
from starlette.responses import RedirectResponse

from proprium.accounts import password_reset
from proprium.errors import InvalidLink, UserFacingError
from proprium.i18n import gettext as _
from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http import page_access
from proprium.ui.http.forms import FormText, redirect_back
from proprium.ui.http.security import reject_cross_origin
from proprium.ui.services import Services


def router(services: Services, address_of: ClientAddressOf = peer_address) -> APIRouter:
    settings, database = services.settings, services.database
    routes = APIRouter(
        prefix="/auth", include_in_schema=False, dependencies=[Depends(reject_cross_origin(settings.public_url))]
    )

    @routes.post("/password-reset")
    async def ask_for_link(request: Request, email: FormText) -> RedirectResponse:
        """Answers at once and the same for every address; the account is looked up after that."""
        try:
            services.mail_throttle.count_request(address_of(request))
        except UserFacingError as problem:
            return redirect_back("/password-reset", problem)
        if services.mail.is_available and services.mail_throttle.allows_mail(email):
            send = partial(password_reset.send_link, database, services.mail, email, clock=services.clock)
            background_tasks.create(asyncio.to_thread(send), name="send reset link")
        message = _("If an account has this address, a mail with a link is on its way. The link works for one hour.")
        return redirect_back("/password-reset", message, "good")

    @routes.post("/new-password")
    async def set_password(
        request: Request, token: Annotated[str, Form(max_length=1_000)], password: FormText
    ) -> RedirectResponse:
        address = address_of(request)
        work = partial(password_reset.reset_password, database, token, password, address=address, clock=services.clock)
        try:
            services.attempts.count_attempt(None, address)
            await asyncio.to_thread(password_reset.find_user, database, token, clock=services.clock)
            await services.hashing.run(work)
        except InvalidLink:
            raise
        except UserFacingError as problem:
            return redirect_back(password_reset.PAGE_PATH, problem, token=token)
        await page_access.end_pages(services)
        return redirect_back("/login", _("Your password is changed. Sign in with it."), "good")

    return routes
