"""Upkeep of a collector: rejected events reach storage, and trusted proxies are reloaded."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_network

from collector.client_address import ClientAddressResolver
from collector.event import HitOutcome
from proprium.accounts import proxy_decisions
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


def wait_until(is_so: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
    return is_so()


def test_an_untrusted_proxy_is_reported_and_used_once_trusted(database: Database) -> None:
    addresses = ClientAddressResolver()
    upkeep = CollectorUpkeep(database, addresses, RejectedEventBuffer(database))
    upkeep.start()
    try:
        assert client(addresses) is None
        assert wait_until(lambda: trusted_proxies.pending_proxy(database) == PROXY)
        proxy_decisions.trust(database, PROXY)
        assert wait_until(lambda: client(addresses) == "203.0.113.9")
        assert trusted_proxies.pending_proxy(database) is None
    finally:
        upkeep.stop()


def test_an_unread_header_is_reported_and_read_once_chosen(database: Database) -> None:
    addresses = ClientAddressResolver([ip_network(PROXY)])
    upkeep = CollectorUpkeep(database, addresses, RejectedEventBuffer(database))
    headers = [(b"cf-connecting-ip", b"198.51.100.7"), *HEADERS]
    upkeep.start()
    try:
        assert [addresses.resolve(PROXY, dict(headers), headers) for _ in range(3)] == ["203.0.113.9"] * 3
        assert wait_until(lambda: trusted_proxies.pending_header(database) == "cf-connecting-ip")
        proxy_decisions.use_header(database, "cf-connecting-ip")
        assert wait_until(lambda: addresses.resolve(PROXY, dict(headers), headers) == "198.51.100.7")
        assert trusted_proxies.pending_header(database) is None
    finally:
        upkeep.stop()


def test_after_one_proxy_is_trusted_the_next_one_is_reported() -> None:
    addresses = ClientAddressResolver()
    assert client(addresses) is None
    addresses.trust([ip_network(PROXY)])
    assert addresses.untrusted_proxy is None
    assert addresses.resolve("10.0.0.6", dict(HEADERS), HEADERS) is None
    assert addresses.untrusted_proxy == "10.0.0.6"


def test_a_dismissed_proxy_is_not_reported_again(database: Database) -> None:
    trusted_proxies.report_untrusted(database, PROXY)
    proxy_decisions.dismiss(database, PROXY)
    trusted_proxies.report_untrusted(database, PROXY)
    assert trusted_proxies.pending_proxy(database) is None


def test_trust_outlives_a_restart(database: Database) -> None:
    proxy_decisions.trust(database, PROXY)
    addresses = ClientAddressResolver()
    CollectorUpkeep(database, addresses, RejectedEventBuffer(database)).stop()
    assert client(addresses) == "203.0.113.9"


def test_buffered_rejections_are_flushed_at_stop(database: Database) -> None:
    property_ = create_property(database, "Blog", None)
    rejected = RejectedEventBuffer(database)
    upkeep = CollectorUpkeep(database, ClientAddressResolver(), rejected)
    outcome = HitOutcome(
        moment("09:00", DAY), "page_view", "/", False, False, "hostname", True, None, "Chrome", False, "x.example"
    )
    rejected.add(property_.id, outcome)
    upkeep.stop()
    assert [row.reason for row in rejected_events.newest(database, property_.number or 0)] == ["hostname"]
