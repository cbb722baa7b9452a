"""Passwords at rest: argon2id, and the same time for a wrong address as for a wrong password."""

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

T = TypeVar("T")

MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 1_000
"""Hashing longer ones would only cost time."""

MAX_QUEUED_PASSWORDS = 16
"""Passwords that wait for their turn, a second or two in all."""

_hasher = PasswordHasher()


class PasswordHashingPool:
    """A thread for password hashing, with a bounded queue: other work does not wait for it.

    One thread, because argon2 computes on four by itself. Known browsers have a queue limit of their own, so that
    guessers cannot use up their places.
    """

    def __init__(self, max_queued: int = MAX_QUEUED_PASSWORDS) -> None:
        self._executor = ThreadPoolExecutor(1, "passwords")
        self._slots_by_is_known = {is_known: Semaphore(max_queued) for is_known in (False, True)}

    async def run(self, work: Callable[[], T], *, is_known: bool = False) -> T:
        """Calls `work`, which hashes passwords, on the pool's thread. Raises PasswordQueueFull.

        `is_known` is for browsers that have signed in before.
        """
        slots = self._slots_by_is_known[is_known]
        if not slots.acquire(blocking=False):
            raise PasswordQueueFull

        def release(_: Future[T]) -> None:
            slots.release()

        future = self._executor.submit(work)
        future.add_done_callback(release)  # also for one that was cancelled before its turn
        return await asyncio.wrap_future(future)


def hash_password(password: str) -> str:
    """Takes some 50 ms and 64 MB: never on the event loop. Raises ProblemForReader for a password that is too short."""
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise UserFacingError(
            f"A password has at least {MIN_PASSWORD_LENGTH} characters; this one has {len(password)}."
        )
    return _hasher.hash(password.encode(errors="surrogatepass"))


def is_correct(password_hash: str | None, password: str) -> bool:
    """None stands for an account that does not exist: it takes as long and is never right."""
    try:
        is_match = _hasher.verify(
            password_hash or _dummy_hash(), password[:MAX_PASSWORD_LENGTH].encode(errors="surrogatepass")
        )
    except (VerificationError, InvalidHashError):
        return False
    return is_match and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """True when today's settings are stronger than those of the hash."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _dummy_hash() -> str:
    return _hasher.hash("the password of nobody")
