"""The `warehouse` fixture: storage, projector and warehouse of one test, filled by `append`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text, update

from collector.event import Event
from proprium.properties.service import create_property
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.tables import Property
from proprium.warehouse.engine import Engine
from proprium.warehouse.engines.duckdb import DuckDBEngine
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.projection.rules import stored_rules
from proprium.warehouse.schema import VERSION, position
from proprium.warehouse.warehouse import Warehouse


class FilledWarehouse:
    """What is appended is committed to storage and projected; `property` is number 1, whose events builders make."""

    def __init__(self, database: Database, folder: Path, build_engine: Callable[[], Engine] | None = None) -> None:
        self.database = database
        self.property: Property = create_property(database, "Example", None)
        self.store = EventStore(database)
        self.tail = ChangeFeed(database)
        self.rules = stored_rules(database, counts_automated=False)
        self.path = folder / "warehouse.duckdb"
        self._build_engine = build_engine or (lambda: DuckDBEngine(self.path, memory="256MB", threads=1))
        self.open()

    def open(self) -> None:
        """Also again, after `warehouse.close()`."""
        self.warehouse: Warehouse = Warehouse(self._build_engine())
        self.projector = Projector(self.tail, self.warehouse, self.rules)

    def outdate(self) -> None:
        """Makes it one that an older version of ours has filled: with a column less. It is open again afterwards."""
        with self.warehouse.write() as connection:
            connection.execute(text("ALTER TABLE event DROP COLUMN own_visitor"))
            connection.execute(update(position).values(schema_version=VERSION - 1))
        self.warehouse.reopen()

    def append(self, events: Sequence[Event]) -> None:
        self.store.append(events)
        self.projector.catch_up()

    def close(self) -> None:
        self.projector.stop()
        self.warehouse.close()
        self.tail.close()
        self.store.close()


@pytest.fixture
def warehouse(database: Database, tmp_path: Path) -> Iterator[FilledWarehouse]:
    filled = FilledWarehouse(database, tmp_path)
    yield filled
    filled.close()
