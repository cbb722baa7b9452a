"""Login sessions: signing in and out, expiry, revocation."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from proprium.accounts import login_sessions
from proprium.accounts.login_throttle import LoginThrottle
from proprium.errors import SignInRequired, TooManyAttempts
from proprium.properties import access
from proprium.storage.database import Database
from proprium.storage.tables import PropertyRole, Role
from tests.support.builders import PASSWORD, a_property, a_user, moment


class SettableClock:
    """A clock that a test sets forward."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def throttle() -> LoginThrottle:
    return LoginThrottle()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(moment("09:00"))


def test_the_token_of_a_sign_in_identifies_the_user(database: Database) -> None:
    ada = a_user(database)
    token = login_sessions.log_in(database, "Ada@Example.com ", PASSWORD, "Firefox on Linux", throttle=LoginThrottle())
    user = login_sessions.user_of(database, token)
    assert user is not None
    assert (user.id, user.email) == (ada.id, "ada@example.com")


@pytest.mark.parametrize("token", ["", None, "made up", "\ud800", "x" * 100_000])
def test_an_unknown_token_has_no_user(database: Database, token: str | None) -> None:
    login_sessions.start_session(database, a_user(database).id)
    assert login_sessions.user_of(database, token) is None


def test_a_wrong_password_and_an_unknown_address_look_the_same(database: Database, throttle: LoginThrottle) -> None:
    a_user(database)
    with pytest.raises(SignInRequired) as wrong:
        login_sessions.log_in(database, "ada@example.com", "wrong password", throttle=throttle)
    with pytest.raises(SignInRequired) as unknown:
        login_sessions.log_in(database, "unknown@example.com", "wrong password", throttle=throttle)
    assert str(wrong.value) == str(unknown.value)


def test_the_token_itself_is_not_stored(database: Database) -> None:
    token = login_sessions.start_session(database, a_user(database).id)
    database.truncate_wal()
    assert token.encode() not in database.path.read_bytes()


def test_signing_in_again_ends_the_session_that_the_browser_had(database: Database) -> None:
    ada = a_user(database)
    old = login_sessions.log_in(database, ada.email, PASSWORD, throttle=LoginThrottle())
    new = login_sessions.log_in(database, ada.email, PASSWORD, replaced_token=old, throttle=LoginThrottle())
    assert new != old
    assert login_sessions.user_of(database, old) is None
    assert login_sessions.user_of(database, new) is not None


def test_a_session_ends_after_thirty_days(database: Database, clock: SettableClock) -> None:
    ada = a_user(database)
    token = login_sessions.start_session(database, ada.id, clock=clock)
    clock.now += timedelta(days=30, seconds=-1)
    assert login_sessions.user_of(database, token, clock=clock) is not None
    clock.now += timedelta(seconds=1)
    assert login_sessions.user_of(database, token, clock=clock) is None
    assert login_sessions.list_sessions(database, ada.id, clock=clock) == []


def test_many_tokens_are_read_at_once_without_the_expired_ones(database: Database, clock: SettableClock) -> None:
    ada, bob = a_user(database, role=Role.OWNER), a_user(database, "bob@example.com")
    shop = a_property(database)
    access.grant(database, shop.id, bob.id, PropertyRole.EDITOR)
    old = login_sessions.start_session(database, ada.id, clock=clock)
    clock.now += timedelta(days=29)
    hers, his = (login_sessions.start_session(database, user.id, clock=clock) for user in (ada, bob))
    clock.now += timedelta(days=1)
    read = login_sessions.signed_in_users(database, ["", "no token", old, hers, his], clock=clock)
    assert read == {hers: (ada.id, Role.OWNER, {}), his: (bob.id, Role.MEMBER, {shop.id: PropertyRole.EDITOR})}


def test_expired_sessions_are_deleted(database: Database, clock: SettableClock) -> None:
    ada = a_user(database)
    login_sessions.start_session(database, ada.id, clock=clock)
    clock.now += timedelta(days=31)
    login_sessions.start_session(database, ada.id, clock=clock)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM login_session").scalar_one() == 1


def test_sessions_are_listed_last_used_first(database: Database, clock: SettableClock) -> None:
    ada, grace = a_user(database), a_user(database, "grace@example.com")
    phone = login_sessions.start_session(database, ada.id, "Safari on iOS", clock=clock)
    login_sessions.start_session(database, grace.id, "Edge on Windows", clock=clock)
    clock.now += timedelta(hours=1)
    login_sessions.start_session(database, ada.id, "Firefox on Linux", clock=clock)
    assert [login.browser for login in login_sessions.list_sessions(database, ada.id, clock=clock)] == [
        "Firefox on Linux",
        "Safari on iOS",
    ]
    clock.now += timedelta(hours=1)
    login_sessions.user_of(database, phone, clock=clock)
    used, other = login_sessions.list_sessions(database, ada.id, clock=clock)
    assert (used.browser, used.seen_at) == ("Safari on iOS", clock.now)
    assert login_sessions.is_session_of_token(used, phone)
    assert not login_sessions.is_session_of_token(other, phone)


def test_one_session_can_be_ended_by_its_user_only(database: Database) -> None:
    ada, grace = a_user(database), a_user(database, "grace@example.com")
    token = login_sessions.start_session(database, ada.id)
    [login] = login_sessions.list_sessions(database, ada.id)
    login_sessions.revoke(database, grace.id, login.id)
    assert login_sessions.user_of(database, token) is not None
    login_sessions.revoke(database, ada.id, login.id)
    assert login_sessions.user_of(database, token) is None


def test_signing_out_ends_this_session_only(database: Database) -> None:
    ada = a_user(database)
    here, there = login_sessions.start_session(database, ada.id), login_sessions.start_session(database, ada.id)
    login_sessions.revoke_token(database, here)
    assert login_sessions.user_of(database, here) is None
    assert login_sessions.user_of(database, there) is not None


def test_signing_out_with_a_made_up_token_does_not_wait_for_storage(database: Database) -> None:
    """Any client may post one; a write would delay events."""
    with database.write_transaction() as session:
        session.connection()  # takes the lock
        login_sessions.revoke_token(database, "made up")


def test_signing_out_everywhere_may_spare_this_browser(database: Database) -> None:
    ada = a_user(database)
    here, there = login_sessions.start_session(database, ada.id), login_sessions.start_session(database, ada.id)
    login_sessions.revoke_all(database, ada.id, except_token=here)
    assert login_sessions.user_of(database, here) is not None
    assert login_sessions.user_of(database, there) is None
    login_sessions.revoke_all(database, ada.id)
    assert login_sessions.user_of(database, here) is None


def test_guessing_is_stopped_even_with_the_right_password_at_last(throttle: LoginThrottle) -> None:
    for _ in range(10):
        throttle.count_attempt("ada@example.com", "192.0.2.7")
    with pytest.raises(TooManyAttempts, match="five minutes"):
        throttle.count_attempt("ada@example.com", "192.0.2.7")
    throttle.count_attempt("grace@example.com", "192.0.2.7")


def test_guesses_from_another_address_do_not_lock_out_the_owner(throttle: LoginThrottle) -> None:
    for _ in range(10):
        throttle.count_attempt("ada@example.com", "192.0.2.7")
    throttle.count_attempt("ada@example.com", "192.0.2.8")


def test_many_accounts_cannot_be_guessed_from_one_address(throttle: LoginThrottle) -> None:
    for number in range(50):
        throttle.count_attempt(f"user{number}@example.com", "192.0.2.7")
    with pytest.raises(TooManyAttempts):
        throttle.count_attempt("user.more@example.com", "192.0.2.7")
    throttle.count_attempt("user.more@example.com", "192.0.2.8")
    throttle.count_attempt("user.more@example.com", None)


def test_a_throttled_sign_in_does_not_check_the_password(database: Database, throttle: LoginThrottle) -> None:
    ada = a_user(database)
    for _ in range(10):
        throttle.count_attempt(ada.email)
    with pytest.raises(TooManyAttempts):
        login_sessions.log_in(database, ada.email, PASSWORD, throttle=throttle)
    assert login_sessions.list_sessions(database, ada.id) == []


def test_successful_sign_ins_are_not_limited(database: Database, throttle: LoginThrottle) -> None:
    ada = a_user(database)
    for _ in range(9):
        throttle.count_attempt(ada.email)
    for _ in range(2):
        login_sessions.log_in(database, ada.email, PASSWORD, throttle=throttle)
    assert len(login_sessions.list_sessions(database, ada.id)) == 2
