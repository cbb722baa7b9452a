"""Passwords at rest: argon2id, and the same time for a wrong address as for a wrong password."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proprium.errors import ProblemForReader

SHORTEST = 10
LONGEST = 1_000
"""Hashing longer ones would only cost time."""

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """Takes some 50 ms and 64 MB: never on the event loop. Raises ProblemForReader for a password that is too short."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ProblemForReader(f"A password has at least {SHORTEST} characters; this one has {len(password)}.")
    return _hasher.hash(password.encode(errors="surrogatepass"))


def is_right(password_hash: str | None, password: str) -> bool:
    """None stands for an account that does not exist: it takes as long and is never right."""
    try:
        right = _hasher.verify(password_hash or _nobody(), password[:LONGEST].encode(errors="surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """True when today's settings are stronger than those of the hash."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _nobody() -> str:
    return _hasher.hash("the password of nobody")
