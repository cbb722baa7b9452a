"""Acknowledged events are stored, rejected ones are not, and the store recovers."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy.event import listen

from collector.errors import StoreUnavailable
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events, read_events
from tests.support.builders import a_property, an_event

ROOT = Path(__file__).parents[2]


def test_the_same_id_is_stored_once_for_a_property(database: Database) -> None:
    store, once = EventStore(database), uuid4()
    assert list(store.append([an_event(id=once), an_event(id=once), an_event()])) == [True, False, True]
    assert list(store.append([an_event(id=once), an_event()])) == [False, True]
    assert count_events(database) == 3


def test_two_properties_may_use_the_same_id(database: Database) -> None:
    once = uuid4()
    assert list(EventStore(database).append([an_event(id=once), an_event(id=once, property=2)])) == [True, True]


def test_events_read_back_in_the_order_of_their_commit(database: Database) -> None:
    store = EventStore(database)
    store.append([an_event(at="09:05", page="/first"), an_event(at="09:00", page="/second")])
    store.append([an_event(at="09:01", page="/third")])
    assert [event.data["url"] for event in read_events(database)] == ["/first", "/second", "/third"]


def test_nothing_is_nothing(database: Database) -> None:
    assert list(EventStore(database).append([])) == []


def test_a_locked_store_takes_nothing_and_recovers(database: Database) -> None:
    impatient = Database(database.url, busy_timeout_s=0.05)
    store, event = EventStore(impatient), an_event(user_agent="seen for the first time")
    with locked(database.path):
        with pytest.raises(StoreUnavailable):
            store.append([event])
        with pytest.raises(StoreUnavailable):
            store.append([event])
    assert list(store.append([event])) == [True]
    impatient.close()


def test_a_lock_that_is_released_in_time_is_not_noticed(database: Database) -> None:
    store = EventStore(database)
    with closing(sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.2, other.execute, ["COMMIT"])
        release.start()
        assert list(store.append([an_event()])) == [True]
        release.join()


def opened_connections(database: Database) -> list[sqlite3.Connection]:
    """Returns a list to which each new connection for writing is added, to put limits on single ones."""
    connections: list[sqlite3.Connection] = []
    listen(database.write_engine, "connect", lambda connection, _: connections.append(connection))
    return connections


def test_every_connection_syncs_each_commit_to_the_disk(database: Database) -> None:
    """FULL (2): with NORMAL, a power cut takes back what was acknowledged since the last checkpoint."""
    store, connections = EventStore(database), opened_connections(database)
    store.append([an_event()])
    with database.write_transaction() as session:
        connections.append(session.connection().connection.driver_connection)  # type: ignore[arg-type]
    assert len(connections) >= 2
    for connection in connections:
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")]
        assert pragmas == [2, "wal"]


def test_a_full_disk_takes_nothing_and_recovers(database: Database) -> None:
    store, connections = EventStore(database), opened_connections(database)
    store.append([an_event()])
    [(pages,)] = connections[0].execute("PRAGMA page_count")
    connections[0].execute(f"PRAGMA max_page_count={pages}")
    flood = [an_event(title="x" * 500) for _ in range(100)]
    with pytest.raises(StoreUnavailable):
        store.append(flood)
    assert count_events(database) == 1
    assert all(store.append(flood))  # on a connection of its own, which has room


def test_a_read_only_store_takes_nothing_and_recovers(database: Database) -> None:
    store, connections = EventStore(database), opened_connections(database)
    store.append([an_event()])
    connections[0].execute("PRAGMA query_only=ON")
    with pytest.raises(StoreUnavailable):
        store.append([an_event()])
    assert list(store.append([an_event()])) == [True]
    assert count_events(database) == 2


def test_a_user_agent_whose_commit_failed_is_stored_with_the_next(database: Database) -> None:
    impatient = Database(database.url, busy_timeout_s=0.05)
    store, connections, twice = EventStore(impatient), opened_connections(impatient), uuid4()
    store.append([an_event()])
    connections[0].execute("PRAGMA max_page_count=1")
    flood = [
        an_event(id=twice, user_agent="new one", title="x" * 500),
        *(an_event(title="y" * 500) for _ in range(200)),
    ]
    with pytest.raises(StoreUnavailable):
        store.append(flood)
    store.append(flood)
    with database.engine.connect() as connection:
        question = "SELECT a.text FROM event e JOIN user_agent a ON a.id = e.user_agent WHERE e.id = ?"
        assert connection.exec_driver_sql(question, (twice.bytes,)).scalar_one() == "new one"
    impatient.close()


APPENDER = """
import sys
from uuid import uuid4
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from tests.support.builders import an_event

store = EventStore(Database(sys.argv[1]))
while True:
    events = [an_event(id=uuid4()) for _ in range(20)]
    if all(store.append(events)):
        print("\\n".join(str(event.id) for event in events), flush=True)
"""


def test_a_kill_in_the_middle_loses_no_acknowledged_event(database: Database) -> None:
    arguments = [sys.executable, "-c", APPENDER, database.url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as appender:
        assert appender.stdout is not None
        acknowledged = [appender.stdout.readline() for _ in range(200)]
        appender.send_signal(signal.SIGKILL)
        acknowledged += appender.stdout.read().splitlines()
    whole = {UUID(line.strip()) for line in acknowledged if len(line.strip()) == 36}
    stored = {event.id for event in read_events(database)}
    assert len(whole) >= 200
    assert whole <= stored
    assert len(stored) % 20 == 0  # and none of the batch that was under way is half there


def test_two_processes_append_side_by_side(database: Database) -> None:
    ids = [uuid4() for _ in range(200)]
    arguments = [sys.executable, "-c", SIDE_BY_SIDE, database.url, *map(str, ids)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        store = EventStore(database)
        here = sum(store.append([an_event(id=id_)])[0] for id_ in reversed(ids))
        there = int(other.stdout.read())
    assert here + there == len(ids) == count_events(database)


SIDE_BY_SIDE = """
import sys
from uuid import UUID
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from tests.support.builders import an_event

store = EventStore(Database(sys.argv[1]))
print("ready", flush=True)
print(sum(store.append([an_event(id=UUID(id_))])[0] for id_ in sys.argv[2:]))
"""


def test_only_the_account_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "proprium.sqlite3"
    Database(f"sqlite:///{path}").close()
    assert path.stat().st_mode & 0o077 == 0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """By another process's long transaction, as it were."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("count", [2, 3, 7, 63, 64, 65, 200])
def test_concurrent_appends_report_which_events_are_new(database: Database, count: int) -> None:
    store, number = EventStore(database), a_property(database).number or 0
    events = [an_event(property=number) for _ in range(count)]
    assert store.append(events) == [True] * count
    again = [one for old in events for one in (old, an_event(property=number))]
    again.append(again[1])  # twice in one commit
    assert store.append(again) == [False, True] * count + [False]
    assert [event.id for event in read_events(database)] == [one.id for one in (*events, *again[1:-1:2])]
    store.close()
