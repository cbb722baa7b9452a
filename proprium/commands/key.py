"""`key …`: creates, lists and revokes API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import click

from proprium.commands.common import find_property, open_storage
from proprium.errors import OperatorError

if TYPE_CHECKING:
    from proprium.storage.tables import ApiKey


@click.group()
def key() -> None:
    """Manage API keys for /api/v1."""


@key.command()
@click.argument("name")
@click.option("--property", "property_id", type=click.UUID, metavar="UUID", help="Limit the key to this property.")
@click.option(
    "--user",
    "email",
    metavar="EMAIL",
    help="Account whose properties the key can access.  [default: the first owner account]",
)
@click.option("--write", is_flag=True, help="Allow sending events.")
@click.option("--manage", is_flag=True, help="Allow managing properties, goals, segments and access.")
def add(name: str, property_id: UUID | None, email: str | None, write: bool, manage: bool) -> None:
    """Create an API key and print it. It cannot be shown again."""
    from proprium.accounts import api_keys, users
    from proprium.storage.tables import Role

    if property_id and email:
        raise click.UsageError("Use either --property or --user, not both.")
    if property_id and manage:
        raise click.UsageError("A key that manages belongs to an account; use --user instead of --property.")
    with open_storage() as (_, database):
        if property_id:
            token = api_keys.create(
                database, name, property_id=find_property(database, property_id).id, may_write=write
            )
        else:
            owners = [account for account in users.list_users(database) if account.role == Role.OWNER]
            user = users.find(database, email) if email else next(iter(owners), None)
            if user is None:
                raise OperatorError("There is no owner account yet; create one, or use --property.")
            token = api_keys.create(database, name, user_id=user.id, may_write=write, may_manage=manage)
    click.echo(token)


@key.command(name="list")
def list_() -> None:
    """List all keys.

    Tab-separated columns: ID, scopes (read, write, manage), account or property, name.
    """
    from proprium.accounts import api_keys, users

    with open_storage() as (_, database):
        emails = {record.id: record.email for record in users.list_users(database)}
        for record in api_keys.list_keys(database):
            owner = emails.get(record.user_id) if record.user_id else record.property_id
            click.echo(f"{record.id}\t{_scopes(record)}\t{owner}\t{record.name}")


@key.command()
@click.argument("key_id", metavar="ID", type=click.UUID)
def revoke(key_id: UUID) -> None:
    """Revoke a key. It stops working immediately."""
    from proprium.accounts import api_keys

    with open_storage() as (_, database):
        api_keys.revoke(database, key_id)


def _scopes(key: ApiKey) -> str:
    """Returns the highest scope, and "manage" where the key has it."""
    scopes = ["write" if key.may_write else "read", *(["manage"] if key.may_manage else [])]
    return ",".join(scopes)
