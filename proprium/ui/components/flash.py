"""A sentence for the page after a posted form: kept here, so that nobody can write one into a link."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

MOST = 500


@dataclass(frozen=True)
class Flash:
    text: str
    kind: str = "bad"  # or "good"


_kept: OrderedDict[str, Flash] = OrderedDict()
_lock = Lock()


def put(text: str, kind: str = "bad") -> str:
    """The key to hand on as `?said=`."""
    key = secrets.token_urlsafe(9)
    with _lock:
        _kept[key] = Flash(text, kind)
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return key


def take(key: str) -> Flash | None:
    """Once: a reload does not repeat it."""
    with _lock:
        return _kept.pop(key, None)
