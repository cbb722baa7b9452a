"""Fixtures that every room's tests may use."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from proprium.accounts import passwords
from proprium.storage.database import Database
from proprium.storage.migrate import migrate

pytest_plugins = ["tests.support.warehouse_fixture"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", action="store_true", help="the big sizes of the tests that come in two: `make fuzz`")


@pytest.fixture(scope="session")
def fuzz(request: pytest.FixtureRequest) -> bool:
    """True for the big size of a test."""
    return bool(request.config.getoption("--fuzz"))


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrating takes longer than most tests: once for all of them."""
    path = tmp_path_factory.mktemp("migrated") / "proprium.sqlite3"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.truncate_wal()
    database.close()
    return path


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """Guessing a password should be slow; making an account for a test should not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture
def database(tmp_path: Path, _migrated_file: Path) -> Iterator[Database]:
    """An empty storage with today's schema, in a file of its own."""
    path = tmp_path / "proprium.sqlite3"
    shutil.copyfile(_migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()
