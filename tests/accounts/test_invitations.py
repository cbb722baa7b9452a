"""Invitations: what a link gives, to whom, how often, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from proprium.accounts import instance_options, invitations, users
from proprium.accounts.instance_options import InstanceOptions
from proprium.clock import utc_now
from proprium.errors import Conflict, Forbidden, InvalidInvitation, NotFound, PropertyNotFound, UserFacingError
from proprium.properties import access, permissions, service
from proprium.properties.permissions import Level
from proprium.storage.database import Database
from proprium.storage.tables import OneTimeLink, OneTimeLinkKind, Property, PropertyRole, Role, User
from tests.support.builders import PASSWORD, a_property, a_user

ZOE = "zoe@example.com"
NEVER_VALID = ["", "x", "x" * 43, "é" * 20, "\ud800", "x" * 100_000]


@pytest.fixture
def eve(database: Database) -> User:
    return a_user(database, "eve@example.com", Role.OWNER)


@pytest.fixture
def shops(database: Database, eve: User) -> list[Property]:
    return [a_property(database, f"Shop {number}", eve) for number in range(5)]


def accept(database: Database, token: str, password: str = PASSWORD) -> User:
    return invitations.accept(database, token, "Zoe", password)


def later(days: float) -> Callable[[], object]:
    moment = utc_now() + timedelta(days=days)
    return lambda: moment


def test_whoever_accepts_gets_what_was_chosen_and_no_more(database: Database, eve: User, shops: list[Property]) -> None:
    roles = {shops[1].id: PropertyRole.VIEWER, shops[3].id: PropertyRole.EDITOR}
    token = invitations.invite(database, " Zoe@Example.com ", roles=roles, sender=eve)
    zoe = accept(database, token)
    assert (zoe.email, zoe.name, zoe.role, zoe.may_create_properties) == (ZOE, "Zoe", Role.MEMBER, False)
    levels = [permissions.level_of(zoe, shop) for shop in shops]
    assert levels == [Level.NONE, Level.READ, Level.NONE, Level.EDIT, Level.NONE]
    assert users.check_password(database, ZOE, PASSWORD) is not None


def test_an_owner_may_be_invited_and_a_member_who_creates_properties(database: Database, eve: User) -> None:
    owner = accept(database, invitations.invite(database, ZOE, role=Role.OWNER, sender=eve))
    assert owner.role == Role.OWNER
    member = accept(database, invitations.invite(database, "max@example.com", may_create=True))
    assert (member.role, member.may_create_properties) == (Role.MEMBER, True)


def test_storage_holds_the_hash_of_the_token_only(database: Database, eve: User) -> None:
    token = invitations.invite(database, ZOE, sender=eve)
    assert token.encode() not in database.path.read_bytes()
    assert token.encode() not in database.path.with_name(database.path.name + "-wal").read_bytes()


def test_an_address_that_has_an_account_is_not_invited(database: Database, eve: User) -> None:
    with pytest.raises(Conflict, match=r"eve@example\.com already has an account"):
        invitations.invite(database, "EVE@example.com", sender=eve)
    with pytest.raises(UserFacingError, match="not an e-mail address"):
        invitations.invite(database, "zoe@example.com\r\nBcc: all@example.com", sender=eve)
    with pytest.raises(PropertyNotFound):
        invitations.invite(database, ZOE, roles={uuid4(): PropertyRole.VIEWER}, sender=eve)


def used(database: Database, eve: User, token: str) -> None:
    accept(database, token)


def expired(database: Database, eve: User, token: str) -> None:
    with database.write_transaction() as session:
        session.execute(update(OneTimeLink).values(expires_at=utc_now()))


def revoked(database: Database, eve: User, token: str) -> None:
    invitations.revoke(database, invitations.list_open(database)[0].id, sender=eve)


def account_made(database: Database, eve: User, token: str) -> None:
    a_user(database, ZOE)


def sent_again(database: Database, eve: User, token: str) -> None:
    invitations.invite(database, ZOE, sender=eve)


def sender_removed(database: Database, eve: User, token: str) -> None:
    a_user(database, "other@example.com", Role.OWNER)
    users.remove(database, eve.email)


def sender_demoted(database: Database, eve: User, token: str) -> None:
    a_user(database, "other@example.com", Role.OWNER)
    users.set_role(database, eve.id, Role.MEMBER)


def switched_off(database: Database, eve: User, token: str) -> None:
    instance_options.change(database, InstanceOptions(allows_invitations=False))


def another_kind(database: Database, eve: User, token: str) -> None:
    with database.write_transaction() as session:
        session.execute(update(OneTimeLink).values(kind=OneTimeLinkKind.PASSWORD_RESET))


ENDINGS = [
    used,
    expired,
    revoked,
    account_made,
    sent_again,
    sender_removed,
    sender_demoted,
    switched_off,
    another_kind,
]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_a_link_that_has_ended_looks_like_one_that_never_was(
    database: Database, eve: User, ending: Callable[[Database, User, str], None]
) -> None:
    token = invitations.invite(database, ZOE, may_create=True, sender=eve)
    assert invitations.find(database, token).email == ZOE
    ending(database, eve, token)
    with pytest.raises(InvalidInvitation) as ended:
        invitations.find(database, token)
    with pytest.raises(InvalidInvitation):
        accept(database, token, "another battery")
    with pytest.raises(InvalidInvitation) as unknown:
        invitations.find(database, "unknown")
    assert str(ended.value) == str(unknown.value)


@pytest.mark.parametrize("token", NEVER_VALID, ids=len)
def test_a_malformed_token_looks_like_an_unknown_one(database: Database, eve: User, token: str) -> None:
    invitations.invite(database, ZOE, sender=eve)
    with pytest.raises(InvalidInvitation):
        invitations.find(database, token)
    with pytest.raises(InvalidInvitation):
        accept(database, token)


def test_a_link_works_for_seven_days(database: Database, eve: User) -> None:
    token = invitations.invite(database, ZOE, sender=eve)
    assert invitations.find(database, token, clock=later(6.99)).email == ZOE  # type: ignore[arg-type]
    with pytest.raises(InvalidInvitation):
        invitations.find(database, token, clock=later(7.01))  # type: ignore[arg-type]
    invitations.delete_expired(database, utc_now() + timedelta(days=8))
    with database.session() as session:
        assert session.scalars(select(OneTimeLink)).all() == []


@pytest.mark.parametrize("password", ["short", "", "x" * 1_001])
def test_a_password_that_will_not_do_leaves_the_link_as_it_was(database: Database, eve: User, password: str) -> None:
    token = invitations.invite(database, ZOE, sender=eve)
    with pytest.raises(UserFacingError, match="password"):
        accept(database, token, password)
    assert [each.email for each in invitations.list_open(database)] == [ZOE]
    assert accept(database, token).email == ZOE
    assert invitations.list_open(database) == []


def test_who_owns_a_property_invites_to_it_and_to_nothing_else(
    database: Database, eve: User, shops: list[Property]
) -> None:
    ada = a_user(database)
    mine = a_property(database, "Mine", ada)
    roles = {mine.id: PropertyRole.EDITOR}
    for refused in (
        {"roles": {shops[0].id: PropertyRole.VIEWER}},
        {"roles": {**roles, shops[0].id: PropertyRole.VIEWER}},
        {"roles": roles, "role": Role.OWNER},
        {"roles": roles, "may_create": True},
        {},
    ):
        with pytest.raises(Forbidden):
            invitations.invite(database, ZOE, sender=ada, **refused)  # type: ignore[arg-type]
    zoe = accept(database, invitations.invite(database, ZOE, roles=roles, sender=ada))
    assert permissions.level_of(zoe, mine) == Level.EDIT


def test_an_invitation_gives_no_more_than_its_sender_still_may(database: Database, eve: User) -> None:
    ada = a_user(database)
    mine, sold, deleted = (a_property(database, name, ada) for name in ("Mine", "Sold", "Deleted"))
    roles = {each.id: PropertyRole.VIEWER for each in (mine, sold, deleted)}
    token = invitations.invite(database, ZOE, roles=roles, sender=ada)
    access.transfer(database, sold.id, eve.id)
    service.delete_property(database, deleted.id)
    zoe = accept(database, token)
    assert [permissions.level_of(zoe, each) for each in (mine, sold)] == [Level.READ, Level.NONE]
    token = invitations.invite(database, "max@example.com", roles={mine.id: PropertyRole.VIEWER}, sender=ada)
    access.transfer(database, mine.id, eve.id)
    with pytest.raises(InvalidInvitation):
        accept(database, token)


def test_an_invitation_by_a_member_leaves_that_of_an_owner_alone(database: Database, eve: User) -> None:
    ada = a_user(database)
    mine = a_property(database, "Mine", ada)
    by_owner = invitations.invite(database, ZOE, may_create=True, sender=eve)
    by_member = invitations.invite(database, ZOE, roles={mine.id: PropertyRole.VIEWER}, sender=ada)
    assert len(invitations.list_open(database)) == 2
    assert [each.created_by for each in invitations.list_open(database, property_id=mine.id)] == [ada.id]
    accept(database, by_owner)
    assert invitations.list_open(database) == []
    with pytest.raises(InvalidInvitation):
        accept(database, by_member)


def test_only_its_sender_and_owners_revoke_an_invitation(database: Database, eve: User) -> None:
    ada, bob = a_user(database), a_user(database, "bob@example.com")
    mine = a_property(database, "Mine", ada)
    invitations.invite(database, ZOE, roles={mine.id: PropertyRole.VIEWER}, sender=ada)
    (invitation,) = invitations.list_open(database)
    for unknown_id, sender in ((invitation.id, bob), (uuid4(), eve)):
        with pytest.raises(NotFound):
            invitations.revoke(database, unknown_id, sender=sender)
    invitations.revoke(database, invitation.id, sender=ada)
    assert invitations.list_open(database) == []


def test_accounts_are_made_on_the_command_line_only_while_invitations_are_off(database: Database, eve: User) -> None:
    instance_options.change(database, InstanceOptions(allows_invitations=False))
    with pytest.raises(Forbidden, match="switched off"):
        invitations.invite(database, ZOE, sender=eve)
    assert accept(database, invitations.invite(database, ZOE)).email == ZOE  # by the operator of the machine


def test_an_account_and_its_rights_are_made_together_or_not_at_all(
    database: Database, eve: User, shops: list[Property], monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = {shop.id: PropertyRole.VIEWER for shop in shops}
    token = invitations.invite(database, ZOE, roles=roles, sender=eve)
    with database.write_transaction() as session:  # the third right cannot be stored
        session.connection().exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON property_access WHEN (SELECT count(*) FROM property_access) = 2"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    with pytest.raises(Exception, match="full"):
        accept(database, token)
    with database.session() as session:
        assert session.scalars(select(User).where(col(User.email) == ZOE)).first() is None
    with database.write_transaction() as session:
        session.connection().exec_driver_sql("DROP TRIGGER full")
    assert len(accept(database, token).property_access) == 5


@pytest.mark.parametrize("given", [{"role": Role.OWNER}, {"may_create": True}])
def test_rights_on_the_server_end_with_those_of_their_sender(
    database: Database, eve: User, shops: list[Property], given: dict[str, Any]
) -> None:
    """Also where they still own the properties of the invitation."""
    a_user(database, "other@example.com", Role.OWNER)
    token = invitations.invite(database, ZOE, roles={shops[0].id: PropertyRole.VIEWER}, sender=eve, **given)
    users.set_role(database, eve.id, Role.MEMBER)
    with pytest.raises(InvalidInvitation):
        accept(database, token)
