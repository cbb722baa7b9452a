"""A sentence for the page after a posted form: kept here, so that nobody can write one into a link."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

MAX_MESSAGES = 500


@dataclass(frozen=True)
class FlashMessage:
    text: str
    kind: str = "bad"  # or "good"


_messages: OrderedDict[str, FlashMessage] = OrderedDict()
_lock = Lock()


def put(text: str, kind: str = "bad") -> str:
    """The key to hand on as `?said=`."""
    key = secrets.token_urlsafe(9)
    with _lock:
        _messages[key] = FlashMessage(text, kind)
        while len(_messages) > MAX_MESSAGES:
            _messages.popitem(last=False)
    return key


def pop(key: str) -> FlashMessage | None:
    """Once: a reload does not repeat it."""
    with _lock:
        return _messages.pop(key, None)
