"""Authenticator app and recovery codes: what is accepted, and that nothing is accepted twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from proprium.accounts import second_factor, totp
from proprium.accounts.audit import Actor
from proprium.accounts.factor_throttle import FactorThrottle
from proprium.errors import Conflict, TooManyAttempts, UserFacingError
from proprium.storage.database import Database
from proprium.storage.tables import Role, User
from tests.support.builders import a_user

NOW = datetime(2026, 11, 2, 9, 0, 10, tzinfo=UTC)
STEP = timedelta(seconds=30)


def code_at(secret: str, moment: datetime = NOW) -> str:
    return pyotp.TOTP(secret).at(moment)


def with_app(database: Database, user: User) -> tuple[str, list[str]]:
    """Turns the app on five minutes ago; its secret and the recovery codes."""
    secret, then = totp.new_secret(), NOW - timedelta(minutes=5)
    codes = second_factor.enable_app(
        database, user.id, secret, code_at(secret, then), actor=Actor.of_user(user), clock=lambda: then
    )
    return secret, codes


def use(database: Database, user: User, code: str, moment: datetime = NOW) -> bool:
    return second_factor.use_code(database, user.id, code, clock=lambda: moment)


def test_a_code_works_once(database: Database) -> None:
    ada = a_user(database)
    secret, _ = with_app(database, ada)
    assert use(database, ada, code_at(secret))
    assert not use(database, ada, code_at(secret))
    assert not use(database, ada, code_at(secret, NOW - STEP))  # an earlier one neither
    assert use(database, ada, code_at(secret, NOW + STEP), NOW + STEP)


def test_the_code_that_turned_the_app_on_does_not_sign_in(database: Database) -> None:
    ada, secret = a_user(database), totp.new_secret()
    second_factor.enable_app(database, ada.id, secret, code_at(secret), actor=Actor.of_user(ada), clock=lambda: NOW)
    assert not use(database, ada, code_at(secret))


@pytest.mark.parametrize(("steps", "is_accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_phone_may_be_half_a_minute_off(database: Database, steps: int, is_accepted: bool) -> None:
    ada = a_user(database)
    secret, _ = with_app(database, ada)
    assert use(database, ada, code_at(secret, NOW + steps * STEP)) is is_accepted


def test_codes_may_be_typed_as_people_do(database: Database) -> None:
    ada = a_user(database)
    secret, recovery = with_app(database, ada)
    code = code_at(secret)
    assert use(database, ada, f" {code[:3]} {code[3:]}\t")
    assert use(database, ada, recovery[0].upper().replace("-", " – "))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "²³¹⁴⁵⁶", "x" * 10_000, "\x00", "\ud800"])
def test_what_is_no_code_is_wrong(database: Database, code: str) -> None:
    ada = a_user(database)
    with_app(database, ada)
    assert not use(database, ada, code)


def test_each_of_ten_recovery_codes_works_once_and_for_its_user(database: Database) -> None:
    ada, bob = a_user(database), a_user(database, "bob@example.com")
    _, codes = with_app(database, ada)
    assert len(set(codes)) == 10
    assert not use(database, bob, codes[0])
    for code in codes:
        assert use(database, ada, code)
        assert not use(database, ada, code)
    assert second_factor.factors_of(database, ada.id).recovery_code_count == 0


def test_new_recovery_codes_replace_the_old_ones(database: Database) -> None:
    ada = a_user(database)
    _, old = with_app(database, ada)
    new = second_factor.renew_recovery_codes(database, ada.id, actor=Actor.of_user(ada))
    assert not use(database, ada, old[0])
    assert use(database, ada, new[0])


def test_a_wrong_code_does_not_turn_the_app_on(database: Database) -> None:
    ada = a_user(database)
    with pytest.raises(UserFacingError, match="wrong or expired"):
        second_factor.enable_app(database, ada.id, totp.new_secret(), "000000", actor=Actor.of_user(ada))
    assert not second_factor.is_enabled(database, ada)


def test_turning_the_app_off_ends_the_recovery_codes(database: Database) -> None:
    ada = a_user(database)
    secret, codes = with_app(database, ada)
    second_factor.disable_app(database, ada.id, actor=Actor.of_user(ada))
    assert not use(database, ada, codes[0])
    assert not use(database, ada, code_at(secret))


def test_a_required_factor_cannot_be_removed_and_is_missed_by_others(database: Database) -> None:
    ada, bob = a_user(database, role=Role.OWNER), a_user(database, "bob@example.com")
    actor = Actor.of_user(ada)
    with pytest.raises(Conflict, match="your own account first"):
        second_factor.set_required(database, True, actor=actor)
    with_app(database, ada)
    second_factor.set_required(database, True, actor=actor)
    with pytest.raises(Conflict, match="requires a second factor"):
        second_factor.disable_app(database, ada.id, actor=actor)
    assert second_factor.factors_of(database, ada.id).has_app
    assert second_factor.is_missing(database, bob)
    second_factor.set_required(database, False, actor=actor)
    assert not second_factor.is_missing(database, bob)


def test_who_lost_everything_is_helped_by_the_command_line(database: Database) -> None:
    ada = a_user(database)
    _, codes = with_app(database, ada)
    second_factor.remove_all(database, ada.email, actor=Actor("command line"))
    assert second_factor.factors_of(database, ada.id) == second_factor.Factors(False, [], 0)
    assert not use(database, ada, codes[0])


def test_guesses_are_limited_and_do_not_lock_out_a_known_browser(database: Database) -> None:
    ada, throttle = a_user(database), FactorThrottle()
    for _ in range(10):
        throttle.count_attempt(ada.id, None)
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ada.id, None)
    for _ in range(10):
        throttle.count_attempt(ada.id, "her laptop")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt(ada.id, "her laptop")
