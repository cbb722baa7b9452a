"""`export`: writes raw events into a file, directly from storage, with or without a running server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

import click

from proprium.commands.common import find_property, open_storage, progress_bar, user_umask
from proprium.errors import OperatorError

FORMATS = click.Choice(["csv", "json", "parquet"])
FORMAT_BY_ENDING = {"jsonl": "json", "ndjson": "json"}
DAY_TYPE = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--property", "property_id", type=click.UUID, required=True, metavar="UUID", help="ID of the property.")
@click.option(
    "--format",
    "kind",
    type=FORMATS,
    help="Output format; json is one object per line.  [default: from the file extension]",
)
@click.option(
    "--from", "first", type=DAY_TYPE, metavar="DAY", help="First day, e.g. 2026-01-31.  [default: first event]"
)
@click.option("--to", "last", type=DAY_TYPE, metavar="DAY", help="Last day, included.  [default: today]")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def export(property_id: UUID, kind: str | None, first: datetime | None, last: datetime | None, file: Path) -> None:
    """Write raw events to FILE, or to standard output if FILE is "-".

    Days are in the property's time zone.
    """
    from proprium.accounts import audit
    from proprium.clock import utc_now
    from proprium.metrics.query.period import FIRST_YEAR, custom_period
    from proprium.serialization import raw_events

    ending = file.suffix.removeprefix(".")
    format_name = str(FORMATS.convert(kind or FORMAT_BY_ENDING.get(ending, ending), None, None))
    export_format = raw_events.ExportFormat("jsonl" if format_name == "json" else format_name)
    with open_storage() as (settings, database), progress_bar("Writing events") as progress:
        property_ = find_property(database, property_id)
        period = None
        if first or last:
            zone = ZoneInfo(property_.timezone)
            last_day = last.date() if last else utc_now().astimezone(zone).date()
            period = custom_period(first.date() if first else date(FIRST_YEAR, 1, 1), last_day, zone)
        total_count, written_count = raw_events.count(database, property_), 0

        def on_batch(event_count: int) -> None:
            nonlocal written_count
            written_count += event_count
            progress(written_count, total_count)

        events = raw_events.events_of(database, property_, period, counts_automated=settings.is_loopback)
        name = raw_events.file_name(property_, period, export_format)
        audit.record_export(database, name, property_.id, actor=audit.COMMAND_LINE)
        _write(file, raw_events.stream(events, export_format, on_batch))


def _write(file: Path, chunks: Iterator[bytes]) -> None:
    """Writes the file atomically: under a temporary name, renamed when complete. Raises OperatorError."""
    if str(file) == "-":
        _write_chunks(sys.stdout.buffer, chunks)
        return
    partial_file = file.with_name(f"{file.name}.part")
    try:
        with user_umask():
            target = partial_file.open("wb")
        with target:
            _write_chunks(target, chunks)
        partial_file.replace(file)
    except OSError as problem:
        raise OperatorError(f"{file} cannot be written: {problem.strerror}.") from None
    finally:
        partial_file.unlink(missing_ok=True)


def _write_chunks(target: BinaryIO, chunks: Iterator[bytes]) -> None:
    target.writelines(chunks)
    target.flush()
