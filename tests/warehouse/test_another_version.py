"""A warehouse that another version of Proprium has filled is not asked, and says so until the new one is there."""

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


def test_it_cannot_be_asked_until_it_is_filled_anew(warehouse: FilledWarehouse):
    warehouse.append([an_event(at=f"09:{at:02}") for at in range(20)])
    warehouse.outdate()
    meanwhile: list[int | str] = []
    restarted(warehouse).catch_up(lambda done, in_all: meanwhile.append(answer(warehouse)))
    assert meanwhile == ["The warehouse is being rebuilt: 99 %. Try again when it is done."]
    assert counted(warehouse) == 20


def test_it_says_how_far_the_new_one_is(warehouse: FilledWarehouse):
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


def test_its_status_is_told_meanwhile(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    warehouse.outdate()
    assert restarted(warehouse).status().storage_events == 1


def test_it_knows_after_every_start_that_it_is_another_versions(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    warehouse.outdate()
    warehouse.warehouse.close()
    warehouse.open()
    with pytest.raises(WarehouseRebuilding):
        counted(warehouse)


def test_one_of_other_rules_or_another_history_goes_on_answering_meanwhile(warehouse: FilledWarehouse):
    warehouse.append([an_event()])
    instance_settings.put(warehouse.database, instance_settings.GENERATION, "restored")
    meanwhile: list[int | str] = []
    restarted(warehouse).catch_up(lambda done, in_all: meanwhile.append(answer(warehouse)))
    assert meanwhile == [1]


def test_one_that_kept_its_place_in_another_way_is_thrown_away_and_filled_again(warehouse: FilledWarehouse):
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
