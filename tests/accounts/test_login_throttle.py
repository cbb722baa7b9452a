"""How often a password or an API key may be guessed, and who is not kept out by the guesses of others."""

from __future__ import annotations

import contextlib

import pytest

from proprium.accounts.login_throttle import MAX_VALID_KEYS, ApiKeyThrottle, LoginThrottle
from proprium.errors import TooManyAttempts, TooManyRequests

ADA = "ada@example.com"


@pytest.fixture
def attempts() -> LoginThrottle:
    return LoginThrottle()


def guess(attempts: LoginThrottle, times: int, email: str = ADA, address: str | None = "192.0.2.7") -> int:
    """Tries so often; how many attempts were refused."""
    refused = 0
    for _ in range(times):
        try:
            attempts.count_attempt(email, address)
        except TooManyAttempts:
            refused += 1
    return refused


def exhaust(attempts: LoginThrottle, email: str = ADA) -> None:
    """As many guesses from as many addresses as an account admits."""
    for number in range(200):
        with contextlib.suppress(TooManyAttempts):
            attempts.count_attempt(email, f"198.51.100.{number}")


def test_a_guesser_at_one_address_keeps_nobody_else_out(attempts: LoginThrottle) -> None:
    assert guess(attempts, 1_000) == 990
    attempts.count_attempt(ADA, "203.0.113.1")


def test_a_guesser_of_many_accounts_keeps_their_owners_in(attempts: LoginThrottle) -> None:
    for number in range(200):
        guess(attempts, 1, f"user{number}@example.com")
    for _ in range(200):
        guess(attempts, 1, ADA)
    attempts.count_attempt(ADA, "203.0.113.1")


def test_one_account_cannot_be_guessed_from_many_addresses(attempts: LoginThrottle) -> None:
    for number in range(100):
        attempts.count_attempt(ADA, f"2001:db8:0:{number:x}::1")
    with pytest.raises(TooManyAttempts):
        attempts.count_attempt(ADA, "2001:db8:1::1")


def test_a_subscriber_with_a_network_of_ipv6_is_one_guesser(attempts: LoginThrottle) -> None:
    for number in range(10):
        attempts.count_attempt(ADA, f"2001:db8::{number:x}")
    with pytest.raises(TooManyAttempts):
        attempts.count_attempt(ADA, "2001:db8::ffff")


def test_one_address_in_three_spellings_is_one_guesser(attempts: LoginThrottle) -> None:
    for number in range(10):
        attempts.count_attempt(ADA, ["192.0.2.7", "::ffff:192.0.2.7", "[::ffff:c000:207]:4711"][number % 3])
    with pytest.raises(TooManyAttempts):
        attempts.count_attempt(ADA, "192.0.2.7")


def test_unknown_addresses_share_one_limit(attempts: LoginThrottle) -> None:
    for number in range(50):
        attempts.count_attempt(f"user{number}@example.com", None)
    with pytest.raises(TooManyAttempts):
        attempts.count_attempt("one.more@example.com", None)
    attempts.count_attempt("one.more@example.com", "192.0.2.8")


def test_a_browser_that_has_signed_in_before_is_not_kept_out_by_guessers_everywhere(attempts: LoginThrottle) -> None:
    exhaust(attempts)
    with pytest.raises(TooManyAttempts):
        attempts.count_attempt(ADA, "203.0.113.1")
    attempts.count_attempt(ADA, "203.0.113.1", "ada's laptop")


def test_nor_by_guessers_at_its_own_address(attempts: LoginThrottle) -> None:
    for number in range(60):
        guess(attempts, 1, f"user{number}@example.com")
    attempts.count_attempt(ADA, "192.0.2.7", "ada's laptop")


def test_a_browser_that_has_signed_in_before_cannot_guess_without_end(attempts: LoginThrottle) -> None:
    for number in range(10):
        attempts.count_attempt(ADA, f"198.51.100.{number}", "ada's laptop")
    with pytest.raises(TooManyAttempts):
        attempts.count_attempt(ADA, "203.0.113.1", "ada's laptop")
    attempts.count_attempt(ADA, "203.0.113.1", "ada's phone")
    attempts.count_attempt(ADA, "203.0.113.1")  # and has not charged the account either


def test_asking_whether_one_may_try_is_no_attempt(attempts: LoginThrottle) -> None:
    for _ in range(1_000):
        attempts.check(ADA, "192.0.2.7")
    assert guess(attempts, 10) == 0
    with pytest.raises(TooManyAttempts):
        attempts.check(ADA, "192.0.2.7")


def test_a_hundred_thousand_guessers_leave_memory_bounded(attempts: LoginThrottle) -> None:
    for number in range(100_000):
        attempts.count_attempt(f"user{number}@example.com", f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1")
    assert attempts.counter_count <= 3 * 20_000


def test_set_up_links_are_guessed_by_address_alone(attempts: LoginThrottle) -> None:
    for number in range(120):
        attempts.count_attempt(None, f"198.51.100.{number}")
    for _ in range(50):
        attempts.count_attempt(None, "192.0.2.7")
    with pytest.raises(TooManyAttempts):
        attempts.count_attempt(None, "192.0.2.7")


# API keys


def test_a_revoked_key_is_limited_like_one_that_never_was() -> None:
    attempts = ApiKeyThrottle()
    attempts.record_success("key")
    for _ in range(60):
        attempts.record_failure("key", "192.0.2.7")
    with pytest.raises(TooManyRequests):
        attempts.check("key", "192.0.2.7")
    attempts.check("key", "192.0.2.8")


def test_a_hundred_thousand_clients_with_unknown_keys_and_as_many_keys_leave_memory_bounded() -> None:
    attempts = ApiKeyThrottle()
    for number in range(100_000):
        attempts.record_failure("key", f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::1")
        attempts.record_success(f"key {number}")
    assert attempts.counter_count <= 20_000 + MAX_VALID_KEYS
