"""`export`: raw events into a file, straight from storage, whether a server runs or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

import click

from proprium.commands.common import progress_bar, property_of, storage, user_umask
from proprium.errors import ProblemForOperator

if TYPE_CHECKING:
    from proprium.metrics.query.period import Period
    from proprium.storage.tables import Property

FORMATS = click.Choice(["csv", "json", "parquet"])
ENDINGS = {"jsonl": "json", "ndjson": "json"}
DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--property", "property_id", type=click.UUID, required=True, metavar="UUID", help="Whose events.")
@click.option("--format", "kind", type=FORMATS, help="json is one object a line. The file's ending says it otherwise.")
@click.option("--from", "first", type=DAY, metavar="DAY", help="The first day, as 2026-01-31; all of them otherwise.")
@click.option("--to", "last", type=DAY, metavar="DAY", help="The last day; until now otherwise.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
def export(property_id: UUID, kind: str | None, first: datetime | None, last: datetime | None, file: Path) -> None:
    """Write raw events into FILE, or to standard output for -. Days are the property's."""
    from proprium.serialization import raw_events

    ending = file.suffix.removeprefix(".")
    wanted = raw_events.Format({"json": "jsonl"}.get(name := _known(kind or ENDINGS.get(ending, ending)), name))
    with storage() as (_, database), progress_bar("Writing events") as progress:
        found = property_of(database, property_id)
        period = _period(found, first and first.date(), last and last.date())
        in_all, done = raw_events.count(database, found), 0

        def told(some: int) -> None:
            nonlocal done
            done += some
            progress(done, in_all)

        _write(file, raw_events.stream(raw_events.events_of(database, found, period), wanted, told))


def _known(kind: str) -> str:
    return str(FORMATS.convert(kind, None, None))


def _period(found: Property, first: date | None, last: date | None) -> Period | None:
    from proprium.clock import utc_now
    from proprium.metrics.query.period import FIRST_YEAR, custom

    if first is None and last is None:
        return None
    zone = ZoneInfo(found.timezone)
    return custom(first or date(FIRST_YEAR, 1, 1), last or utc_now().astimezone(zone).date(), zone)


def _write(file: Path, pieces: Iterator[bytes]) -> None:
    """All of it under its name, or nothing."""
    if str(file) == "-":
        _pour(sys.stdout.buffer, pieces)
        return
    unfinished = file.with_name(f"{file.name}.part")
    try:
        with user_umask():
            target = unfinished.open("wb")
        with target:
            _pour(target, pieces)
        unfinished.replace(file)
    except OSError as problem:
        raise ProblemForOperator(f"{file} cannot be written: {problem.strerror}.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _pour(target: BinaryIO, pieces: Iterator[bytes]) -> None:
    target.writelines(pieces)
    target.flush()
