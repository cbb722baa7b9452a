"""`warehouse …`: the columnar copy that dashboards read."""

from __future__ import annotations

import click

from proprium.commands.common import progress_bar
from proprium.commands.open_warehouse import opened
from proprium.config import load
from proprium.errors import ProblemForOperator
from proprium.server.control_socket import running_server
from proprium.warehouse.projection.projector import WarehouseStatus

OUTDATED = (
    "The warehouse was filled by another version of Proprium."
    " The server fills it anew when it starts, and so does `proprium warehouse rebuild`."
)


@click.group()
def warehouse() -> None:
    """The columnar copy of the events that dashboards read."""


@warehouse.command()
def status() -> None:
    """Events in storage and in the warehouse, and how far it is behind."""
    with running_server(load()) as server:
        found = server.status() if server else _own_status()
    click.echo(f"storage\t{found.storage_events} events")
    click.echo(f"warehouse\t{found.warehouse_events} events{' (being rebuilt)' if found.is_rebuilding else ''}")
    if found.left_out_events:
        click.echo(f"left out\t{found.left_out_events} events, as their properties' settings say")
    click.echo(f"lag\t{found.lag_s:.1f} s")


@warehouse.command()
def rebuild() -> None:
    """Fill it anew from storage. Dashboards go on answering from the old one meanwhile."""
    with progress_bar("Rebuilding") as progress, running_server(load()) as server:
        if server:
            server.rebuild(progress)
        else:
            with opened() as (_, _, projector):
                projector.rebuild(progress)


def _own_status() -> WarehouseStatus:
    with opened() as (_, warehouse, projector):
        if warehouse.rebuilt_percent() is not None:
            raise ProblemForOperator(OUTDATED)
        return projector.status()
