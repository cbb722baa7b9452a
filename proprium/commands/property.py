"""`property …`: the tracked sites."""

from __future__ import annotations

from uuid import UUID

import click

from proprium.commands.common import find_property, open_storage
from proprium.commands.open_warehouse import erase_deleted_data


@click.group()
def property() -> None:
    """Tracked sites."""


@property.command()
@click.argument("name")
@click.option(
    "--hostname", "hostnames", multiple=True, metavar="H", help="A host whose hits count; repeatable. None: all."
)
@click.option("--timezone", default="UTC", show_default=True, metavar="TZ", help="Where its days begin: Europe/Berlin.")
@click.option("--cookieless", is_flag=True, help="Know visitors for one day only, without a cookie.")
@click.option("--owner", metavar="EMAIL", help="Whose it is; the first owner's otherwise.")
def add(name: str, hostnames: tuple[str, ...], timezone: str, cookieless: bool, owner: str | None) -> None:
    """Create a property and print its id."""
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
            is_cookieless=cookieless,
        )
    click.echo(property_.id)


@property.command(name="list")
def list_() -> None:
    """Every property: id, public or private, name; separated by tabs."""
    from sqlmodel import col, select

    from proprium.storage.tables import Property

    with open_storage() as (_, database), database.session() as session:
        for property_ in session.exec(select(Property).order_by(col(Property.number))):
            click.echo(f"{property_.id}\t{'public' if property_.is_public else 'private'}\t{property_.name}")


@property.command()
@click.argument("property_id", metavar="ID", type=click.UUID)
@click.argument("name")
def rename(property_id: UUID, name: str) -> None:
    """Give a property another name."""
    from proprium.properties import service

    with open_storage() as (_, database):
        service.rename(database, property_id, name)


@property.command()
@click.argument("property_id", metavar="ID", type=click.UUID)
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(property_id: UUID, yes: bool) -> None:
    """Delete a property with all its events."""
    from proprium.properties import service

    with open_storage() as (settings, database):
        property_ = find_property(database, property_id)
        if not yes:
            click.confirm(f"Delete {property_.name} with all its events?", abort=True, err=True)
        service.delete_property(database, property_id)
        erase_deleted_data(settings, database)
