"""`prune`: applies data retention on demand."""

from __future__ import annotations

from datetime import timedelta

import click

from proprium.commands.common import open_storage
from proprium.commands.open_warehouse import erase_deleted_data
from proprium.config import RETENTION_DAYS


@click.command()
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=RETENTION_DAYS,
    show_default=True,
    help="Delete events older than this.",
)
@click.option("--dry-run", is_flag=True, help="Only count the events, without deleting them.")
def prune(days: int, dry_run: bool) -> None:
    """Delete old events and print how many.

    Reports for that period will be empty.
    """
    from proprium.clock import utc_now
    from proprium.storage import retention

    with open_storage() as (settings, database):
        cutoff = utc_now() - timedelta(days=days)
        if dry_run:
            click.echo(retention.count_before(database, cutoff))
            return
        click.echo(retention.prune(database, cutoff))
        erase_deleted_data(settings, database)
