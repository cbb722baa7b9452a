"""Fixtures that every room's tests may use."""

from __future__ import annotations

import functools
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import Phase, settings
from hypothesis.internal.conjecture import engine
from playwright.sync_api import expect

from proprium.accounts import passwords
from proprium.storage.database import Database
from proprium.storage.migrate import migrate

pytest_plugins = ["tests.support.warehouse_fixture"]

SLOW_FOLDERS = ("maps", "browser", "stories", "adversarial", "ui", "collector", "reports", "sql")
"""In the order in which they run; `maps` downloads mapshaper on a new machine."""

# The phase `explain` traces every line: with it and five minutes of shrinking, one failure took over 150 s.
settings.register_profile("proprium", deadline=None, phases=tuple(phase for phase in Phase if phase != Phase.explain))
settings.load_profile("proprium")
engine.MAX_SHRINKING_SECONDS = 30

# Playwright's own 5 s are too short for a page on a machine with two busy cores.
expect.set_options(timeout=15_000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz", action="store_true", help="the big sizes of the tests that come in two: `make fuzz`")


def pytest_configure(config: pytest.Config) -> None:
    # pytest-xdist starts with the files of most tests; those of a single long one would be last, on one core.
    config.option.loadscopereorder = False


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files of real servers, browsers and downloads first, so that the last ones are short."""
    ranks = {name: rank for rank, name in enumerate(SLOW_FOLDERS)}
    items.sort(key=lambda item: ranks.get(item.path.parent.name, len(ranks)))


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


@pytest.fixture(autouse=True, scope="session")
def _shared_tls_context() -> Iterator[None]:
    """Reads certificate authorities once, not for each HTTP client (40 ms of CPU); tests use plain HTTP."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))
        yield


@pytest.fixture
def database(tmp_path: Path, _migrated_file: Path) -> Iterator[Database]:
    """An empty storage with today's schema, in a file of its own."""
    path = tmp_path / "proprium.sqlite3"
    shutil.copyfile(_migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()
