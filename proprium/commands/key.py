"""`key …`: API keys."""

from __future__ import annotations

from uuid import UUID

import click

from proprium.commands.common import property_of, storage
from proprium.errors import ProblemForOperator


@click.group()
def key() -> None:
    """API keys, for programs that send or read through /api/v1."""


@key.command()
@click.argument("name")
@click.option("--property", "property_id", type=click.UUID, metavar="UUID", help="For this property only.")
@click.option("--user", "email", metavar="EMAIL", help="Whose properties it is for; the first owner's otherwise.")
@click.option("--write", is_flag=True, help="It may send events too.")
def add(name: str, property_id: UUID | None, email: str | None, write: bool) -> None:
    """Create a key and print it, once: nobody can read it again."""
    from proprium.accounts import api_keys, users
    from proprium.storage.tables import Role

    if property_id and email:
        raise click.UsageError("A key is for one property or for a user's: --property or --user.")
    with storage() as (_, database):
        if property_id:
            token = api_keys.create(database, name, property_id=property_of(database, property_id).id, may_write=write)
        else:
            owners = [one for one in users.list_users(database) if one.role == Role.OWNER]
            user = users.find(database, email) if email else next(iter(owners), None)
            if user is None:
                raise ProblemForOperator("There is no account yet whose properties a key could be for; use --property.")
            token = api_keys.create(database, name, user_id=user.id, may_write=write)
    click.echo(token)


@key.command(name="list")
def list_() -> None:
    """Every key: id, read or write, whose it is, name; separated by tabs."""
    from proprium.accounts import api_keys, users

    with storage() as (_, database):
        emails = {one.id: one.email for one in users.list_users(database)}
        for one in api_keys.keys_of(database):
            whose = emails.get(one.user_id) if one.user_id else one.property_id
            click.echo(f"{one.id}\t{'write' if one.may_write else 'read'}\t{whose}\t{one.name}")


@key.command()
@click.argument("key_id", metavar="ID", type=click.UUID)
def revoke(key_id: UUID) -> None:
    """End a key: it stops working at once."""
    from proprium.accounts import api_keys

    with storage() as (_, database):
        api_keys.revoke(database, key_id)
