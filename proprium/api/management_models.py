"""Request and response models of the management endpoints, as described in the OpenAPI schema.

Unknown fields are errors: a misspelt setting must not silently stay as it was.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from proprium.storage.tables import PropertyRole, Role

FILTER_EXAMPLE = ["event:is:signup"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PropertySettings(_Body):
    """Settings of a property. In a change, fields that are left out stay as they are."""

    name: str | None = Field(None, examples=["example.com"])
    timezone: str | None = Field(
        None, description="Time zone in which days begin (IANA name).", examples=["Europe/Berlin"]
    )
    hostnames: list[str] | None = Field(
        None, description="Hostnames that events are accepted from; empty: all.", examples=[["example.com"]]
    )
    is_public: bool | None = Field(
        None, description="Anyone with the link can view the dashboard. To change it requires the role owner."
    )
    is_indexed: bool | None = Field(
        None, description="Search engines may list the public dashboard. To change it requires the role owner."
    )
    is_cookieless: bool | None = Field(None, description="Visitors are recognised for one day, without a cookie.")
    discards_bots: bool | None = Field(None, description="Bots are not stored at all.")
    keeps_click_text: bool | None = Field(None, description="Stores the text of clicked links and buttons.")
    counts_automated: bool | None = Field(
        None, description="Counts automated browsers as visitors; null: only while the server runs on localhost."
    )
    query_keys: list[str] | None = Field(None, description="Query parameters that are kept in page URLs.")
    excluded_addresses: list[str] | None = Field(
        None, description="IP addresses and networks whose events are dropped.", examples=[["192.0.2.0/24"]]
    )
    excluded_countries: list[str] | None = Field(
        None, description="Countries (ISO 3166-1 alpha-2) that are left out of all metrics.", examples=[["AQ"]]
    )
    excluded_paths: list[str] | None = Field(
        None, description="Paths that are left out of all metrics; * matches anything.", examples=[["/admin/*"]]
    )
    excluded_user_agents: list[str] | None = Field(
        None, description="Parts of User-Agents that are left out of all metrics."
    )
    custom_cards: list[str] | None = Field(
        None, description="Custom events with a card on the dashboard, in their order.", examples=[["signup"]]
    )
    path_patterns: list[str] | None = Field(
        None, description="Paths that count as one page, such as /user/*.", examples=[["/user/*"]]
    )
    session_timeout_min: int | None = Field(None, description="Minutes of inactivity after which a session ends.")
    engagement_threshold_s: int | None = Field(
        None, description="Seconds of engagement from which a session with one page view is not a bounce."
    )
    live_window_min: int | None = Field(None, description="Minutes after a hit for which a visitor is online.")
    public_data_keys: list[str] | None = Field(
        None,
        description="Keys of event data that viewers of a public dashboard see. To change it requires the role owner.",
    )
    ignored_referrers: list[str] | None = Field(None, description="Hostnames that are no referrers.")
    merges_trailing_slashes: bool | None = Field(None, description="Counts /about/ as /about.")
    merges_index_pages: bool | None = Field(None, description="Counts /a/index.html as /a/.")


class NamedFilters(_Body):
    """A goal or a segment: filters under a name. A goal needs at least one, on properties of a single event."""

    name: str = Field(examples=["Signed up"])
    filters: list[str] = Field(description="In the form of the parameter `filter`.", examples=[FILTER_EXAMPLE])


class Goals(BaseModel):
    """The goals of a property, in their order."""

    goals: list[NamedFilters]


class Segments(BaseModel):
    """The segments (saved filters) of a property, in their order."""

    segments: list[NamedFilters]


class MemberRole(_Body):
    """The role of a user on a property."""

    role: PropertyRole = Field(
        description="viewer reads, editor changes settings, owner shares and deletes.", examples=["viewer"]
    )


class Member(BaseModel):
    """A user who was given access to a property."""

    email: str = Field(examples=["ada@example.com"])
    name: str
    role: PropertyRole


class Members(BaseModel):
    """Who was given access to a property. Its owner, and owners of the instance, are not listed."""

    owner: str | None = Field(description="E-mail address of the property's owner.", examples=["grace@example.com"])
    members: list[Member]


class Transfer(_Body):
    """The new owner of a property, who must have an account."""

    email: str = Field(examples=["ada@example.com"])


class User(BaseModel):
    """An account."""

    email: str = Field(examples=["ada@example.com"])
    name: str
    role: Role = Field(description="owner manages the instance, member sees what they own or were given.")
    may_create_properties: bool
    has_second_factor: bool
    created_at: datetime
    last_seen: datetime | None = Field(description="Last use of a login session (UTC); null: never signed in.")


class Users(BaseModel):
    """All accounts, by e-mail address."""

    users: list[User]


class UserRights(_Body):
    """What a user may do on the instance. Fields that are left out stay as they are."""

    role: Role | None = Field(None, description="owner or member.", examples=["member"])
    may_create_properties: bool | None = Field(None, examples=[True])


class InvitedAccess(_Body):
    """A role on one property."""

    property_id: UUID
    role: PropertyRole = Field(examples=["viewer"])


class NewInvitation(_Body):
    """Whom to invite, and what they get with their account."""

    email: str = Field(examples=["linus@example.com"])
    role: Role = Field(Role.MEMBER, description="owner or member.", examples=["member"])
    may_create_properties: bool = False
    access: list[InvitedAccess] = Field(default_factory=list, description="Roles on properties.", examples=[[]])


class InvitationLink(BaseModel):
    """The link of an invitation, which cannot be read again. It works once."""

    email: str
    link: str = Field(examples=["https://stats.example.com/invitation?token=…"])


class Invitation(BaseModel):
    """An invitation that can still be accepted."""

    id: UUID
    email: str
    role: Role
    may_create_properties: bool
    access: list[InvitedAccess]
    expires_at: datetime


class Invitations(BaseModel):
    """All invitations that can still be accepted, by e-mail address."""

    invitations: list[Invitation]


BODIES: tuple[type[BaseModel], ...] = (
    PropertySettings,
    NamedFilters,
    MemberRole,
    Transfer,
    UserRights,
    NewInvitation,
)
"""Models of request bodies; the OpenAPI schema has those of responses by itself."""
