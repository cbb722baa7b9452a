"""The closed lists of reasons for which an event is dropped on purpose, or a request is refused."""

from __future__ import annotations

from enum import StrEnum

from collector.event import Event


class DropReason(StrEnum):
    """Why an event was dropped at the door (204 with X-Dropped)."""

    EXCLUDED_IP = "excluded_ip"
    HOSTNAME = "hostname"
    OPT_OUT = "opt_out"
    SPAM_REFERRER = "spam_referrer"
    PREFETCH = "prefetch"
    BOT = "bot"


class EventDropped(Exception):
    """Raised by a step of the pipeline: the event ends here, on purpose."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.event: Event | None = None  # as far as it had come


class RequestRejected(Exception):
    """The request is refused; `status` is the HTTP status, the message says which field and what was expected."""

    status = 400


class PayloadTooLarge(RequestRejected):
    status = 413


class UnknownProperty(RequestRejected):
    status = 404


class RateLimited(RequestRejected):
    status = 429


class StoreUnavailable(RequestRejected):
    """Nothing was stored; the sender may retry."""

    status = 503
