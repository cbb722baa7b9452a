"""`access …`: gives accounts roles on properties, and takes them away."""

from __future__ import annotations

from uuid import UUID

import click

from proprium.commands.common import find_property, open_storage
from proprium.storage.tables import PropertyRole

PROPERTY = click.option(
    "--property", "property_id", type=click.UUID, required=True, metavar="UUID", help="ID of the property."
)


@click.group()
def access() -> None:
    """Manage who has access to a property."""


@access.command()
@click.argument("email")
@PROPERTY
@click.option(
    "--role",
    type=click.Choice([role.value for role in PropertyRole]),
    default=PropertyRole.VIEWER.value,
    show_default=True,
    help="viewer reads; editor changes settings and exports; owner also publishes, shares, transfers and deletes.",
)
def grant(email: str, property_id: UUID, role: str) -> None:
    """Give an account a role on a property, in place of the one that it had."""
    from proprium.accounts import users
    from proprium.properties import access

    with open_storage() as (_, database):
        access.grant(database, property_id, users.find(database, email).id, PropertyRole(role))


@access.command()
@click.argument("email")
@PROPERTY
def revoke(email: str, property_id: UUID) -> None:
    """Take an account's role on a property away. Its open pages end."""
    from proprium.accounts import users
    from proprium.properties import access

    with open_storage() as (_, database):
        access.revoke(database, find_property(database, property_id).id, users.find(database, email).id)


@access.command(name="list")
@PROPERTY
def list_(property_id: UUID) -> None:
    """List who has access to a property.

    Tab-separated columns: e-mail address, role. The account that owns it comes first; owners of the instance have
    access to every property and are not listed.
    """
    from proprium.accounts import users
    from proprium.properties import access

    with open_storage() as (_, database):
        property_ = find_property(database, property_id)
        emails = {account.id: account.email for account in users.list_users(database)}
        if property_.owner_id is not None:
            click.echo(f"{emails[property_.owner_id]}\t{PropertyRole.OWNER}")
        for member in access.list_members(database, property_id):
            click.echo(f"{member.user.email}\t{member.role}")
