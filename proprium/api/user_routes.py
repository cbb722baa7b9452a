"""Management endpoints of accounts and invitations, for owners of the instance."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from fastapi import APIRouter, Request, Security
from pydantic import BaseModel
from starlette.responses import Response

from proprium.accounts import invitations, users
from proprium.api import management_models as models
from proprium.api.event_routes import BEARER
from proprium.api.management import ManagementRequest, Manager, openapi_options
from proprium.api.parameters import HAND_OVER_TO, path_parameter
from proprium.api.property_routes import EMAIL
from proprium.errors import NotFound
from proprium.storage.tables import Role

INVITATION = path_parameter(
    "invitation_id", "The invitation's id.", "2f0c1f8e-2c5b-4b52-8a0e-9d5b1f6f3c11", format="uuid"
)
FOR_OWNERS = "For owners of the instance."


def routes(manager: Manager, public_url: str) -> APIRouter:
    """Returns the router; `public_url` is the base of invitation links."""
    router = APIRouter(prefix="/users", dependencies=[Security(BEARER)])
    _add_invitation_routes(router, manager, public_url)  # first: `invitations` is no e-mail address
    _add_user_routes(router, manager)
    return router


def _add_user_routes(router: APIRouter, manager: Manager) -> None:
    @router.get("", **openapi_options("users", "List users", FOR_OWNERS, response=models.Users))
    async def list_users(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            call.require_owner()
            return models.Users(users=[_serialize_user(summary) for summary in users.summaries(call.database)])

        return await manager.run(request, handle)

    @router.patch(
        "/{email}",
        **openapi_options(
            "changeUser",
            "Change a user's rights",
            f"{FOR_OWNERS} The last owner stays one.",
            path_parameters=[EMAIL],
            body=models.UserRights,
            response=models.User,
        ),
    )
    async def change_user(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            call.require_owner()
            rights = call.parse(models.UserRights)
            user = users.find(call.database, request.path_params["email"])
            role, may_create = rights.role or Role(user.role), rights.may_create_properties
            users.set_role(call.database, user.id, role, may_create=may_create, actor=call.actor)
            summaries = users.summaries(call.database)
            return _serialize_user(next(summary for summary in summaries if summary.user.id == user.id))

        return await manager.run(request, handle)

    @router.delete(
        "/{email}",
        **openapi_options(
            "removeUser",
            "Remove a user",
            f"{FOR_OWNERS} Their properties go to the user of hand_over_to; without one they stay, for the owners.",
            path_parameters=[EMAIL, HAND_OVER_TO],
        ),
    )
    async def remove_user(request: Request) -> Response:
        def handle(call: ManagementRequest) -> None:
            call.require_owner()
            hand_over_to = call.parameters.get("hand_over_to")
            users.remove(call.database, request.path_params["email"], hand_over_to=hand_over_to, actor=call.actor)

        return await manager.run(request, handle, allowed_parameters=[HAND_OVER_TO])


def _add_invitation_routes(router: APIRouter, manager: Manager, public_url: str) -> None:
    @router.get(
        "/invitations",
        **openapi_options("invitations", "List open invitations", FOR_OWNERS, response=models.Invitations),
    )
    async def list_invitations(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            call.require_owner()
            return models.Invitations(
                invitations=[_serialize_invitation(each) for each in invitations.list_open(call.database)]
            )

        return await manager.run(request, handle)

    @router.post(
        "/invitations",
        **openapi_options(
            "invite",
            "Invite somebody",
            f"{FOR_OWNERS} Returns the link to send; it works once, within {invitations.LIFETIME.days} days.",
            body=models.NewInvitation,
            response=models.InvitationLink,
            status=201,
        ),
    )
    async def invite(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            call.require_owner()
            invitation = call.parse(models.NewInvitation)
            token = invitations.invite(
                call.database,
                invitation.email,
                role=invitation.role,
                may_create=invitation.may_create_properties,
                roles={each.property_id: each.role for each in invitation.access},
                sender=call.user,
                actor=call.actor,
            )
            link = f"{public_url}{invitations.PATH}?token={token}"
            return models.InvitationLink(email=users.validate_email(invitation.email), link=link)

        return await manager.run(request, handle, 201)

    @router.delete(
        "/invitations/{invitation_id}",
        **openapi_options("revokeInvitation", "Revoke an invitation", FOR_OWNERS, path_parameters=[INVITATION]),
    )
    async def revoke_invitation(request: Request) -> Response:
        def handle(call: ManagementRequest) -> None:
            call.require_owner()
            text = request.path_params["invitation_id"]
            try:
                invitation_id = UUID(text)
            except ValueError:
                raise NotFound(f"No invitation {text[:40]!r}.") from None
            invitations.revoke(call.database, invitation_id, sender=call.user, actor=call.actor)

        return await manager.run(request, handle)


def _serialize_user(summary: users.UserSummary) -> models.User:
    user = summary.user
    return models.User(
        email=user.email,
        name=user.name,
        role=Role(user.role),
        may_create_properties=user.may_create_properties,
        has_second_factor=summary.has_second_factor,
        created_at=user.created_at.astimezone(UTC),
        last_seen=user.seen_at.astimezone(UTC) if user.seen_at else None,
    )


def _serialize_invitation(invitation: invitations.Invitation) -> models.Invitation:
    return models.Invitation(
        id=invitation.id,
        email=invitation.email,
        role=invitation.role,
        may_create_properties=invitation.may_create_properties,
        access=[models.InvitedAccess(property_id=id_, role=role) for id_, role in invitation.access.items()],
        expires_at=invitation.expires_at.astimezone(UTC),
    )
