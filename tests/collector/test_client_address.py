"""The client's address behind proxies: read from trusted ones only, whatever they call the header."""

from __future__ import annotations

import json
import logging
from ipaddress import ip_network
from pathlib import Path

import pytest

from collector.client_address import (
    NAMED_HEADERS,
    UNREAD_REQUESTS,
    AddressChoice,
    AddressRule,
    ClientAddressResolver,
    forwarded_hops,
)
from tests.collector.conftest import PROPERTY, MakeHarness

CASES = Path(__file__).parent / "cases"
PROXY, CLIENT, CDN = "10.0.0.2", "198.51.100.1", "172.68.10.5"
Header = tuple[str, str]


def a_resolver(header: str = "") -> ClientAddressResolver:
    return ClientAddressResolver([ip_network("10.0.0.0/8")], header)


def resolve(resolver: ClientAddressResolver, *headers: Header, peer: str = PROXY) -> str | None:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    return resolver.resolve(peer, dict(raw), raw)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("X-Real-IP", CLIENT)], CLIENT),
        ([("X-Real-IP", f"{CLIENT}:4711")], CLIENT),
        ([("X-Real-IP", "2001:db8::1")], "2001:db8::1"),
        ([("X-Real-IP", "::ffff:198.51.100.1")], CLIENT),
        ([("X-Real-IP", "unknown")], None),
        ([("X-Real-IP", "")], PROXY),
        ([("X-Real-IP", "6.6.6.6"), ("X-Real-IP", CLIENT)], CLIENT),  # the proxy's own is the last
        ([("Forwarded", f"for={CLIENT}")], CLIENT),
        ([("Forwarded", f"For={CLIENT};proto=https;by=10.0.0.3")], CLIENT),
        ([("Forwarded", f"proto=https ; for = {CLIENT}")], CLIENT),
        ([("Forwarded", 'for="[2001:db8::1]:4711"')], "2001:db8::1"),
        ([("Forwarded", 'for="[2001:db8::1%25eth0]"')], "2001:db8::1"),
        ([("Forwarded", f'for="{CLIENT}:80"')], CLIENT),
        ([("Forwarded", f"for=6.6.6.6, for={CLIENT}, for=10.9.9.9")], CLIENT),
        ([("Forwarded", "for=6.6.6.6"), ("Forwarded", f"for={CLIENT}")], CLIENT),
        ([("Forwarded", f"for={CLIENT}, for=unknown")], None),
        ([("Forwarded", f"for={CLIENT}, for=_hidden")], None),
        ([("Forwarded", f"for={CLIENT}, proto=https")], None),  # the last hop does not say
        ([("Forwarded", f'for="6.6.6.6, for={CLIENT}')], None),  # a quote that is never closed
        ([("Forwarded", f'for="a, for=6.6.6.6", for={CLIENT}')], CLIENT),
        ([("Forwarded", f"for={CLIENT};;;=")], None),
        ([("Forwarded", "for=")], None),
        ([("X-Forwarded-For", CLIENT), ("X-Real-IP", "6.6.6.6"), ("Forwarded", "for=6.6.6.7")], CLIENT),
        ([("Forwarded", f"for={CLIENT}"), ("X-Real-IP", "6.6.6.6")], CLIENT),
        ([("X-Forwarded-For", ""), ("X-Real-IP", CLIENT)], CLIENT),
        ([("X-Forwarded-For", f"{CLIENT},10.0.0.9"), ("X-Forwarded-For", "10.0.0.8")], CLIENT),
        ([("X-Forwarded-For", "fe80::1%eth0")], "fe80::1"),
        ([("X-Forwarded-For", "10.1.1.1, 10.1.1.2")], "10.1.1.1"),  # from within the own network
        ([("X-Forwarded-For", f"{CLIENT}, <script>")], None),
        ([("X-Forwarded-For", f"{CLIENT}, 256.1.1.1")], None),
        ([("CF-Connecting-IP", CLIENT)], None),  # not read unless it is named
        ([("Via", "1.1 proxy")], None),  # a proxy that forwards no address is not its visitors
        ([], PROXY),
    ],
)
def test_a_trusted_proxy_names_the_client(headers: list[Header], expected: str | None) -> None:
    assert resolve(a_resolver(), *headers) == expected


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP", "X-My-Client"])
@pytest.mark.parametrize("header", ["", "CF-Connecting-IP", "X-My-Client"])
def test_a_public_client_is_never_believed(name: str, header: str) -> None:
    value = f"for={CLIENT}" if name == "Forwarded" else CLIENT
    resolver = a_resolver(header)
    assert resolve(resolver, (name, value), peer="203.0.113.9") == "203.0.113.9"
    assert resolver.untrusted_proxy is None
    assert resolver.unread_header is None


@pytest.mark.parametrize(
    "header",
    [
        ("X-Real-IP", CLIENT),
        ("Forwarded", f"for={CLIENT}"),
        *((name.decode(), CLIENT) for name in sorted(NAMED_HEADERS)),
    ],
)
def test_a_private_proxy_that_is_not_trusted_is_reported_whatever_header_it_sends(header: Header) -> None:
    resolver = ClientAddressResolver()
    assert resolve(resolver, header) is None
    assert resolver.untrusted_proxy == PROXY


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("CF-Connecting-IP", CLIENT), ("X-Forwarded-For", f"{CLIENT}, {CDN}")], CLIENT),
        ([("cf-connecting-ip", "2001:db8::1")], "2001:db8::1"),
        ([("CF-Connecting-IP", "6.6.6.6"), ("CF-Connecting-IP", CLIENT)], CLIENT),
        ([("CF-Connecting-IP", f"6.6.6.6, {CLIENT}")], CLIENT),
        ([("CF-Connecting-IP", "nonsense"), ("X-Forwarded-For", "6.6.6.6")], None),
        ([("X-Forwarded-For", CDN)], CDN),  # a request that came past the CDN
        ([("True-Client-IP", "6.6.6.6"), ("CF-Connecting-IP", CLIENT)], CLIENT),
    ],
)
def test_the_one_header_that_is_named_outranks_the_others(headers: list[Header], expected: str | None) -> None:
    resolver = a_resolver("CF-Connecting-IP")
    assert resolve(resolver, *headers) == expected
    chosen = a_resolver()
    chosen.use_header("cf-connecting-ip")
    assert resolve(chosen, *headers) == expected


def test_a_configured_header_outranks_the_chosen_one() -> None:
    resolver = a_resolver("Fly-Client-IP")
    resolver.use_header("cf-connecting-ip")
    assert resolve(resolver, ("Fly-Client-IP", CLIENT), ("CF-Connecting-IP", "6.6.6.6")) == CLIENT


@pytest.mark.parametrize("name", [name.decode() for name in sorted(NAMED_HEADERS)])
def test_a_header_that_is_not_read_is_reported(name: str, caplog: pytest.LogCaptureFixture) -> None:
    resolver = a_resolver()
    with caplog.at_level(logging.WARNING):
        for _ in range(UNREAD_REQUESTS + 2):
            assert resolver.unread_header is None or len(caplog.records) == 1
            assert resolve(resolver, (name, CLIENT), ("X-Forwarded-For", f"{CLIENT}, {CDN}")) == CDN
    assert resolver.unread_header == name
    assert CLIENT not in caplog.text
    resolver.use_header(name)
    assert resolver.unread_header is None
    assert resolve(resolver, (name, CLIENT), ("X-Forwarded-For", f"{CLIENT}, {CDN}")) == CLIENT


def test_a_header_that_only_some_visitors_send_is_not_reported() -> None:
    """They could make the owner believe what they write."""
    resolver = a_resolver()
    for _ in range(10):
        for _ in range(UNREAD_REQUESTS - 1):
            assert resolve(resolver, ("CF-Connecting-IP", "6.6.6.6"), ("X-Forwarded-For", CLIENT)) == CLIENT
        assert resolve(resolver, ("X-Forwarded-For", CLIENT)) == CLIENT
    assert resolver.unread_header is None


def test_a_header_that_says_the_same_is_not_reported() -> None:
    resolver = a_resolver()
    for _ in range(10):
        assert resolve(resolver, ("CF-Connecting-IP", CLIENT), ("X-Forwarded-For", CLIENT)) == CLIENT
    assert resolver.unread_header is None


def test_hops_of_a_hostile_header_cost_no_time() -> None:
    assert forwarded_hops('for="' + "\\" * 60_000) == ["unknown"]
    assert len(forwarded_hops(",".join(["for=198.51.100.1"] * 5_000))) == 5_000
    assert forwarded_hops("for" * 20_000) == ["unknown"]


@pytest.mark.parametrize(
    ("case", "header"), [("C22_x_real_ip", ""), ("C22c_cloudflare", "CF-Connecting-IP"), ("C22c_cloudflare", "chosen")]
)
async def test_each_visitor_behind_a_proxy_is_one(make_harness: MakeHarness, case: str, header: str) -> None:
    settings, *posts = map(json.loads, (CASES / f"{case}.jsonl").read_text().splitlines())
    network = settings["server"].removeprefix("PROPRIUM_TRUSTED_PROXIES=")
    configured = "" if header == "chosen" else header
    harness = make_harness("127.0.0.1", trusted_proxies=[ip_network(network)], client_ip_header=configured)
    if header == "chosen":  # in the interface, after the header was reported
        for post in posts:
            await harness.send({**post["body"], "collectorId": str(PROPERTY)}, **post["headers"])
        assert harness.collector.client_addresses.unread_header == "cf-connecting-ip"
        harness.collector.client_addresses.use_header("cf-connecting-ip")
        harness.sink.events.clear()
        harness.counters.stored = harness.counters.received = 0
    for post in posts:
        response = await harness.send({**post["body"], "collectorId": str(PROPERTY)}, **post["headers"])
        assert response.status_code == 204
    assert len({event.visitor for event in harness.sink.events}) == 3


@pytest.mark.parametrize(
    ("peer", "headers", "address", "rule", "header"),
    [
        ("203.0.113.9", {}, "203.0.113.9", AddressRule.PEER, ""),
        ("203.0.113.9", {b"x-forwarded-for": b"198.51.100.7"}, "203.0.113.9", AddressRule.FORGEABLE, ""),
        ("192.168.1.9", {b"x-forwarded-for": b"198.51.100.7"}, None, AddressRule.UNTRUSTED_PROXY, ""),
        ("10.0.0.1", {b"x-forwarded-for": b"198.51.100.7"}, "198.51.100.7", AddressRule.FORWARDED, "x-forwarded-for"),
        (
            "10.0.0.1",
            {b"x-forwarded-for": b" ", b"x-real-ip": b"198.51.100.7"},
            "198.51.100.7",
            AddressRule.FORWARDED,
            "x-real-ip",
        ),
        ("10.0.0.1", {b"forwarded": b"for=unknown"}, None, AddressRule.UNNAMED, ""),
        ("10.0.0.1", {b"via": b"1.1 proxy"}, None, AddressRule.UNNAMED, ""),
        ("10.0.0.1", {}, "10.0.0.1", AddressRule.PEER, ""),
    ],
)
def test_the_rule_of_an_address_is_told_with_it(
    peer: str, headers: dict[bytes, bytes], address: str | None, rule: AddressRule, header: str
) -> None:
    resolver = ClientAddressResolver([ip_network("10.0.0.0/8")])
    choice = resolver.explain(peer, headers, list(headers.items()))
    assert choice == AddressChoice(address, rule, header)
    assert choice.address == resolver.resolve(peer, headers, list(headers.items()))
