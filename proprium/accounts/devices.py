"""Device cookies: proof that a browser has signed in to an account before.

The cookie grants no access. It gives a browser a login rate limit of its own, which attackers elsewhere cannot use up.
It holds a random device name and an HMAC-SHA256 signature of the name and one e-mail address; the signing key is kept
in storage.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

from proprium.storage import instance_settings
from proprium.storage.database import Database

SIGNING_KEY_SETTING = "device_cookie_key"
COOKIE_LIFETIME = timedelta(days=365)
MAX_COOKIE_LENGTH = 200


class DeviceCookies:
    """Issues and verifies device cookies."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._signing_key: str | None = None

    def issue(self, email: str, cookie: str | None = None) -> str:
        """Returns the cookie's value for a browser that has signed in.

        A browser whose `cookie` is valid gets the same value again. May write to storage: do not call it on the event
        loop.
        """
        if self._signing_key is None:
            self._signing_key = instance_settings.get_or_create(
                self._database, SIGNING_KEY_SETTING, lambda: secrets.token_hex(32)
            )
        device = self.recognise(cookie, email) or secrets.token_urlsafe(16)
        return f"{device}.{_signature(self._signing_key, device, email)}"

    def recognise(self, cookie: str | None, email: str) -> str | None:
        """Returns the device name if the cookie was issued for this account, else None."""
        if not cookie or len(cookie) > MAX_COOKIE_LENGTH:
            return None
        self._signing_key = self._signing_key or instance_settings.get(self._database, SIGNING_KEY_SETTING)
        if self._signing_key is None:
            return None
        device, _, signature = cookie.partition(".")
        expected = _signature(self._signing_key, device, email)
        return device if hmac.compare_digest(signature.encode(errors="replace"), expected.encode()) else None


def _signature(signing_key: str, device: str, email: str) -> str:
    message = f"{device}\0{email.strip().lower()}".encode(errors="replace")
    return hmac.new(signing_key.encode(), message, hashlib.sha256).hexdigest()
