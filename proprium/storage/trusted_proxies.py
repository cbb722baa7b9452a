"""Trusted proxies that were confirmed in the interface, in addition to PROPRIUM_TRUSTED_PROXIES.

Also the pending proxy: one that forwards visitors, is not trusted yet, and awaits a decision. The same for the header
in which trusted proxies send the client's address, where PROPRIUM_CLIENT_IP_HEADER names none.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sqlmodel import Session

from proprium.storage import instance_settings
from proprium.storage.database import Database

TRUSTED_SETTING = "trusted_proxies"
PENDING_SETTING = "untrusted_proxy"
DISMISSED_SETTING = "dismissed_proxies"
HEADER_SETTING = "client_ip_header"
PENDING_HEADER_SETTING = "unread_client_ip_header"
DISMISSED_HEADERS_SETTING = "dismissed_client_ip_headers"

Network = IPv4Network | IPv6Network


def trusted_networks(database: Database) -> Sequence[Network]:
    """Returns the networks that were trusted in the interface."""
    return [ip_network(text) for text in instance_settings.get(database, TRUSTED_SETTING, [])]


def report_untrusted(database: Database, address: str) -> None:
    """Makes an untrusted proxy that forwards visitors the pending one.

    Does nothing if it is trusted or was dismissed.
    """
    with database.write_transaction() as session:
        networks = [ip_network(text) for text in instance_settings.read(session, TRUSTED_SETTING, [])]
        is_dismissed = address in instance_settings.read(session, DISMISSED_SETTING, [])
        if not is_dismissed and not any(ip_address(address) in network for network in networks):
            instance_settings.write(session, PENDING_SETTING, address)


def pending_proxy(database: Database) -> str | None:
    """Returns the proxy that awaits a decision, or None."""
    address = instance_settings.get(database, PENDING_SETTING)
    return None if address is None else str(address)


def trust(session: Session, address: str) -> None:
    """Trusts a proxy, in the caller's transaction; all processes apply it within a second."""
    trusted_texts = instance_settings.read(session, TRUSTED_SETTING, [])
    instance_settings.write(session, TRUSTED_SETTING, sorted({*trusted_texts, str(ip_network(address))}))
    instance_settings.erase(session, PENDING_SETTING)


def dismiss(session: Session, address: str) -> None:
    """Dismisses a proxy: it will not become pending again."""
    instance_settings.write(
        session, DISMISSED_SETTING, sorted({*instance_settings.read(session, DISMISSED_SETTING, []), address})
    )
    instance_settings.erase(session, PENDING_SETTING)


def client_ip_header(database: Database) -> str:
    """Returns the header that was chosen in the interface, "" if none was."""
    return str(instance_settings.get(database, HEADER_SETTING, ""))


def report_unread_header(database: Database, header: str) -> None:
    """Makes a header with clients' addresses, which is not read, the pending one.

    Does nothing if it is in use or was dismissed.
    """
    with database.write_transaction() as session:
        is_dismissed = header in instance_settings.read(session, DISMISSED_HEADERS_SETTING, [])
        if not is_dismissed and header != instance_settings.read(session, HEADER_SETTING, ""):
            instance_settings.write(session, PENDING_HEADER_SETTING, header)


def pending_header(database: Database) -> str | None:
    """Returns the header that awaits a decision, or None."""
    header = instance_settings.get(database, PENDING_HEADER_SETTING)
    return None if header is None else str(header)


def use_header(session: Session, header: str) -> None:
    """Has a header read; all processes apply it within a second."""
    instance_settings.write(session, HEADER_SETTING, header)
    instance_settings.erase(session, PENDING_HEADER_SETTING)


def dismiss_header(session: Session, header: str) -> None:
    """Dismisses a header: it will not become pending again."""
    dismissed = instance_settings.read(session, DISMISSED_HEADERS_SETTING, [])
    instance_settings.write(session, DISMISSED_HEADERS_SETTING, sorted({*dismissed, header}))
    instance_settings.erase(session, PENDING_HEADER_SETTING)
