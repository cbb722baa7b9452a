"""Answers about texts that senders choose: bounded in bytes, not only in number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 500
"""Characters. Longer ones are rarely sent twice, and ten thousand of them would be a hundred megabytes."""


def remembered(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """`lru_cache(most)` for a function that is asked anew where one of its texts is a long one."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        cached = lru_cache(most)(function)

        @wraps(function)
        def asked(*arguments: P.args, **named: P.kwargs) -> T:
            for argument in arguments:
                if type(argument) is str and len(argument) > LONGEST:
                    return function(*arguments, **named)
            return cached(*arguments, **named)  # type: ignore[arg-type]

        asked.cache_info = cached.cache_info  # type: ignore[attr-defined]
        return asked

    return decorate
