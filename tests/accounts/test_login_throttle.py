"""Limits on guessing passwords and API keys, and who is not locked out by the guesses of others."""

from __future__ import annotations

import contextlib

import pytest

from proprium.accounts.login_throttle import MAX_VALID_KEYS, ApiKeyThrottle, LoginThrottle
from proprium.errors import TooManyAttempts, TooManyRequests

ADA = "ada@example.com"


@pytest.fixture
def throttle() -> LoginThrottle:
    return LoginThrottle()


def guess(throttle: LoginThrottle, times: int, email: str = ADA, address: str | None = "192.0.2.7") -> int:
    """Makes that many attempts; returns how many were rejected."""
    rejected_count = 0
    for _ in range(times):
        try:
            throttle.count_attempt(email, address)
        except TooManyAttempts:
            rejected_count += 1
    return rejected_count


def exhaust(throttle: LoginThrottle, email: str = ADA) -> None:
    """Uses up the limit of an account, from many addresses."""
    for number in range(200):
        with contextlib.suppress(TooManyAttempts):
            throttle.count_attempt(email, f"198.51.100.{number}")


def test_guesses_from_one_address_do_not_lock_out_other_addresses(throttle: LoginThrottle) -> None:
    assert guess(throttle, 1_000) == 990
    throttle.count_attempt(ADA, "203.0.113.1")


def test_guesses_for_many_accounts_do_not_lock_out_their_owners(throttle: LoginThrottle) -> None:
    for number in range(200):
        guess(throttle, 1, f"user{number}@example.com")
    for _ in range(200):
        guess(throttle, 1, ADA)
    throttle.count_attempt(ADA, "203.0.113.1")


def test_one_account_cannot_be_guessed_from_many_addresses(throttle: LoginThrottle) -> None:
    for number in range(100):
        throttle.count_attempt(ADA, f"2001:db8:0:{number:x}::1")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ADA, "2001:db8:1::1")


def test_an_ipv6_network_counts_as_one_address(throttle: LoginThrottle) -> None:
    for number in range(10):
        throttle.count_attempt(ADA, f"2001:db8::{number:x}")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ADA, "2001:db8::ffff")


def test_three_spellings_of_an_address_count_as_one(throttle: LoginThrottle) -> None:
    for number in range(10):
        throttle.count_attempt(ADA, ["192.0.2.7", "::ffff:192.0.2.7", "[::ffff:c000:207]:4711"][number % 3])
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ADA, "192.0.2.7")


def test_unknown_addresses_share_one_limit(throttle: LoginThrottle) -> None:
    for number in range(50):
        throttle.count_attempt(f"user{number}@example.com", None)
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt("one.more@example.com", None)
    throttle.count_attempt("one.more@example.com", "192.0.2.8")


def test_a_known_browser_is_not_locked_out_by_guesses_from_many_addresses(throttle: LoginThrottle) -> None:
    exhaust(throttle)
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ADA, "203.0.113.1")
    throttle.count_attempt(ADA, "203.0.113.1", "ada's laptop")


def test_a_known_browser_is_not_locked_out_by_guesses_from_its_own_address(throttle: LoginThrottle) -> None:
    for number in range(60):
        guess(throttle, 1, f"user{number}@example.com")
    throttle.count_attempt(ADA, "192.0.2.7", "ada's laptop")


def test_a_known_browser_has_a_limit_too(throttle: LoginThrottle) -> None:
    for number in range(10):
        throttle.count_attempt(ADA, f"198.51.100.{number}", "ada's laptop")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ADA, "203.0.113.1", "ada's laptop")
    throttle.count_attempt(ADA, "203.0.113.1", "ada's phone")
    throttle.count_attempt(ADA, "203.0.113.1")  # and it has not used up the limit of the account


def test_a_right_password_does_not_reset_the_limit_of_the_address_or_of_the_account(throttle: LoginThrottle) -> None:
    """Else an attacker signs in with an account of their own now and then, and guesses without end."""
    for number in range(50):
        throttle.count_attempt(f"user{number}@example.com", "192.0.2.7")
    throttle.record_success("attacker@example.com", "192.0.2.7")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt("one.more@example.com", "192.0.2.7")
    exhaust(throttle)
    throttle.record_success(ADA, "203.0.113.1")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ADA, "203.0.113.2")


def test_a_right_password_resets_the_limit_of_its_account_at_that_address(throttle: LoginThrottle) -> None:
    assert guess(throttle, 9) == 0
    throttle.record_success(ADA, "192.0.2.7")
    assert guess(throttle, 10) == 0


def test_checking_the_limit_does_not_count_as_an_attempt(throttle: LoginThrottle) -> None:
    for _ in range(1_000):
        throttle.check(ADA, "192.0.2.7")
    assert guess(throttle, 10) == 0
    with pytest.raises(TooManyAttempts):
        throttle.check(ADA, "192.0.2.7")


def test_memory_is_bounded_with_more_addresses_than_counters(throttle: LoginThrottle) -> None:
    for number in range(25_000):
        throttle.count_attempt(f"user{number}@example.com", f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1")
    assert throttle.counter_count <= 3 * 20_000


def test_guesses_of_the_setup_link_are_limited_by_address_only(throttle: LoginThrottle) -> None:
    for number in range(120):
        throttle.count_attempt(None, f"198.51.100.{number}")
    for _ in range(50):
        throttle.count_attempt(None, "192.0.2.7")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(None, "192.0.2.7")


# API keys


def test_a_revoked_key_is_limited_like_an_unknown_one() -> None:
    throttle = ApiKeyThrottle()
    throttle.record_success("key")
    for _ in range(60):
        throttle.record_failure("key", "192.0.2.7")
    with pytest.raises(TooManyRequests):
        throttle.check("key", "192.0.2.7")
    throttle.check("key", "192.0.2.8")


def test_memory_is_bounded_with_more_unknown_keys_than_counters() -> None:
    throttle = ApiKeyThrottle()
    for number in range(25_000):
        throttle.record_failure("key", f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1")
        throttle.record_success(f"key {number}")
    assert throttle.counter_count <= 20_000 + MAX_VALID_KEYS
