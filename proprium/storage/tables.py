"""Database schema of storage.

Times are UTC. The time of an event is an integer of microseconds; an event takes 288 bytes.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import attribute_keyed_dict, relationship
from sqlmodel import Field, Relationship, SQLModel

from proprium.clock import utc_now

# A constraint without a name cannot be changed by a later migration.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class AwareDateTime(TypeDecorator[datetime]):
    """Column type for aware UTC times; SQLite itself returns naive ones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC))


BigKey = BigInteger().with_variant(Integer, "sqlite")  # SQLite autoincrements only INTEGER columns


def _server_default(text: str) -> dict[str, Any]:
    """Column arguments with a default for existing rows, for columns that a migration added."""
    return {"server_default": text}


class Role(StrEnum):
    """Role of an account on the instance."""

    OWNER = "owner"  # manages the instance: sees and changes everything
    MEMBER = "member"  # sees properties that they own or were given access to, and public ones


class PropertyRole(StrEnum):
    """Role of an account on one property; each one includes those before it."""

    VIEWER = "viewer"  # reads the dashboard
    EDITOR = "editor"  # changes settings, goals and segments, reads raw events
    OWNER = "owner"  # shares, publishes, transfers and deletes it


class PropertyAccess(SQLModel, table=True):
    """The role of a user on a property that somebody else owns."""

    __tablename__ = "property_access"
    user_id: UUID = Field(foreign_key="user.id", ondelete="CASCADE", primary_key=True)
    property_id: UUID = Field(foreign_key="property.id", ondelete="CASCADE", primary_key=True, index=True)
    role: PropertyRole = Field(sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)


class User(SQLModel, table=True):
    __tablename__ = "user"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    email: str = Field(unique=True, max_length=254)  # lower case
    name: str = ""
    password_hash: str  # argon2id; empty: signs in without a password
    role: Role = Field(default=Role.MEMBER, sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    may_create_properties: bool = Field(default=True, sa_column_kwargs=_server_default("1"))
    seen_at: datetime | None = Field(default=None, sa_type=AwareDateTime)  # last use of a session
    totp_secret: str | None = None  # base32; None: no authenticator app
    totp_step: int | None = None  # time step of the last code that was used: no code works twice
    oidc_subject: str | None = Field(default=None, unique=True, index=True)  # issuer and subject, separated by a space
    language: str | None = None  # None: the browser's
    theme: str | None = None  # auto, light or dark; None: what the browser chose last
    timezone: str | None = None  # of new properties; None: the server's default
    property_access: dict[UUID, PropertyAccess] = Relationship(
        sa_relationship=relationship(
            PropertyAccess,
            collection_class=attribute_keyed_dict("property_id"),
            lazy="selectin",  # loaded with the user: rights are asked after the session is closed
            cascade="all, delete-orphan",
            passive_deletes=True,
        )
    )

    def role_on(self, property_id: UUID) -> PropertyRole | None:
        """Returns the role that this user was given on a property, None without one."""
        access = self.property_access.get(property_id)
        return PropertyRole(access.role) if access else None


class OneTimeLinkKind(StrEnum):
    INVITATION = "invitation"  # email, detail {"role", "may_create_properties", "access": {property id: role}}
    PASSWORD_RESET = "password_reset"  # user
    EMAIL_CHANGE = "email_change"  # user, email: the new address


class OneTimeLink(SQLModel, table=True):
    """A link that proves something once: an invitation, a forgotten password, a new e-mail address."""

    __tablename__ = "one_time_link"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: OneTimeLinkKind = Field(sa_type=Text)
    token_hash: bytes = Field(unique=True)  # SHA-256
    user_id: UUID | None = Field(default=None, foreign_key="user.id", ondelete="CASCADE", index=True)
    email: str = ""
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_by: UUID | None = Field(default=None, foreign_key="user.id", ondelete="CASCADE")
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    expires_at: datetime = Field(sa_type=AwareDateTime)


class RecoveryCode(SQLModel, table=True):
    """A code that replaces the authenticator app once."""

    __tablename__ = "recovery_code"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="user.id", ondelete="CASCADE", index=True)
    code_hash: bytes  # SHA-256 of a random code


class Passkey(SQLModel, table=True):
    """A WebAuthn credential of a user."""

    __tablename__ = "passkey"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="user.id", ondelete="CASCADE", index=True)
    credential_id: bytes = Field(unique=True)
    public_key: bytes
    sign_count: int = 0
    name: str = ""
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    used_at: datetime | None = Field(default=None, sa_type=AwareDateTime)


class LoginSession(SQLModel, table=True):
    __tablename__ = "login_session"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    token_hash: bytes = Field(unique=True)  # SHA-256 of the cookie
    user_id: UUID = Field(foreign_key="user.id", ondelete="CASCADE", index=True)
    browser: str = ""  # such as "Firefox on Linux", for the account page
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    seen_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    expires_at: datetime = Field(sa_type=AwareDateTime)


class Property(SQLModel, table=True):
    """A tracked site. Events refer to it by `number`, which is never reused."""

    __tablename__ = "property"
    __table_args__ = {"sqlite_autoincrement": True}
    number: int | None = Field(default=None, primary_key=True)
    id: UUID = Field(default_factory=uuid4, unique=True)
    name: str = Field(max_length=100)
    owner_id: UUID | None = Field(default=None, foreign_key="user.id", index=True, ondelete="SET NULL")
    timezone: str = "UTC"
    hostnames: list[str] = Field(default_factory=list, sa_type=JSON)  # empty: all are allowed
    is_public: bool = False
    is_indexed: bool = Field(default=False, sa_column_kwargs=_server_default("0"))  # search engines may list it
    is_protected: bool = False  # the property of Proprium's own pages: cannot be deleted
    is_cookieless: bool = False
    discards_bots: bool = False
    keeps_click_text: bool = True
    counts_automated: bool | None = None  # None: only while the server's base URL is a loopback address
    query_keys: list[str] = Field(default_factory=list, sa_type=JSON)
    excluded_addresses: list[str] = Field(default_factory=list, sa_type=JSON)
    excluded_countries: list[str] = Field(default_factory=list, sa_type=JSON)  # alpha-2
    excluded_paths: list[str] = Field(default_factory=list, sa_type=JSON)  # /admin/*
    excluded_user_agents: list[str] = Field(default_factory=list, sa_type=JSON)
    custom_cards: list[str] = Field(default_factory=list, sa_type=JSON)  # names of custom events
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    goals: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_server_default("[]"))
    segments: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_server_default("[]"))
    path_patterns: list[str] = Field(
        default_factory=list, sa_type=JSON, sa_column_kwargs=_server_default("[]")
    )  # /user/*
    session_gap_min: int = Field(default=30, sa_column_kwargs=_server_default("30"))
    bounce_s: int = Field(default=10, sa_column_kwargs=_server_default("10"))  # engagement threshold: less is a bounce
    live_min: int = Field(default=5, sa_column_kwargs=_server_default("5"))  # window of visitors that are online now
    public_data_keys: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_server_default("[]"))
    merges_trailing_slashes: bool = Field(default=True, sa_column_kwargs=_server_default("0"))  # /about/ is /about
    merges_index_pages: bool = Field(default=False, sa_column_kwargs=_server_default("0"))  # /a/index.html is /a/
    ignored_referrers: list[str] = Field(default_factory=list, sa_type=JSON, sa_column_kwargs=_server_default("[]"))


class UserAgentRow(SQLModel, table=True):
    """The text of a User-Agent, stored once, with its classification when it was first seen."""

    __tablename__ = "user_agent"
    id: int | None = Field(default=None, primary_key=True)
    text: str = Field(unique=True)
    browser: str = ""
    platform: str = ""
    device: str = ""
    is_bot: bool = False
    bot_name: str = ""


class EventRow(SQLModel, table=True):
    """An event. `seq` values are never reused, so that the change feed can be read from any of them on.

    `sent` has a bit for each of event_codec.KNOWN_KEYS whose column holds exactly the value that was sent; all other
    keys are in `rest`. Together they restore the `data` of the event as it was sent.
    """

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("property", "id"), {"sqlite_autoincrement": True})
    seq: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True, autoincrement=True))
    id: bytes = Field(sa_column=Column(LargeBinary(16), nullable=False))
    property: int
    event: str
    created_at: int = Field(sa_type=BigInteger)  # µs since 1970, UTC
    identity: int = 0  # collector.event.Identity
    visitor: int | None = Field(default=None, sa_type=BigInteger)
    previous_visitor: int | None = Field(default=None, sa_type=BigInteger)
    user_agent: int | None = None  # user_agent.id
    sent: int = Field(default=0, sa_type=BigInteger)
    user_id: str | None = None
    view_id: str | None = None
    page: str | None = None
    title: str | None = None
    hostname: str | None = None
    referrer: str | None = None
    screen_width: int | None = None
    screen_height: int | None = None
    language: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    click_id: str | None = None  # name of the click id in the URL, such as "gclid"
    time_on_page: int | None = Field(default=None, sa_type=BigInteger)
    scroll_depth: int | None = None
    automated: bool | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    rest: str | None = Field(default=None, sa_type=Text)  # JSON of the other keys


class ChangeKind(StrEnum):
    PROPERTY_DELETED = "property_deleted"  # property
    PROPERTY_RESET = "property_reset"  # property: all its events were deleted, the property remains
    PRUNED = "pruned"  # before (µs), property or None for all, detail {"last_seq": n}: later events remain
    VISITOR_ERASED = "visitor_erased"  # property, detail {"visitor": n}
    EVENTS_DELETED = "events_deleted"  # property, detail {"ids": [hex, …]} or {"seqs": [n, …]}
    RULES_CHANGED = "rules_changed"  # property: its rules (counts_automated …) changed, its history is recomputed


class StorageChange(SQLModel, table=True):
    """An entry of the change log: a deletion or rule change, written in its transaction, for the warehouse."""

    __tablename__ = "change"
    __table_args__ = {"sqlite_autoincrement": True}
    seq: int | None = Field(default=None, sa_column=Column(BigKey, primary_key=True, autoincrement=True))
    kind: ChangeKind = Field(sa_type=Text)
    property: int | None = None
    before: int | None = Field(default=None, sa_type=BigInteger)
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)


class VisitorKey(SQLModel, table=True):
    """The random visitor key of a property and local day; destroyed when the next local day ends."""

    __tablename__ = "visitor_key"
    __table_args__ = (Index("ix_visitor_key_day", "day"),)
    property: int = Field(primary_key=True)
    day: str = Field(primary_key=True)  # ISO date in the property's time zone
    key: bytes


class RejectedEvent(SQLModel, table=True):
    """A rejected event with its reason; only the newest 1,000 of a property stay. Has no IP address."""

    __tablename__ = "refused"
    __table_args__ = {"sqlite_autoincrement": True}
    seq: int | None = Field(default=None, primary_key=True)
    property: int = Field(foreign_key="property.number", ondelete="CASCADE", index=True)
    at: datetime = Field(sa_type=AwareDateTime)
    reason: str  # collector.errors.DropReason, or a sentence
    event: str
    page: str | None = None
    hostname: str | None = None
    browser: str = ""


class ApiKey(SQLModel, table=True):
    """An API key of a user, for all properties that they may see, or of one property."""

    __tablename__ = "api_key"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    token_hash: bytes = Field(unique=True)  # SHA-256 of the key
    user_id: UUID | None = Field(default=None, foreign_key="user.id", ondelete="CASCADE", index=True)
    property_id: UUID | None = Field(default=None, foreign_key="property.id", ondelete="CASCADE", index=True)
    may_write: bool = False  # sends events
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    used_at: datetime | None = Field(default=None, sa_type=AwareDateTime)
    may_manage: bool = Field(default=False, sa_column_kwargs=_server_default("0"))  # changes what its user may change


class SavedQuery(SQLModel, table=True):
    """An SQL query that a user saved under a name; visible to this user only."""

    __tablename__ = "saved_query"
    __table_args__ = (UniqueConstraint("user_id", "name"),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="user.id", ondelete="CASCADE")
    name: str = Field(max_length=100)
    sql: str = Field(sa_type=Text)
    changed_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)


class ShareLink(SQLModel, table=True):
    """A link with which people without an account view one property, or other sites embed it.

    The token is stored as it is, so that its owner can copy the link again; who can read it here has the events, too.
    """

    __tablename__ = "share_link"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    token: str = Field(unique=True)
    property_id: UUID = Field(foreign_key="property.id", ondelete="CASCADE", index=True)
    name: str = Field(default="", max_length=100)
    password_hash: str | None = None  # argon2id; None: no password
    segment: str | None = None  # name of a segment: only its visits; a link whose segment is gone does not open
    tiles: list[str] = Field(default_factory=list, sa_type=JSON)  # names of dashboard parts; empty: all
    shows_data_keys: bool = True  # the property's public data keys
    frame_ancestors: list[str] = Field(default_factory=list, sa_type=JSON)  # origins that may embed it; empty: none
    created_by: UUID | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=AwareDateTime)
    used_at: datetime | None = Field(default=None, sa_type=AwareDateTime)


class AuditEntry(SQLModel, table=True):
    """Who changed what, and when. Kept for 400 days; outlives its user and its property."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_at", "at"), {"sqlite_autoincrement": True})
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    action: str  # accounts.audit.Action
    actor: str = ""  # e-mail address of the user, "command line", or the name of an API key
    user_id: UUID | None = Field(default=None, index=True)
    property_id: UUID | None = Field(default=None, index=True)
    target: str = ""  # what was changed, such as an e-mail address or the name of a property
    before: Any = Field(default=None, sa_type=JSON, nullable=True)
    after: Any = Field(default=None, sa_type=JSON, nullable=True)
    network: str = ""  # of the actor: the address without its last part


class OutgoingMail(SQLModel, table=True):
    """An e-mail that waits to be sent, or the record of one that was."""

    __tablename__ = "outgoing_mail"
    __table_args__ = (Index("ix_outgoing_mail_next_at", "next_at"),)
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    recipient: str
    subject: str
    text: str = Field(default="", sa_type=Text)  # erased once it was sent or given up: it may hold a secret link
    html: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(default_factory=utc_now, sa_type=AwareDateTime)
    next_at: datetime | None = Field(default=None, sa_type=AwareDateTime)  # None: sent, or given up
    attempts: int = 0
    sent_at: datetime | None = Field(default=None, sa_type=AwareDateTime)
    error: str = ""  # answer of the server to the last attempt


class Setting(SQLModel, table=True):
    """An instance setting by name: generation, app secret, hash of the setup token, defaults."""

    __tablename__ = "setting"
    name: str = Field(primary_key=True)
    value: Any = Field(sa_type=JSON)
