"""A warehouse with another schema version is not queried, and says so until the rebuild is done."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from proprium.errors import WarehouseRebuilding
from proprium.storage import instance_settings
from proprium.warehouse import schema
from proprium.warehouse.projection.incremental_sync import IncrementalSync
from proprium.warehouse.projection.projector import Projector
from tests.support.builders import an_event
from tests.support.warehouse_fixture import FilledWarehouse


def restarted(filled: FilledWarehouse) -> Projector:
    return Projector(filled.tail, filled.warehouse, filled.rules)


def counted(filled: FilledWarehouse) -> int:
    with filled.warehouse.read() as connection:
        return connection.scalar(select(func.count(schema.event.c.own_visitor) + func.count())) or 0


def answer(filled: FilledWarehouse) -> int | str:
    try:
        return counted(filled)
    except WarehouseRebuilding as problem:
        return str(problem)


def test_a_warehouse_of_another_schema_is_not_queried_until_it_is_rebuilt(warehouse: FilledWarehouse):
    warehouse.append([an_event(at=f"09:{at:02}") for at in range(20)])
    warehouse.outdate()
    meanwhile: list[int | str] = []
    restarted(warehouse).catch_up(lambda done, in_all: meanwhile.append(answer(warehouse)))
    assert meanwhile == ["The warehouse is being rebuilt: 99 %. Try again when it is done."]
    assert counted(warehouse) == 20


def test_the_progress_of_the_rebuild_is_reported(warehouse: FilledWarehouse):
    warehouse.append([an_event(at=f"09:{at:02}") for at in range(20)])
    warehouse.outdate()
    assert warehouse.warehouse.rebuild_percent() == 0
    successor = warehouse.warehouse.create_rebuild_target()
    follower = IncrementalSync(warehouse.tail, successor, warehouse.rules)
    percents = [follower.apply_next(batch_size=5) and warehouse.warehouse.rebuild_percent() for _ in range(3)]
    assert percents == [25, 50, 75]
    with pytest.raises(WarehouseRebuilding, match="75 %"):
        counted(warehouse)
    warehouse.warehouse.discard(successor)
    with pytest.raises(WarehouseRebuilding, match=" 0 %"):
        counted(warehouse)


def test_the_status_is_reported_during_the_rebuild(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    warehouse.outdate()
    assert restarted(warehouse).status().storage_events == 1


def test_a_schema_mismatch_is_detected_after_every_start(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    warehouse.outdate()
    warehouse.warehouse.close()
    warehouse.open()
    with pytest.raises(WarehouseRebuilding):
        counted(warehouse)


def test_a_warehouse_of_other_rules_or_another_database_answers_during_the_rebuild(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    instance_settings.put(warehouse.database, instance_settings.GENERATION, "restored")
    meanwhile: list[int | str] = []
    restarted(warehouse).catch_up(lambda done, in_all: meanwhile.append(answer(warehouse)))
    assert meanwhile == [1]


def test_a_warehouse_with_another_position_table_is_discarded_and_rebuilt(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    with warehouse.warehouse.write() as connection:
        connection.execute(text("ALTER TABLE position DROP COLUMN change_seq"))
    warehouse.warehouse.reopen()
    restarted(warehouse).catch_up()
    assert counted(warehouse) == 1


def test_one_that_lacks_a_column_of_today_is_another_versions_too(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    with warehouse.warehouse.write() as connection:
        connection.execute(text("ALTER TABLE session DROP COLUMN language"))
    warehouse.warehouse.reopen()
    assert warehouse.warehouse.rebuild_percent() == 0
    with pytest.raises(WarehouseRebuilding):
        counted(warehouse)
    restarted(warehouse).catch_up()
    assert counted(warehouse) == 1
