"""The rate limit of /collect: by events, by sender, and with bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest

from collector.rate_limit import RateLimit, rate_limit_key
from tests.collector.conftest import PROPERTY, Door

MakeDoor = Callable[..., Door]
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


async def statuses(door: Door, bodies: list[Any], **headers: str) -> list[int]:
    return [(await door.send(body, **headers)).status_code for body in bodies]


async def test_events_are_counted_not_requests(make_door: MakeDoor, clock: Clock) -> None:
    """By default 100 a second with a burst of 200: two arrays of 100, then no more."""
    door = make_door(collect_rate=100, monotonic=clock)
    assert await statuses(door, [[VIEW] * 100] * 5) == [204, 204, 429, 429, 429]
    assert len(door.sink.events) == 200
    assert door.counters.rejected[429] >= 3
    clock.now_s += 1.1
    assert await statuses(door, [[VIEW] * 100] * 2) == [204, 429]
    assert await statuses(door, [VIEW] * 5) == [204] * 5


async def test_an_array_is_taken_or_refused_as_a_whole(make_door: MakeDoor, clock: Clock) -> None:
    door = make_door(collect_rate=100, monotonic=clock)
    assert await statuses(door, [[VIEW] * 100, [VIEW] * 50, [VIEW] * 60]) == [204, 204, 429]
    assert len(door.sink.events) == 150
    counters = door.counters
    assert (counters.received, counters.stored, counters.rejected) == (210, 150, {429: 60})
    assert door.outcomes[-1].event == "60 events"
    assert await statuses(door, [[VIEW] * 40]) == [204]  # the refused array cost no more than a request


async def test_a_fresh_sender_may_send_a_whole_array_at_any_rate(make_door: MakeDoor, clock: Clock) -> None:
    door = make_door(collect_rate=5, monotonic=clock)
    assert await statuses(door, [[VIEW] * 100, VIEW]) == [204, 429]
    clock.now_s += 18.3  # 100 events are 20 seconds at 5 a second, less the burst of 2 seconds
    assert await statuses(door, [VIEW, [VIEW] * 100]) == [204, 429]
    clock.now_s += 30
    assert await statuses(door, [[VIEW] * 100]) == [204]


async def test_what_cannot_be_read_counts_as_one(make_door: MakeDoor, clock: Clock) -> None:
    door = make_door(collect_rate=1, monotonic=clock)
    assert await statuses(door, [b"{", b"{", b"{", VIEW]) == [400, 400, 429, 429]


async def test_the_networks_of_ipv6_are_one_sender_each(make_door: MakeDoor, clock: Clock) -> None:
    door = make_door("2001:db8::1", collect_rate=1, monotonic=clock)
    assert await statuses(door, [VIEW] * 3) == [204, 204, 429]
    assert rate_limit_key("2001:db8::1") == rate_limit_key("2001:db8:0:0:ffff::2") != rate_limit_key("2001:db8:0:1::1")
    assert rate_limit_key("203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.2", "172.17.0.1"])
async def test_visitors_behind_a_proxy_that_is_not_trusted_share_ten_times_the_rate(
    make_door: MakeDoor, clock: Clock, peer: str
) -> None:
    door = make_door(peer, collect_rate=1, monotonic=clock)
    sent = [(await door.send(VIEW, x_forwarded_for=f"198.51.100.{visitor}")).status_code for visitor in range(25)]
    assert sent == [204] * 20 + [429] * 5
    assert {outcome.has_address for outcome in door.outcomes} == {False}
    assert peer not in repr(door.outcomes) + repr(door.sink.events)
    assert await statuses(door, [VIEW] * 3) == [204, 204, 429]  # itself it is a sender like any other


async def test_a_trusted_proxy_that_names_no_address_does_not_lift_the_limit(make_door: MakeDoor, clock: Clock) -> None:
    door = make_door("10.0.0.2", collect_rate=1, monotonic=clock, trusted_proxies=[ip_network("10.0.0.0/8")])
    assert (await statuses(door, [VIEW] * 25, x_forwarded_for="unknown"))[-1] == 429


def test_at_a_rate_of_0_nothing_is_limited(clock: Clock) -> None:
    unlimited = limit(clock, 0)
    assert all(unlimited.admits("a", 100) for _ in range(1_000))


def test_the_average_is_the_rate_whatever_is_sent(clock: Clock) -> None:
    limited, taken = limit(clock, 10), 0
    for _ in range(10_000):
        clock.now_s += 0.01
        taken += sum(size for size in (1, 7, 30) if limited.admits("a", size))
    assert 1_000 <= taken <= 1_000 + 20 + 30


def test_many_addresses_do_not_fill_the_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RateLimit, "MAX_KEYS_PER_GENERATION", 1_000)
    limited = limit(clock, 100)
    for number in range(10_000):
        limited.admits(f"10.0.{number >> 8}.{number & 255}")
        assert len(limited._full_at) + len(limited._previous_full_at) <= 2_001


def test_an_address_is_forgotten_within_seconds(clock: Clock) -> None:
    limited = limit(clock, 100)
    limited.admits("203.0.113.9")
    for _ in range(3):
        clock.now_s += 4
        limited.admits("203.0.113.10")
    assert "203.0.113.9" not in limited._full_at | limited._previous_full_at
