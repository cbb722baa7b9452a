"""Events and changes as the projector reads them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.event import Identity
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.event_columns import DICTIONARY_COLUMNS
from proprium.storage.events import EventStore
from proprium.storage.instance_settings import generation
from proprium.storage.tables import ChangeKind, StorageChange
from tests.support.builders import CHROME, GOOGLEBOT, an_event, moment
from tests.support.feed import events_after, rows_of


@pytest.fixture
def tail(database: Database) -> Iterator[ChangeFeed]:
    tail = ChangeFeed(database)
    yield tail
    tail.close()


def test_events_come_in_order_and_in_batches(database: Database, tail: ChangeFeed) -> None:
    EventStore(database).append([an_event(page=f"/{n}") for n in range(5)])
    first = events_after(tail, 0, limit=2)
    rest = events_after(tail, first[-1].seq, limit=10)
    assert [row.page for row in (*first, *rest)] == ["/0", "/1", "/2", "/3", "/4"]
    assert events_after(tail, rest[-1].seq) == []
    assert tail.last_event_seq() == rest[-1].seq


def test_the_events_of_one_property_come_in_ordered_batches_up_to_a_sequence(
    database: Database, tail: ChangeFeed
) -> None:
    EventStore(database).append([an_event(page=f"/{n}", property=1 + n % 3) for n in range(20)])
    first = tail.property_batch_after(2, 0, 18, limit=4)
    rest = tail.property_batch_after(2, first["seq"][-1], 18, limit=4)
    assert list(first["page"]) == ["/1", "/4", "/7", "/10"]
    assert list(rest["page"]) == ["/13", "/16"]
    assert set(first["user_agent"]) == {CHROME}
    assert not tail.property_batch_after(2, rest["seq"][-1], 18, limit=4)["seq"]


def test_a_row_tells_what_the_warehouse_needs(database: Database, tail: ChangeFeed) -> None:
    event = an_event(at="09:00:00.5", referrer="google.com", automated=True, data={"plan": "pro"}, country="DE")
    EventStore(database).append([event])
    [row] = events_after(tail, 0)
    assert (row.property, row.event, row.visitor, row.identity) == (1, "page_view", event.visitor, 1)
    assert row.created_at == moment("09:00:00.5").timestamp() * 1_000_000
    assert (row.user_agent, row.referrer, row.country, row.automated) == (CHROME, "google.com", "DE", 1)
    assert row.rest == '{"plan":"pro"}'


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", "\x00", '"', "[1]", "null"]
)
numbers = st.none() | st.integers(-(1 << 63), (1 << 63) - 1)
SHARED_TEXTS = [name for name in DICTIONARY_COLUMNS if name not in {"property", "identity", "automated", "user_agent"}]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {name: numbers if name.startswith("screen_") else st.none() | texts for name in SHARED_TEXTS}
            | {"property": st.integers(1, 3), "automated": st.booleans(), "identity": st.sampled_from(Identity)}
        ),
        min_size=1,
        max_size=8,
    )
)
def test_values_shared_by_events_read_back_as_stored(
    database: Database, tail: ChangeFeed, sent: list[dict[str, Any]]
) -> None:
    before = tail.last_event_seq()
    EventStore(database).append([an_event(**fields) for fields in (*sent, *sent)])
    columns = tail.batch_after(before, 100)
    assert [{name: getattr(row, name) for name in sent[0]} for row in rows_of(columns)] == [*sent, *sent]
    assert len(columns.dictionaries["country"]) == len({tuple(fields.values()) for fields in sent})


def test_picked_events_keep_what_they_have_in_common(database: Database, tail: ChangeFeed) -> None:
    EventStore(database).append([an_event(page=f"/{n}", country="DE" if n % 2 else "PL") for n in range(6)])
    columns = tail.batch_after(0, 10)
    picked = columns.take([5, 0, 3])
    assert rows_of(picked) == [rows_of(columns)[place] for place in (5, 0, 3)]
    assert (len(picked), list(picked["country"]), picked["country"][1]) == (3, ["DE", "PL", "DE"], "PL")


def test_the_user_agents_of_later_events_are_known_too(database: Database, tail: ChangeFeed) -> None:
    store = EventStore(database)
    store.append([an_event(user_agent="one")])
    assert [row.user_agent for row in events_after(tail, 0)] == ["one"]
    store.append([an_event(user_agent=GOOGLEBOT), an_event(user_agent=""), an_event(user_agent="one")])
    assert [row.user_agent for row in events_after(tail, 1)] == [GOOGLEBOT, "", "one"]


def test_more_user_agents_than_fit_in_memory_are_read_again(
    database: Database, tail: ChangeFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proprium.storage.change_feed.MAX_CACHED_AGENTS", 3)
    monkeypatch.setattr("proprium.storage.change_feed.AGENT_BATCH_SIZE", 2)
    texts = [f"agent {n}" for n in range(10)]
    EventStore(database).append([an_event(user_agent=text) for text in texts])
    for _ in range(2):
        assert [row.user_agent for row in events_after(tail, 0)] == texts


def test_changes_come_in_order(database: Database, tail: ChangeFeed) -> None:
    with database.write_transaction() as session:
        session.add(StorageChange(kind=ChangeKind.PROPERTY_DELETED, property=7))
    with database.write_transaction() as session:
        session.add(StorageChange(kind=ChangeKind.EVENTS_DELETED, property=8, detail={"seqs": [1, 2]}))
    first, second = tail.changes_after(0)
    assert (first.kind, first.property) == (ChangeKind.PROPERTY_DELETED, 7)
    assert second.detail == {"seqs": [1, 2]}
    assert [change.seq for change in tail.changes_after(first.seq or 0)] == [second.seq] == [tail.last_change_seq()]


def test_a_number_is_never_used_again(database: Database, tail: ChangeFeed) -> None:
    store = EventStore(database)
    store.append([an_event(), an_event()])
    with database.write_transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM event")
    store.append([an_event()])
    assert [row.seq for row in events_after(tail, 0)] == [3]


def test_counts_are_by_property(database: Database, tail: ChangeFeed) -> None:
    EventStore(database).append([an_event(property=1), an_event(property=2), an_event(property=2)])
    assert tail.event_counts() == {1: 1, 2: 2}


def test_the_generation_stays_the_same(database: Database, tail: ChangeFeed) -> None:
    assert tail.generation() == generation(Database(database.url)) != ""


def test_an_empty_store_has_nothing(tail: ChangeFeed) -> None:
    assert (events_after(tail, 0), tail.changes_after(0), tail.last_event_seq(), tail.event_counts()) == ([], [], 0, {})


def test_waiting_ends_with_a_commit_of_this_process(database: Database, tail: ChangeFeed) -> None:
    store = EventStore(database)

    def append_and_wake() -> None:
        store.append([an_event()])
        tail.wake()

    assert not tail.wait(0.01)
    committer = threading.Thread(target=append_and_wake)
    committer.start()
    assert tail.wait(30)
    committer.join()
    assert len(events_after(tail, 0)) == 1


def test_waiting_ends_with_a_commit_of_another_process(database: Database, tail: ChangeFeed) -> None:
    assert not tail.wait(0.01)
    appender = subprocess.Popen([sys.executable, "-c", APPEND_ONE, str(database.path)])
    assert tail.wait(30)
    assert len(events_after(tail, 0)) == 1
    appender.wait()


def test_a_commit_before_the_wait_is_not_missed(database: Database, tail: ChangeFeed) -> None:
    EventStore(database).append([an_event()])
    assert tail.wait(0.01)
    assert not tail.wait(0.01)


APPEND_ONE = """
import sqlite3, sys

connection = sqlite3.connect(sys.argv[1])
connection.execute(
    "INSERT INTO event (id, property, event, created_at, identity, sent)"
    " VALUES (randomblob(16), 1, 'page_view', 0, 0, 0)"
)
connection.commit()
"""
