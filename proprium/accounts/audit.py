"""Audit log: who changed what, and when."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlmodel import Session

from proprium.storage.tables import AuditEntry, User

IPV4_PREFIX, IPV6_PREFIX = 24, 48
"""Bits of an address that the log keeps: enough to tell an office from another country."""


class Action(StrEnum):
    """What was done; the value is stored."""

    SIGNED_IN = "signed_in"
    SIGN_IN_FAILED = "sign_in_failed"
    USER_INVITED = "user_invited"
    USER_CREATED = "user_created"
    USER_CHANGED = "user_changed"
    USER_REMOVED = "user_removed"
    PASSWORD_CHANGED = "password_changed"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    SESSIONS_ENDED = "sessions_ended"
    ACCESS_GRANTED = "access_granted"
    ACCESS_REVOKED = "access_revoked"
    PROPERTY_CREATED = "property_created"
    PROPERTY_CHANGED = "property_changed"
    PROPERTY_TRANSFERRED = "property_transferred"
    PROPERTY_RESET = "property_reset"
    PROPERTY_DELETED = "property_deleted"
    EXPORTED = "exported"
    KEY_CREATED = "key_created"
    KEY_REVOKED = "key_revoked"
    SHARE_CREATED = "share_created"
    SHARE_CHANGED = "share_changed"
    SHARE_REVOKED = "share_revoked"
    INSTANCE_CHANGED = "instance_changed"


@dataclass(frozen=True)
class Actor:
    """Who acts: a user, an API key by its name, or the command line."""

    name: str
    user_id: UUID | None = None
    network: str = ""

    @classmethod
    def of_user(cls, user: User, address: str | None = None) -> Actor:
        return cls(user.email, user.id, network_of(address))


COMMAND_LINE = Actor("command line")


def record(
    session: Session,
    action: Action,
    actor: Actor,
    *,
    property_id: UUID | None = None,
    target: str = "",
    before: Any = None,
    after: Any = None,
) -> None:
    """Adds an entry in the caller's transaction: it is there if the change is."""
    session.add(
        AuditEntry(
            action=action,
            actor=actor.name,
            user_id=actor.user_id,
            property_id=property_id,
            target=target,
            before=before,
            after=after,
            network=actor.network,
        )
    )


def network_of(address: str | None) -> str:
    """Returns the network of an address, such as "203.0.113.0/24"; "" without a valid address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    prefix = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX
    return str(ipaddress.ip_network((parsed, prefix), strict=False))
