"""Device cookies: proof that a browser has signed in to an account before.

The cookie opens nothing. It gives a browser a limit of its own for guessing, which guessers elsewhere cannot use up.
It holds a random name and its signature for one e-mail address; the signing key stands in storage.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from proprium.storage import instance_settings
from proprium.storage.database import Database

SIGNING_KEY = "device_cookie_key"
LIFETIME = timedelta(days=365)
LONGEST = 200


class Devices:
    """Issues and recognises device cookies."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._key: str | None = None

    def issue(self, email: str, cookie: str | None = None) -> str:
        """The value to set; the same again for a browser whose `cookie` is valid. May write: not for the event loop."""
        if self._key is None:
            self._key = instance_settings.get_or_make(self._database, SIGNING_KEY, lambda: secrets.token_hex(32))
        device = self.recognise(cookie, email) or secrets.token_urlsafe(16)
        return f"{device}.{_signature(self._key, device, email)}"

    def recognise(self, cookie: str | None, email: str) -> str | None:
        """The browser's name when its cookie was issued for this account, else None."""
        if not cookie or len(cookie) > LONGEST:
            return None
        self._key = self._key or instance_settings.get(self._database, SIGNING_KEY)
        if self._key is None:
            return None
        device, _, signature = cookie.partition(".")
        expected = _signature(self._key, device, email)
        return device if hmac.compare_digest(signature.encode(errors="replace"), expected.encode()) else None


def _signature(key: str, device: str, email: str) -> str:
    message = f"{device}\0{email.strip().lower()}".encode(errors="replace")
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()
