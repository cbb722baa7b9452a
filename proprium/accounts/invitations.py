"""Invitations: single-use links that create the account prepared for an e-mail address.

Storage holds only the SHA-256 hash of a link's token. What an invitation gives is checked again when it is accepted:
it never gives more than its sender still may.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlmodel import Session, col

from proprium.accounts import instance_options, users
from proprium.accounts.audit import COMMAND_LINE, Action, Actor, record
from proprium.clock import Clock, utc_now
from proprium.errors import Conflict, Forbidden, InvalidInvitation, NotFound, PropertyNotFound
from proprium.i18n import gettext as _
from proprium.properties import access, permissions
from proprium.storage.database import Database
from proprium.storage.tables import OneTimeLink, OneTimeLinkKind, Property, PropertyRole, Role, User

PATH = "/invitation"
"""Of the page that a link opens; its token is the parameter `token`."""
LIFETIME = timedelta(days=7)
MAX_TOKEN_LENGTH = 200
"""Longer texts are not hashed: a token has 43 characters."""


@dataclass(frozen=True)
class Invitation:
    """An open invitation."""

    id: UUID
    email: str
    role: Role
    may_create_properties: bool
    access: Mapping[UUID, PropertyRole]
    created_by: UUID | None  # None: the command line
    expires_at: datetime


def invite(
    database: Database,
    email: str,
    *,
    role: Role = Role.MEMBER,
    may_create: bool = False,
    roles: Mapping[UUID, PropertyRole] | None = None,
    sender: User | None = None,
    actor: Actor = COMMAND_LINE,
    clock: Clock = utc_now,
) -> str:
    """Creates an invitation and returns the token of its link, which cannot be read again.

    `roles` are those on single properties, `sender` is None for the command line. An earlier one of the same sender to
    the address ends. Raises UserFacingError for an invalid address, Conflict for one that has an account, Forbidden for
    what the sender may not give or while invitations are off, PropertyNotFound.
    """
    email, token, now, roles = users.validate_email(email), secrets.token_urlsafe(32), clock(), roles or {}
    detail = {
        "role": str(role),
        "may_create_properties": may_create,
        "access": {str(property_id): str(property_role) for property_id, property_role in roles.items()},
    }
    with database.write_transaction() as session:
        if sender is not None and not instance_options.read(session).allows_invitations:
            raise Forbidden(_("Invitations are switched off on this server."))
        if session.scalar(select(col(User.id)).where(col(User.email) == email)) is not None:
            raise Conflict(_("{email} already has an account.", email=email))
        properties = {property_id: _find_property(session, property_id) for property_id in roles}
        if sender is not None and sender.role != Role.OWNER:
            is_limited = role == Role.MEMBER and not may_create and properties
            if not is_limited or not all(permissions.may_own(sender, each) for each in properties.values()):
                raise Forbidden(_("You can only invite people to properties that you own."))
        sender_id = sender.id if sender else None
        is_earlier = _is_invitation() & (col(OneTimeLink.email) == email) & (col(OneTimeLink.created_by) == sender_id)
        session.execute(delete(OneTimeLink).where(is_earlier))
        session.add(
            OneTimeLink(
                kind=OneTimeLinkKind.INVITATION,
                token_hash=_hash(token),
                email=email,
                detail=detail,
                created_by=sender_id,
                created_at=now,
                expires_at=now + LIFETIME,
            )
        )
        names = {properties[property_id].name: str(property_role) for property_id, property_role in roles.items()}
        after = {**detail, "access": names}
        record(session, Action.USER_INVITED, actor, property_id=_only(roles), target=email, after=after)
    return token


def list_open(database: Database, *, property_id: UUID | None = None, clock: Clock = utc_now) -> list[Invitation]:
    """Lists the invitations that can be accepted, by e-mail address; only those to a property if one is given."""
    has_account = col(OneTimeLink.email).in_(select(col(User.email)))
    statement = select(OneTimeLink).where(_is_invitation(), col(OneTimeLink.expires_at) > clock(), ~has_account)
    with database.session() as session:
        invitations = [_of_link(link) for link in session.scalars(statement.order_by(col(OneTimeLink.email)))]
    return [each for each in invitations if property_id is None or property_id in each.access]


def revoke(database: Database, invitation_id: UUID, *, sender: User | None = None, actor: Actor = COMMAND_LINE) -> None:
    """Ends an invitation. Raises NotFound for one that is gone, or that `sender`, no owner, did not send."""
    with database.write_transaction() as session:
        link = session.get(OneTimeLink, invitation_id)
        is_sender = sender is None or sender.role == Role.OWNER or (link is not None and link.created_by == sender.id)
        if link is None or link.kind != OneTimeLinkKind.INVITATION or not is_sender:
            raise NotFound(_("This invitation no longer exists."))
        session.delete(link)
        invitation = _of_link(link)
        property_id = _only(invitation.access)
        record(
            session, Action.INVITATION_REVOKED, actor, property_id=property_id, target=link.email, before=link.detail
        )


def find(database: Database, token: str, *, clock: Clock = utc_now) -> Invitation:
    """Returns the invitation of a link that can be accepted. Raises InvalidInvitation, without saying why it cannot."""
    with database.session() as session:
        return _find(session, token, clock())


def accept(
    database: Database,
    token: str,
    name: str,
    password: str,
    *,
    address: str | None = None,
    clock: Clock = utc_now,
) -> User:
    """Creates the account of an invitation with all that it gives, and ends it.

    Hashes a password: call it in the PasswordHashingPool. Raises InvalidInvitation, UserFacingError for a name or
    password that will not do.
    """
    invitation = find(database, token, clock=clock)
    user = users.build_user(invitation.email, name, password, invitation.role)
    user.may_create_properties = invitation.may_create_properties
    with database.write_transaction() as session:
        invitation = _find(
            session, token, clock()
        )  # another request may have accepted it while the password was hashed
        session.execute(delete(OneTimeLink).where(_is_invitation(), col(OneTimeLink.email) == invitation.email))
        users.add(session, user, actor=Actor.of_user(user, address))
        session.flush()
        sender = session.get(User, invitation.created_by) if invitation.created_by else None
        for property_id, role in invitation.access.items():
            giver = Actor.of_user(sender) if sender else COMMAND_LINE
            access.grant_in(session, property_id, user.id, role, actor=giver)
    return users.find(database, user.email)


def delete_expired(database: Database, now: datetime) -> None:
    """Deletes expired invitations, with the addresses in them."""
    with database.write_transaction() as session:
        session.execute(delete(OneTimeLink).where(_is_invitation(), col(OneTimeLink.expires_at) <= now))


def _find(session: Session, token: str, now: datetime) -> Invitation:
    """Returns the invitation with what its sender still may give. Raises InvalidInvitation if that is nothing."""
    link = None
    if token and len(token) <= MAX_TOKEN_LENGTH:
        statement = select(OneTimeLink).where(_is_invitation(), col(OneTimeLink.token_hash) == _hash(token))
        link = session.scalars(statement.where(col(OneTimeLink.expires_at) > now)).first()
    if link is None or session.scalar(select(col(User.id)).where(col(User.email) == link.email)) is not None:
        raise InvalidInvitation
    invitation = _of_link(link)
    properties = session.scalars(select(Property).where(col(Property.id).in_(invitation.access))).all()
    if invitation.created_by is None:
        return _limited_to(invitation, properties)
    sender = session.get(User, invitation.created_by)
    if sender is None or not instance_options.read(session).allows_invitations:
        raise InvalidInvitation
    if sender.role == Role.OWNER:
        return _limited_to(invitation, properties)
    owned = [property_ for property_ in properties if permissions.may_own(sender, property_)]
    if invitation.role == Role.OWNER or invitation.may_create_properties or not owned:
        raise InvalidInvitation
    return _limited_to(invitation, owned)


def _limited_to(invitation: Invitation, properties: Sequence[Property]) -> Invitation:
    ids = {property_.id for property_ in properties}
    return replace(invitation, access={id_: role for id_, role in invitation.access.items() if id_ in ids})


def _of_link(link: OneTimeLink) -> Invitation:
    detail = link.detail
    return Invitation(
        link.id,
        link.email,
        Role(detail["role"]),
        bool(detail["may_create_properties"]),
        {UUID(property_id): PropertyRole(role) for property_id, role in detail["access"].items()},
        link.created_by,
        link.expires_at,
    )


def _only(roles: Mapping[UUID, PropertyRole]) -> UUID | None:
    """Returns the property of an invitation to a single one: the entry belongs into its part of the audit log."""
    return next(iter(roles)) if len(roles) == 1 else None


def _is_invitation() -> ColumnElement[bool]:
    return col(OneTimeLink.kind) == OneTimeLinkKind.INVITATION


def _find_property(session: Session, property_id: UUID) -> Property:
    property_ = session.scalars(select(Property).where(col(Property.id) == property_id)).first()
    if property_ is None:
        raise PropertyNotFound(property_id)
    return property_


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
