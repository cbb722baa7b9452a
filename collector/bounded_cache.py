"""LRU cache for functions of untrusted strings: bounded in bytes as well as in entries."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MAX_CACHED_TEXT_LENGTH = 500
"""Characters. Longer strings rarely repeat, and 10,000 of them would take 100 MB."""


def bounded_lru_cache(max_entries: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Returns an `lru_cache(max_entries)` that bypasses the cache for strings over MAX_CACHED_TEXT_LENGTH."""

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
