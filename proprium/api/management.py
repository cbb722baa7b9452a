"""Requests of the management endpoints: reading their bodies, their key, and their OpenAPI descriptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from proprium.accounts import authorization
from proprium.accounts.audit import Actor
from proprium.accounts.authorization import Principal
from proprium.api import parameters, problems
from proprium.api.authentication import ApiAuthenticator
from proprium.api.metrics_routes import NO_STORE_HEADERS, json_response
from proprium.api.parameters import Parameter
from proprium.api.request_body import read_body
from proprium.errors import BadQuery, Forbidden, InsufficientScope
from proprium.properties.permissions import Level, level_of
from proprium.storage.database import Database
from proprium.storage.tables import Property, Role, User

MAX_BODY_BYTES = 64 * 1024
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class ManagementRequest:
    """An authenticated request: who sent it, with which rights, and its body."""

    request: Request
    database: Database
    user: User
    principal: Principal
    actor: Actor
    body: bytes
    parameters: Mapping[str, str]  # of the query string

    def parse(self, model: type[ModelT]) -> ModelT:
        """Parses the body. Raises BadQuery with the name of the invalid field."""
        try:
            return model.model_validate_json(self.body)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_context=False)[0]
            field = ".".join(str(part) for part in problem["loc"]) or "body"
            raise BadQuery(f"{field}: {problem['msg']}.") from None

    def find_property(self, level: Level) -> Property:
        """Returns the property of the path.

        Raises PropertyNotFound for one that the key cannot read, Forbidden when the user's role on it is too low.
        """
        property_ = authorization.find_readable(self.database, self.principal, parameters.property_id(self.request))
        self.require(property_, level)
        return property_

    def require_owner(self) -> None:
        """Raises Forbidden for users who do not manage the instance, and for keys that are limited to a property."""
        if self.user.role != Role.OWNER or self.principal.property_id is not None:
            raise Forbidden("This requires a key for all properties of an owner of the instance.")

    def require(self, property_: Property, level: Level) -> None:
        """Raises Forbidden when the user's role on a property is too low."""
        if level_of(self.user, property_) < level:
            role = "owner" if level is Level.OWN else "editor"
            raise Forbidden(f"This requires the role {role} on {property_.name}.")


class Manager:
    """Runs handlers of management requests in threads, for keys that may manage."""

    def __init__(self, authenticator: ApiAuthenticator) -> None:
        self._authenticator = authenticator

    async def run(
        self,
        request: Request,
        handler: Callable[[ManagementRequest], BaseModel | None],
        status: int = 200,
        *,
        allowed_parameters: Sequence[Parameter] = (),
    ) -> Response:
        """Responds with the handler's model, or with 204 if it returns None.

        Raises ApiKeyRequired, InsufficientScope for a key that may not manage, TooManyRequests and PayloadTooLarge.
        """
        body = await read_body(request, MAX_BODY_BYTES)

        def handle(principal: Principal) -> BaseModel | None:
            user = _require_manager(principal)
            pairs = parameters.query_pairs(request, allowed_parameters)
            actor = self._authenticator.actor(request, principal)
            return handler(
                ManagementRequest(request, self._authenticator.database, user, principal, actor, body, dict(pairs))
            )

        model = await self._authenticator.run(request, handle)
        if model is None:
            return Response(status_code=204, headers=NO_STORE_HEADERS)
        return json_response(model, status)


def openapi_options(
    name: str,
    summary: str,
    description: str,
    *,
    path_parameters: Sequence[Parameter] = (),
    body: type[BaseModel] | None = None,
    response: type[BaseModel] | None = None,
    status: int = 200,
) -> dict[str, Any]:
    """Returns a route's OpenAPI options. `response` is None for 204."""
    extra: dict[str, Any] = {"parameters": list(path_parameters)} if path_parameters else {}
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.__name__}"}
        extra["requestBody"] = {
            "required": True,
            "description": " ".join((body.__doc__ or "").split()),
            "content": {"application/json": {"schema": schema}},
        }
    return {
        "operation_id": name,
        "summary": summary,
        "description": f"{description} Requires a key that may manage.",
        "status_code": 204 if response is None else status,
        "response_model": response,
        "response_description": f"{summary}.",
        "responses": problems.openapi_responses(400, 401, 403, 404, 409, 413, 429, 503),
        "openapi_extra": extra,
    }


def _require_manager(principal: Principal) -> User:
    """Returns the user whose rights a management request has. Raises InsufficientScope for other keys."""
    if not principal.may_manage or principal.user is None:
        raise InsufficientScope(f"The API key {principal.key_name!r} may not manage. Create a key that may.")
    return principal.user
