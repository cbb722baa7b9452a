"""`report`: writes the same report file as the dashboard's export menu, e.g. from cron."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import click

from proprium.commands.common import find_property, progress_bar, user_umask
from proprium.commands.open_warehouse import open_local_warehouse
from proprium.config import load_settings
from proprium.errors import WarehouseRebuilding
from proprium.reports.renderer import ReportFormat
from proprium.server.control_socket import running_server

FORMATS = click.Choice([kind.value for kind in ReportFormat])


@click.command()
@click.option("--property", "property_id", type=click.UUID, required=True, metavar="UUID", help="ID of the property.")
@click.option("--period", default="28d", show_default=True, help="today, yesterday, 7d, 28d, 12mo, mtd, ytd, all …")
@click.option("--format", "kind", type=FORMATS, help="Output format.  [default: from the file extension]")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def report(property_id: UUID, period: str, kind: str | None, file: Path) -> None:
    """Write a report to FILE.

    csv is a zip archive with one file per table, json a single document with all tables.
    """
    ending = file.suffix.removeprefix(".")
    kind = FORMATS.convert(kind or ("csv" if ending == "zip" else ending), None, None)
    pairs = [("period", period)]
    with running_server(load_settings()) as server:
        content = (
            server.report(property_id, pairs, kind)
            if server
            else _render_locally(property_id, pairs, ReportFormat(kind))
        )
    with user_umask():
        file.write_bytes(content)


def _render_locally(property_id: UUID, pairs: list[tuple[str, str]], kind: ReportFormat) -> bytes:
    from maps.atlas import Atlas
    from proprium.clock import utc_now
    from proprium.metrics.query.data_access import EVERY_KEY
    from proprium.reports.renderer import ReportRenderer

    with open_local_warehouse() as (database, warehouse, projector), progress_bar("Reading events") as progress:
        property_ = find_property(database, property_id)
        projector.catch_up(progress)
        renderer = ReportRenderer(warehouse, Atlas(), load_settings().chromium)

        def render() -> bytes:
            return asyncio.run(renderer.render(property_, pairs, kind, utc_now(), EVERY_KEY)).content

        try:
            return render()
        except WarehouseRebuilding:  # its file turned out to be damaged
            projector.catch_up(progress)
            return render()
