"""NiceGUI asks Python for the signature of the same three methods with every element that it makes: ask once.

That was a quarter of what a dashboard takes to build. Replaces a function inside NiceGUI, whose version is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import ismethod
from types import MethodType
from typing import Any

from nicegui import helpers

_ask = helpers.expects_arguments


def install() -> None:
    helpers.expects_arguments = expects_arguments


def expects_arguments(func: Callable[..., Any]) -> bool:
    """As NiceGUI's own. Only methods are remembered: they live as long as their class, other functions may not."""
    return _of_method(func.__func__) if ismethod(func) else _ask(func)


@lru_cache(maxsize=256)
def _of_method(func: Callable[..., Any]) -> bool:
    return _ask(MethodType(func, object()))
