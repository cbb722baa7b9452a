"""The projector follows storage: appends, deletions, changed rules, another database."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from collector.event import Event
from proprium.errors import OperatorError, WarehouseBusy
from proprium.properties.service import create_property, delete_property, reset_property, update_settings
from proprium.storage import instance_settings, retention
from proprium.storage.retention import prune
from proprium.storage.tables import ChangeKind, EventRow, StorageChange
from proprium.warehouse import schema
from proprium.warehouse import warehouse as warehouse_module
from proprium.warehouse.projection import projector as projector_module
from proprium.warehouse.projection.incremental_sync import IncrementalSync
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from tests.support.builders import DAY, an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.books import storage_books, warehouse_books

EVENTS = ("session_start", "page_view", "scroll", "page_leave", "signup")


def a_week_of_events(property: int = 1, count: int = 400) -> list[Event]:
    start = moment("00:00")
    return [
        an_event(
            visitor=f"v{at % 37}",
            at=start + timedelta(minutes=at * 25),
            event=EVENTS[at % 5],
            page=f"/{at % 11}",
            scroll_depth=at % 100,
            property=property,
        )
        for at in range(count)
    ]


def assert_same_books(filled: FilledWarehouse) -> None:
    books = warehouse_books(filled.warehouse)
    assert books == storage_books(filled.database)


def count_sessions(filled: FilledWarehouse) -> int:
    with filled.warehouse.read() as connection:
        return connection.scalar(select(func.count()).select_from(schema.session)) or 0


def tables(filled: FilledWarehouse) -> tuple[Any, Any]:
    with filled.warehouse.read() as connection:
        return (
            connection.execute(select(schema.event).order_by(schema.event.c.seq)).all(),
            connection.execute(select(schema.session).order_by(schema.session.c.session)).all(),
        )


def assert_as_rebuilt(filled: FilledWarehouse) -> None:
    before = tables(filled)
    filled.projector.rebuild()
    assert tables(filled) == before


def test_appended_events_are_in_the_warehouse(warehouse: FilledWarehouse):
    warehouse.append(a_week_of_events())
    assert sum(count for count, *_ in warehouse_books(warehouse.warehouse).values()) == 400
    assert_same_books(warehouse)


def test_a_deleted_property_leaves_nothing(warehouse: FilledWarehouse):
    other = create_property(warehouse.database, "Other", None)
    warehouse.append(a_week_of_events(1) + a_week_of_events(other.number or 0))
    delete_property(warehouse.database, other.id)
    assert warehouse.projector.catch_up() == {other.number}
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)


def test_events_after_a_reset_stay(warehouse: FilledWarehouse):
    warehouse.append(a_week_of_events())
    reset_property(warehouse.database, warehouse.property.id)
    warehouse.append([an_event(at="09:00"), an_event(at="09:10")])
    assert_same_books(warehouse)
    assert count_sessions(warehouse) == 1


def test_pruning_cuts_sessions_where_the_rest_begins(warehouse: FilledWarehouse):
    warehouse.append([*a_week_of_events(), an_event("ada", "11:50", "/a"), an_event("ada", "12:10", "/b")])
    prune(warehouse.database, moment("12:00"))
    warehouse.projector.catch_up()
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(select(func.min(schema.session.c.started_at))) >= moment("12:00")


def test_old_events_stored_during_pruning_stay(warehouse: FilledWarehouse, monkeypatch):
    """An import, a server's own timestamps: storage does not delete them, nor may the warehouse."""
    warehouse.append([an_event("ada", "08:00"), *a_week_of_events(count=30), an_event("ada", "08:20", "/b")])

    def meanwhile(_: float) -> None:
        warehouse.append([an_event("ada", "08:40", "/c"), an_event("bob", "08:00")])

    monkeypatch.setattr(retention.time, "sleep", meanwhile)
    prune(warehouse.database, moment("12:00"), batch_size=31)
    warehouse.projector.catch_up()
    assert {row.page for row in tables(warehouse)[0] if row.created_at < moment("12:00")} == {"/", "/c"}
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)


def test_new_events_are_projected_after_the_newest_were_deleted(warehouse: FilledWarehouse):
    other = create_property(warehouse.database, "Other", None)
    warehouse.append([an_event(at="09:00")])
    warehouse.append(a_week_of_events(other.number or 0))
    delete_property(warehouse.database, other.id)
    warehouse.projector.catch_up()
    warehouse.append([an_event(at="09:05")])
    assert_same_books(warehouse)
    assert count_sessions(warehouse) == 1


def test_a_changed_rule_changes_history(warehouse: FilledWarehouse):
    warehouse.append([an_event("ada", "09:00"), an_event("bot", "09:00", automated=True), an_event("ada", "09:10")])
    assert count_sessions(warehouse) == 1
    update_settings(warehouse.database, warehouse.property.id, counts_automated=True)
    assert warehouse.projector.catch_up() == {1}
    assert count_sessions(warehouse) == 2
    warehouse.append([an_event("bot", "09:20", automated=True)])
    assert count_sessions(warehouse) == 2
    assert_as_rebuilt(warehouse)


def test_an_erased_visitor_leaves_other_visitors_unchanged(warehouse: FilledWarehouse):
    events = a_week_of_events()
    warehouse.append(events)
    with warehouse.database.write_transaction() as session:
        table: Any = EventRow.__table__  # type: ignore[attr-defined]
        session.execute(table.delete().where(table.c.visitor == events[3].visitor))
        session.add(StorageChange(kind=ChangeKind.VISITOR_ERASED, property=1, detail={"visitor": events[3].visitor}))
    warehouse.projector.catch_up()
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)


def test_a_restored_backup_is_another_history(warehouse: FilledWarehouse):
    warehouse.append(a_week_of_events(count=20))
    with warehouse.warehouse.write() as connection:  # what only the lost history knew
        connection.execute(update(schema.event).values(page="/lost"))
    instance_settings.put(warehouse.database, instance_settings.GENERATION, "restored")
    again = Projector(warehouse.tail, warehouse.warehouse, warehouse.rules)
    again.catch_up()
    assert_same_books(warehouse)
    assert "/lost" not in {row.page for row in tables(warehouse)[0]}


def test_a_place_that_storage_never_reached_means_a_rebuild(warehouse: FilledWarehouse):
    warehouse.append(a_week_of_events(count=20))
    with warehouse.warehouse.write() as connection:
        connection.execute(update(schema.position).values(event_seq=10_000))
    warehouse.store.append([an_event()])
    Projector(warehouse.tail, warehouse.warehouse, warehouse.rules).catch_up()
    assert_same_books(warehouse)


def test_other_rules_for_all_mean_a_rebuild(warehouse: FilledWarehouse):
    warehouse.append([an_event("ada", automated=True)])
    assert count_sessions(warehouse) == 0
    lenient = stored_rules(warehouse.database, counts_automated=True)
    Projector(warehouse.tail, warehouse.warehouse, lenient).catch_up()
    assert count_sessions(warehouse) == 1


def test_a_new_projector_continues_at_the_stored_position(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00", page="/a")])
    warehouse.projector = Projector(warehouse.tail, warehouse.warehouse, warehouse.rules)
    warehouse.append([an_event(at="09:10", page="/b")])
    assert count_sessions(warehouse) == 1
    assert_same_books(warehouse)


def test_readers_are_answered_while_the_warehouse_is_rebuilt(warehouse: FilledWarehouse):
    warehouse.append(a_week_of_events())
    count, failed, ended = select(func.count()).select_from(schema.event), [], threading.Event()

    def read() -> None:
        while not ended.is_set():
            with warehouse.warehouse.read() as connection:
                if (counts := (connection.scalar(count), connection.scalar(count))) != (400, 400):
                    failed.append(counts)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(3):
        warehouse.projector.rebuild()
    ended.set()
    for reader in readers:
        reader.join()
    assert not failed


def test_a_query_in_flight_finishes_on_the_file_it_started_with(warehouse: FilledWarehouse):
    warehouse.append(a_week_of_events(count=10))
    count = select(func.count()).select_from(schema.event)
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(count) == 10
        rebuilding = threading.Thread(target=warehouse.projector.rebuild)
        rebuilding.start()
        rebuilding.join(0.3)
        assert rebuilding.is_alive()
        assert connection.scalar(count) == 10
        with warehouse.warehouse.read() as nested:  # a question inside a question does not wait for itself
            assert nested.scalar(count) == 10
    rebuilding.join()
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(count) == 10


def test_a_snapshot_does_not_move_while_the_projector_writes(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00")])
    count = select(func.count()).select_from(schema.event)
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(count) == 1
        warehouse.append([an_event(at="09:10")])
        assert connection.scalar(count) == 1


def test_a_rebuild_shows_its_progress(warehouse: FilledWarehouse):
    warehouse.append(a_week_of_events())
    calls: list[tuple[int, int]] = []
    warehouse.projector.rebuild(on_progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (400, 400)


def test_a_disk_that_is_too_small_for_a_rebuild_is_an_error_before_writing(warehouse: FilledWarehouse, monkeypatch):
    warehouse.append([an_event()])
    monkeypatch.setattr(projector_module, "SPARE_DISK_BYTES", 1 << 60)
    with pytest.raises(OperatorError, match="MB are needed"):
        warehouse.projector.rebuild()
    assert_same_books(warehouse)


def test_a_running_projector_follows_by_itself_and_says_what_moved(warehouse: FilledWarehouse):
    moved: list[frozenset[int]] = []
    invalidated = threading.Event()
    on_change = lambda numbers: (moved.append(numbers), invalidated.set())  # noqa: E731
    projector = Projector(warehouse.tail, warehouse.warehouse, warehouse.rules, on_change)
    projector.start()
    warehouse.store.append([an_event()])  # nobody wakes it: another process would not either
    assert invalidated.wait(10)
    projector.stop()
    assert moved == [frozenset({1})]
    assert_same_books(warehouse)


def test_the_status_counts_storage_and_warehouse_and_the_lag(warehouse: FilledWarehouse):
    warehouse.append([an_event(), an_event(at="09:01")])
    warehouse.store.append([an_event(at="09:02")])
    status = warehouse.projector.status()
    assert (status.storage_events, status.warehouse_events) == (3, 2)
    assert status.lag_s > 0
    warehouse.projector.catch_up()
    assert warehouse.projector.status().lag_s == 0


def test_events_that_come_late_join_the_sessions_of_their_time(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00", page="/a"), an_event(at="09:50", page="/c", day=DAY)])
    assert count_sessions(warehouse) == 2
    warehouse.append([an_event(at="09:25", page="/b")])
    assert count_sessions(warehouse) == 1
    assert_as_rebuilt(warehouse)


def test_a_query_that_never_ends_does_not_block_a_rebuild(warehouse: FilledWarehouse, monkeypatch):
    monkeypatch.setattr(warehouse_module, "SWAP_DRAIN_TIMEOUT_S", 0.2)
    warehouse.append(a_week_of_events(count=10))
    count = select(func.count()).select_from(schema.event)
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(count) == 10
        rebuilding = threading.Thread(target=warehouse.projector.rebuild)
        rebuilding.start()
        rebuilding.join()
        with pytest.raises(SQLAlchemyError):
            connection.scalar(count)
    warehouse.append([an_event()])
    assert_same_books(warehouse)


def test_an_endless_question_is_ended_by_a_rebuild(warehouse: FilledWarehouse, monkeypatch):
    monkeypatch.setattr(warehouse_module, "SWAP_DRAIN_TIMEOUT_S", 0.2)
    warehouse.append(a_week_of_events(count=10))
    rebuilding = threading.Timer(0.2, warehouse.projector.rebuild)
    rebuilding.start()
    with pytest.raises(WarehouseBusy), warehouse.warehouse.read() as connection:
        connection.execute(text("SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7"))
    rebuilding.join()
    assert_same_books(warehouse)


def test_an_engine_that_broke_is_opened_again(warehouse: FilledWarehouse, monkeypatch):
    monkeypatch.setattr(projector_module, "RETRY_DELAY_S", 0.01)
    warehouse.append([an_event()])
    invalidated = threading.Event()
    projector = Projector(warehouse.tail, warehouse.warehouse, warehouse.rules, lambda numbers: invalidated.set())
    warehouse.warehouse.engine.close()  # as after a fault that it calls fatal
    projector.start()
    warehouse.store.append([an_event(at="09:05")])
    assert invalidated.wait(20)
    projector.stop()
    assert_same_books(warehouse)


def test_a_closed_warehouse_says_so(warehouse: FilledWarehouse):
    warehouse.warehouse.close()
    with pytest.raises(WarehouseBusy), warehouse.warehouse.read():
        pass
    warehouse.open()


def test_events_deleted_by_id_leave_the_warehouse(warehouse: FilledWarehouse):
    events = a_week_of_events(count=20)
    warehouse.append(events)
    with warehouse.database.write_transaction() as session:
        table: Any = EventRow.__table__  # type: ignore[attr-defined]
        session.execute(table.delete().where(table.c.id == events[3].id.bytes))
        session.add(StorageChange(kind=ChangeKind.EVENTS_DELETED, property=1, detail={"ids": [events[3].id.hex]}))
    warehouse.projector.catch_up()
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)


def test_events_whose_transaction_failed_are_applied_once(warehouse: FilledWarehouse):
    """Their rows are rolled back, and so is what the projection remembers of them: sessions, views, newest times."""
    sync = IncrementalSync(warehouse.tail, warehouse.warehouse, warehouse.rules)

    def interrupt() -> None:
        raise InterruptedError

    for events in (
        [an_event("ada", "09:00", view_id="v1")],
        [an_event("ada", "09:01", event="page_leave", view_id="v1", time_on_page=20_000)],
        [an_event("ada", "09:02", event="scroll", view_id="v1", scroll_depth=50), an_event("bob", "09:00")],
        [an_event("ada", "08:50", "/late"), an_event("ada", "09:03", "/b", view_id="v2")],
    ):
        warehouse.store.append(events)
        with pytest.raises(InterruptedError):
            sync.apply_next(on_batch_done=interrupt)
        sync.apply_next()
        assert_same_books(warehouse)
    with warehouse.warehouse.read() as connection:
        assert connection.scalars(select(schema.event.c.read_ms).where(schema.event.c.read_ms > 0)).all() == [20_000]
    assert_as_rebuilt(warehouse)
