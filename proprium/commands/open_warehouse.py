"""Opens the warehouse in the command's own process, for commands that found no running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from proprium.commands.common import open_storage
from proprium.errors import OperatorError

if TYPE_CHECKING:
    from proprium.config import Settings
    from proprium.storage.database import Database
    from proprium.warehouse.projection.projector import Projector
    from proprium.warehouse.warehouse import Warehouse


@contextmanager
def open_local_warehouse() -> Iterator[tuple[Database, Warehouse, Projector]]:
    """Opens storage, warehouse and projector.

    Raises OperatorError when another process has the warehouse open.
    """
    from proprium.storage.change_feed import ChangeFeed
    from proprium.warehouse.projection.projector import Projector
    from proprium.warehouse.projection.rules import stored_rules
    from proprium.warehouse.warehouse import open_warehouse

    with open_storage() as (settings, database):
        warehouse = open_warehouse(settings.warehouse_path, settings.warehouse_memory)
        change_feed = ChangeFeed(database)
        try:
            rules_source = stored_rules(database, counts_automated=settings.is_loopback)
            yield database, warehouse, Projector(change_feed, warehouse, rules_source)
        finally:
            change_feed.close()
            warehouse.close()


def erase_deleted_data(settings: Settings, database: Database) -> None:
    """Erases deleted events from all files if no server runs; a running server does that within a minute.

    Raises OperatorError when the warehouse file cannot be opened.
    """
    from proprium.server.control_socket import running_server
    from proprium.storage.erasure import finish_deletions
    from proprium.warehouse.warehouse import warehouse_exists

    with running_server(settings) as server:
        if server:
            return
    erased_seq = 0
    if warehouse_exists(settings.warehouse_path):
        try:
            with open_local_warehouse() as (_, _, projector):
                projector.catch_up()
                projector.compact()
                erased_seq = projector.erased_to()
        except OperatorError as problem:
            raise OperatorError(
                f"The events are deleted, but not yet erased from the warehouse file; the next"
                f" `proprium serve` will do that. {problem}"
            ) from None
    finish_deletions(database, settings.data_dir, erased_seq, quiet_period=timedelta(0))
