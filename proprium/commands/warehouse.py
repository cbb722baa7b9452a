"""`warehouse …`: status and rebuild of the warehouse, the columnar copy of events that dashboards read."""

from __future__ import annotations

import click

from proprium.commands.common import progress_bar
from proprium.commands.open_warehouse import open_local_warehouse
from proprium.config import load_settings
from proprium.errors import OperatorError
from proprium.server.control_socket import running_server

OUTDATED_MESSAGE = (
    "The warehouse was built by another version of Proprium."
    " Start the server or run `proprium warehouse rebuild` to rebuild it."
)


@click.group()
def warehouse() -> None:
    """Manage the warehouse.

    The warehouse is the columnar copy of the events that dashboards read.
    """


@warehouse.command()
def status() -> None:
    """Show event counts and lag.

    Prints the number of events in storage and in the warehouse, and how many seconds the warehouse is behind.
    """
    with running_server(load_settings()) as server:
        if server:
            warehouse_status = server.status()
        else:
            with open_local_warehouse() as (_, local_warehouse, projector):
                if local_warehouse.rebuild_percent() is not None:
                    raise OperatorError(OUTDATED_MESSAGE)
                warehouse_status = projector.status()
    click.echo(f"storage\t{warehouse_status.storage_events} events")
    note = " (being rebuilt)" if warehouse_status.is_rebuilding else ""
    click.echo(f"warehouse\t{warehouse_status.warehouse_events} events{note}")
    if warehouse_status.left_out_events:
        click.echo(f"excluded\t{warehouse_status.left_out_events} events, by the properties' settings")
    click.echo(f"lag\t{warehouse_status.lag_s:.1f} s")


@warehouse.command()
def rebuild() -> None:
    """Rebuild the warehouse from storage.

    Dashboards keep working with the old data meanwhile.
    """
    with progress_bar("Rebuilding") as progress, running_server(load_settings()) as server:
        if server:
            server.rebuild(progress)
        else:
            with open_local_warehouse() as (_, _, projector):
                projector.rebuild(progress)
