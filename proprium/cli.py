"""The command line: finds the command, and turns what went wrong into one sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import click

from proprium.errors import OperatorError, UserFacingError

COMMANDS = {  # name → module; each is loaded only when it is asked for, so that small commands start fast
    "serve": "proprium.commands.serve",
    "collect": "proprium.commands.serve",
    "demo": "proprium.commands.serve",
    "user": "proprium.commands.user",
    "property": "proprium.commands.property",
    "key": "proprium.commands.key",
    "geoip": "proprium.commands.geoip",
    "warehouse": "proprium.commands.warehouse",
    "report": "proprium.commands.report",
    "export": "proprium.commands.export",
    "prune": "proprium.commands.prune",
}


class LazyCommandGroup(click.Group):
    """Loads a command's module when it is asked for."""

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
    """Self-hosted website analytics. Settings come from PROPRIUM_* and from .env; see README.md."""


def main() -> None:
    """Exit code 0 when it worked, 1 when it did not, 2 when it was not understood.

    What is written meanwhile is this account's alone: databases, logs and temporary files of the engines as well.
    """
    user_umask = os.umask(0o077)
    try:
        cli(prog_name="proprium", obj=user_umask)
    except (OperatorError, UserFacingError) as problem:
        click.echo(str(problem), err=True)
        sys.exit(1)
    finally:
        os.umask(user_umask)
