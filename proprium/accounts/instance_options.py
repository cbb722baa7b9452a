"""Instance options that owners choose in the browser: name, invitations, defaults of new properties."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlmodel import Session

from proprium.accounts.audit import COMMAND_LINE, Action, Actor, record_change
from proprium.accounts.users import validate_name
from proprium.properties import defaults, validation
from proprium.storage import instance_settings
from proprium.storage.database import Database

NAME_SETTING = "instance_name"
INVITATIONS_SETTING = "allows_invitations"


@dataclass(frozen=True)
class InstanceOptions:
    """Options of the whole server."""

    name: str = ""  # "" is shown as "Proprium"
    allows_invitations: bool = True  # False: accounts are created on the command line only
    timezone: str = "UTC"  # of new properties
    is_cookieless: bool = False  # new properties


SETTING_NAMES = {
    "name": NAME_SETTING,
    "allows_invitations": INVITATIONS_SETTING,
    "timezone": defaults.TIMEZONE_SETTING,
    "is_cookieless": defaults.COOKIELESS_SETTING,
}


def get(database: Database) -> InstanceOptions:
    with database.session() as session:
        return read(session)


def read(session: Session) -> InstanceOptions:
    """Returns the options in the caller's transaction."""
    return InstanceOptions(
        instance_settings.read(session, NAME_SETTING, ""),
        instance_settings.read(session, INVITATIONS_SETTING, True),
        defaults.timezone(session),
        defaults.is_cookieless(session),
    )


def change(database: Database, options: InstanceOptions, *, actor: Actor = COMMAND_LINE) -> InstanceOptions:
    """Validates and stores all options. Raises UserFacingError for an invalid name or time zone."""
    valid_options = InstanceOptions(
        validate_name(options.name),
        options.allows_invitations,
        validation.timezone(options.timezone),
        options.is_cookieless,
    )
    with database.write_transaction() as session:
        before, after = asdict(read(session)), asdict(valid_options)
        for field, value in after.items():
            if before[field] != value:
                instance_settings.write(session, SETTING_NAMES[field], value)
        record_change(session, Action.INSTANCE_CHANGED, actor, before, after)
    return valid_options
