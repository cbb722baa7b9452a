"""Second factors: the second step of a sign-in, and adding and removing factors on the account page."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Form, Request
from starlette.responses import JSONResponse, RedirectResponse

from proprium.accounts import login_sessions, passkeys, second_factor
from proprium.accounts.audit import Action, Actor, record
from proprium.accounts.passkeys import RelyingParty
from proprium.errors import Forbidden, SignInRequired, UserFacingError
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import flash, session
from proprium.ui.client_address import ClientAddressOf, peer_address
from proprium.ui.http import page_access
from proprium.ui.http.forms import FormText, redirect_back
from proprium.ui.http.security import reject_cross_origin
from proprium.ui.http.sign_in import SECOND_STEP_PATH, SignIn, pending_user, use_pending
from proprium.ui.services import Services

CODES_PATH = "/account/recovery-codes"
APP_SECRET = "authenticator secret"
"""Purpose of the signed state that carries a new secret from the page with the QR code to its confirmation."""

Json = dict[str, Any]
State = Annotated[str, Body(max_length=4_000)]
Credential = Annotated[Json, Body()]


def router(services: Services, address_of: ClientAddressOf = peer_address) -> APIRouter:
    database, states, sign_in = services.database, services.states, SignIn(services)
    party = RelyingParty.of(services.settings.public_url)
    routes = APIRouter(
        prefix="/auth",
        include_in_schema=False,
        dependencies=[Depends(reject_cross_origin(services.settings.public_url))],
    )

    def actor_of(request: Request, user: User) -> Actor:
        return Actor.of_user(user, address_of(request))

    def signed_in_user(request: Request) -> User:
        if (user := session.user_without_factor_check(services, request)) is None:
            raise SignInRequired(_("Your session has ended. Sign in and try again."))
        return user

    async def check_own_password(request: Request, user: User, password: str) -> None:
        """Raises UserFacingError unless this is the user's password; a user without one types a code instead."""

        def check() -> None:
            device = session.token_of(request)
            if user.password_hash:
                login_sessions.check_password(
                    database,
                    user.email,
                    password,
                    throttle=services.attempts,
                    address=address_of(request),
                    device=device,
                )
                return
            services.factor_attempts.count_attempt(user.id, device)
            if not second_factor.use_code(database, user.id, password, clock=services.clock):
                raise Forbidden(_("This code is wrong, expired or was used before."))

        try:
            await services.hashing.run(check, is_known=True)
        except SignInRequired:
            raise UserFacingError(_("The password is incorrect. Nothing was changed.")) from None

    # ---- the second step of a sign-in

    @routes.post("/second-factor")
    async def check_code(request: Request, code: FormText) -> RedirectResponse:
        if (pending := pending_user(services, request)) is None:
            return redirect_back("/login", _("This took too long. Sign in again."))
        user, target = pending
        device = sign_in.device_of(request, user)
        try:
            services.factor_attempts.count_attempt(user.id, device)
        except UserFacingError as problem:
            return redirect_back(SECOND_STEP_PATH, problem)
        is_right = await asyncio.to_thread(
            partial(second_factor.use_code, database, user.id, code, clock=services.clock)
        )
        if not is_right:
            await asyncio.to_thread(_record_failure, services, actor_of(request, user))
            return redirect_back(SECOND_STEP_PATH, _("This code is wrong, expired or was used before."))
        if not use_pending(services, request):
            return redirect_back("/login", _("This took too long. Sign in again."))
        services.factor_attempts.record_success(user.id, device)
        response = RedirectResponse(target, 303)
        await asyncio.to_thread(sign_in.complete, request, response, user)
        return response

    @routes.post("/passkey/sign-in-options")
    async def passkey_options(request: Request) -> Json:
        pending = pending_user(services, request)
        user_id = pending[0].id if pending else None
        return await asyncio.to_thread(passkeys.signing_in_options, database, party, states, user_id)

    @routes.post("/passkey/sign-in")
    async def passkey_sign_in(
        request: Request, state: State, credential: Credential, next: Annotated[str, Body(max_length=2_000)] = ""
    ) -> JSONResponse:
        try:
            services.attempts.count_attempt(None, address_of(request))
            user = await asyncio.to_thread(
                partial(passkeys.check, database, party, states, state, credential, clock=services.clock)
            )
        except UserFacingError as problem:
            return _problem(problem)
        pending = pending_user(services, request)
        is_second_step = pending is not None and pending[0].id == user.id and use_pending(services, request)
        target = pending[1] if pending and is_second_step else session.safe_redirect_target(next)
        response = JSONResponse({"location": target})
        await asyncio.to_thread(sign_in.complete, request, response, user)
        return response

    # ---- factors of the account

    @routes.post("/authenticator")
    async def enable_app(
        request: Request, state: Annotated[str, Form(max_length=4_000)], code: FormText
    ) -> RedirectResponse:
        user = signed_in_user(request)
        values = states.read(APP_SECRET, state)
        if values is None or values["user"] != str(user.id):
            return redirect_back(session.FACTOR_SETUP_PATH, _("This took too long. Scan the new code and try again."))
        work = partial(
            second_factor.enable_app,
            database,
            user.id,
            values["secret"],
            code,
            actor=actor_of(request, user),
            clock=services.clock,
        )
        try:
            codes = await asyncio.to_thread(work)
        except UserFacingError as problem:
            return redirect_back(session.FACTOR_SETUP_PATH, problem, state=state)
        return _show_codes(codes, _("The authenticator app is on."))

    @routes.post("/authenticator/off")
    async def disable_app(request: Request, password: FormText) -> RedirectResponse:
        user = signed_in_user(request)
        try:
            await check_own_password(request, user, password)
            await asyncio.to_thread(
                partial(second_factor.disable_app, database, user.id, actor=actor_of(request, user))
            )
        except UserFacingError as problem:
            return redirect_back("/account", problem)
        return redirect_back("/account", _("The authenticator app is off."), "good")

    @routes.post("/recovery-codes")
    async def renew_codes(request: Request, password: FormText) -> RedirectResponse:
        user = signed_in_user(request)
        try:
            await check_own_password(request, user, password)
            codes = await asyncio.to_thread(
                partial(second_factor.renew_recovery_codes, database, user.id, actor=actor_of(request, user))
            )
        except UserFacingError as problem:
            return redirect_back("/account", problem)
        return _show_codes(codes, "")

    @routes.post("/passkey/options")
    async def new_passkey_options(request: Request) -> Json:
        return await asyncio.to_thread(passkeys.adding_options, database, party, states, signed_in_user(request))

    @routes.post("/passkey")
    async def add_passkey(
        request: Request, state: State, credential: Credential, name: Annotated[str, Body(max_length=1_000)] = ""
    ) -> JSONResponse:
        user = signed_in_user(request)
        actor = actor_of(request, user)
        try:
            codes = await asyncio.to_thread(
                partial(passkeys.add, database, party, states, user.id, state, credential, name, actor=actor)
            )
        except UserFacingError as problem:
            return _problem(problem)
        return JSONResponse({"location": _show_codes(codes, _("The passkey is added.")).headers["location"]})

    @routes.post("/passkey/rename")
    def rename_passkey(request: Request, passkey: Annotated[UUID, Form()], name: FormText = "") -> RedirectResponse:
        user = signed_in_user(request)
        try:
            passkeys.rename(database, user.id, passkey, name)
        except UserFacingError as problem:
            return redirect_back("/account", problem)
        return redirect_back("/account", _("Saved."), "good")

    @routes.post("/passkey/remove")
    async def remove_passkey(request: Request, passkey: Annotated[UUID, Form()]) -> RedirectResponse:
        user = signed_in_user(request)
        actor = actor_of(request, user)
        try:
            await asyncio.to_thread(partial(passkeys.remove, database, user.id, passkey, actor=actor))
        except UserFacingError as problem:
            return redirect_back("/account", problem)
        return redirect_back("/account", _("The passkey is removed."), "good")

    @routes.post("/require-second-factor")
    async def require_second_factor(request: Request, value: FormText = "") -> RedirectResponse:
        user = session.user_of(services, request)
        if user is None or not session.is_owner(user):
            raise Forbidden(_("Only owners of this server may change this."))
        actor = actor_of(request, user)
        try:
            await asyncio.to_thread(partial(second_factor.set_required, database, value == "yes", actor=actor))
        except UserFacingError as problem:
            return redirect_back("/settings/sign-in", problem)
        await page_access.end_pages(services)
        return redirect_back("/settings/sign-in", _("Saved."), "good")

    return routes


def _problem(problem: UserFacingError) -> JSONResponse:
    return JSONResponse({"detail": str(problem)}, problem.status)


def _show_codes(codes: list[str], message: str) -> RedirectResponse:
    """Leads to the page that shows new recovery codes once, or back to the account page if there are none."""
    if not codes:
        return redirect_back("/account", message, "good")
    return RedirectResponse(f"{CODES_PATH}?said={flash.put(' '.join(codes), 'good')}", 303)


def _record_failure(services: Services, actor: Actor) -> None:
    with services.database.write_transaction() as session_:
        record(session_, Action.SIGN_IN_FAILED, actor, target=actor.name)
