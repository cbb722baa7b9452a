"""Password hashing with argon2id, on a thread pool with a bounded queue.

A check takes the same time for an unknown account as for a wrong password, so that timing does not reveal accounts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from threading import Semaphore
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proprium.errors import PasswordQueueFull, UserFacingError
from proprium.i18n import gettext as _

T = TypeVar("T")

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 1_000
"""Limits the cost of hashing."""

MAX_QUEUED_PASSWORDS = 16
"""Queue limit: hashing 16 passwords takes a second or two."""

_hasher = PasswordHasher()


class PasswordHashingPool:
    """Thread pool for password hashing with a bounded queue, so that other work does not wait for it.

    It has one thread, because argon2 uses four by itself. Known browsers have a queue limit of their own, so that
    attackers cannot fill their slots.
    """

    def __init__(self, max_queued: int = MAX_QUEUED_PASSWORDS) -> None:
        self._executor = ThreadPoolExecutor(1, "passwords")
        self._slots_by_is_known = {is_known: Semaphore(max_queued) for is_known in (False, True)}

    async def run(self, work: Callable[[], T], *, is_known: bool = False) -> T:
        """Calls `work`, which hashes passwords, on the pool's thread.

        `is_known` is True for browsers that have signed in before. Raises PasswordQueueFull.
        """
        slots = self._slots_by_is_known[is_known]
        if not slots.acquire(blocking=False):
            raise PasswordQueueFull

        def release(future: Future[T]) -> None:
            slots.release()

        future = self._executor.submit(work)
        future.add_done_callback(release)  # is called for cancelled work as well
        return await asyncio.wrap_future(future)


def hash_password(password: str) -> str:
    """Hashes a password with argon2id.

    Takes some 50 ms and 64 MB: do not call it on the event loop. Raises UserFacingError for a password that is too
    short or too long.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        maximum, count = f"{MAX_PASSWORD_LENGTH:,}", f"{len(password):,}"
        raise UserFacingError(
            _(
                "A password needs {minimum} to {maximum} characters; this one has {count}.",
                minimum=MIN_PASSWORD_LENGTH,
                maximum=maximum,
                count=count,
            )
        )
    return _hasher.hash(password.encode(errors="surrogatepass"))


def is_correct(password_hash: str | None, password: str) -> bool:
    """Checks a password against its hash.

    A hash of None stands for an account that does not exist: the check takes as long and returns False.
    """
    try:
        is_match = _hasher.verify(
            password_hash or _dummy_hash(), password[:MAX_PASSWORD_LENGTH].encode(errors="surrogatepass")
        )
    except (VerificationError, InvalidHashError):
        return False
    return is_match and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Returns True if the hash was made with other argon2 parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _dummy_hash() -> str:
    return _hasher.hash("dummy password")
