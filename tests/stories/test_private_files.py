"""Files of the data folder are readable by the account alone; output files have the user's mode."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proprium.storage.backups import create_backup
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from tests.support.builders import an_event
from tests.support.servers import Running


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """The one that most accounts have, under which a file is readable by everybody."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """The folder itself is `.`."""
    paths = [folder, *folder.rglob("*")]
    return sorted(str(path.relative_to(folder)) for path in paths if path.lstat().st_mode & 0o077)


def test_every_file_of_a_new_data_folder_is_private(tmp_path: Path) -> None:
    folder, logs = tmp_path / "new" / "data", tmp_path / "logs"
    logs.mkdir()
    server = Running(logs, env={"PROPRIUM_DATA_DIR": str(folder)})
    property_id = server.proprium("property", "add", "Example")
    assert open_to_others(folder) == []
    server.proprium("warehouse", "rebuild")
    assert open_to_others(folder) == []
    server.start()
    database = Database(f"sqlite:///{folder / 'proprium.sqlite3'}")
    EventStore(database).append([an_event(property=1) for _ in range(20)])
    create_backup(database, folder, "test")
    database.close()
    while not (folder / "warehouse.duckdb.wal").exists():
        time.sleep(0.1)
    names = {path.name for path in folder.iterdir()}
    assert {"proprium.sqlite3-wal", "warehouse.duckdb", "warehouse.duckdb.wal", "serve.sock"} <= names
    assert open_to_others(folder) == []
    events_file = tmp_path / "events.csv"
    server.proprium("export", "--property", property_id, str(events_file))
    report = tmp_path / "report.md"
    server.proprium("report", "--property", property_id, str(report))
    server.stop()
    assert open_to_others(folder) == []
    assert [path.stat().st_mode & 0o777 for path in (events_file, report)] == [0o644, 0o644]
