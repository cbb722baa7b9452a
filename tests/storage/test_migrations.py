"""The migrations' schema equals the models', and no step loses data."""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlmodel import SQLModel

from proprium.accounts import users
from proprium.errors import OperatorError
from proprium.properties import permissions, service
from proprium.properties.permissions import Level
from proprium.storage import migrate as migrations
from proprium.storage.backups import MAX_BACKUPS, create_backup, list_backups
from proprium.storage.database import Database
from proprium.storage.events import EventStore, count_events
from proprium.storage.migrate import migrate, newest_revision, wait_for_schema
from proprium.storage.tables import Role
from proprium.storage.visitor_keys import VisitorKeys
from tests.support.builders import a_property, an_event


def test_the_migrations_make_exactly_the_tables_of_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_tables_are_the_same_down_to_their_text(database: Database, tmp_path: Path) -> None:
    """What Alembic does not compare: AUTOINCREMENT, names of constraints, the order of columns."""
    modelled = Database(f"sqlite:///{tmp_path / 'modelled.sqlite3'}")
    SQLModel.metadata.create_all(modelled.engine)
    assert tables_of(modelled) == {name: sql for name, sql in tables_of(database).items() if name != "alembic_version"}


def tables_of(database: Database) -> dict[str, list[str]]:
    question = (
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND type <> 'view' AND name NOT LIKE 'sqlite_%'"
    )
    with database.engine.connect() as connection:
        return {
            name: sorted(filter(None, (part.strip(" ,\n\t)") for part in sql.replace(",", "\n").splitlines())))
            for name, sql in connection.exec_driver_sql(question)
        }


def test_properties_of_before_keep_counting_addresses_apart_and_new_ones_ignore_trailing_slashes(
    database: Database,
) -> None:
    known = a_property(database)
    with database.write_transaction() as session:
        connection = session.connection()
        columns = [row.name for row in connection.exec_driver_sql("PRAGMA table_info(property)")]
        before = ", ".join(name for name in columns if name not in {"number", "id"} and not name.startswith("merges_"))
        connection.exec_driver_sql(f"INSERT INTO property (id, {before}) SELECT 'x', {before} FROM property")
        rules = connection.exec_driver_sql(
            "SELECT merges_trailing_slashes, merges_index_pages FROM property ORDER BY number"
        ).all()
    assert rules == [(1, 0), (0, 0)]
    assert known.merges_trailing_slashes


def test_accounts_of_before_see_what_they_saw(tmp_path: Path) -> None:
    """Editors become members; viewers become members who may not create, and read the property that they own."""
    database = Database(f"sqlite:///{tmp_path / 'p.sqlite3'}")
    upgrade(database, "0006")
    connection = sqlite3.connect(database.path)
    roles = {"owner": "a" * 32, "editor": "b" * 32, "viewer": "c" * 32}
    for number, (role, user_id) in enumerate(roles.items()):
        moment = "2026-11-02 09:00:00.000000"
        connection.execute(
            "INSERT INTO user (id, email, name, password_hash, role, created_at) VALUES (?, ?, '', '', ?, ?)",
            (user_id, f"{role}@example.com", role, moment),
        )
        columns = [row[1] for row in connection.execute("PRAGMA table_info(property)")]
        values = dict.fromkeys(columns, "[]") | {"number": number + 1, "id": f"{number + 1:032x}", "name": role}
        values |= {"owner_id": user_id, "timezone": "UTC", "created_at": moment, "session_gap_min": 30, "bounce_s": 10}
        values |= {name: 0 for name in columns if name.startswith(("is_", "merges_", "counts_", "discards_", "keeps_"))}
        names = ", ".join(values)
        places = ", ".join("?" * len(values))
        connection.execute(f"INSERT INTO property ({names}) VALUES ({places})", tuple(values.values()))
    connection.commit()
    connection.close()
    migrate(database, tmp_path)
    people = {name: users.find(database, f"{name}@example.com") for name in roles}
    assert {name: (user.role, user.may_create_properties) for name, user in people.items()} == {
        "owner": (Role.OWNER, True),
        "editor": (Role.MEMBER, True),
        "viewer": (Role.MEMBER, False),
    }
    properties = {property_.name: property_ for property_ in service.visible_properties(database, people["owner"])}
    assert permissions.level_of(people["editor"], properties["editor"]) == Level.OWN
    assert permissions.level_of(people["editor"], properties["viewer"]) == Level.NONE
    assert permissions.level_of(people["viewer"], properties["viewer"]) == Level.READ
    assert [p.name for p in service.visible_properties(database, people["viewer"])] == ["viewer"]


def upgrade(database: Database, revision: str) -> None:
    """Makes the schema of an earlier version."""
    config = migrations._config()
    with database.engine.connect() as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_a_first_start_keeps_no_copy(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'p.sqlite3'}")
    migrate(database, tmp_path)
    assert list_backups(database.path, tmp_path) == []


def test_a_second_start_changes_nothing(database: Database, tmp_path: Path) -> None:
    EventStore(database).append([an_event()])
    migrate(database, tmp_path)
    assert count_events(database) == 1
    assert list_backups(database.path, tmp_path) == []


def test_the_file_is_copied_before_a_migration(database: Database, tmp_path: Path, later_step: None) -> None:
    EventStore(database).append([an_event()])
    migrate(database, tmp_path)
    [copy] = list_backups(database.path, tmp_path)
    with closing(sqlite3.connect(copy)) as backup:
        assert backup.execute("SELECT count(*) FROM event").fetchone() == (1,)
        assert backup.execute("SELECT version_num FROM alembic_version").fetchone() == (NEWEST,)
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM later").scalar_one() == 0


def test_a_failed_migration_leaves_the_file_unchanged(database: Database, tmp_path: Path, failing_step: None) -> None:
    EventStore(database).append([an_event()])
    before = tables_of(database)
    with pytest.raises(ZeroDivisionError):
        migrate(database, tmp_path)
    assert tables_of(database) == before
    assert migrations.current_revision(database) == NEWEST
    assert list(EventStore(database).append([an_event()])) == [True]


def test_a_file_of_a_newer_version_is_rejected_with_a_message(database: Database) -> None:
    with database.write_transaction() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(OperatorError, match=r"newer version \(schema 9999\)"):
        migrate(database)
    with pytest.raises(OperatorError, match="9999"):
        wait_for_schema(database, timeout_s=0)


def test_a_file_that_is_no_database_is_rejected_with_a_message(tmp_path: Path) -> None:
    path = tmp_path / "proprium.sqlite3"
    path.write_text("certainly not a database, but long enough to be taken for one" * 20)
    with pytest.raises(OperatorError, match=r"proprium\.sqlite3 is damaged: file is not a database"):
        migrate(Database(f"sqlite:///{path}"))


@pytest.mark.parametrize("url", ["sqlite://", "postgresql://localhost/proprium", "nonsense"])
def test_an_unsupported_database_url_is_rejected_with_a_message(url: str) -> None:
    with pytest.raises(OperatorError, match="PROPRIUM_DATABASE_URL"):
        Database(url)


def test_only_the_newest_backups_are_kept(database: Database, tmp_path: Path) -> None:
    backups = [create_backup(database, tmp_path, "test") for _ in range(MAX_BACKUPS + 2)]
    assert list_backups(database.path, tmp_path) == backups[-MAX_BACKUPS:]
    assert all(copy.stat().st_mode & 0o077 == 0 for copy in backups[-MAX_BACKUPS:])


def test_a_copy_holds_no_visitor_key(database: Database, tmp_path: Path) -> None:
    key = VisitorKeys(database).key(1, date(2026, 11, 2))
    copy = create_backup(database, tmp_path, "test")
    assert key in database.path.read_bytes() + Path(f"{database.path}-wal").read_bytes()
    assert key not in copy.read_bytes()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(copy.name)] == [copy]  # no log beside it


def test_collect_waits_until_serve_has_created_the_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(f"sqlite:///{tmp_path / 'p.sqlite3'}")
    with pytest.raises(OperatorError, match="proprium serve"):
        wait_for_schema(database, timeout_s=0)
    with caplog.at_level(logging.INFO):
        waiting = threading.Thread(target=wait_for_schema, args=(database,), kwargs={"poll_s": 0.01})
        waiting.start()
        migrate(Database(database.url))
        waiting.join(30)
    assert not waiting.is_alive()
    assert list(EventStore(database).append([an_event()])) == [True]


NEWEST = newest_revision()

LATER = f"""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "later", "{NEWEST}"
def upgrade():
    op.create_table("later", sa.Column("id", sa.Integer()))
"""


@pytest.fixture
def later_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_step(LATER, tmp_path, monkeypatch)


@pytest.fixture
def failing_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_step(LATER + "    1 / 0\n", tmp_path, monkeypatch)


def a_step(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a later version had brought one migration more."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "later.py").write_text(source)
    config = migrations._config()
    config.set_main_option("path_separator", "os")
    ours = Path(migrations.__file__).parent / "migrations" / "versions"
    config.set_main_option("version_locations", f"{ours}:{folder}")
    monkeypatch.setattr(migrations, "_config", lambda: config)
    assert newest_revision() == "later"
