"""`serve`, `collect` and `demo`: commands that run a server until they are stopped."""

from __future__ import annotations

from typing import Any

import click

from proprium.config import Settings, load_settings

HOST = click.option("--host", metavar="H", help="Address to listen on (PROPRIUM_HOST).")
PORT = click.option("--port", type=click.IntRange(0, 65535), metavar="P", help="Port to listen on (PROPRIUM_PORT).")


@click.command()
@HOST
@PORT
def serve(**options: Any) -> None:
    """Run the server: collector, dashboard, API and reports."""
    from proprium.server import app

    app.serve(_load_settings(options))


@click.command()
@HOST
@PORT
def collect(**options: Any) -> None:
    """Run only the collector and health checks.

    Serves /collect and /collector.js. Any number of these processes can run beside one `serve`.
    """
    from proprium.server import collector_app

    collector_app.collect(_load_settings(options))


@click.command()
@HOST
@PORT
def demo(**options: Any) -> None:
    """Run the server with sample data and live traffic.

    Adds the property "Exemplar" with a year of events.
    """
    from proprium.server import app

    app.serve(_load_settings(options), demo=True)


def _load_settings(options: dict[str, Any]) -> Settings:
    """Returns the settings; options on the command line override the environment."""
    return load_settings(**{name: value for name, value in options.items() if value is not None})
