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

from proprium.errors import ProblemForOperator
from proprium.storage import backups, instance_settings
from proprium.storage.database import Database

log = logging.getLogger(__name__)
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)  # its first lines say nothing to an operator


def migrate(database: Database, data_dir: Path | None = None) -> None:
    """Runs what is missing. `data_dir` is where the copy goes; None: beside the file.

    Raises ProblemForOperator when the file was written by a newer version, or cannot be read.
    """
    try:
        before = current_revision(database)
        if before != newest_revision():
            _refuse_the_unknown(database, before)
            if _has_something_to_lose(database):
                backups.keep_copy(database, data_dir or database.path.parent, f"before-{newest_revision()}")
            _upgrade(database)
            log.info("storage has schema %s now (before: %s)", newest_revision(), before or "none")
        instance_settings.generation(database)
    except DatabaseError as problem:
        raise ProblemForOperator(f"{database.path} cannot be used: {problem.orig}.") from problem


def wait_for_schema(database: Database, *, timeout_s: float | None = None, poll_s: float = 0.5) -> None:
    """Until `serve` has migrated the file; `collect` never does. Raises ProblemForOperator after `timeout_s`."""
    started = time.monotonic()
    is_told = False
    while (found := current_revision(database)) != newest_revision():
        _refuse_the_unknown(database, found)
        if timeout_s is not None and time.monotonic() - started >= timeout_s:
            raise ProblemForOperator(f"{database.path} has no tables yet. Start `proprium serve` once; it makes them.")
        if not is_told:
            log.info("waiting for `proprium serve` to prepare %s", database.path)
            is_told = True
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
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        try:
            _run(connection.execution_options(proprium_takes_the_lock=True))
        finally:
            raw.execute("PRAGMA foreign_keys=ON")


def _run(connection: Connection) -> None:
    with connection.begin():
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
            raise ProblemForOperator(f"The migration would leave a row of {broken[0]} without its {broken[2]}; undone.")


def _refuse_the_unknown(database: Database, revision: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise ProblemForOperator(
            f"{database.path} was written by a newer version (schema {revision}). Install that one, or restore a copy."
        )


def _has_something_to_lose(database: Database) -> bool:
    return bool(inspect(database.engine).get_table_names())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
