"""Messages for a property's owner: why an event was rejected or excluded, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from collector.errors import DropReason
from collector.parse import MAX_BODY_BYTES, MAX_EVENTS

Fix = tuple[str, Callable[[], Any]]  # a button's label and its action

AUTOMATED = "automated"  # no DropReason: the event is stored, but counts as a bot
SENTENCE_BY_REASON: dict[str, str] = {
    DropReason.HOSTNAME: "Rejected: {hostname} is not an allowed hostname of this property.",
    DropReason.EXCLUDED_IP: "Excluded: it came from an IP address that this property excludes.",
    DropReason.OPT_OUT: "Excluded: this browser has opted out (collector_optout).",
    DropReason.SPAM_REFERRER: "Excluded: the referrer is a known spam domain.",
    DropReason.PREFETCH: "Excluded: the browser only prefetched the page.",
    DropReason.BOT: "Excluded: a bot sent it, and this property blocks bots.",
    AUTOMATED: "Stored separately: this browser is automated (controlled by a program), so it counts as a bot.",
}
_STATUS_PATTERN = re.compile(r"(\d{3}): (.+)", re.DOTALL)


def sentence_of(reason: str, hostname: str | None = None) -> str:
    """Returns the message for a drop reason, or for a rejection of the form "status: sentence"."""
    if template := SENTENCE_BY_REASON.get(reason):
        return template.format(hostname=hostname or "its host")
    if match := _STATUS_PATTERN.fullmatch(reason):
        return f"Rejected with {match[1]}: {match[2]}"
    return f"Rejected: {reason}"


def status_of(reason: str | None) -> int | None:
    """Returns the HTTP status of a rejection; None for an event that was dropped on purpose."""
    match = _STATUS_PATTERN.fullmatch(reason or "")
    return int(match[1]) if match else None


def advice_of(reason: str, collect_rate: float) -> str:
    """Returns advice for a problem that no click can fix; empty where the message is enough.

    `collect_rate` is the rate limit in events per second and address.
    """
    advice = {
        404: "An array is accepted or rejected as a whole: send events of different properties in separate requests.",
        413: f"A request can hold at most {MAX_BODY_BYTES >> 10} KiB and {MAX_EVENTS} events: send fewer at once.",
        429: f"The rate limit is {collect_rate:g} events per second and IP address. If many visitors share an address, "
        "or a server sends for them, raise PROPRIUM_COLLECT_RATE. Only a few rejected events are listed per second.",
        503: "The tracking script retries automatically. If this happens often, check this server's disk and its log.",
    }
    return advice.get(status_of(reason) or 0, "")
