"""The rate limit of /collect: by events and client, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from collector.rate_limit import RateLimit, rate_limit_key
from tests.collector.conftest import CollectorHarness
from tests.support.collector_ports import PROPERTY

MakeHarness = Callable[..., CollectorHarness]
VIEW = {"collectorId": str(PROPERTY), "event": "page_view", "data": {"url": "/"}}


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limit(clock: Clock, rate: float) -> RateLimit:
    return RateLimit(rate, monotonic=clock)


async def statuses(harness: CollectorHarness, bodies: list[Any], **headers: str) -> list[int]:
    return [(await harness.send(body, **headers)).status_code for body in bodies]


async def test_events_are_counted_not_requests(make_harness: MakeHarness, clock: Clock) -> None:
    """By default 100 a second with a burst of 200: two arrays of 100, then no more."""
    harness = make_harness(collect_rate=100, monotonic=clock)
    assert await statuses(harness, [[VIEW] * 100] * 5) == [204, 204, 429, 429, 429]
    assert len(harness.sink.events) == 200
    assert harness.counters.rejected[429] >= 3
    clock.now_s += 1.1
    assert await statuses(harness, [[VIEW] * 100] * 2) == [204, 429]
    assert await statuses(harness, [VIEW] * 5) == [204] * 5


async def test_an_array_is_accepted_or_rejected_as_a_whole(make_harness: MakeHarness, clock: Clock) -> None:
    harness = make_harness(collect_rate=100, monotonic=clock)
    assert await statuses(harness, [[VIEW] * 100, [VIEW] * 50, [VIEW] * 60]) == [204, 204, 429]
    assert len(harness.sink.events) == 150
    counters = harness.counters
    assert (counters.received, counters.stored, counters.rejected) == (210, 150, {429: 60})
    assert harness.outcomes[-1].event == "60 events"
    assert await statuses(harness, [[VIEW] * 40]) == [204]  # the refused array cost no more than a request


async def test_a_new_client_may_send_a_whole_array_at_any_rate(make_harness: MakeHarness, clock: Clock) -> None:
    harness = make_harness(collect_rate=5, monotonic=clock)
    assert await statuses(harness, [[VIEW] * 100, VIEW]) == [204, 429]
    clock.now_s += 18.3  # 100 events are 20 seconds at 5 a second, less the burst of 2 seconds
    assert await statuses(harness, [VIEW, [VIEW] * 100]) == [204, 429]
    clock.now_s += 30
    assert await statuses(harness, [[VIEW] * 100]) == [204]


async def test_an_unreadable_body_counts_as_one_event(make_harness: MakeHarness, clock: Clock) -> None:
    harness = make_harness(collect_rate=1, monotonic=clock)
    assert await statuses(harness, [b"{", b"{", b"{", VIEW]) == [400, 400, 429, 429]


async def test_an_ipv6_network_is_one_client(make_harness: MakeHarness, clock: Clock) -> None:
    harness = make_harness("2001:db8::1", collect_rate=1, monotonic=clock)
    assert await statuses(harness, [VIEW] * 3) == [204, 204, 429]
    assert rate_limit_key("2001:db8::1") == rate_limit_key("2001:db8:0:0:ffff::2") != rate_limit_key("2001:db8:0:1::1")
    assert rate_limit_key("203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.2", "172.17.0.1"])
async def test_visitors_behind_a_proxy_that_is_not_trusted_share_ten_times_the_rate(
    make_harness: MakeHarness, clock: Clock, peer: str
) -> None:
    harness = make_harness(peer, collect_rate=1, monotonic=clock)
    sent = [(await harness.send(VIEW, x_forwarded_for=f"198.51.100.{visitor}")).status_code for visitor in range(25)]
    assert sent == [204] * 20 + [429] * 5
    assert {outcome.has_address for outcome in harness.outcomes} == {False}
    assert peer not in repr(harness.outcomes) + repr(harness.sink.events)
    assert await statuses(harness, [VIEW] * 3) == [204, 204, 429]  # itself it is a sender like any other


async def test_a_trusted_proxy_that_names_no_address_does_not_lift_the_limit(
    make_harness: MakeHarness, clock: Clock
) -> None:
    harness = make_harness("10.0.0.2", collect_rate=1, monotonic=clock, trusted_proxies=[ip_network("10.0.0.0/8")])
    assert (await statuses(harness, [VIEW] * 25, x_forwarded_for="unknown"))[-1] == 429


def test_at_a_rate_of_0_nothing_is_limited(clock: Clock) -> None:
    unlimited = limit(clock, 0)
    assert all(unlimited.admits("a", 100) for _ in range(1_000))


def test_the_average_is_the_rate_whatever_is_sent(clock: Clock) -> None:
    limited, admitted = limit(clock, 10), 0
    for _ in range(10_000):
        clock.now_s += 0.01
        admitted += sum(size for size in (1, 7, 30) if limited.admits("a", size))
    assert 1_000 <= admitted <= 1_000 + 20 + 30


def test_many_addresses_do_not_fill_the_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimit, "MAX_KEYS_PER_GENERATION", 1_000)
    limited = limit(clock, 100)
    for number in range(10_000):
        limited.admits(f"10.0.{number >> 8}.{number & 255}")
        assert len(limited._full_at) + len(limited._previous_full_at) <= 2_001


def test_a_client_key_expires_within_seconds(clock: Clock) -> None:
    limited = limit(clock, 100)
    limited.admits("203.0.113.9")
    for _ in range(3):
        clock.now_s += 4
        limited.admits("203.0.113.10")
    assert "203.0.113.9" not in limited._full_at | limited._previous_full_at
