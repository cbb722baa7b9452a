"""One-time links: a random token in a URL, its SHA-256 hash in storage, a kind and an expiry.

Opening a link does not use it up, since mail scanners open links; the form that it leads to does.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete
from sqlmodel import Session, col, select

from proprium.storage.tables import OneTimeLink, OneTimeLinkKind

MAX_TOKEN_LENGTH = 200


def create(
    session: Session, kind: OneTimeLinkKind, lifetime: timedelta, now: datetime, *, user_id: UUID, email: str = ""
) -> str:
    """Creates a link in the caller's transaction and returns its token. Deletes links that have expired."""
    token = secrets.token_urlsafe(32)
    session.execute(delete(OneTimeLink).where(col(OneTimeLink.expires_at) <= now, col(OneTimeLink.kind) == kind))
    session.add(
        OneTimeLink(
            kind=kind,
            token_hash=_hash(token),
            user_id=user_id,
            email=email,
            created_at=now,
            expires_at=now + lifetime,
        )
    )
    return token


def find(session: Session, kind: OneTimeLinkKind, token: str, now: datetime) -> OneTimeLink | None:
    """Returns the unexpired link of this kind with this token, or None."""
    if not token or len(token) > MAX_TOKEN_LENGTH:
        return None
    return session.exec(
        select(OneTimeLink).where(
            col(OneTimeLink.token_hash) == _hash(token),
            col(OneTimeLink.kind) == kind,
            col(OneTimeLink.expires_at) > now,
        )
    ).first()


def delete_all(session: Session, kind: OneTimeLinkKind, user_id: UUID) -> None:
    """Deletes the links of a kind that a user has, in the caller's transaction."""
    session.execute(delete(OneTimeLink).where(col(OneTimeLink.kind) == kind, col(OneTimeLink.user_id) == user_id))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
