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
    """Download DB-IP City Lite (CC BY 4.0, db-ip.com) and print the file's path.

    If the download fails and a previous file exists, only warns: that file stays in use.
    """
    from proprium.clock import utc_now
    from proprium.server import geoip_update

    settings = load_settings()
    try:
        geoip_update.refresh(settings, utc_now(), force=force)
    except geoip_update.DownloadFailed as problem:
        if not settings.geoip_file.is_file():
            raise
        click.echo(f"Warning: {problem}", err=True)
    click.echo(settings.geoip_file)
