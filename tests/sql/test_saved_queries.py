"""Queries that people keep: theirs alone, under names of their own."""

from __future__ import annotations

import pytest

from proprium.accounts import users
from proprium.errors import Conflict, NotFound, UserFacingError
from proprium.sql_console import saved_queries
from proprium.storage.database import Database
from proprium.storage.tables import Role
from tests.support.builders import a_user


def names(database: Database, user: object) -> list[str]:
    return [query.name for query in saved_queries.list_saved(database, user.id)]  # type: ignore[attr-defined]


def test_a_query_is_kept_renamed_and_deleted(database: Database) -> None:
    ada = a_user(database)
    query = saved_queries.save(database, ada.id, "  Top   pages ", "SELECT 1")
    assert names(database, ada) == ["Top pages"]
    saved_queries.rename(database, ada.id, query.id, "Pages")
    assert names(database, ada) == ["Pages"]
    saved_queries.delete(database, ada.id, query.id)
    assert names(database, ada) == []


def test_a_name_that_is_there_gets_the_new_statement(database: Database) -> None:
    ada = a_user(database)
    saved_queries.save(database, ada.id, "Pages", "SELECT 1")
    saved_queries.save(database, ada.id, "Pages", "SELECT 2")
    assert [query.sql for query in saved_queries.list_saved(database, ada.id)] == ["SELECT 2"]


def test_nobody_sees_or_touches_somebody_elses(database: Database) -> None:
    ada, bob = a_user(database), a_user(database, "bob@example.com", Role.OWNER)
    query = saved_queries.save(database, ada.id, "Pages", "SELECT 1")
    assert names(database, bob) == []
    with pytest.raises(NotFound):
        saved_queries.rename(database, bob.id, query.id, "Mine")
    with pytest.raises(NotFound):
        saved_queries.delete(database, bob.id, query.id)
    saved_queries.save(database, bob.id, "Pages", "SELECT 2")  # one name each
    assert [query.sql for query in saved_queries.list_saved(database, ada.id)] == ["SELECT 1"]


def test_two_cannot_have_one_name(database: Database) -> None:
    ada = a_user(database)
    saved_queries.save(database, ada.id, "A", "SELECT 1")
    other = saved_queries.save(database, ada.id, "B", "SELECT 2")
    with pytest.raises(Conflict, match="“A”"):
        saved_queries.rename(database, ada.id, other.id, "A")
    saved_queries.rename(database, ada.id, other.id, "B")  # its own name is no conflict


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b"])
def test_a_name_that_makes_no_sense_is_refused(name: str, database: Database) -> None:
    with pytest.raises(UserFacingError, match="name"):
        saved_queries.save(database, a_user(database).id, name, "SELECT 1")


@pytest.mark.parametrize("sql", [" \n", "x" * 50_001])
def test_a_statement_that_makes_no_sense_is_refused(sql: str, database: Database) -> None:
    with pytest.raises(UserFacingError, match="statement"):
        saved_queries.save(database, a_user(database).id, "Pages", sql)


def test_there_is_an_end_to_them(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_queries, "MAX_QUERIES_PER_USER", 2)
    ada = a_user(database)
    for name in ("A", "B"):
        saved_queries.save(database, ada.id, name, "SELECT 1")
    with pytest.raises(Conflict, match="Delete one first"):
        saved_queries.save(database, ada.id, "C", "SELECT 1")
    saved_queries.save(database, ada.id, "A", "SELECT 2")


def test_they_go_with_their_person(database: Database) -> None:
    a_user(database, "owner@example.com", Role.OWNER)
    ada = a_user(database)
    saved_queries.save(database, ada.id, "Pages", "SELECT 1")
    users.remove(database, ada.email)
    assert names(database, ada) == []
