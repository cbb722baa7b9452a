"""`share …`: creates, lists and revokes share links of a property."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import click

from proprium.commands.common import find_property, open_storage, read_password
from proprium.errors import OperatorError

_LIFETIME_PATTERN = re.compile(r"([0-9]{1,6})([hdw])", re.ASCII)
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
PROPERTY_OPTION = click.option("--property", "property_id", type=click.UUID, required=True, metavar="UUID")


@click.group()
def share() -> None:
    """Manage share links, which show a dashboard without an account."""


@share.command()
@PROPERTY_OPTION
@click.option("--name", default="", metavar="N", help="Shown in the settings only.")
@click.option("--password-stdin", is_flag=True, help="Read a password for the link from standard input.")
@click.option("--expires", metavar="30d", help="Lifetime in hours, days or weeks: 12h, 30d, 4w.  [default: never ends]")
@click.option("--segment", metavar="NAME", help="Show only the visits of this segment.")
@click.option("--tile", "tiles", multiple=True, metavar="NAME", help="Show only this part; repeatable.")
@click.option("--without-keys", is_flag=True, help="Hide the public data keys.")
@click.option("--embed", "origins", multiple=True, metavar="ORIGIN", help="Site that may embed it; repeatable.")
def add(
    property_id: UUID,
    name: str,
    password_stdin: bool,
    expires: str | None,
    segment: str | None,
    tiles: tuple[str, ...],
    without_keys: bool,
    origins: tuple[str, ...],
) -> None:
    """Create a link and print it.

    Parts are cards, chart, pages, sources, places (or map), week, goals, devices, events and bots.
    """
    from proprium.accounts import share_links
    from proprium.accounts.audit import COMMAND_LINE
    from proprium.clock import utc_now

    lifetime = _lifetime(expires) if expires else None
    password = read_password(True) if password_stdin else None
    if password_stdin and not password:
        raise click.UsageError("The password on standard input is empty.")
    with open_storage() as (settings, database):
        link = share_links.create(
            database,
            find_property(database, property_id).id,
            COMMAND_LINE,
            name=name,
            password=password,
            expires_at=utc_now() + lifetime if lifetime else None,
            segment=segment,
            tiles=tiles,
            shows_data_keys=not without_keys,
            frame_ancestors=origins,
        )
        click.echo(f"{settings.public_url}/share/{link.token}")


@share.command(name="list")
@PROPERTY_OPTION
def list_(property_id: UUID) -> None:
    """List the links of a property.

    Tab-separated columns: token, end or "never", restrictions, name.
    """
    from proprium.accounts import share_links

    with open_storage() as (_, database):
        for link in share_links.list_links(database, find_property(database, property_id).id):
            end = f"{link.expires_at:%Y-%m-%dT%H:%MZ}" if link.expires_at else "never"
            restrictions = [
                *(["password"] if link.password_hash else []),
                *([f"segment={link.segment}"] if link.segment else []),
                *(f"tile={name}" for name in link.tiles),
                *([] if link.shows_data_keys else ["without-keys"]),
                *(f"embed={origin}" for origin in link.frame_ancestors),
            ]
            click.echo(f"{link.token}\t{end}\t{' '.join(restrictions) or '-'}\t{link.name}")


@share.command()
@click.argument("token")
def revoke(token: str) -> None:
    """Revoke a link, by its token or its whole address. It stops working immediately."""
    from proprium.accounts import share_links
    from proprium.accounts.audit import COMMAND_LINE

    with open_storage() as (_, database):
        link = share_links.find_by_token(database, token.rstrip("/").rpartition("/")[2])
        if link is None:
            raise OperatorError("There is no such share link; `proprium share list` prints the links of a property.")
        share_links.revoke(database, link.property_id, link.id, COMMAND_LINE)


def _lifetime(text: str) -> timedelta:
    match = _LIFETIME_PATTERN.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise click.BadParameter(f"{text[:40]!r} is not a lifetime; use hours, days or weeks: 12h, 30d, 4w.")
    return int(match[1]) * _UNITS[match[2]]
