"""Trusted proxies that were confirmed in the interface, in addition to PROPRIUM_TRUSTED_PROXIES.

Also the pending proxy: one that forwards visitors, is not trusted yet, and awaits a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from proprium.storage import instance_settings
from proprium.storage.database import Database

TRUSTED_SETTING = "trusted_proxies"
PENDING_SETTING = "untrusted_proxy"
DISMISSED_SETTING = "dismissed_proxies"

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


def trust(database: Database, address: str) -> None:
    """Trusts a proxy; all processes apply it within a second."""
    with database.write_transaction() as session:
        trusted_texts = instance_settings.read(session, TRUSTED_SETTING, [])
        instance_settings.write(session, TRUSTED_SETTING, sorted({*trusted_texts, str(ip_network(address))}))
        instance_settings.erase(session, PENDING_SETTING)


def dismiss(database: Database, address: str) -> None:
    """Dismisses a proxy: it will not become pending again."""
    with database.write_transaction() as session:
        instance_settings.write(
            session, DISMISSED_SETTING, sorted({*instance_settings.read(session, DISMISSED_SETTING, []), address})
        )
        instance_settings.erase(session, PENDING_SETTING)
