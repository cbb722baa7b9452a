"""`user …`: accounts."""

from __future__ import annotations

import click

from proprium.commands.common import open_storage, read_password
from proprium.storage.tables import Role

PASSWORD_STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def user() -> None:
    """Accounts."""


@user.command()
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.EDITOR.value, show_default=True)
@click.option("--name", default="", help="Shown instead of the address.")
@PASSWORD_STDIN
def add(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Create an account."""
    from proprium.accounts import users

    with open_storage() as (_, database):
        account = users.create_user(database, email, name, read_password(password_stdin), Role(role))
    click.echo(account.email)


@user.command(name="list")
def list_() -> None:
    """Every account: e-mail address, role, name; separated by tabs."""
    from proprium.accounts import users

    with open_storage() as (_, database):
        for account in users.list_users(database):
            click.echo(f"{account.email}\t{account.role}\t{account.name}")


@user.command()
@click.argument("email")
def remove(email: str) -> None:
    """Delete an account. Its properties stay, for the owner."""
    from proprium.accounts import users

    with open_storage() as (_, database):
        users.remove(database, email)


@user.command(name="password")
@click.argument("email")
@PASSWORD_STDIN
def password_(email: str, password_stdin: bool) -> None:
    """Set a new password, and end the account's login sessions."""
    from proprium.accounts import users

    with open_storage() as (_, database):
        users.find(database, email)  # an unknown address is told before a password is asked for
        users.set_password(database, email, read_password(password_stdin))
