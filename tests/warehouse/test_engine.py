"""The warehouse is no file: what the projector promises holds on a second engine, which has none.

All tests of the projector and of other versions run here once more, on DuckDB in memory. What concerns the file of the
first engine alone stands at the end.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from proprium.config import Settings
from proprium.metrics.dashboard import dashboard
from proprium.sql_console.snapshot import SnapshotCache, SnapshotScope
from proprium.storage.database import Database
from proprium.storage.retention import prune
from proprium.warehouse import schema
from proprium.warehouse.engine import Engine
from proprium.warehouse.engines.duckdb import DuckDBEngine
from proprium.warehouse.projection.projector import Projector
from proprium.warehouse.warehouse import open_warehouse, warehouse_exists
from tests.sql.conftest import OURS
from tests.support.builders import an_event, moment
from tests.support.dashboards import a_query
from tests.support.memory_engine import MemoryEngine
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse import test_projector, test_schema_mismatch
from tests.warehouse.test_projector import a_week_of_events, assert_as_rebuilt, assert_same_books

globals().update(
    {
        name: test
        for module in (test_projector, test_schema_mismatch)
        for name, test in vars(module).items()
        if name.startswith("test_")
    }
)


@pytest.fixture
def warehouse(database: Database, tmp_path: Path) -> Iterator[FilledWarehouse]:
    engine = MemoryEngine()
    filled = FilledWarehouse(database, tmp_path, lambda: engine)
    yield filled
    filled.close()
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} <= {"proprium", "sql"}


def test_a_deletion_is_compacted_and_what_happens_meanwhile_is_followed(warehouse: FilledWarehouse) -> None:
    warehouse.append(a_week_of_events())
    prune(warehouse.database, moment("2026-11-04 00:00"))
    warehouse.projector.catch_up()
    assert warehouse.projector.erased_to() == 0
    warehouse.store.append([an_event("late", "2026-11-05 09:00")])
    assert warehouse.projector.compact()
    assert warehouse.projector.erased_to() > 0
    assert not warehouse.projector.compact()
    assert_same_books(warehouse)
    assert_as_rebuilt(warehouse)


def test_the_sql_console_copies_its_rows_from_any_engine(warehouse: FilledWarehouse, tmp_path: Path) -> None:
    warehouse.append([an_event(), an_event(at="09:05")])
    snapshots = SnapshotCache(warehouse.warehouse, tmp_path / "sql.tmp")
    _, info = snapshots.open(SnapshotScope((OURS,), None))
    snapshots.close()
    assert (info.event_count, info.session_count) == (2, 1)


def test_a_dashboard_is_the_same_on_both_engines(
    warehouse: FilledWarehouse, tmp_path_factory: pytest.TempPathFactory
) -> None:
    warehouse.append(a_week_of_events())
    on_disk = open_warehouse(tmp_path_factory.mktemp("file") / "warehouse.duckdb", memory="128MB", threads=1)
    Projector(warehouse.tail, on_disk, warehouse.rules).catch_up()
    query = a_query(property_number=1)
    in_memory, in_file = dashboard(warehouse.warehouse, query), dashboard(on_disk, query)
    on_disk.close()
    assert in_memory.totals.page_views > 0
    assert (in_memory.totals, in_memory.breakdowns) == (in_file.totals, in_file.breakdowns)


def test_a_second_engine_implements_the_protocol_as_the_first_does() -> None:
    members = {name for name in dir(Engine) if not name.startswith("_")} | set(Engine.__annotations__)
    assert members
    for engine in (MemoryEngine(), DuckDBEngine(Path("nowhere.duckdb"))):
        assert members <= {name for name in dir(engine) if not name.startswith("_")}


def test_only_engines_know_of_files() -> None:
    words = {"Path", "pathlib", "os", "shutil", "tempfile", "duckdb", "duckdb_sqlalchemy", "pyarrow", ".wal", ".duckdb"}
    for path in Path("proprium/warehouse").rglob("*.py"):
        if path.parent.name == "engines":
            continue
        tree = ast.parse(path.read_text())
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        names |= {
            word
            for word in (".wal", ".duckdb")
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and word in node.value
        }
        assert names.isdisjoint(words), path


# The DuckDB file


@pytest.fixture
def in_a_file(database: Database, tmp_path: Path) -> Iterator[FilledWarehouse]:
    filled = FilledWarehouse(database, tmp_path)
    yield filled
    filled.close()


def test_a_file_that_cannot_be_read_is_filled_again(in_a_file: FilledWarehouse) -> None:
    in_a_file.append(a_week_of_events(count=20))
    in_a_file.warehouse.close()
    in_a_file.path.write_bytes(b"not a database" * 1_000)
    in_a_file.open()
    in_a_file.projector.catch_up()
    assert_same_books(in_a_file)


def test_a_rebuild_leaves_one_file(in_a_file: FilledWarehouse, tmp_path: Path) -> None:
    in_a_file.append(a_week_of_events(count=20))
    in_a_file.projector.rebuild()
    in_a_file.warehouse.checkpoint()
    assert [path.name for path in tmp_path.glob("warehouse*") if path.suffix != ".wal"] == ["warehouse.duckdb"]


def test_what_a_killed_rebuild_left_is_deleted_when_the_file_is_opened(in_a_file: FilledWarehouse) -> None:
    in_a_file.warehouse.close()
    left_over = in_a_file.path.with_name("warehouse.next.duckdb")
    left_over.write_bytes(b"half a warehouse")
    in_a_file.open()
    assert not left_over.exists()


def test_a_warehouse_is_created_by_opening_it_and_not_by_asking_for_it(tmp_path: Path) -> None:
    location = Settings(data_dir=tmp_path, _env_file=None).warehouse_path  # type: ignore[call-arg]
    assert not warehouse_exists(location)
    opened = open_warehouse(location, memory="64MB", threads=1)
    with opened.read() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.event)) == 0
        assert connection.scalar(text("SELECT current_setting('threads')")) == 1
    opened.close()
    assert warehouse_exists(location)
    assert list(tmp_path.iterdir()) == [location]
