"""Access to single properties: gives users roles on properties of others, and transfers properties."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import Session, col

from proprium.errors import NotFound, PropertyNotFound
from proprium.i18n import gettext as _
from proprium.properties.audit_log import COMMAND_LINE, Action, Actor, record, record_change
from proprium.storage.database import Database
from proprium.storage.tables import Property, PropertyAccess, PropertyRole, User


class PropertyMember(NamedTuple):
    """A user with access to a property, and their role on it."""

    user: User
    role: PropertyRole


def list_members(database: Database, property_id: UUID) -> list[PropertyMember]:
    """Lists who was given access to a property, by e-mail address; its owner is not among them."""
    statement = (
        select(User, col(PropertyAccess.role))
        .join(PropertyAccess, col(PropertyAccess.user_id) == col(User.id))
        .where(col(PropertyAccess.property_id) == property_id)
        .order_by(col(User.email))
    )
    with database.session() as session:
        return [PropertyMember(user, PropertyRole(role)) for user, role in session.execute(statement)]


def grant(
    database: Database, property_id: UUID, user_id: UUID, role: PropertyRole, *, actor: Actor = COMMAND_LINE
) -> None:
    """Gives a user a role on a property, in place of the one that they had. Raises PropertyNotFound, NotFound."""
    with database.write_transaction() as session:
        grant_in(session, property_id, user_id, role, actor=actor)


def grant_in(
    session: Session, property_id: UUID, user_id: UUID, role: PropertyRole, *, actor: Actor = COMMAND_LINE
) -> None:
    """Does what `grant` does, in the caller's transaction."""
    _find_property(session, property_id)
    email = _email_of(session, user_id)
    access = session.get(PropertyAccess, (user_id, property_id))
    previous_role = PropertyRole(access.role) if access else None
    if access is None:
        session.add(PropertyAccess(user_id=user_id, property_id=property_id, role=role))
    else:
        access.role = role
    record_change(
        session,
        Action.ACCESS_GRANTED,
        actor,
        {"role": previous_role},
        {"role": role},
        property_id=property_id,
        target=email,
    )


def revoke(database: Database, property_id: UUID, user_id: UUID, *, actor: Actor = COMMAND_LINE) -> None:
    """Takes a user's role on a property away; does nothing without one."""
    with database.write_transaction() as session:
        if access := session.get(PropertyAccess, (user_id, property_id)):
            session.delete(access)
            email, before = _email_of(session, user_id), {"role": access.role}
            record(session, Action.ACCESS_REVOKED, actor, property_id=property_id, target=email, before=before)


def transfer(database: Database, property_id: UUID, new_owner_id: UUID, *, actor: Actor = COMMAND_LINE) -> Property:
    """Gives a property to another user; who owned it until now becomes one of its editors.

    Raises PropertyNotFound, and NotFound for a missing user.
    """
    with database.write_transaction() as session:
        property_ = _find_property(session, property_id)
        _email_of(session, new_owner_id)
        previous_owner_id = property_.owner_id
        set_owner_in(session, property_, new_owner_id, actor=actor)
        if previous_owner_id not in {None, new_owner_id}:
            session.merge(PropertyAccess(user_id=previous_owner_id, property_id=property_id, role=PropertyRole.EDITOR))
    return property_


def set_owner_in(session: Session, property_: Property, new_owner_id: UUID, *, actor: Actor) -> None:
    """Makes an existing user the owner of a property, in the caller's transaction; a role of theirs on it ends."""
    previous_email = _email_of(session, property_.owner_id) if property_.owner_id else None
    new_email = _email_of(session, new_owner_id)
    property_.owner_id = new_owner_id
    conditions = (col(PropertyAccess.property_id) == property_.id, col(PropertyAccess.user_id) == new_owner_id)
    session.execute(delete(PropertyAccess).where(*conditions))
    record_change(
        session,
        Action.PROPERTY_TRANSFERRED,
        actor,
        {"owner": previous_email},
        {"owner": new_email},
        property_id=property_.id,
        target=property_.name,
    )


def _email_of(session: Session, user_id: UUID) -> str:
    """Returns the address of a user. Raises NotFound."""
    if (email := session.scalar(select(col(User.email)).where(col(User.id) == user_id))) is None:
        raise NotFound(_("This account no longer exists."))
    return email


def _find_property(session: Session, property_id: UUID) -> Property:
    property_ = session.scalars(select(Property).where(col(Property.id) == property_id)).first()
    if property_ is None:
        raise PropertyNotFound(property_id)
    return property_
