"""Fixtures that every room's tests may use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from proprium.storage.database import Database
from proprium.storage.migrate import migrate


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrating takes longer than most tests: once for all of them."""
    path = tmp_path_factory.mktemp("migrated") / "proprium.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.forget_log()
    database.close()
    return path


@pytest.fixture
def database(tmp_path: Path, _migrated_file: Path) -> Iterator[Database]:
    """An empty storage with today's schema, in a file of its own."""
    path = tmp_path / "proprium.sqlite3"
    shutil.copyfile(_migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()
