"""`serve`, `collect` and `demo`: the commands that go on until they are stopped."""

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
    """Everything in one process: collecting, the dashboard, reports."""
    from proprium.server import app

    app.serve(_load_settings(options))


@click.command()
@HOST
@PORT
def collect(**options: Any) -> None:
    """Only /collect, /collector.js and health: as many as wanted beside one `serve`."""
    from proprium.server import collector_app

    collector_app.collect(_load_settings(options))


@click.command()
@HOST
@PORT
def demo(**options: Any) -> None:
    """`serve` with the property "Exemplar", a year of sample events and live traffic."""
    from proprium.server import app

    app.serve(_load_settings(options), demo=True)


def _load_settings(options: dict[str, Any]) -> Settings:
    """The settings; an option that was not given leaves the word to the environment."""
    return load_settings(**{name: value for name, value in options.items() if value is not None})
