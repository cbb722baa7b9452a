"""The warehouse for a command that found no server running: opened here, and caught up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proprium.commands.common import storage

if TYPE_CHECKING:
    from proprium.storage.database import Database
    from proprium.warehouse.connect import Warehouse
    from proprium.warehouse.projector import Projector


@contextmanager
def opened() -> Iterator[tuple[Database, Warehouse, Projector]]:
    """Raises ProblemForOperator when another process has the warehouse open."""
    from proprium.storage.tail import Tail
    from proprium.warehouse.connect import open_warehouse
    from proprium.warehouse.projector import Projector
    from proprium.warehouse.rules import stored_rules

    with storage() as (settings, database):
        warehouse = open_warehouse(settings.warehouse_path, settings.warehouse_memory)
        tail = Tail(database)
        try:
            rules = stored_rules(database, counts_automated=settings.is_loopback)
            yield database, warehouse, Projector(tail, warehouse, rules)
        finally:
            tail.close()
            warehouse.close()
