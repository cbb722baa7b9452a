"""Signed states: values that a browser carries between the steps of a sign-in, and can neither read into nor change.

A state is short-lived, serves one purpose and is accepted once. Its content is not secret from the browser's user.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from threading import Lock

from proprium.clock import Clock, utc_now
from proprium.storage import instance_settings
from proprium.storage.database import Database

SIGNING_KEY_SETTING = "signed_state_key"
MAX_STATE_LENGTH = 4_000
MAX_USED_STATES = 100_000


@dataclass(frozen=True)
class _Content:
    purpose: str
    id: str
    expires_s: float
    values: dict[str, str]


class SignedStates:
    """Issues and redeems states. Used ones are remembered in this process until they expire. Thread-safe."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database, self._clock = database, clock
        self._key: bytes | None = None
        self._expiry_by_used: dict[str, float] = {}
        self._lock = Lock()

    def issue(self, purpose: str, values: Mapping[str, str], lifetime: timedelta) -> str:
        """Returns a state for this purpose. May write to storage once: do not call it on the event loop."""
        expires_s = (self._clock() + lifetime).timestamp()
        content = _Content(purpose, secrets.token_urlsafe(12), expires_s, dict(values))
        text = base64.urlsafe_b64encode(json.dumps(asdict(content)).encode()).decode().rstrip("=")
        return f"{text}.{self._signature(text)}"

    def read(self, purpose: str, state: str | None) -> dict[str, str] | None:
        """Returns the values of a valid state that was not used yet, without using it."""
        content = self._verified(purpose, state)
        return content.values if content and content.id not in self._expiry_by_used else None

    def redeem(self, purpose: str, state: str | None) -> dict[str, str] | None:
        """Returns the values of a valid state, for the first time only."""
        content = self._verified(purpose, state)
        if content is None:
            return None
        with self._lock:
            if content.id in self._expiry_by_used:
                return None
            self._forget_expired()
            self._expiry_by_used[content.id] = content.expires_s
        return content.values

    def _verified(self, purpose: str, state: str | None) -> _Content | None:
        if not state or len(state) > MAX_STATE_LENGTH or not state.isascii():
            return None
        text, _, signature = state.partition(".")
        if not hmac.compare_digest(signature, self._signature(text)):
            return None
        try:
            content = _Content(**json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
        except (ValueError, TypeError, binascii.Error):  # signed by another version of this program
            return None
        is_current = content.expires_s > self._clock().timestamp()
        return content if content.purpose == purpose and is_current else None

    def _forget_expired(self) -> None:
        """Drops expired states once there are many; they are not accepted any more anyway."""
        if len(self._expiry_by_used) >= MAX_USED_STATES:
            now_s = self._clock().timestamp()
            self._expiry_by_used = {id_: expiry for id_, expiry in self._expiry_by_used.items() if expiry > now_s}

    def _signature(self, text: str) -> str:
        if self._key is None:
            key = instance_settings.get_or_create(self._database, SIGNING_KEY_SETTING, lambda: secrets.token_hex(32))
            self._key = bytes.fromhex(key)
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()
