"""Proxies that somebody trusted with one click, beside PROPRIUM_TRUSTED_PROXIES, and the one that waits for it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from proprium.storage import instance_settings
from proprium.storage.database import Database

TRUSTED = "trusted_proxies"
WAITING = "untrusted_proxy"
DISMISSED = "dismissed_proxies"

Network = IPv4Network | IPv6Network


def trusted(database: Database) -> Sequence[Network]:
    return [ip_network(text) for text in instance_settings.get(database, TRUSTED, [])]


def report(database: Database, address: str) -> None:
    """A proxy on this network forwards visitors and is not trusted. Told once: not again after it was dismissed."""
    with database.writing() as session:
        trusted_now = [ip_network(text) for text in instance_settings.read(session, TRUSTED, [])]
        is_decided = address in instance_settings.read(session, DISMISSED, [])
        if not is_decided and not any(ip_address(address) in network for network in trusted_now):
            instance_settings.write(session, WAITING, address)


def waiting(database: Database) -> str | None:
    """The proxy that somebody should decide about."""
    found = instance_settings.get(database, WAITING)
    return None if found is None else str(found)


def trust(database: Database, address: str) -> None:
    """Every process believes it within a second."""
    with database.writing() as session:
        known = instance_settings.read(session, TRUSTED, [])
        instance_settings.write(session, TRUSTED, sorted({*known, str(ip_network(address))}))
        instance_settings.erase(session, WAITING)


def dismiss(database: Database, address: str) -> None:
    with database.writing() as session:
        instance_settings.write(session, DISMISSED, sorted({*instance_settings.read(session, DISMISSED, []), address}))
        instance_settings.erase(session, WAITING)
