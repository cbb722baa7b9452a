"""Authorization: the principal of a request (user, API key or anonymous) and the properties it may access."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from proprium.accounts import api_keys
from proprium.accounts.audit import Actor, network_of
from proprium.clock import Clock, utc_now
from proprium.errors import Forbidden, PropertyNotFound
from proprium.metrics.query.data_access import EVERY_KEY, DataAccess, public_access
from proprium.properties import permissions, service
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey, Property, User


@dataclass(frozen=True)
class Principal:
    """The identity behind a request.

    With neither `user` nor `property_id` it is anonymous and may read public properties only.
    """

    user: User | None = None  # the signed-in user, or the owner of the key
    property_id: UUID | None = None  # the only property of a key for one property
    id: UUID | None = None  # of the key or the user: the key of rate limits
    is_property_key: bool = False  # a key without a user: created on this machine, for one property
    key_name: str = ""  # of the API key; "" for a signed-in user
    may_manage: bool = False  # a key with which its user changes properties and accounts

    def actor(self, address: str | None) -> Actor:
        """Returns the principal as the audit log names it: a key by its name."""
        if self.key_name or self.user is None:
            user_id = self.user.id if self.user else None
            return Actor(f"API key {self.key_name}", user_id, network_of(address))
        return Actor.of_user(self.user, address)


def bearer_token(headers: Mapping[str, str]) -> str | None:
    """Returns the bearer token of a request.

    None without one, also with another scheme in the header, such as a proxy's Basic.
    """
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def principal_of_user(user: User | None) -> Principal:
    return Principal(user=user, id=user.id if user else None)


def principal_of_token(database: Database, token: str, *, clock: Clock = utc_now) -> Principal:
    """Returns the principal of an API key. Raises ApiKeyRequired for an unknown or revoked key."""
    return principal_of_key(database, api_keys.require(database, token, clock=clock))


def principal_of_key(database: Database, api_key: ApiKey) -> Principal:
    return Principal(
        api_keys.user_of(database, api_key),
        api_key.property_id,
        api_key.id,
        is_property_key=api_key.user_id is None,
        key_name=api_key.name,
        may_manage=api_key.may_manage,
    )


def readable_properties(database: Database, principal: Principal) -> list[Property]:
    """Lists the properties that a principal may read, by name; a user's key never reads more than its user."""
    if principal.is_property_key:
        return [_property_of_key(database, principal)]
    visible_properties = service.visible_properties(database, principal.user)
    return [property_ for property_ in visible_properties if principal.property_id in {None, property_.id}]


def editable_properties(database: Database, principal: Principal) -> list[Property]:
    return [property_ for property_ in readable_properties(database, principal) if _may_edit(principal, property_)]


def find_readable(database: Database, principal: Principal, property_id: UUID) -> Property:
    """Returns a property that the principal may read.

    Raises PropertyNotFound, with the same message for a missing property and for one that is not accessible.
    """
    if principal.property_id not in {None, property_id}:
        raise PropertyNotFound(property_id)
    return (
        _property_of_key(database, principal)
        if principal.is_property_key
        else service.find_visible(database, property_id, principal.user)
    )


def find_exportable(database: Database, principal: Principal, property_id: UUID) -> Property:
    """Returns a property whose raw events the principal may export.

    Raw events reveal more than aggregates, so that read access is not enough. Raises PropertyNotFound as
    `find_readable` does, Forbidden for read-only access.
    """
    property_ = find_readable(database, principal, property_id)
    if not _may_edit(principal, property_):
        raise Forbidden(f"Raw events are only available to users who may edit {property_.name}.")
    return property_


def data_access(principal: Principal, property_: Property) -> DataAccess:
    """Returns the keys of event data that the principal may break down and filter by."""
    return EVERY_KEY if _may_edit(principal, property_) else public_access(property_.public_data_keys)


def _may_edit(principal: Principal, property_: Property) -> bool:
    return principal.is_property_key or permissions.may_edit(principal.user, property_)


def _property_of_key(database: Database, principal: Principal) -> Property:
    assert principal.property_id is not None
    return service.find_any(database, principal.property_id)
