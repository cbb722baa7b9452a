"""Helpers shared by commands: settings, storage, property lookup, password prompt, umask, progress bar."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import click

from proprium.config import Settings, load_settings
from proprium.errors import OperatorError, PropertyNotFound

if TYPE_CHECKING:
    from proprium.storage.database import Database
    from proprium.storage.tables import Property


@contextmanager
def open_storage() -> Iterator[tuple[Settings, Database]]:
    """Opens storage and yields it with the settings. Creates a missing database, but leaves migration to `serve`.

    Raises OperatorError when the database has another schema version, and for errors of the database in the block.
    """
    from proprium.storage.database import Database
    from proprium.storage.migrate import current_revision, migrate, newest_revision

    settings = load_settings()
    database = Database(settings.storage_url)
    try:
        with database.operator_errors():
            if (revision := current_revision(database)) is None:
                migrate(database, settings.data_dir)
            elif revision != newest_revision():
                raise OperatorError(
                    f"{database.name} has the schema of another version. Start `proprium serve` once to migrate it."
                )
            yield settings, database
    finally:
        database.close()


def find_property(database: Database, property_id: UUID) -> Property:
    """Returns a property by id, without an access check: shell users see all.

    Raises PropertyNotFound.
    """
    from sqlmodel import select

    from proprium.storage.tables import Property

    with database.session() as session:
        if (property_ := session.exec(select(Property).where(Property.id == property_id)).first()) is None:
            raise PropertyNotFound(property_id)
    return property_


def read_password(from_stdin: bool) -> str:
    """Reads a password: one line of standard input, or a prompt with confirmation at the terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to prompt for the password; use --password-stdin.")
    text: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return text


@contextmanager
def user_umask() -> Iterator[None]:
    """Restores the user's own umask for output files.

    All other files of the process are private.
    """
    umask = click.get_current_context().obj
    if umask is None:
        yield
        return
    private_umask = os.umask(umask)
    try:
        yield
    finally:
        os.umask(private_umask)


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a progress bar on stderr if that is a terminal.

    Yields a callback that takes (done, total).
    """
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:

        def show_progress(done: int, total: int) -> None:
            bar.length = max(total, done, 1)
            bar.update(done - bar.pos)

        yield show_progress
