"""Access to single properties: gives users roles on properties of others, and transfers properties."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import Session, col

from proprium.errors import NotFound, PropertyNotFound
from proprium.i18n import gettext as _
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


def grant(database: Database, property_id: UUID, user_id: UUID, role: PropertyRole) -> None:
    """Gives a user a role on a property, in place of the one that they had. Raises PropertyNotFound, NotFound."""
    with database.write_transaction() as session:
        grant_in(session, property_id, user_id, role)


def grant_in(session: Session, property_id: UUID, user_id: UUID, role: PropertyRole) -> None:
    """Does what `grant` does, in the caller's transaction."""
    _find_property(session, property_id)
    if session.get(User, user_id) is None:
        raise NotFound(_("This account no longer exists."))
    session.merge(PropertyAccess(user_id=user_id, property_id=property_id, role=role))


def revoke(database: Database, property_id: UUID, user_id: UUID) -> None:
    """Takes a user's role on a property away; does nothing without one."""
    conditions = (col(PropertyAccess.property_id) == property_id, col(PropertyAccess.user_id) == user_id)
    with database.write_transaction() as session:
        session.execute(delete(PropertyAccess).where(*conditions))


def transfer(database: Database, property_id: UUID, new_owner_id: UUID) -> Property:
    """Gives a property to another user; who owned it until now becomes one of its editors.

    Raises PropertyNotFound, and NotFound for a missing user.
    """
    with database.write_transaction() as session:
        property_ = _find_property(session, property_id)
        if session.get(User, new_owner_id) is None:
            raise NotFound(_("This account no longer exists."))
        previous_owner_id = property_.owner_id
        if previous_owner_id not in {None, new_owner_id}:
            session.merge(PropertyAccess(user_id=previous_owner_id, property_id=property_id, role=PropertyRole.EDITOR))
        property_.owner_id = new_owner_id
        conditions = (col(PropertyAccess.property_id) == property_id, col(PropertyAccess.user_id) == new_owner_id)
        session.execute(delete(PropertyAccess).where(*conditions))
    return property_


def _find_property(session: Session, property_id: UUID) -> Property:
    property_ = session.scalars(select(Property).where(col(Property.id) == property_id)).first()
    if property_ is None:
        raise PropertyNotFound(property_id)
    return property_
