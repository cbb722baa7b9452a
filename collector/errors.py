"""The closed lists of reasons for which an event is dropped on purpose, or a request is refused."""

from __future__ import annotations

from enum import StrEnum

from collector.event import Event


class Reason(StrEnum):
    """Why an event was dropped at the door (204 with X-Dropped)."""

    EXCLUDED_IP = "excluded_ip"
    HOSTNAME = "hostname"
    OPT_OUT = "opt_out"
    SPAM_REFERRER = "spam_referrer"
    PREFETCH = "prefetch"
    BOT = "bot"


class Dropped(Exception):
    """Raised by a step of the pipeline: the event ends here, on purpose."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.event: Event | None = None  # as far as it had come


class Rejected(Exception):
    """The request is refused; `status` is the HTTP status, the message says which field and what was expected."""

    status = 400


class TooLarge(Rejected):
    status = 413


class UnknownProperty(Rejected):
    status = 404


class TooFast(Rejected):
    status = 429


class StoreUnavailable(Rejected):
    """Nothing was stored; the sender may retry."""

    status = 503
