"""The porter of every collector: refusals reach storage, and a proxy that somebody trusts is believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_network

from collector.client_address import ClientAddressResolver
from collector.event import HitOutcome
from proprium.properties.service import create_property
from proprium.server.collector_upkeep import CollectorUpkeep
from proprium.storage import rejected_events, trusted_proxies
from proprium.storage.database import Database
from proprium.storage.rejected_events import RejectedEventBuffer
from tests.support.builders import DAY, moment

PROXY = "10.0.0.5"
HEADERS = [(b"x-forwarded-for", b"203.0.113.9")]


def client(addresses: ClientAddressResolver) -> str | None:
    return addresses.resolve(PROXY, dict(HEADERS), HEADERS)


def eventually(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def test_an_untrusted_proxy_is_told_of_and_believed_once_it_is_trusted(database: Database) -> None:
    addresses = ClientAddressResolver()
    porter = CollectorUpkeep(database, addresses, RejectedEventBuffer(database))
    porter.start()
    try:
        assert client(addresses) is None
        assert eventually(lambda: trusted_proxies.pending_proxy(database) == PROXY)
        trusted_proxies.trust(database, PROXY)
        assert eventually(lambda: client(addresses) == "203.0.113.9")
        assert trusted_proxies.pending_proxy(database) is None
    finally:
        porter.stop()


def test_after_one_proxy_is_trusted_the_next_one_is_told_of() -> None:
    addresses = ClientAddressResolver()
    assert client(addresses) is None
    addresses.trust([ip_network(PROXY)])
    assert addresses.untrusted_proxy is None
    assert addresses.resolve("10.0.0.6", dict(HEADERS), HEADERS) is None
    assert addresses.untrusted_proxy == "10.0.0.6"


def test_a_dismissed_proxy_is_not_told_of_again(database: Database) -> None:
    trusted_proxies.report_untrusted(database, PROXY)
    trusted_proxies.dismiss(database, PROXY)
    trusted_proxies.report_untrusted(database, PROXY)
    assert trusted_proxies.pending_proxy(database) is None


def test_trust_outlives_a_restart(database: Database) -> None:
    trusted_proxies.trust(database, PROXY)
    addresses = ClientAddressResolver()
    CollectorUpkeep(database, addresses, RejectedEventBuffer(database)).stop()
    assert client(addresses) == "203.0.113.9"


def test_what_was_refused_last_is_written_when_the_program_stops(database: Database) -> None:
    found = create_property(database, "Blog", None)
    refusals = RejectedEventBuffer(database)
    porter = CollectorUpkeep(database, ClientAddressResolver(), refusals)
    outcome = HitOutcome(
        moment("09:00", DAY), "page_view", "/", False, False, "hostname", True, None, "Chrome", False, "x.example"
    )
    refusals.add(found.id, outcome)
    porter.stop()
    assert [row.reason for row in rejected_events.newest(database, found.number or 0)] == ["hostname"]
