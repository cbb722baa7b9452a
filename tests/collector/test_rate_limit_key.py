"""The client key of rate limits, and bounded counters."""

from __future__ import annotations

import pytest

from collector.rate_limit import UNKNOWN_CLIENT, BoundedMemoryStorage, rate_limit_key


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::FFFF:C000:0207]:443", "192.0.2.7"),
        ("64:ff9b::192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8::"),
        ("[2001:db8:0:1::1%eth0]", "2001:db8:0:1::"),
        ("::1", "::"),
        (None, UNKNOWN_CLIENT),
        ("", UNKNOWN_CLIENT),
        ("testclient", UNKNOWN_CLIENT),
        ("/run/proprium.sock", UNKNOWN_CLIENT),
        ("x" * 100_000, UNKNOWN_CLIENT),
    ],
)
def test_a_client_has_one_key_however_its_address_is_written(address: str | None, key: str) -> None:
    assert rate_limit_key(address) == key


def test_counters_of_a_hundred_thousand_clients_leave_memory_bounded() -> None:
    memory = BoundedMemoryStorage(5_000)
    for number in range(100_000):
        memory.incr(f"{number}", 60)
    assert len(memory) <= 10_000


def test_a_counter_in_use_survives_many_other_keys() -> None:
    memory = BoundedMemoryStorage(1_000)
    for number in range(50_000):
        if number % 500 == 0:
            count = memory.incr("the guesser", 60)
        memory.incr(f"{number}", 60)
    assert count == 100
