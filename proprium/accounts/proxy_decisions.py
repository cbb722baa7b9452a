"""Decisions of owners about proxies and their headers, with their entries in the audit log."""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import Session

from proprium.accounts.audit import COMMAND_LINE, Action, Actor, record
from proprium.storage import trusted_proxies
from proprium.storage.database import Database


def trust(database: Database, address: str, *, actor: Actor = COMMAND_LINE) -> None:
    """Trusts a proxy."""
    _decide(database, trusted_proxies.trust, "trusted_proxy", address, actor)


def dismiss(database: Database, address: str, *, actor: Actor = COMMAND_LINE) -> None:
    """Leaves a proxy untrusted, for good."""
    _decide(database, trusted_proxies.dismiss, "dismissed_proxy", address, actor)


def use_header(database: Database, header: str, *, actor: Actor = COMMAND_LINE) -> None:
    """Has the client's address read from a header of trusted proxies."""
    _decide(database, trusted_proxies.use_header, "client_ip_header", header, actor)


def dismiss_header(database: Database, header: str, *, actor: Actor = COMMAND_LINE) -> None:
    """Leaves a header unread, for good."""
    _decide(database, trusted_proxies.dismiss_header, "dismissed_client_ip_header", header, actor)


def _decide(database: Database, change: Callable[[Session, str], None], name: str, value: str, actor: Actor) -> None:
    with database.write_transaction() as session:
        change(session, value)
        record(session, Action.INSTANCE_CHANGED, actor, after={name: value})
