"""The audit log: an entry in the transaction of each change, of whatever kind, and what the log does not say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlmodel import Session, SQLModel

from proprium.accounts import (
    api_keys,
    audit,
    instance_options,
    invitations,
    login_sessions,
    proxy_decisions,
    setup,
    users,
)
from proprium.accounts.audit import COMMAND_LINE, SERVER, Action, Actor, AuditFilter, network_of
from proprium.accounts.instance_options import InstanceOptions
from proprium.accounts.login_throttle import LoginThrottle
from proprium.clock import utc_now
from proprium.errors import SignInRequired, UserFacingError
from proprium.properties import access, service
from proprium.storage.database import WRITE_LOCK_OPTION, Database
from proprium.storage.tables import AuditEntry, Property, PropertyRole, Role, User
from tests.accounts import changing_functions
from tests.support.builders import PASSWORD, a_property, a_user

ADDRESS, NETWORK = "203.0.113.77", "203.0.113.0/24"


@dataclass
class Case:
    """An owner of the server, two members, a property of one with a role for the other."""

    database: Database
    eve: User
    ada: User
    bob: User
    shop: Property

    @property
    def actor(self) -> Actor:
        return Actor.of_user(self.eve, ADDRESS)


@pytest.fixture
def case(database: Database) -> Case:
    eve = a_user(database, "eve@example.com", Role.OWNER)
    ada, bob = a_user(database), a_user(database, "bob@example.com")
    shop = a_property(database, "Shop", ada)
    access.grant(database, shop.id, bob.id, PropertyRole.VIEWER)
    return Case(database, eve, ada, bob, shop)


def entries(database: Database) -> list[AuditEntry]:
    return audit.list_entries(database, AuditFilter())


def dump(database: Database) -> dict[str, list[Any]]:
    """Everything in storage but the log of deletions for the warehouse."""
    with database.session() as session:
        return {
            name: list(session.execute(text(f'SELECT * FROM "{name}" ORDER BY 1'))) for name in SQLModel.metadata.tables
        }


# Each change: what does it on `case`, by whom, and the actions of its entries, the newest last.
Change = Callable[[Case, Actor], object]
CHANGES: dict[str, tuple[Change, list[Action]]] = {
    "service.create_property": (
        lambda case, by: service.create_property(case.database, "New", None, actor=by),
        [Action.PROPERTY_CREATED],
    ),
    "service.change_list": (
        lambda case, by: service.change_list(
            case.database, case.shop.id, "custom_cards", lambda cards: [*cards, "order"], actor=by
        ),
        [Action.PROPERTY_CHANGED],
    ),
    "service.rename": (
        lambda case, by: service.rename(case.database, case.shop.id, "Other", actor=by),
        [Action.PROPERTY_CHANGED],
    ),
    "service.set_public": (
        lambda case, by: service.set_public(case.database, case.shop.id, True, actor=by),
        [Action.PROPERTY_CHANGED],
    ),
    "service.set_data_key_public": (
        lambda case, by: service.set_data_key_public(case.database, case.shop.id, "plan", True, actor=by),
        [Action.PROPERTY_CHANGED],
    ),
    "service.set_custom_cards": (
        lambda case, by: service.set_custom_cards(case.database, case.shop.id, ["signup"], actor=by),
        [Action.PROPERTY_CHANGED],
    ),
    "service.update_settings": (
        lambda case, by: service.update_settings(case.database, case.shop.id, session_gap_min=45, actor=by),
        [Action.PROPERTY_CHANGED],
    ),
    "service.delete_property": (
        lambda case, by: service.delete_property(case.database, case.shop.id, actor=by),
        [Action.PROPERTY_DELETED],
    ),
    "service.reset_property": (
        lambda case, by: service.reset_property(case.database, case.shop.id, actor=by),
        [Action.PROPERTY_RESET],
    ),
    "access.grant": (
        lambda case, by: access.grant(case.database, case.shop.id, case.bob.id, PropertyRole.OWNER, actor=by),
        [Action.ACCESS_GRANTED],
    ),
    "access.revoke": (
        lambda case, by: access.revoke(case.database, case.shop.id, case.bob.id, actor=by),
        [Action.ACCESS_REVOKED],
    ),
    "access.transfer": (
        lambda case, by: access.transfer(case.database, case.shop.id, case.bob.id, actor=by),
        [Action.PROPERTY_TRANSFERRED],
    ),
    "users.create_user": (
        lambda case, by: users.create_user(case.database, "zoe@example.com", "Zoe", PASSWORD, actor=by),
        [Action.USER_CREATED],
    ),
    "users.remove": (
        lambda case, by: users.remove(case.database, case.ada.email, hand_over_to=case.bob.email, actor=by),
        [Action.PROPERTY_TRANSFERRED, Action.USER_REMOVED],
    ),
    "users.set_role": (
        lambda case, by: users.set_role(case.database, case.bob.id, Role.OWNER, actor=by),
        [Action.USER_CHANGED],
    ),
    "users.set_password": (
        lambda case, by: users.set_password(case.database, case.bob.email, "another battery", actor=by),
        [Action.PASSWORD_CHANGED],
    ),
    "users.set_profile": (
        lambda case, by: users.set_profile(case.database, case.bob.id, name="B", email=case.bob.email, actor=by),
        [Action.USER_CHANGED],
    ),
    "api_keys.create": (
        lambda case, by: api_keys.create(case.database, "key", user_id=case.ada.id, actor=by),
        [Action.KEY_CREATED],
    ),
    "api_keys.revoke": (
        lambda case, by: api_keys.revoke(case.database, _key_of(case), actor=by),
        [Action.KEY_REVOKED],
    ),
    "login_sessions.start_session": (
        lambda case, by: login_sessions.start_session(case.database, case.eve.id, "Firefox", actor=by),
        [Action.SIGNED_IN],
    ),
    "login_sessions.log_in": (
        lambda case, by: login_sessions.log_in(
            case.database, case.eve.email, PASSWORD, throttle=LoginThrottle(), address=ADDRESS
        ),
        [Action.SIGNED_IN],
    ),
    "login_sessions.revoke": (
        lambda case, by: login_sessions.revoke(case.database, case.bob.id, _session_of(case), actor=by),
        [Action.SESSIONS_ENDED],
    ),
    "login_sessions.revoke_all": (
        lambda case, by: login_sessions.revoke_all(case.database, case.bob.id, actor=by),
        [Action.SESSIONS_ENDED],
    ),
    "invitations.invite": (
        lambda case, by: invitations.invite(case.database, "zoe@example.com", sender=case.eve, actor=by),
        [Action.USER_INVITED],
    ),
    "invitations.revoke": (
        lambda case, by: invitations.revoke(case.database, invitations.list_open(case.database)[0].id, actor=by),
        [Action.INVITATION_REVOKED],
    ),
    "instance_options.change": (
        lambda case, by: instance_options.change(case.database, InstanceOptions(name="Acme"), actor=by),
        [Action.INSTANCE_CHANGED],
    ),
    "proxy_decisions.trust": (
        lambda case, by: proxy_decisions.trust(case.database, "10.0.0.2", actor=by),
        [Action.INSTANCE_CHANGED],
    ),
    "proxy_decisions.dismiss": (
        lambda case, by: proxy_decisions.dismiss(case.database, "10.0.0.2", actor=by),
        [Action.INSTANCE_CHANGED],
    ),
    "proxy_decisions.use_header": (
        lambda case, by: proxy_decisions.use_header(case.database, "cf-connecting-ip", actor=by),
        [Action.INSTANCE_CHANGED],
    ),
    "proxy_decisions.dismiss_header": (
        lambda case, by: proxy_decisions.dismiss_header(case.database, "cf-connecting-ip", actor=by),
        [Action.INSTANCE_CHANGED],
    ),
    "audit.record_export": (
        lambda case, by: audit.record_export(case.database, "events.csv", case.shop.id, actor=by),
        [Action.EXPORTED],
    ),
}
ELSEWHERE = {  # tested by another name, or below
    "service.ensure_own_property",
    "access.grant_in",
    "access.set_owner_in",
    "users.add",
    "setup.complete_setup",
    "invitations.accept",
    "login_sessions.check_password",
}


def _key_of(case: Case) -> Any:
    return api_keys.list_keys(case.database, case.ada.id)[0].id


def _session_of(case: Case) -> Any:
    return login_sessions.list_sessions(case.database, case.bob.id)[0].id


def prepared(case: Case, name: str) -> Case:
    """With what is taken away by the change."""
    if name == "api_keys.revoke":
        api_keys.create(case.database, "old key", user_id=case.ada.id)
    if name.startswith("login_sessions.revoke"):
        login_sessions.start_session(case.database, case.bob.id, "Firefox")
    if name == "invitations.revoke":
        invitations.invite(case.database, "zoe@example.com", sender=case.eve)
    return case


@contextmanager
def watched_commits(counts: list[int], *, fails: bool) -> Iterator[None]:
    """Notes how many entries each write transaction leaves; with `fails`, lets none of them commit."""

    def before_commit(session: Session) -> None:
        if session.get_bind().get_execution_options().get(WRITE_LOCK_OPTION):  # type: ignore[union-attr]
            session.flush()
            counts.append(session.scalar(select(func.count()).select_from(AuditEntry)) or 0)
            if fails:
                raise OSError("the disk is full")

    event.listen(Session, "before_commit", before_commit)
    try:
        yield
    finally:
        event.remove(Session, "before_commit", before_commit)


def test_no_function_that_changes_people_rights_or_properties_lacks_an_entry() -> None:
    changing = changing_functions.changing()
    assert {"service.update_settings", "access.transfer", "users.remove", "access.set_owner_in"} <= changing
    assert sorted(changing - changing_functions.recording()) == []


def test_each_of_these_functions_has_a_row_below() -> None:
    modules = {name.partition(".")[0] for name in CHANGES}
    changing = {name for name in changing_functions.changing() if name.partition(".")[0] in modules}
    assert sorted(changing - set(CHANGES) - ELSEWHERE) == []


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_writes_its_entry_in_its_own_transaction(case: Case, name: str) -> None:
    change, actions = CHANGES[name]
    prepared(case, name)
    before, counts = len(entries(case.database)), list[int]()
    with watched_commits(counts, fails=False):
        change(case, case.actor)
    added = list(reversed(entries(case.database)))[before:]
    assert [entry.action for entry in added] == actions
    assert {(entry.actor, entry.user_id, entry.network) for entry in added} == {
        ("eve@example.com", case.eve.id, NETWORK)
    }
    assert counts[0] == before + len(actions), "the first transaction holds the entries"


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_rolled_back_leaves_no_entry(case: Case, name: str) -> None:
    prepared(case, name)
    before = dump(case.database)
    with watched_commits([], fails=True), pytest.raises(OSError, match="disk"):
        CHANGES[name][0](case, case.actor)
    assert dump(case.database) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda case: service.rename(case.database, case.shop.id, "Shop"),
        lambda case: access.grant(case.database, case.shop.id, case.bob.id, PropertyRole.VIEWER),
        lambda case: access.revoke(case.database, case.shop.id, case.eve.id),
        lambda case: users.set_role(case.database, case.bob.id, Role.MEMBER),
        lambda case: users.set_profile(case.database, case.bob.id, name=case.bob.name, email=case.bob.email),
        lambda case: login_sessions.revoke_all(case.database, case.bob.id),
        lambda case: instance_options.change(case.database, InstanceOptions()),
        lambda case: access.transfer(case.database, case.shop.id, case.ada.id),
    ],
)
def test_what_changes_nothing_writes_no_entry(case: Case, change: Callable[[Case], object]) -> None:
    before = len(entries(case.database))
    change(case)
    assert len(entries(case.database)) == before


def test_settings_stand_there_before_and_after_but_only_those_that_changed(case: Case) -> None:
    service.update_settings(case.database, case.shop.id, name="Shop", timezone="Europe/Berlin", session_gap_min=30)
    entry = entries(case.database)[0]
    assert (entry.before, entry.after) == ({"timezone": "UTC"}, {"timezone": "Europe/Berlin"})
    assert (entry.property_id, entry.target, entry.actor) == (case.shop.id, "Shop", COMMAND_LINE.name)


def test_no_secret_and_no_full_address_is_in_the_log(case: Case) -> None:
    database = case.database
    token = api_keys.create(database, "key", user_id=case.ada.id, actor=case.actor)
    link = invitations.invite(database, "zoe@example.com", sender=case.eve, actor=case.actor)
    invitations.accept(database, link, "Zoe", "a new battery", address=ADDRESS)
    users.set_password(database, case.bob.email, "another battery", actor=case.actor)
    service.update_settings(database, case.shop.id, excluded_addresses=["198.51.100.9", "2001:db8::7"])
    with pytest.raises(SignInRequired):
        login_sessions.log_in(database, "s3cret passw0rd", "x", throttle=LoginThrottle(), address=ADDRESS)
    log = repr(dump(database)["audit_entry"])
    secrets = (token, link, "battery", "s3cret", ADDRESS, "198.51.100.9", "2001:db8::7", "argon2")
    assert [secret for secret in secrets if secret in log] == []
    assert "198.51.100.0/24" in log
    assert "2001:db8::/48" in log


def test_a_change_of_an_excluded_address_within_a_network_is_recorded_too(case: Case) -> None:
    for address in ("198.51.100.9", "198.51.100.10"):
        service.update_settings(case.database, case.shop.id, excluded_addresses=[address])
    assert [entry.action for entry in entries(case.database)[:2]] == [Action.PROPERTY_CHANGED] * 2


def test_a_failed_sign_in_looks_the_same_with_and_without_an_account(case: Case) -> None:
    for email in (case.ada.email, "nobody@example.com"):
        with pytest.raises(SignInRequired):
            login_sessions.log_in(case.database, email, "wrong", throttle=LoginThrottle(), address=ADDRESS)
    unknown, known = entries(case.database)[:2]
    for entry, name in ((known, "ada@example.com"), (unknown, "nobody@example.com")):
        assert (entry.action, entry.actor, entry.user_id, entry.target) == (Action.SIGN_IN_FAILED, name, None, "")
        assert (entry.before, entry.after, entry.network) == (None, None, NETWORK)


def test_a_sign_in_is_answered_while_the_log_cannot_be_written(case: Case) -> None:
    impatient = Database(case.database.url, busy_timeout_s=0.05)
    with case.database.write_transaction(), pytest.raises(SignInRequired):
        login_sessions.log_in(impatient, "ada@example.com", "wrong", throttle=LoginThrottle())
    impatient.close()


def test_the_first_start_and_the_first_owner_are_in_the_log(database: Database) -> None:
    service.ensure_own_property(database)
    setup.complete_setup(
        database, setup.create_setup_token(database) or "", "eve@example.com", "", PASSWORD, address=ADDRESS
    )
    by_owner, by_server = entries(database)
    assert (by_server.action, by_server.actor) == (Action.PROPERTY_CREATED, SERVER.name)
    assert (by_owner.action, by_owner.actor, by_owner.network) == (Action.USER_CREATED, "eve@example.com", NETWORK)


def test_entries_outlive_who_and_what_they_are_about(case: Case) -> None:
    service.delete_property(case.database, case.shop.id, actor=Actor.of_user(case.ada))
    users.remove(case.database, case.ada.email)
    of_property = audit.list_entries(case.database, AuditFilter(property_id=case.shop.id))
    assert of_property[0].action == Action.PROPERTY_DELETED
    assert of_property[0].actor == "ada@example.com"


def test_the_log_is_filtered_and_read_page_by_page(case: Case) -> None:
    for number in range(5):
        service.rename(case.database, case.shop.id, f"Shop {number}", actor=case.actor)
    chosen = AuditFilter(property_id=case.shop.id, action=Action.PROPERTY_CHANGED, actor="eve@example.com")
    pages, before_id = [], None
    while page := audit.list_entries(case.database, chosen, before_id=before_id, limit=2):
        pages.append([entry.after["name"] for entry in page])
        before_id = page[-1].id
    assert pages == [["Shop 4", "Shop 3"], ["Shop 2", "Shop 1"], ["Shop 0"]]
    assert [len(batch) for batch in audit.entry_batches(case.database, chosen)] == [5]
    now = utc_now()
    assert audit.list_entries(case.database, AuditFilter(since=now + timedelta(hours=1))) == []
    assert audit.list_entries(case.database, AuditFilter(until=now - timedelta(hours=1))) == []
    assert audit.list_actors(case.database, case.shop.id) == ["command line", "eve@example.com"]


def test_old_entries_and_a_flood_of_failed_sign_ins_are_deleted(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_FAILED_SIGN_INS", 3)
    now, before = utc_now(), len(entries(case.database))
    with case.database.write_transaction() as session:
        session.add(AuditEntry(action=Action.SIGNED_IN, at=now - audit.LIFETIME - timedelta(hours=1), target="old"))
        session.add(AuditEntry(action=Action.SIGNED_IN, at=now - audit.LIFETIME + timedelta(hours=1), target="young"))
        for number in range(5):
            session.add(AuditEntry(action=Action.SIGN_IN_FAILED, target=str(number)))
    assert audit.delete_expired(case.database, now) == 3
    assert audit.delete_expired(case.database, now) == 0
    assert [entry.target for entry in entries(case.database)[:4]] == ["4", "3", "2", "young"]
    assert len(entries(case.database)) == before + 4


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (ADDRESS, NETWORK),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ("192.0.2.0/28", "192.0.2.0/24"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        (None, ""),
        ("nonsense", ""),
    ],
)
def test_of_an_address_the_log_keeps_the_network(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_a_rejected_change_leaves_no_entry(case: Case) -> None:
    before = len(entries(case.database))
    for change in (
        lambda: service.update_settings(case.database, case.shop.id, timezone="Mars"),
        lambda: users.remove(case.database, case.eve.email),
        lambda: users.set_role(case.database, case.eve.id, Role.MEMBER),
        lambda: api_keys.create(case.database, "", user_id=case.eve.id),
    ):
        with pytest.raises(UserFacingError):
            change()
    assert len(entries(case.database)) == before
