"""Share links: secret URLs with which people without an account view one property.

A link may have a password and an end, and may be restricted to a segment, to parts of the dashboard, and to results
without data keys. A link that cannot be opened (expired, revoked, of another property, malformed, its segment deleted)
looks like one that never existed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col

from proprium.accounts import audit
from proprium.accounts.audit import Action, Actor
from proprium.accounts.passwords import hash_password
from proprium.clock import Clock, utc_now
from proprium.errors import BadQuery, Conflict, NotFound, UserFacingError
from proprium.i18n import gettext as _
from proprium.metrics.query.data_access import DataAccess
from proprium.metrics.query.filters import Filter
from proprium.metrics.query.goals import parse_segments
from proprium.metrics.query.parts import ALL_PARTS, Part, dimensions_of, parts_from
from proprium.properties import validation
from proprium.storage import instance_settings
from proprium.storage.database import Database
from proprium.storage.tables import Property, ShareLink

TOKEN_BYTES = 24
_TOKEN_PATTERN = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)
MAX_LINKS = 200  # of one property
MAX_FRAME_ANCESTORS = 20
MAX_ORIGIN_LENGTH = 260
MAX_LIFETIME = timedelta(days=3_660)
LAST_USED_UPDATE_INTERVAL = timedelta(minutes=5)
"""Precision of `used_at`: recording each use would be a write for each request."""
SIGNING_KEY_SETTING = "share_cookie_key"
PASSWORD_LIFETIME = timedelta(days=30)
"""Time after which a browser is asked for the password again."""
_HOST = r"(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]"
_ORIGIN_PATTERN = re.compile(rf"https?://(?:{_HOST})(?::[0-9]{{1,5}})?", re.ASCII)

_SELECT_OPEN = (  # built once: open pages are checked every second
    select(ShareLink, Property)
    .join(Property, col(Property.id) == col(ShareLink.property_id))
    .where(col(ShareLink.id).in_(bindparam("ids", expanding=True)))
)


class ShareLinkNotFound(NotFound):
    """A link that does not exist, or cannot be opened: both look the same."""

    def __init__(self) -> None:
        super().__init__(_("This link does not exist, or it is no longer valid. Ask whoever sent it for a new one."))


@dataclass(frozen=True)
class OpenShare:
    """A link that may be opened, with its property and what it grants."""

    link: ShareLink
    property_: Property
    data_access: DataAccess
    parts: frozenset[Part]

    @property
    def fingerprint(self) -> str:
        """Differs as soon as anything differs that the link grants or asks for: open pages end with it."""
        access = self.data_access
        granted = (
            self.link.id.hex,
            self.link.password_hash,
            sorted(self.parts),
            sorted(access.keys or ()),
            [filter_.to_text() for filter_ in access.restriction],
            sorted(self.link.frame_ancestors),
        )
        return hashlib.sha256(repr(granted).encode()).hexdigest()

    @property
    def has_numbers(self) -> bool:
        """True where the metrics of the whole view are shared: badge, counter, picture and reports show them."""
        return Part.CARDS in self.parts


def create(
    database: Database,
    property_id: UUID,
    actor: Actor,
    *,
    name: str = "",
    password: str | None = None,
    expires_at: datetime | None = None,
    segment: str | None = None,
    tiles: Iterable[str] = (),
    shows_data_keys: bool = True,
    frame_ancestors: Iterable[str] = (),
    clock: Clock = utc_now,
) -> ShareLink:
    """Creates a link. `tiles` are names of dashboard parts; none: all.

    Takes 50 ms with a password: do not call it on the event loop. Raises UserFacingError for an invalid value,
    PropertyNotFound.
    """
    link = ShareLink(
        token=secrets.token_urlsafe(TOKEN_BYTES),
        property_id=property_id,
        name=validate_name(name),
        password_hash=hash_password(password) if password else None,
        segment=segment or None,
        tiles=validate_tiles(tiles),
        shows_data_keys=shows_data_keys,
        frame_ancestors=validate_origins(frame_ancestors),
        created_by=actor.user_id,
        expires_at=validate_end(expires_at, clock()),
    )
    with database.write_transaction() as session:
        property_ = _property_of(session, property_id)
        _check_segment(property_, link.segment)
        count = session.scalar(select(func.count()).where(col(ShareLink.property_id) == property_id)) or 0
        if count >= MAX_LINKS:
            raise Conflict(
                _("{name} has {count} share links. Revoke some first.", name=property_.name, count=MAX_LINKS)
            )
        session.add(link)
        target, after = _target(link), _audited(link)
        audit.record(session, Action.SHARE_CREATED, actor, property_id=property_id, target=target, after=after)
    return link


def change(
    database: Database,
    property_id: UUID,
    link_id: UUID,
    actor: Actor,
    *,
    clock: Clock = utc_now,
    **values: Any,
) -> ShareLink:
    """Changes settings of a link, by the names of the parameters of `create`.

    A password of None removes it. Raises UserFacingError for an invalid value, ShareLinkNotFound for a missing link
    and for one of another property.
    """
    columns = dict(values)
    if "password" in columns:
        password = columns.pop("password")
        columns["password_hash"] = hash_password(password) if password else None
    with database.write_transaction() as session:
        link = _find(session, property_id, link_id)
        before = _audited(link)
        if "name" in columns:
            columns["name"] = validate_name(columns["name"])
        if "tiles" in columns:
            columns["tiles"] = validate_tiles(columns["tiles"])
        if "frame_ancestors" in columns:
            columns["frame_ancestors"] = validate_origins(columns["frame_ancestors"])
        if columns.get("expires_at", link.expires_at) != link.expires_at:
            columns["expires_at"] = validate_end(columns["expires_at"], clock())
        if columns.get("segment", link.segment) != link.segment:
            columns["segment"] = columns["segment"] or None
            _check_segment(_property_of(session, property_id), columns["segment"])
        has_new_password = columns.get("password_hash", link.password_hash) != link.password_hash
        for column, value in columns.items():
            setattr(link, column, value)
        after = _audited(link) | ({"password": "changed"} if has_new_password and link.password_hash else {})
        if before != after:
            target = _target(link)
            audit.record(
                session, Action.SHARE_CHANGED, actor, property_id=property_id, target=target, before=before, after=after
            )
    return link


def list_links(database: Database, property_id: UUID) -> list[ShareLink]:
    """Lists the links of a property, newest first; expired ones too."""
    statement = select(ShareLink).where(col(ShareLink.property_id) == property_id)
    with database.session() as session:
        return list(session.scalars(statement.order_by(col(ShareLink.created_at).desc(), col(ShareLink.id))))


def revoke(database: Database, property_id: UUID, link_id: UUID, actor: Actor) -> None:
    """Deletes a link, effective at once.

    Raises ShareLinkNotFound, also for a link of another property.
    """
    with database.write_transaction() as session:
        link = _find(session, property_id, link_id)
        before, target = _audited(link), _target(link)
        session.execute(delete(ShareLink).where(col(ShareLink.id) == link_id))
        audit.record(session, Action.SHARE_REVOKED, actor, property_id=property_id, target=target, before=before)


def find_by_token(database: Database, token: str) -> ShareLink | None:
    """Returns the link with this token, also one that cannot be opened; compares in constant time."""
    if not _TOKEN_PATTERN.fullmatch(token):
        return None
    with database.session() as session:
        link = session.scalars(select(ShareLink).where(col(ShareLink.token) == token)).first()
    return link if link is not None and secrets.compare_digest(link.token, token) else None


def open_by_token(database: Database, token: str, *, clock: Clock = utc_now) -> OpenShare:
    """Returns the link with this token and what it grants; its password is still to be asked for.

    Raises ShareLinkNotFound if it cannot be opened, for whatever reason.
    """
    link = find_by_token(database, token)
    share = None if link is None else open_shares(database, [link.id], clock=clock).get(link.id)
    if share is None:
        raise ShareLinkNotFound
    return share


def open_shares(database: Database, link_ids: Collection[UUID], *, clock: Clock = utc_now) -> dict[UUID, OpenShare]:
    """Maps the ids of links that may be opened now to what they grant, in one indexed read."""
    if not link_ids:
        return {}
    now = clock()
    with database.session() as session:
        rows = session.execute(_SELECT_OPEN, {"ids": list(link_ids)}).all()
    shares = (_open(link, property_, now) for link, property_ in rows)
    return {share.link.id: share for share in shares if share is not None}


def record_use(database: Database, link: ShareLink, *, clock: Clock = utc_now) -> None:
    """Records that a link was used, at most once in LAST_USED_UPDATE_INTERVAL."""
    now = clock()
    if link.used_at is not None and now - link.used_at < LAST_USED_UPDATE_INTERVAL:
        return
    try:
        with database.write_transaction() as session:
            if (stored_link := session.get(ShareLink, link.id)) is not None:
                stored_link.used_at = now
    except OperationalError:
        pass  # storage is locked: a valid link must not be rejected for a timestamp


def proof_of_password(database: Database, link: ShareLink, *, clock: Clock = utc_now) -> str:
    """Returns a signed proof that a browser knows the link's current password, for its cookie.

    May write to storage: do not call it on the event loop.
    """
    signing_key = instance_settings.get_or_create(database, SIGNING_KEY_SETTING, lambda: secrets.token_hex(32))
    until_s = int((clock() + PASSWORD_LIFETIME).timestamp())
    return f"{until_s}.{_signature(signing_key, link, until_s)}"


def proves_password(database: Database, link: ShareLink, proof: str, *, clock: Clock = utc_now) -> bool:
    """Returns True if the proof is of this link and of its current password, or if the link has none."""
    if link.password_hash is None:
        return True
    until_text, _separator, signature = proof.partition(".")
    if not (until_text.isascii() and until_text.isdigit() and len(until_text) < 12):
        return False
    signing_key = instance_settings.get(database, SIGNING_KEY_SETTING)
    if signing_key is None or clock().timestamp() > int(until_text):
        return False
    expected = _signature(signing_key, link, int(until_text))
    return hmac.compare_digest(signature.encode(errors="replace"), expected.encode())


def validate_name(text: str) -> str:
    """Returns the name on one line, without control characters; "" is allowed."""
    return validation.name(text) if text.strip() else ""


def validate_tiles(names: Iterable[str]) -> list[str]:
    """Returns names of dashboard parts in their order; [] for all. Raises BadQuery for an unknown one."""
    parts = parts_from(names)
    return [] if parts >= ALL_PARTS else [part.value for part in Part if part in parts]


def validate_origins(origins: Iterable[str]) -> list[str]:
    """Returns origins as browsers write them. Raises UserFacingError for anything else: they stand in a header."""
    valid_origins: list[str] = []
    for text in filter(None, (origin.strip() for origin in origins)):
        origin = text.lower().removesuffix("/")
        try:
            port = urlsplit(origin).port
            is_valid = len(origin) <= MAX_ORIGIN_LENGTH and _ORIGIN_PATTERN.fullmatch(origin) and port != 0
        except ValueError:
            is_valid = False
        if not is_valid:
            shortened = text if len(text) <= 60 else text[:60] + "…"
            message = _(
                "{value} is not an origin; expected one like https://wiki.example.com.",
                value=repr(shortened.encode("ascii", "replace").decode()),
            )
            raise UserFacingError(message)
        valid_origins.append(origin)
    if len(valid_origins) > MAX_FRAME_ANCESTORS:
        raise UserFacingError(_("At most {maximum} sites can embed a link.", maximum=MAX_FRAME_ANCESTORS))
    return list(dict.fromkeys(valid_origins))


def validate_end(expires_at: datetime | None, now: datetime) -> datetime | None:
    """Raises UserFacingError for an end in the past, or later than MAX_LIFETIME from now."""
    if expires_at is None:
        return None
    if expires_at <= now:
        raise UserFacingError(_("The link would have expired already. Choose a later time."))
    if expires_at - now > MAX_LIFETIME:
        raise UserFacingError(_("A link can be valid for ten years at most. Choose an earlier time, or none."))
    return expires_at


def _open(link: ShareLink, property_: Property, now: datetime) -> OpenShare | None:
    """Returns what a link grants; None where it has expired, or its segment is missing or cannot be read."""
    if link.expires_at is not None and link.expires_at <= now:
        return None
    restriction: tuple[Filter, ...] = ()
    if link.segment is not None:
        try:
            segments = {segment.name: segment.filters for segment in parse_segments(property_.segments)}
        except BadQuery:
            return None
        restriction = segments.get(link.segment, ())
        if not restriction:
            return None
    try:
        parts = parts_from(link.tiles)
    except BadQuery:  # a part that no longer exists: never show more instead
        return None
    shows_keys = link.shows_data_keys and Part.EVENTS in parts
    keys = frozenset(property_.public_data_keys if shows_keys else ())
    return OpenShare(link, property_, DataAccess(keys, restriction, dimensions_of(parts)), parts)


def _find(session: Session, property_id: UUID, link_id: UUID) -> ShareLink:
    link = session.get(ShareLink, link_id)
    if link is None or link.property_id != property_id:
        raise ShareLinkNotFound
    return link


def _property_of(session: Session, property_id: UUID) -> Property:
    property_ = session.scalars(select(Property).where(col(Property.id) == property_id)).first()
    if property_ is None:
        raise ShareLinkNotFound
    return property_


def _check_segment(property_: Property, name: str | None) -> None:
    names = [segment.name for segment in parse_segments(property_.segments) if segment.filters]
    if name is not None and name not in names:
        known = ", ".join(names) or _("none yet")
        raise UserFacingError(
            _("There is no segment {segment}. The segments are: {names}.", segment=repr(name[:100]), names=known)
        )


def _target(link: ShareLink) -> str:
    """Returns how the audit log names a link: never by its token, which opens it."""
    return link.name or f"{link.token[:4]}…"


def _audited(link: ShareLink) -> dict[str, Any]:
    """Returns the settings of a link for the audit log."""
    return {
        "name": link.name,
        "password": "set" if link.password_hash else None,
        "expires_at": link.expires_at.isoformat() if link.expires_at else None,
        "segment": link.segment,
        "tiles": list(link.tiles),
        "shows_data_keys": link.shows_data_keys,
        "frame_ancestors": list(link.frame_ancestors),
    }


def _signature(signing_key: str, link: ShareLink, until_s: int) -> str:
    message = f"{link.id.hex}\0{link.password_hash}\0{until_s}".encode()
    return hmac.new(signing_key.encode(), message, hashlib.sha256).hexdigest()
