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

from proprium.errors import PasswordQueueFull, ProblemForReader

T = TypeVar("T")

SHORTEST = 10
LONGEST = 1_000
"""Hashing longer ones would only cost time."""

QUEUE_LIMIT = 16
"""Passwords that wait for their turn, a second or two in all."""

_hasher = PasswordHasher()


class HashingPool:
    """A thread for password hashing, with a bounded queue: other work does not wait for it.

    One thread, because argon2 computes on four by itself. Known browsers have a queue limit of their own, so that
    guessers cannot use up their places.
    """

    def __init__(self, queue_limit: int = QUEUE_LIMIT) -> None:
        self._executor = ThreadPoolExecutor(1, "passwords")
        self._places = {is_known: Semaphore(queue_limit) for is_known in (False, True)}

    async def run(self, work: Callable[[], T], *, is_known: bool = False) -> T:
        """Calls `work`, which hashes passwords, on the pool's thread. Raises PasswordQueueFull.

        `is_known` is for browsers that have signed in before.
        """
        places = self._places[is_known]
        if not places.acquire(blocking=False):
            raise PasswordQueueFull

        def release(_: Future[T]) -> None:
            places.release()

        future = self._executor.submit(work)
        future.add_done_callback(release)  # also for one that was cancelled before its turn
        return await asyncio.wrap_future(future)


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
