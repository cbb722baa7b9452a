"""Client address of a connection, as the composition root determines it."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import HTTPConnection

from collector.client_address import AddressChoice, AddressRule

ClientAddressOf = Callable[[HTTPConnection], str | None]
AddressChoiceOf = Callable[[HTTPConnection], AddressChoice]


def peer_address(connection: HTTPConnection) -> str | None:
    """Returns the address of the TCP peer.

    Behind a proxy, the composition root passes a better function.
    """
    return connection.client.host if connection.client else None


def peer_choice(connection: HTTPConnection) -> AddressChoice:
    """Returns the address of the TCP peer, and that it is just that."""
    return AddressChoice(peer_address(connection), AddressRule.PEER)
