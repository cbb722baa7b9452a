"""Entries of the audit log: the actions, their actors, and `record`, which writes an entry in a change's transaction.

It stands beside the properties, whose changes it records; `accounts.audit` offers the same names to the rooms above,
and reads the log.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
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
    INVITATION_REVOKED = "invitation_revoked"
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
    """Who acts: a user, an API key by its name, the server, or the command line."""

    name: str
    user_id: UUID | None = None
    network: str = ""

    @classmethod
    def of_user(cls, user: User, address: str | None = None) -> Actor:
        return cls(user.email, user.id, network_of(address))


COMMAND_LINE = Actor("command line")
SERVER = Actor("server")
"""Acts where nobody asked for it: creates the property of Proprium's own pages at the first start."""


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


def record_change(
    session: Session,
    action: Action,
    actor: Actor,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    property_id: UUID | None = None,
    target: str = "",
) -> bool:
    """Records the fields that differ, with their values before and after; returns False, and adds nothing, if none."""
    changed_names = [name for name in after if before.get(name) != after[name]]
    if not changed_names:
        return False
    record(
        session,
        action,
        actor,
        property_id=property_id,
        target=target,
        before={name: before.get(name) for name in changed_names},
        after={name: after[name] for name in changed_names},
    )
    return True


def network_of(address: str | None) -> str:
    """Returns the network of an address or network, such as "203.0.113.0/24"; "" without a valid one."""
    try:
        network = ipaddress.ip_network(address or "", strict=False)
    except ValueError:
        return ""
    prefix = min(network.prefixlen, IPV4_PREFIX if network.version == 4 else IPV6_PREFIX)
    return str(network.supernet(new_prefix=prefix))
