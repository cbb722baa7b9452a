"""Flash messages: shown once by the page that a posted form redirects to.

The text stays in this process's memory and the URL carries a random key only, so a link cannot inject a message.
"""

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
    """Stores a message; returns its key for the parameter `?said=`. Keeps the newest MAX_MESSAGES."""
    key = secrets.token_urlsafe(9)
    with _lock:
        _messages[key] = FlashMessage(text, kind)
        while len(_messages) > MAX_MESSAGES:
            _messages.popitem(last=False)
    return key


def pop(key: str) -> FlashMessage | None:
    """Removes and returns the message of `key`, so that a reload does not repeat it."""
    with _lock:
        return _messages.pop(key, None)
