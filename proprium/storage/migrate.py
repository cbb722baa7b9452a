"""Brings the schema of storage up to date, all in one transaction, after a copy of what could be lost."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DatabaseError

from proprium.errors import OperatorError
from proprium.storage import backups, instance_settings
from proprium.storage.database import Database

log = logging.getLogger(__name__)
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)  # its first lines say nothing to an operator


def migrate(database: Database, data_dir: Path | None = None) -> None:
    """Runs what is missing. `data_dir` is where the copy goes; None: beside the file.

    Raises ProblemForOperator when the file was written by a newer version, or cannot be read.
    """
    try:
        old_revision = current_revision(database)
        if old_revision != newest_revision():
            _reject_unknown_revision(database, old_revision)
            if _has_tables(database):
                backups.create_backup(database, data_dir or database.path.parent, f"before-{newest_revision()}")
            _upgrade(database)
            log.info("storage has schema %s now (before: %s)", newest_revision(), old_revision or "none")
        instance_settings.generation(database)
    except DatabaseError as problem:
        raise OperatorError(f"{database.path} cannot be used: {problem.orig}.") from problem


def wait_for_schema(database: Database, *, timeout_s: float | None = None, poll_s: float = 0.5) -> None:
    """Until `serve` has migrated the file; `collect` never does. Raises ProblemForOperator after `timeout_s`."""
    started_s = time.monotonic()
    has_logged = False
    while (revision := current_revision(database)) != newest_revision():
        _reject_unknown_revision(database, revision)
        if timeout_s is not None and time.monotonic() - started_s >= timeout_s:
            raise OperatorError(f"{database.path} has no tables yet. Start `proprium serve` once; it makes them.")
        if not has_logged:
            log.info("waiting for `proprium serve` to prepare %s", database.path)
            has_logged = True
        time.sleep(poll_s)


def current_revision(database: Database) -> str | None:
    """None: an empty file."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _upgrade(database: Database) -> None:
    """One transaction, or none: a migration that fails in the middle leaves the file as it was."""
    with database.engine.connect() as connection:
        # Alembic rebuilds a table by dropping the old one, which must not cascade. The switch is ignored inside a
        # transaction, so that it stands before it, and the references are checked at the end.
        dbapi_connection: Any = connection.connection.dbapi_connection
        dbapi_connection.execute("PRAGMA foreign_keys=OFF")
        try:
            _run_migrations(connection.execution_options(proprium_takes_the_lock=True))
        finally:
            dbapi_connection.execute("PRAGMA foreign_keys=ON")


def _run_migrations(connection: Connection) -> None:
    with connection.begin():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if violation := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise OperatorError(
                f"The migration would leave a row of {violation[0]} without its {violation[2]}; undone."
            )


def _reject_unknown_revision(database: Database, revision: str | None) -> None:
    known_revisions = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known_revisions:
        raise OperatorError(
            f"{database.path} was written by a newer version (schema {revision}). Install that one, or restore a copy."
        )


def _has_tables(database: Database) -> bool:
    return bool(inspect(database.engine).get_table_names())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
