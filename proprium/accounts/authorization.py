"""Who asks, a person or a program with a key, and which properties that opens to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from proprium.accounts import api_keys
from proprium.clock import Clock, utc_now
from proprium.errors import NotForReaders, PropertyNotFound
from proprium.metrics.query.data_access import EVERY_KEY, DataAccess, public_access
from proprium.properties import service
from proprium.storage.database import Database
from proprium.storage.tables import ApiKey, Property, User


@dataclass(frozen=True)
class Asker:
    """With neither `user` nor `only` a stranger, to whom public properties are open."""

    user: User | None = None  # the person, or whose key it is
    only: UUID | None = None  # the one property that the key is for
    id: UUID | None = None  # of the key or the person: what a rate limit counts by
    is_property: bool = False  # a key that is no person's: made on this machine, for one property


def bearer(headers: Mapping[str, str]) -> str | None:
    """The key that a request shows. None where it shows none, also beside another scheme, such as a proxy's Basic."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def of_person(user: User | None) -> Asker:
    return Asker(user=user, id=user.id if user else None)


def of_token(database: Database, token: str, *, clock: Clock = utc_now) -> Asker:
    """Raises KeyNeeded for a key that is unknown or was revoked."""
    return of_key(database, api_keys.require(database, token, clock=clock))


def of_key(database: Database, key: ApiKey) -> Asker:
    return Asker(api_keys.user_of(database, key), key.property_id, key.id, is_property=key.user_id is None)


def readable(database: Database, asker: Asker) -> list[Property]:
    """By name: never more than the person may see whose key it is."""
    if asker.is_property:
        return [_own(database, asker)]
    seen = service.visible_to(database, asker.user)
    return [one for one in seen if asker.only in {None, one.id}]


def editable(database: Database, asker: Asker) -> list[Property]:
    return [one for one in readable(database, asker) if _may_edit(asker, one)]


def find_readable(database: Database, asker: Asker, property_id: UUID) -> Property:
    """Raises PropertyNotFound, the same for one that is missing and one that is not for this asker."""
    if asker.only not in {None, property_id}:
        raise PropertyNotFound(property_id)
    return _own(database, asker) if asker.is_property else service.find_visible(database, property_id, asker.user)


def find_exportable(database: Database, asker: Asker, property_id: UUID) -> Property:
    """Single events tell more than numbers do. Raises NotForReaders for who may only look at the property."""
    found = find_readable(database, asker, property_id)
    if not _may_edit(asker, found):
        raise NotForReaders(f"Raw events are for those who may change the settings of {found.name}.")
    return found


def data_access(asker: Asker, found: Property) -> DataAccess:
    """Returns which keys of event data the asker may break down and filter by."""
    return EVERY_KEY if _may_edit(asker, found) else public_access(found.public_data_keys)


def _may_edit(asker: Asker, found: Property) -> bool:
    return asker.is_property or service.may_edit(asker.user, found)


def _own(database: Database, asker: Asker) -> Property:
    assert asker.only is not None
    return service.find_any(database, asker.only)
