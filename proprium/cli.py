"""Command-line entry point: loads commands lazily and turns known errors into one sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import click

from proprium.errors import OperatorError, UserFacingError

COMMANDS = {  # command name → module, imported on first use so that small commands start fast
    "serve": "proprium.commands.serve",
    "collect": "proprium.commands.serve",
    "demo": "proprium.commands.serve",
    "user": "proprium.commands.user",
    "property": "proprium.commands.property",
    "access": "proprium.commands.access",
    "key": "proprium.commands.key",
    "share": "proprium.commands.share",
    "geoip": "proprium.commands.geoip",
    "warehouse": "proprium.commands.warehouse",
    "report": "proprium.commands.report",
    "export": "proprium.commands.export",
    "prune": "proprium.commands.prune",
}


class LazyCommandGroup(click.Group):
    """Click group that imports a command's module on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command


@click.command(cls=LazyCommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="proprium")
def cli() -> None:
    """Self-hosted website analytics.

    Settings are read from PROPRIUM_* environment variables and from .env; see README.md.
    """


def main() -> None:
    """Runs the command line. Exit code 0: success; 1: failure; 2: usage error.

    Sets umask 077, so that databases, logs and the engines' temporary files are readable by this account only.
    """
    user_umask = os.umask(0o077)
    try:
        cli(prog_name="proprium", obj=user_umask)
    except (OperatorError, UserFacingError) as problem:
        click.echo(str(problem), err=True)
        sys.exit(1)
    finally:
        os.umask(user_umask)
