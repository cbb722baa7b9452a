"""Two properties with a past, and a runner for the one that Ada may see; shared, since every statement is a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from collector.event import Event
from proprium.sql_console.results import SnapshotInfo, SqlResult
from proprium.sql_console.runner import SqlRunner
from proprium.sql_console.snapshot import SnapshotCache, SnapshotProperty, SnapshotScope
from proprium.storage.database import Database
from tests.support.builders import an_event
from tests.support.warehouse_fixture import FilledWarehouse

EVENING = datetime(2026, 11, 2, 22, 0, tzinfo=UTC)
"""Of the day whose events the builders make."""
OURS = SnapshotProperty(1, UUID(int=1), "ours.example", "Europe/Berlin", may_edit=True)
THEIRS = SnapshotProperty(2, UUID(int=2), "theirs.example", "UTC", may_edit=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all of them, as a server has."""
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@dataclass
class SqlUser:
    """A user who may see one property, with other files beside it."""

    folder: Path
    filled: FilledWarehouse
    snapshots: SnapshotCache
    runner: SqlRunner
    user: UUID = field(default_factory=uuid4)

    async def run(self, sql: str, *chosen: SnapshotProperty, days: int | None = None) -> SqlResult:
        return (await self.run_with_snapshot_info(sql, *chosen, days=days))[0]

    async def run_with_snapshot_info(
        self, sql: str, *chosen: SnapshotProperty, days: int | None = None
    ) -> tuple[SqlResult, SnapshotInfo]:
        return await self.runner.run(uuid4(), sql, SnapshotScope(chosen or (OURS,), days))

    async def value(self, sql: str, *chosen: SnapshotProperty) -> object:
        return (await self.run(sql, *chosen)).rows[0][0]


@pytest.fixture(scope="session")
def sql_user(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlUser]:
    folder = tmp_path_factory.mktemp("sql")
    shutil.copyfile(_migrated_file, folder / "proprium.sqlite3")
    (folder / "secret.csv").write_text("word\nswordfish\n")
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    filled = FilledWarehouse(database, folder)
    filled.append(history())
    snapshots = SnapshotCache(filled.warehouse, folder / "sql.tmp", clock=lambda: EVENING)
    yield SqlUser(folder, filled, snapshots, SqlRunner(snapshots, timeout_s=90))
    snapshots.close()
    filled.close()
    database.close()


def history() -> list[Event]:
    """Ada and Bob visit ours, Eve theirs."""
    return [
        an_event("ada", "23:30", "/", day=date(2026, 10, 31)),  # 1 November in Berlin
        an_event("ada", "09:00", "/", country="DE"),
        an_event("ada", "09:02", "/pricing", country="DE"),
        an_event("ada", "09:03", "/pricing", "sign_up", country="DE", data={"plan": "pro", "note": "=1+1"}),
        an_event("bob", "10:00", "/", country="FR"),
        an_event("eve", "11:00", "/swordfish", property=2, data={"plan": "swordfish"}),
    ]
