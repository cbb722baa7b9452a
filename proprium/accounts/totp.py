"""One-time codes of authenticator apps (TOTP, RFC 6238): secret, QR code, and the check of a code."""

from __future__ import annotations

import secrets
from datetime import datetime

import pyotp
import segno

STEP_S = 30
TOLERANCE_STEPS = 1
"""Steps before and after now whose codes are accepted: clocks of phones differ, and typing takes time."""
CODE_LENGTH = 6


def new_secret() -> str:
    """Returns a random secret in base32, of 160 bits."""
    return pyotp.random_base32()


def qr_code(secret: str, email: str, host: str) -> str:
    """Returns the QR code that an authenticator app scans, as a data URI of an SVG."""
    uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=f"Proprium ({host})")
    return segno.make(uri, error="m", micro=False).svg_data_uri(scale=5, border=2, dark="#12151c", light="#ffffff")


def matching_step(secret: str, code: str, now: datetime, last_step: int | None) -> int | None:
    """Returns the time step of a correct code, None for a wrong one; no step up to `last_step` is accepted again."""
    if len(code) != CODE_LENGTH or not (code.isascii() and code.isdigit()):
        return None
    totp, current = pyotp.TOTP(secret), int(now.timestamp()) // STEP_S
    steps = range(current - TOLERANCE_STEPS, current + TOLERANCE_STEPS + 1)
    matches = [step for step in steps if secrets.compare_digest(totp.generate_otp(step), code)]
    return next((step for step in matches if last_step is None or step > last_step), None)
