"""`report`: the same report as the button's, for cron."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import click

from proprium.commands.common import progress_bar, property_of, user_umask
from proprium.commands.open_warehouse import opened
from proprium.config import load
from proprium.reports.renderer import Format
from proprium.server.control_socket import running_server

FORMATS = click.Choice([kind.value for kind in Format])


@click.command()
@click.option("--property", "property_id", type=click.UUID, required=True, metavar="UUID", help="Whose report.")
@click.option("--period", default="28d", show_default=True, help="today, yesterday, 7d, 28d, 12mo, mtd, ytd, all …")
@click.option("--format", "kind", type=FORMATS, help="The file's ending says it otherwise.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def report(property_id: UUID, period: str, kind: str | None, file: Path) -> None:
    """Write a report into FILE. As csv it is a zip with one table a file, as json one document with all of them."""
    ending = file.suffix.removeprefix(".")
    kind = FORMATS.convert(kind or ("csv" if ending == "zip" else ending), None, None)
    pairs = [("period", period)]
    with running_server(load()) as server:
        content = server.report(property_id, pairs, kind) if server else _made_here(property_id, pairs, Format(kind))
    with user_umask():
        file.write_bytes(content)


def _made_here(property_id: UUID, pairs: list[tuple[str, str]], kind: Format) -> bytes:
    from maps.atlas import Atlas
    from proprium.clock import utc_now
    from proprium.metrics.query.data_access import EVERY_KEY
    from proprium.reports.renderer import Printer

    with opened() as (database, warehouse, projector), progress_bar("Reading events") as progress:
        found = property_of(database, property_id)
        projector.catch_up(progress)
        printer = Printer(warehouse, Atlas(), load().chromium)
        return asyncio.run(printer.report(found, pairs, kind, utc_now(), EVERY_KEY)).content
