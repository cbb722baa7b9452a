"""Permissions: what an account may do with a property.

The highest of four: owners of the instance own every property; an account owns its own properties; it may have been
given a role on others; and everybody reads public ones.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol
from uuid import UUID

from proprium.storage.tables import PropertyRole, Role


class Level(IntEnum):
    """Permission level on a property; each one includes those below it."""

    NONE = 0
    READ = 1
    EDIT = 2
    OWN = 3


LEVEL_BY_ROLE = {PropertyRole.VIEWER: Level.READ, PropertyRole.EDITOR: Level.EDIT, PropertyRole.OWNER: Level.OWN}


class UserLike(Protocol):
    """The attributes of a user that permissions need."""

    @property
    def id(self) -> UUID: ...
    @property
    def role(self) -> Role: ...
    def role_on(self, property_id: UUID) -> PropertyRole | None: ...


class CreatorLike(UserLike, Protocol):
    @property
    def may_create_properties(self) -> bool: ...


class PropertyLike(Protocol):
    """The attributes of a property that permissions need."""

    @property
    def id(self) -> UUID: ...
    @property
    def owner_id(self) -> UUID | None: ...
    @property
    def is_public(self) -> bool: ...


def level_of(user: UserLike | None, property_: PropertyLike) -> Level:
    """Returns the permission level of a user, or of anonymous visitors (None), on a property."""
    if user is not None:
        if user.role == Role.OWNER or property_.owner_id == user.id:
            return Level.OWN
        if role := user.role_on(property_.id):
            return LEVEL_BY_ROLE[role]
    return Level.READ if property_.is_public else Level.NONE


def may_see(user: UserLike | None, property_: PropertyLike) -> bool:
    return level_of(user, property_) >= Level.READ


def may_edit(user: UserLike | None, property_: PropertyLike) -> bool:
    """Returns True if the user may change settings, goals and segments, and read raw events."""
    return level_of(user, property_) >= Level.EDIT


def may_own(user: UserLike | None, property_: PropertyLike) -> bool:
    """Returns True if the user may share, publish, transfer and delete the property."""
    return level_of(user, property_) >= Level.OWN


def may_create(user: CreatorLike | None) -> bool:
    """Returns True if the user may create properties."""
    return user is not None and (user.role == Role.OWNER or user.may_create_properties)
