"""`geoip refresh`: the free place database."""

from __future__ import annotations

import click

from proprium.config import load_settings


@click.group()
def geoip() -> None:
    """Places of visitors."""


@geoip.command()
@click.option("--force", is_flag=True, help="Fetch it even when the file is under 30 days old.")
def refresh(force: bool) -> None:
    """Fetch DB-IP City Lite (CC BY 4.0, db-ip.com), and print the file's path."""
    from proprium.clock import utc_now
    from proprium.server import geoip_update as places

    settings = load_settings()
    places.refresh(settings, utc_now(), force=force)
    click.echo(settings.geoip_file)
