"""`property …`: creates, lists, renames and deletes properties (tracked sites)."""

from __future__ import annotations

from uuid import UUID

import click

from proprium.commands.common import find_property, open_storage
from proprium.commands.open_warehouse import erase_deleted_data


@click.group()
def property() -> None:
    """Manage properties (tracked sites)."""


@property.command()
@click.argument("name")
@click.option(
    "--hostname",
    "hostnames",
    multiple=True,
    metavar="H",
    help="Accept events from this hostname only; repeatable.  [default: all hostnames]",
)
@click.option("--timezone", metavar="TZ", help="Time zone, e.g. Europe/Berlin.  [default: of the instance, or UTC]")
@click.option("--cookieless", is_flag=True, help="Identify visitors without a cookie, by a hash that changes daily.")
@click.option("--owner", metavar="EMAIL", help="Account that owns it.  [default: the first owner account]")
def add(name: str, hostnames: tuple[str, ...], timezone: str | None, cookieless: bool, owner: str | None) -> None:
    """Create a property and print its ID."""
    from proprium.accounts import users
    from proprium.properties.service import create_property
    from proprium.storage.tables import Role

    with open_storage() as (_, database):
        owners = [account for account in users.list_users(database) if account.role == Role.OWNER]
        owner_account = users.find(database, owner) if owner else next(iter(owners), None)
        property_ = create_property(
            database,
            name,
            owner_account.id if owner_account else None,
            timezone=timezone,
            hostnames=hostnames,
            is_cookieless=cookieless or None,  # without the flag, the instance's default applies
        )
    click.echo(property_.id)


@property.command(name="list")
def list_() -> None:
    """List all properties.

    Tab-separated columns: ID, public or private, name.
    """
    from sqlmodel import col, select

    from proprium.storage.tables import Property

    with open_storage() as (_, database), database.session() as session:
        for property_ in session.exec(select(Property).order_by(col(Property.number))):
            click.echo(f"{property_.id}\t{'public' if property_.is_public else 'private'}\t{property_.name}")


@property.command()
@click.argument("property_id", metavar="ID", type=click.UUID)
@click.argument("name")
def rename(property_id: UUID, name: str) -> None:
    """Rename a property."""
    from proprium.properties import service

    with open_storage() as (_, database):
        service.rename(database, property_id, name)


@property.command()
@click.argument("property_id", metavar="ID", type=click.UUID)
@click.option("--yes", is_flag=True, help="Skip the confirmation.")
def delete(property_id: UUID, yes: bool) -> None:
    """Delete a property and all its events."""
    from proprium.properties import service

    with open_storage() as (settings, database):
        property_ = find_property(database, property_id)
        if not yes:
            click.confirm(f"Delete {property_.name} and all its events?", abort=True, err=True)
        service.delete_property(database, property_id)
        erase_deleted_data(settings, database)
