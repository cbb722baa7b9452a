"""What readiness says of the warehouse."""

from __future__ import annotations

import pytest

from proprium.errors import OperatorError
from proprium.server.health import warehouse_problem
from tests.support.builders import an_event
from tests.support.warehouse_fixture import FilledWarehouse


def problem_of(filled: FilledWarehouse) -> str | None:
    return warehouse_problem(filled.warehouse, filled.projector)


def test_a_warehouse_in_sync_has_no_problem(warehouse: FilledWarehouse) -> None:
    warehouse.append([an_event()])
    assert problem_of(warehouse) is None


def test_damage_and_the_progress_of_its_rebuild_are_told(warehouse: FilledWarehouse) -> None:
    warehouse.append([an_event(at=f"09:{minute:02}") for minute in range(20)])
    warehouse.warehouse.mark_damaged("bits have rotted")
    assert problem_of(warehouse) == "it cannot be read and is being rebuilt from storage: 0 %"
    told: list[str | None] = []
    warehouse.projector.catch_up(lambda done, total: told.append(problem_of(warehouse)))
    assert told == ["it cannot be read and is being rebuilt from storage: 99 %"]
    assert problem_of(warehouse) is None


def test_another_versions_warehouse_is_told(warehouse: FilledWarehouse) -> None:
    warehouse.append([an_event()])
    warehouse.outdate()
    assert problem_of(warehouse) == "it was built by another version and is being rebuilt from storage: 0 %"


def test_a_rebuild_that_fails_is_told_with_its_reason(
    warehouse: FilledWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.append([an_event()])
    monkeypatch.setattr(warehouse.warehouse.engine, "free_bytes", lambda: 0)
    warehouse.warehouse.mark_damaged("bits have rotted")
    with pytest.raises(OperatorError):
        warehouse.projector.catch_up()
    warehouse.projector.start()
    while warehouse.projector.failure is None:
        pass
    warehouse.projector.stop()
    assert "the last attempt failed: The warehouse cannot be rebuilt: 64 MB are needed" in (problem_of(warehouse) or "")
