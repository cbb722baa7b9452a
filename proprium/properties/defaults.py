"""Defaults of new properties, which owners of the server choose: time zone, and whether visitors get a cookie."""

from __future__ import annotations

from sqlmodel import Session

from proprium.storage import instance_settings

TIMEZONE_SETTING = "default_timezone"
COOKIELESS_SETTING = "default_is_cookieless"


def timezone(session: Session) -> str:
    return str(instance_settings.read(session, TIMEZONE_SETTING, "UTC"))


def is_cookieless(session: Session) -> bool:
    return bool(instance_settings.read(session, COOKIELESS_SETTING, False))
