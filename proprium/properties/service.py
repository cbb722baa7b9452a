"""Property service: creation, settings, deletion, and read and edit permissions of properties.

Functions that change a property write an entry of the audit log in the transaction of the change. Their `actor` is the
command line where none is given; pages and API always give one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from proprium.errors import Conflict, PropertyNotFound, UserFacingError
from proprium.i18n import gettext as _
from proprium.properties import defaults, permissions, validation
from proprium.properties.audit_log import (
    COMMAND_LINE,
    SERVER,
    Action,
    Actor,
    network_of,
    record,
)
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
    timezone: str | None = None,
    hostnames: Sequence[str] = (),
    is_cookieless: bool | None = None,
    is_protected: bool = False,
    actor: Actor = COMMAND_LINE,
) -> Property:
    """Creates a property. Names need not be unique.

    Without a time zone or cookie mode, the server's defaults apply. Raises UserFacingError for an invalid value.
    """
    name, hostnames = validation.name(name), validation.hostnames(hostnames)
    timezone = None if timezone is None else validation.timezone(timezone)
    with database.write_transaction() as session:
        property_ = Property(
            name=name,
            owner_id=owner_id,
            timezone=defaults.timezone(session) if timezone is None else timezone,
            hostnames=hostnames,
            is_cookieless=defaults.is_cookieless(session) if is_cookieless is None else is_cookieless,
            is_protected=is_protected,
        )
        session.add(property_)
        record(session, Action.PROPERTY_CREATED, actor, property_id=property_.id, target=name)
    return property_


def rename(database: Database, property_id: UUID, name: str, *, actor: Actor = COMMAND_LINE) -> Property:
    return update_settings(database, property_id, name=name, actor=actor)


def set_public(database: Database, property_id: UUID, is_public: bool, *, actor: Actor = COMMAND_LINE) -> Property:
    """Publishes or unpublishes a property: a public one can be viewed without an account."""
    return update_settings(database, property_id, is_public=is_public, actor=actor)


def set_data_key_public(
    database: Database, property_id: UUID, key: str, is_public: bool, *, actor: Actor = COMMAND_LINE
) -> Property:
    """Publishes or hides one key of event data.

    Changes only this key of the stored list, so that a page with an outdated list cannot publish another key again.
    """
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        other_keys = [other for other in property_.public_data_keys if other != key]
        keys = validation.public_data_keys([*other_keys, key]) if is_public else other_keys
        _set_values(session, property_, {"public_data_keys": keys}, actor)
    return property_


def set_custom_cards(
    database: Database, property_id: UUID, events: Sequence[str], *, actor: Actor = COMMAND_LINE
) -> Property:
    """Sets the custom events that have a card on the dashboard, in their order."""
    return update_settings(database, property_id, custom_cards=events, actor=actor)


def update_settings(database: Database, property_id: UUID, *, actor: Actor = COMMAND_LINE, **values: Any) -> Property:
    """Validates and stores settings, by their names in VALIDATORS.

    A change of WAREHOUSE_RULES is written to the change feed in the same transaction. Raises UserFacingError for an
    invalid value, PropertyNotFound.
    """
    validated_values = {name: VALIDATORS[name](value) for name, value in values.items()}
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        changed_names = _set_values(session, property_, validated_values, actor)
        if changed_names & WAREHOUSE_RULES:
            session.add(StorageChange(kind=ChangeKind.RULES_CHANGED, property=property_.number))
    return property_


def _set_values(session: Session, property_: Property, values: Mapping[str, Any], actor: Actor) -> set[str]:
    """Sets and records the values that differ; returns their names."""
    before = {name: getattr(property_, name) for name in values}
    changed_names = {name for name, value in values.items() if before[name] != value}
    for name in changed_names:
        setattr(property_, name, values[name])
    if changed_names:
        record(
            session,
            Action.PROPERTY_CHANGED,
            actor,
            property_id=property_.id,
            target=property_.name,
            before=_loggable({name: before[name] for name in sorted(changed_names)}),
            after=_loggable({name: values[name] for name in sorted(changed_names)}),
        )
    return changed_names


def _loggable(values: dict[str, Any]) -> dict[str, Any]:
    """Returns settings for the audit log, which holds no addresses: excluded ones are those of people at work."""
    if "excluded_addresses" not in values:
        return values
    return {**values, "excluded_addresses": [network_of(text) for text in values["excluded_addresses"]]}


def change_list(
    database: Database,
    property_id: UUID,
    name: str,
    change: Callable[[list[Any]], list[Any]],
    *,
    actor: Actor = COMMAND_LINE,
) -> Property:
    """Applies a change to a setting that is a list, such as goals, so that no other change of it is lost.

    `change` gets a copy of the stored list. Raises what it raises, UserFacingError for an invalid value,
    PropertyNotFound.
    """
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        changed_list = VALIDATORS[name](change(list(getattr(property_, name))))
        _set_values(session, property_, {name: changed_list}, actor)
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


def delete_property(database: Database, property_id: UUID, *, actor: Actor = COMMAND_LINE) -> None:
    """Deletes a property with all its events and keys. Raises Conflict for a protected one.

    The property itself is deleted at once; a long history is deleted in batches, so that collectors can commit between
    two of them.
    """
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        if property_.is_protected:
            raise Conflict(_("{name} monitors this server and cannot be deleted.", name=property_.name))
        property_number = property_.number or 0
        record(session, Action.PROPERTY_DELETED, actor, property_id=property_id, target=property_.name)
        session.delete(property_)
        retention.delete_property_event_batch(session, property_number, ChangeKind.PROPERTY_DELETED)
    retention.delete_remaining_property_events(database, property_number, ChangeKind.PROPERTY_DELETED)


def reset_property(database: Database, property_id: UUID, *, actor: Actor = COMMAND_LINE) -> int:
    """Deletes the events of a property and keeps the property; returns the number of deleted events."""
    with database.write_transaction() as session:
        property_ = _find(session, property_id)
        property_number = property_.number or 0
        record(session, Action.PROPERTY_RESET, actor, property_id=property_id, target=property_.name)
        deleted_count = retention.delete_property_event_batch(session, property_number, ChangeKind.PROPERTY_RESET)
    return deleted_count + retention.delete_remaining_property_events(
        database, property_number, ChangeKind.PROPERTY_RESET
    )


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
    return create_property(
        database, OWN_PROPERTY_NAME, None, timezone="UTC", is_cookieless=True, is_protected=True, actor=SERVER
    )


def _find(session: Session, property_id: UUID) -> Property:
    property_ = session.scalars(select(Property).where(col(Property.id) == property_id)).first()
    if property_ is None:
        raise PropertyNotFound(property_id)
    return property_
