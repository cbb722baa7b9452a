"""Property service: creation, settings, deletion, and read and edit permissions of properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from proprium.errors import Conflict, PropertyNotFound, UserFacingError
from proprium.i18n import gettext as _
from proprium.properties import permissions, validation
from proprium.storage import retention
from proprium.storage.database import Database
from proprium.storage.tables import ChangeKind, Property, PropertyAccess, Role, StorageChange, User

OWN_PROPERTY_NAME = "Proprium"

VALIDATORS: dict[str, Callable[[Any], Any]] = {
    "name": validation.name,
    "timezone": validation.timezone,
    "hostnames": validation.hostnames,
    "is_public": bool,
    "is_indexed": bool,
    "is_cookieless": bool,
    "discards_bots": bool,
    "keeps_click_text": bool,
    "counts_automated": validation.optional_bool,
    "query_keys": validation.query_keys,
    "excluded_addresses": validation.excluded_addresses,
    "excluded_countries": validation.excluded_countries,
    "excluded_paths": validation.excluded_paths,
    "excluded_user_agents": validation.excluded_user_agents,
    "custom_cards": validation.custom_cards,
    "goals": validation.named_filters,
    "segments": validation.named_filters,
    "path_patterns": validation.excluded_paths,
    "session_gap_min": validation.session_gap_min,
    "bounce_s": validation.bounce_s,
    "live_min": validation.live_min,
    "public_data_keys": validation.public_data_keys,
    "ignored_referrers": validation.hostnames,
    "merges_trailing_slashes": bool,
    "merges_index_pages": bool,
}
"""Settings that can be changed, each with the function that normalises a value or raises UserFacingError."""

WAREHOUSE_RULES = {
    "counts_automated",
    "excluded_countries",
    "excluded_paths",
    "excluded_user_agents",
    "path_patterns",
    "session_gap_min",
    "bounce_s",
    "hostnames",  # a property's own hosts are no referrers
    "ignored_referrers",
    "merges_trailing_slashes",
    "merges_index_pages",
}
"""Settings whose change also applies to past data: the warehouse recomputes the property."""

_SELECT_SHARING = select(  # built once: building takes as long as executing
    col(Property.id), col(Property.owner_id), col(Property.is_public), col(Property.public_data_keys)
).where(col(Property.id).in_(bindparam("ids", expanding=True)))


class PropertySharing(NamedTuple):
    """Columns of a property that decide who may see and edit it, and its public data keys."""

    id: UUID
    owner_id: UUID | None
    is_public: bool
    public_data_keys: frozenset[str]


def create_property(
    database: Database,
    name: str,
    owner_id: UUID | None,
    *,
    timezone: str = "UTC",
    hostnames: Sequence[str] = (),
    is_cookieless: bool = False,
    is_protected: bool = False,
) -> Property:
    """Creates a property. Names need not be unique.

    Raises UserFacingError for an invalid value.
    """
    property_ = Property(
        name=validation.name(name),
        owner_id=owner_id,
        timezone=validation.timezone(timezone),
        hostnames=validation.hostnames(hostnames),
        is_cookieless=is_cookieless,
        is_protected=is_protected,
    )
    with database.write_transaction() as session:
        session.add(property_)
    return property_


def rename(database: Database, property_id: UUID, name: str) -> Property:
    return update_settings(database, property_id, name=name)


def set_public(database: Database, property_id: UUID, is_public: bool) -> Property:
    """Publishes or unpublishes a property: a public one can be viewed without an account."""
    return update_settings(database, property_id, is_public=is_public)


def set_owner(database: Database, property_id: UUID, owner_id: UUID) -> Property:
    """Gives a property to a user."""
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        property_.owner_id = owner_id
    return property_


def set_data_key_public(database: Database, property_id: UUID, key: str, is_public: bool) -> Property:
    """Publishes or hides one key of event data.

    Changes only this key of the stored list, so that a page with an outdated list cannot publish another key again.
    """
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        other_keys = [other for other in property_.public_data_keys if other != key]
        property_.public_data_keys = validation.public_data_keys([*other_keys, key]) if is_public else other_keys
    return property_


def set_custom_cards(database: Database, property_id: UUID, events: Sequence[str]) -> Property:
    """Sets the custom events that have a card on the dashboard, in their order."""
    return update_settings(database, property_id, custom_cards=events)


def update_settings(database: Database, property_id: UUID, **values: Any) -> Property:
    """Validates and stores settings, by their names in VALIDATORS.

    A change of WAREHOUSE_RULES is written to the change feed in the same transaction. Raises UserFacingError for an
    invalid value, PropertyNotFound.
    """
    validated_values = {name: VALIDATORS[name](value) for name, value in values.items()}
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        changed_names = {name for name, value in validated_values.items() if getattr(property_, name) != value}
        for name in changed_names:
            setattr(property_, name, validated_values[name])
        if changed_names & WAREHOUSE_RULES:
            session.add(StorageChange(kind=ChangeKind.RULES_CHANGED, property=property_.number))
    return property_


def setting_errors(values: Mapping[str, Any]) -> dict[str, str]:
    """Returns the message of each invalid setting, by its name in VALIDATORS."""
    errors: dict[str, str] = {}
    for name, value in values.items():
        try:
            VALIDATORS[name](value)
        except UserFacingError as error:
            errors[name] = str(error)
    return errors


def delete_property(database: Database, property_id: UUID) -> None:
    """Deletes a property with all its events and keys. Raises Conflict for a protected one.

    The property itself is deleted at once; a long history is deleted in batches, so that collectors can commit between
    two of them.
    """
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        if property_.is_protected:
            raise Conflict(_("{name} monitors this server and cannot be deleted.", name=property_.name))
        property_number = property_.number or 0
        session.delete(property_)
        retention.delete_property_event_batch(session, property_number, ChangeKind.PROPERTY_DELETED)
    retention.delete_remaining_property_events(database, property_number, ChangeKind.PROPERTY_DELETED)


def reset_property(database: Database, property_id: UUID) -> int:
    """Deletes the events of a property and keeps the property; returns the number of deleted events."""
    with database.session() as session:
        property_number = _find(session, property_id).number or 0
    return retention.delete_property_events(database, property_number, ChangeKind.PROPERTY_RESET)


def visible_properties(database: Database, user: User | None) -> list[Property]:
    """Lists the properties that a user may see, by name: customer-2 comes before customer-10.

    Owners see all, other users their own, those they were given access to and public ones, anonymous visitors public
    ones.
    """
    statement = select(Property).order_by(col(Property.number))
    if user is None:
        statement = statement.where(col(Property.is_public))
    elif user.role != Role.OWNER:
        given = select(col(PropertyAccess.property_id)).where(col(PropertyAccess.user_id) == user.id)
        own_or_given = (col(Property.owner_id) == user.id) | col(Property.id).in_(given)
        statement = statement.where(col(Property.is_public) | own_or_given)
    with database.session() as session:
        return sorted(session.scalars(statement), key=lambda property_: natural_key(property_.name))


def natural_key(name: str) -> list[str | int]:
    """Returns a sort key in which numbers within names are compared as numbers, and case is ignored."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", name.casefold()))]


def find_visible(database: Database, property_id: UUID, user: User | None) -> Property:
    """Returns a property that `user` may see.

    Raises PropertyNotFound, with the same message for a missing property and for one of another user.
    """
    with database.session() as session:
        property_ = _find(session, property_id)
    if not permissions.may_see(user, property_):
        raise PropertyNotFound(property_id)
    return property_


def find_any(database: Database, property_id: UUID) -> Property:
    """Returns a property without a permission check, for the machine's operator. Raises PropertyNotFound."""
    with database.session() as session:
        return _find(session, property_id)


def find_editable(database: Database, property_id: UUID, user: User | None) -> Property:
    """Returns a property that `user` may edit. Raises PropertyNotFound as `find_visible` does."""
    property_ = find_visible(database, property_id, user)
    if not permissions.may_edit(user, property_):
        raise PropertyNotFound(property_id)
    return property_


def find_owned(database: Database, property_id: UUID, user: User | None) -> Property:
    """Returns a property that `user` may share and delete. Raises PropertyNotFound as `find_visible` does."""
    property_ = find_visible(database, property_id, user)
    if not permissions.may_own(user, property_):
        raise PropertyNotFound(property_id)
    return property_


def sharing_of(database: Database, property_ids: Collection[UUID]) -> dict[UUID, PropertySharing]:
    """Maps the IDs of existing properties to their sharing columns, in one indexed read."""
    if not property_ids:
        return {}
    with database.engine.connect() as connection:
        rows = connection.execute(_SELECT_SHARING, {"ids": list(property_ids)}).all()
    return {
        property_id: PropertySharing(property_id, owner, is_public, frozenset(keys))
        for property_id, owner, is_public, keys in rows
    }


def ensure_own_property(database: Database) -> Property:
    """Returns the property that tracks Proprium's own pages.

    It is created at the first run, protected and cookieless.
    """
    statement = select(Property).where(col(Property.is_protected)).order_by(col(Property.number))
    with database.session() as session:
        if (property_ := session.scalars(statement).first()) is not None:
            return property_
    return create_property(database, OWN_PROPERTY_NAME, None, is_cookieless=True, is_protected=True)


def _find(session: Session, property_id: UUID) -> Property:
    property_ = session.scalars(select(Property).where(col(Property.id) == property_id)).first()
    if property_ is None:
        raise PropertyNotFound(property_id)
    return property_
