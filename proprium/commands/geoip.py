"""`geoip refresh`: downloads the free GeoIP database."""

from __future__ import annotations

import click

from proprium.config import load_settings


@click.group()
def geoip() -> None:
    """Manage the GeoIP database for visitor locations."""


@geoip.command()
@click.option("--force", is_flag=True, help="Download even if the file is less than 30 days old.")
def refresh(force: bool) -> None:
    """Download DB-IP City Lite (CC BY 4.0, db-ip.com) and print the file's path."""
    from proprium.clock import utc_now
    from proprium.server import geoip_update

    settings = load_settings()
    geoip_update.refresh(settings, utc_now(), force=force)
    click.echo(settings.geoip_file)
