"""Answers about texts that senders choose: bounded in bytes, not only in number."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MAX_CACHED_TEXT_LENGTH = 500
"""Characters. Longer ones are rarely sent twice, and ten thousand of them would be a hundred megabytes."""


def bounded_lru_cache(max_entries: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """`lru_cache(most)` for a function that is asked anew where one of its texts is a long one."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        cached = lru_cache(max_entries)(function)

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            for argument in args:
                if type(argument) is str and len(argument) > MAX_CACHED_TEXT_LENGTH:
                    return function(*args, **kwargs)
            return cached(*args, **kwargs)  # type: ignore[arg-type]

        wrapper.cache_info = cached.cache_info  # type: ignore[attr-defined]
        return wrapper

    return decorate
