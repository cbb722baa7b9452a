"""Schema migrations of storage: all pending ones run in one transaction, after a backup."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from proprium.errors import OperatorError
from proprium.storage import backups, instance_settings
from proprium.storage.database import WRITE_LOCK_OPTION, Database

log = logging.getLogger(__name__)
logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)  # its INFO lines are of no use to an operator


def migrate(database: Database, data_dir: Path | None = None) -> None:
    """Runs pending migrations, after a backup if the file has tables.

    `data_dir` is the folder of the backup; None means the folder of the file. Raises OperatorError if the file was
    written by a newer version, is damaged or cannot be read.
    """
    database.check()
    with database.operator_errors():
        old_revision = current_revision(database)
        if old_revision != newest_revision():
            _reject_unknown_revision(database, old_revision)
            if inspect(database.engine).get_table_names():
                backups.create_backup(database, data_dir or database.path.parent, f"before-{newest_revision()}")
            _upgrade(database)
            schemas = {"old_schema": old_revision or "none", "new_schema": newest_revision()}
            log.info("migrated storage to a newer schema", extra=schemas)
        instance_settings.generation(database)


def wait_for_schema(database: Database, *, timeout_s: float | None = None, poll_s: float = 0.5) -> None:
    """Waits until `serve` has migrated the file, as `collect` never does.

    Raises OperatorError after `timeout_s`, None means without a limit, and for a file of a newer version.
    """
    started_s = time.monotonic()
    has_logged = False
    while (revision := _readable_revision(database)) != newest_revision():
        _reject_unknown_revision(database, revision)
        if timeout_s is not None and time.monotonic() - started_s >= timeout_s:
            raise OperatorError(f"{database.name} has no tables yet. Start `proprium serve` once to create them.")
        if not has_logged:
            log.info("waiting for `proprium serve` to prepare the database", extra={"database": database.name})
            has_logged = True
        time.sleep(poll_s)


def current_revision(database: Database) -> str | None:
    """Returns the schema revision of the file, None if it is empty."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _readable_revision(database: Database) -> str | None:
    with database.operator_errors():
        return current_revision(database)


def newest_revision() -> str:
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _upgrade(database: Database) -> None:
    """Upgrades in one transaction: a failed migration leaves the file unchanged."""
    with database.engine.connect() as connection:
        # Alembic rebuilds a table by dropping the old one, which must not cascade. The pragma has no effect inside a
        # transaction, so that it is set before; foreign keys are checked at the end.
        dbapi_connection: Any = connection.connection.dbapi_connection
        dbapi_connection.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.execution_options(**{WRITE_LOCK_OPTION: True}).begin():
                config = _config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if violation := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                    table, _, parent_table, _ = violation
                    raise OperatorError(
                        f"Migration rolled back: a row of {table} would lack its row of {parent_table}."
                    )
        finally:
            dbapi_connection.execute("PRAGMA foreign_keys=ON")


def _reject_unknown_revision(database: Database, revision: str | None) -> None:
    known_revisions = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known_revisions:
        raise OperatorError(
            f"{database.name} was written by a newer version (schema {revision})."
            " Install that version, or restore a backup."
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
