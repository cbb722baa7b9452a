"""`user …`: creates, lists and deletes accounts, and sets their passwords."""

from __future__ import annotations

from uuid import UUID

import click

from proprium.commands.common import open_storage, read_password
from proprium.storage.tables import PropertyRole, Role

VIEWER = "viewer"
ROLES = {"owner": Role.OWNER, "member": Role.MEMBER, "editor": Role.MEMBER, VIEWER: Role.MEMBER}
PASSWORD_STDIN = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


class PropertyRoleType(click.ParamType["tuple[UUID, PropertyRole]"]):
    """A property and a role on it, as UUID:ROLE."""

    name = "UUID:ROLE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[UUID, PropertyRole]:
        property_id, _, role = str(value).partition(":")
        try:
            return UUID(property_id), PropertyRole(role)
        except ValueError:
            self.fail(f"{value!r} is no property with a role, such as 0b1c…:viewer (or editor, owner).", param, ctx)


@click.group()
def user() -> None:
    """Manage accounts."""


@user.command()
@click.argument("email")
@click.option(
    "--role",
    type=click.Choice(list(ROLES)),
    default=Role.MEMBER.value,
    show_default=True,
    help="owner manages the instance; member creates properties; viewer does not. editor is another word for member.",
)
@click.option("--name", default="", help="Display name.")
@PASSWORD_STDIN
def add(email: str, role: str, name: str, password_stdin: bool) -> None:
    """Create an account."""
    from proprium.accounts import users

    with open_storage() as (_, database):
        account = users.create_user(
            database, email, name, read_password(password_stdin), ROLES[role], may_create=role != VIEWER
        )
    click.echo(account.email)


@user.command(name="list")
def list_() -> None:
    """List all accounts.

    Tab-separated columns: e-mail address, role, name.
    """
    from proprium.accounts import users

    with open_storage() as (_, database):
        for account in users.list_users(database):
            click.echo(f"{account.email}\t{account.role}\t{account.name}")


@user.command()
@click.argument("email")
@click.option(
    "--role",
    type=click.Choice(["owner", "member", VIEWER]),
    default=Role.MEMBER.value,
    show_default=True,
    help="owner manages the instance; member creates properties; viewer does not.",
)
@click.option(
    "--property",
    "property_roles",
    multiple=True,
    type=PropertyRoleType(),
    help="Give a role on a property: viewer, editor or owner; repeatable.",
)
def invite(email: str, role: str, property_roles: tuple[tuple[UUID, PropertyRole], ...]) -> None:
    """Invite somebody by a link, and print the link. It works once, within 7 days."""
    from proprium.accounts import invitations

    with open_storage() as (settings, database):
        may_create = role != VIEWER
        token = invitations.invite(database, email, role=ROLES[role], may_create=may_create, roles=dict(property_roles))
    click.echo(f"{settings.public_url}{invitations.PATH}?token={token}")


@user.command()
@click.argument("email")
@click.option(
    "--hand-over-to", metavar="EMAIL", help="Account that gets its properties.  [default: they stay, for the owners]"
)
def remove(email: str, hand_over_to: str | None) -> None:
    """Delete an account. Its properties are kept, and owners manage them."""
    from proprium.accounts import users

    with open_storage() as (_, database):
        users.remove(database, email, hand_over_to=hand_over_to)


@user.command(name="password")
@click.argument("email")
@PASSWORD_STDIN
def password_(email: str, password_stdin: bool) -> None:
    """Set a new password and sign the account out everywhere."""
    from proprium.accounts import users

    with open_storage() as (_, database):
        users.find(database, email)  # an unknown address fails before the password prompt
        users.set_password(database, email, read_password(password_stdin))


@user.command(name="password-link")
@click.argument("email")
def password_link(email: str) -> None:
    """Print a link with which the account's user chooses a new password. It works once, for one hour."""
    from proprium.accounts import password_reset

    with open_storage() as (settings, database):
        click.echo(password_reset.create_link(database, settings.public_url, email))


@user.command(name="remove-factors")
@click.argument("email")
def remove_factors(email: str) -> None:
    """Remove authenticator app, passkeys and recovery codes of an account whose user has lost them."""
    from proprium.accounts import second_factor
    from proprium.accounts.audit import COMMAND_LINE

    with open_storage() as (_, database):
        second_factor.remove_all(database, email, actor=COMMAND_LINE)
