"""Management endpoints of properties: create, change, delete, goals, segments, members and transfer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter, Request, Security
from pydantic import BaseModel
from starlette.responses import Response

from proprium.accounts import users
from proprium.api import management_models as models
from proprium.api.event_routes import BEARER
from proprium.api.management import ManagementRequest, Manager, openapi_options
from proprium.api.parameters import PROPERTY, path_parameter
from proprium.errors import Conflict, Forbidden, NotFound, UserFacingError
from proprium.metrics.query.filters import parse_filters
from proprium.metrics.query.goals import Segment, parse_goal, to_stored
from proprium.properties import access, permissions, service
from proprium.properties.permissions import Level
from proprium.serialization import schemas
from proprium.serialization.serializers import serialize_property
from proprium.storage.tables import Property

STORED_NAMES = {
    "session_timeout_min": "session_gap_min",
    "engagement_threshold_s": "bounce_s",
    "live_window_min": "live_min",
}
"""Settings whose name in the API, that of responses, differs from the column's."""
OWNER_SETTINGS = frozenset({"is_public", "is_indexed", "public_data_keys"})
"""Settings that share data: only owners of the property change them."""

NAME = path_parameter("name", "Name of the goal or segment.", "Signed up", minLength=1)
EMAIL = path_parameter("email", "E-mail address of the user.", "ada@example.com", minLength=1)


def routes(manager: Manager) -> APIRouter:
    router = APIRouter(prefix="/properties", dependencies=[Security(BEARER)])
    _add_property_routes(router, manager)
    _add_list_routes(router, manager, "goals", models.Goals, _stored_goal)
    _add_list_routes(router, manager, "segments", models.Segments, _stored_segment)
    _add_member_routes(router, manager)
    return router


def _add_property_routes(router: APIRouter, manager: Manager) -> None:
    @router.post(
        "",
        **openapi_options(
            "createProperty",
            "Create a property",
            "The key's user owns it. The name is required.",
            body=models.PropertySettings,
            response=schemas.Property,
            status=201,
        ),
    )
    async def create_property(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            values = _given_values(call.parse(models.PropertySettings))
            if not permissions.may_create(call.user) or call.principal.property_id is not None:
                raise Forbidden("This key's user may not create properties, or the key is for one property.")
            if "name" not in values:
                raise UserFacingError("name: a property needs one.")
            if errors := service.setting_errors(values):  # before it is created: half of the settings are none
                raise UserFacingError("; ".join(errors.values()))
            property_ = service.create_property(call.database, values.pop("name"), call.user.id, actor=call.actor)
            if values:
                property_ = service.update_settings(call.database, property_.id, actor=call.actor, **values)
            return serialize_property(property_)

        return await manager.run(request, handle, 201)

    @router.get(
        "/{property_id}/settings",
        **openapi_options(
            "settings",
            "Get the settings of a property",
            "Requires the role editor.",
            path_parameters=[PROPERTY],
            response=models.PropertySettings,
        ),
    )
    async def settings(request: Request) -> Response:
        return await manager.run(request, lambda call: _serialize_settings(call.find_property(Level.EDIT)))

    @router.patch(
        "/{property_id}/settings",
        **openapi_options(
            "changeSettings",
            "Change settings of a property",
            "Requires the role editor. Settings about sessions and exclusions apply to past data, too.",
            path_parameters=[PROPERTY],
            body=models.PropertySettings,
            response=models.PropertySettings,
        ),
    )
    async def change_settings(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            values = _given_values(call.parse(models.PropertySettings))
            property_ = call.find_property(Level.OWN if values.keys() & OWNER_SETTINGS else Level.EDIT)
            changed = service.update_settings(call.database, property_.id, actor=call.actor, **values)
            return _serialize_settings(changed)

        return await manager.run(request, handle)

    @router.delete(
        "/{property_id}",
        **openapi_options(
            "deleteProperty",
            "Delete a property",
            "Deletes all its events, too. Requires the role owner.",
            path_parameters=[PROPERTY],
        ),
    )
    async def delete_property(request: Request) -> Response:
        def handle(call: ManagementRequest) -> None:
            service.delete_property(call.database, call.find_property(Level.OWN).id, actor=call.actor)

        return await manager.run(request, handle)

    @router.post(
        "/{property_id}/transfer",
        **openapi_options(
            "transferProperty",
            "Transfer a property",
            "Makes another user its owner. Requires the role owner.",
            path_parameters=[PROPERTY],
            body=models.Transfer,
            response=models.Members,
        ),
    )
    async def transfer_property(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            property_ = call.find_property(Level.OWN)
            new_owner = users.find(call.database, call.parse(models.Transfer).email)
            access.transfer(call.database, property_.id, new_owner.id, actor=call.actor)
            return _serialize_members(call, service.find_any(call.database, property_.id))

        return await manager.run(request, handle)


def _add_list_routes(
    router: APIRouter,
    manager: Manager,
    plural: str,
    list_model: type[BaseModel],
    to_stored_entry: Callable[[models.NamedFilters], dict[str, Any]],
) -> None:
    """Adds the routes of goals or segments, which are one list each in the settings of a property."""
    singular = plural.removesuffix("s")
    title = singular.capitalize()

    def respond(property_: Property) -> BaseModel:
        return list_model.model_validate({plural: [dict(entry) for entry in getattr(property_, plural)]})

    def change(call: ManagementRequest, edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> BaseModel:
        property_ = call.find_property(Level.EDIT)
        return respond(service.change_list(call.database, property_.id, plural, edit, actor=call.actor))

    @router.get(
        f"/{{property_id}}/{plural}",
        **openapi_options(
            plural, f"List {plural}", "Requires the role viewer.", path_parameters=[PROPERTY], response=list_model
        ),
    )
    async def list_entries(request: Request) -> Response:
        return await manager.run(request, lambda call: respond(call.find_property(Level.READ)))

    @router.post(
        f"/{{property_id}}/{plural}",
        **openapi_options(
            f"create{title}",
            f"Create a {singular}",
            "Requires the role editor.",
            path_parameters=[PROPERTY],
            body=models.NamedFilters,
            response=list_model,
            status=201,
        ),
    )
    async def create_entry(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            entry = to_stored_entry(call.parse(models.NamedFilters))

            def edit(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
                if any(each["name"] == entry["name"] for each in entries):
                    raise Conflict(f"There is a {singular} {entry['name']!r} already.")
                return [*entries, entry]

            return change(call, edit)

        return await manager.run(request, handle, 201)

    @router.put(
        f"/{{property_id}}/{plural}/{{name}}",
        **openapi_options(
            f"change{title}",
            f"Change a {singular}",
            "Replaces its name and filters. Requires the role editor.",
            path_parameters=[PROPERTY, NAME],
            body=models.NamedFilters,
            response=list_model,
        ),
    )
    async def change_entry(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            entry, name = to_stored_entry(call.parse(models.NamedFilters)), request.path_params["name"]

            def edit(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
                _require_entry(entries, name, singular)
                return [entry if each["name"] == name else each for each in entries]

            return change(call, edit)

        return await manager.run(request, handle)

    @router.delete(
        f"/{{property_id}}/{plural}/{{name}}",
        **openapi_options(
            f"delete{title}", f"Delete a {singular}", "Requires the role editor.", path_parameters=[PROPERTY, NAME]
        ),
    )
    async def delete_entry(request: Request) -> Response:
        def handle(call: ManagementRequest) -> None:
            name = request.path_params["name"]

            def edit(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
                _require_entry(entries, name, singular)
                return [each for each in entries if each["name"] != name]

            change(call, edit)

        return await manager.run(request, handle)


def _add_member_routes(router: APIRouter, manager: Manager) -> None:
    @router.get(
        "/{property_id}/members",
        **openapi_options(
            "members",
            "List who has access",
            "Requires the role owner.",
            path_parameters=[PROPERTY],
            response=models.Members,
        ),
    )
    async def members(request: Request) -> Response:
        return await manager.run(request, lambda call: _serialize_members(call, call.find_property(Level.OWN)))

    @router.put(
        "/{property_id}/members/{email}",
        **openapi_options(
            "grantAccess",
            "Give a user access",
            "The user must have an account. Requires the role owner.",
            path_parameters=[PROPERTY, EMAIL],
            body=models.MemberRole,
            response=models.Members,
        ),
    )
    async def grant_access(request: Request) -> Response:
        def handle(call: ManagementRequest) -> BaseModel:
            property_ = call.find_property(Level.OWN)
            user, role = users.find(call.database, request.path_params["email"]), call.parse(models.MemberRole).role
            access.grant(call.database, property_.id, user.id, role, actor=call.actor)
            return _serialize_members(call, property_)

        return await manager.run(request, handle)

    @router.delete(
        "/{property_id}/members/{email}",
        **openapi_options(
            "revokeAccess",
            "Take a user's access away",
            "Ends their open dashboards. Requires the role owner.",
            path_parameters=[PROPERTY, EMAIL],
        ),
    )
    async def revoke_access(request: Request) -> Response:
        def handle(call: ManagementRequest) -> None:
            property_ = call.find_property(Level.OWN)
            user = users.find(call.database, request.path_params["email"])
            if user.role_on(property_.id) is None:
                raise NotFound(f"{user.email} has no role on {property_.name}.")
            access.revoke(call.database, property_.id, user.id, actor=call.actor)

        return await manager.run(request, handle)


def _given_values(settings: models.PropertySettings) -> dict[str, Any]:
    """Returns the settings that the request has, by column. Raises UserFacingError for null where it has no meaning."""
    values = {STORED_NAMES.get(name, name): getattr(settings, name) for name in settings.model_fields_set}
    for name, value in values.items():
        if value is None and name != "counts_automated":
            raise UserFacingError(f"{name}: null is no value; leave the field out to keep the setting.")
    return values


def _serialize_settings(property_: Property) -> models.PropertySettings:
    names = models.PropertySettings.model_fields
    return models.PropertySettings(**{name: getattr(property_, STORED_NAMES.get(name, name)) for name in names})


def _serialize_members(call: ManagementRequest, property_: Property) -> models.Members:
    owner = users.find_by_id(call.database, property_.owner_id) if property_.owner_id else None
    return models.Members(
        owner=owner.email if owner else None,
        members=[
            models.Member(email=member.user.email, name=member.user.name, role=member.role)
            for member in access.list_members(call.database, property_.id)
        ],
    )


def _stored_goal(entry: models.NamedFilters) -> dict[str, Any]:
    return to_stored(parse_goal(entry.name, entry.filters))


def _stored_segment(entry: models.NamedFilters) -> dict[str, Any]:
    if not entry.filters:
        raise UserFacingError(f"filters: the segment {entry.name!r} needs at least one.")
    return to_stored(Segment(entry.name, parse_filters(entry.filters)))


def _require_entry(entries: Sequence[dict[str, Any]], name: str, singular: str) -> None:
    if not any(entry["name"] == name for entry in entries):
        raise NotFound(f"There is no {singular} {name!r}.")
