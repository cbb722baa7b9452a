"""A User-Agent's text is stored as long as an event refers to it, whatever is written concurrently."""

from __future__ import annotations

from sqlalchemy import select

from proprium.storage import retention, user_agents
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.tables import UserAgentRow
from proprium.storage.user_agents import delete_unused_user_agents
from tests.support.builders import an_event
from tests.support.feed import events_after


def texts(database: Database) -> set[str]:
    with database.session() as session:
        return set(session.scalars(select(UserAgentRow.text)))


def test_texts_that_no_event_has_are_swept_away_and_overwritten(database: Database) -> None:
    store = EventStore(database)
    store.append([an_event(user_agent="A very rare browser", property=2), an_event(user_agent="one")])
    store.append([an_event(user_agent=""), an_event(user_agent="two")])
    retention.delete_property_events(database, 2)
    assert delete_unused_user_agents(database) == 1
    assert texts(database) == {"one", "two"}
    database.truncate_wal()
    assert b"A very rare browser" not in database.path.read_bytes()
    assert delete_unused_user_agents(database) == 0


def test_a_collector_that_cached_a_deleted_user_agent_stores_it_again(database: Database) -> None:
    store = EventStore(database)  # of this process, or of another one
    store.append([an_event(user_agent="rare", property=2), an_event(user_agent="one")])
    retention.delete_property_events(database, 2)
    delete_unused_user_agents(database)
    store.append([an_event(user_agent="rare", page="/again")])
    tail = ChangeFeed(database)
    assert [(row.page, row.user_agent) for row in events_after(tail, 0)] == [("/", "one"), ("/again", "rare")]
    tail.close()


def test_a_user_agent_that_returns_during_its_deletion_stays(database: Database, monkeypatch) -> None:
    store, look = EventStore(database), user_agents._find_unused_ids
    store.append([an_event(user_agent="rare", property=2), an_event(user_agent="one")])
    retention.delete_property_events(database, 2)

    def look_and_store(searched: Database) -> tuple[int, list[int]]:
        ids = look(searched)
        store.append([an_event(user_agent="rare")])
        return ids

    monkeypatch.setattr(user_agents, "_find_unused_ids", look_and_store)
    assert delete_unused_user_agents(database) == 0
    assert texts(database) == {"rare", "one"}


def test_a_number_is_never_reused_for_another_user_agent(database: Database) -> None:
    """Whoever reads storage remembers texts by their numbers."""
    store, tail = EventStore(database), ChangeFeed(database)
    store.append([an_event(user_agent="one"), an_event(user_agent="last")])
    assert [row.user_agent for row in events_after(tail, 0)] == ["one", "last"]
    retention.delete_property_events(database, 1)
    delete_unused_user_agents(database)
    store.append([an_event(user_agent="new"), an_event(user_agent="one"), an_event(user_agent="last")])
    assert [row.user_agent for row in events_after(tail, 0)] == ["new", "one", "last"]
    tail.close()


def test_many_are_swept_in_shares(database: Database, monkeypatch) -> None:
    monkeypatch.setattr(user_agents, "SCAN_BATCH_SIZE", 3)
    monkeypatch.setattr(user_agents, "DELETE_BATCH_SIZE", 4)
    store = EventStore(database)
    store.append([an_event(user_agent=f"agent {n}", property=1 + n % 2) for n in range(21)])
    retention.delete_property_events(database, 2)
    assert delete_unused_user_agents(database) == 10
    assert texts(database) == {f"agent {n}" for n in range(0, 21, 2)}
