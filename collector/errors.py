"""Drop reasons of events, and rejection errors of requests with their HTTP statuses.

Both lists are complete.
"""

from __future__ import annotations

from enum import StrEnum

from collector.event import Event


class DropReason(StrEnum):
    """Why an event was dropped during collection (204 with X-Dropped)."""

    EXCLUDED_IP = "excluded_ip"
    HOSTNAME = "hostname"
    OPT_OUT = "opt_out"
    SPAM_REFERRER = "spam_referrer"
    PREFETCH = "prefetch"
    BOT = "bot"


class EventDropped(Exception):
    """Raised by a pipeline step to drop the event on purpose."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.event: Event | None = None  # as far as it was enriched


class RequestRejected(Exception):
    """Rejects a request with the HTTP `status`.

    The message says which field is wrong and what was expected.
    """

    status = 400


class PayloadTooLarge(RequestRejected):
    status = 413


class UnknownProperty(RequestRejected):
    status = 404


class RateLimited(RequestRejected):
    status = 429


class StoreUnavailable(RequestRejected):
    """Raised when nothing was stored; the sender may retry."""

    status = 503
