"""Why an event is not where its sender wanted it, and what helps: in sentences for a property's owner."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from collector.errors import DropReason
from collector.parse import MAX_BODY_BYTES, MAX_EVENTS

Fix = tuple[str, Callable[[], Any]]  # a button's label, and what it does

AUTOMATED = "automated"  # stored, but kept apart
SENTENCE_BY_REASON: dict[str, str] = {
    DropReason.HOSTNAME: "Refused: {hostname} is not among the hostnames of this property.",
    DropReason.EXCLUDED_IP: "Left out: it came from an address that this property excludes.",
    DropReason.OPT_OUT: "Left out: this browser asked to be left out (collector_optout).",
    DropReason.SPAM_REFERRER: "Left out: its referrer is known for spam.",
    DropReason.PREFETCH: "Left out: the browser only fetched the page in advance.",
    DropReason.BOT: "Left out: a bot sent it, and this property discards bots.",
    AUTOMATED: "Stored, but kept apart: a program drives this browser, so it counts as a bot, not as a person.",
}
_STATUS_PATTERN = re.compile(r"(\d{3}): (.+)", re.DOTALL)


def sentence_of(reason: str, hostname: str | None = None) -> str:
    if template := SENTENCE_BY_REASON.get(reason):
        return template.format(hostname=hostname or "its host")
    if match := _STATUS_PATTERN.fullmatch(reason):
        return f"Refused with {match[1]}: {match[2]}"
    return f"Refused: {reason}"


def status_of(reason: str | None) -> int | None:
    """The HTTP status that its sender got; None for what was left out on purpose."""
    match = _STATUS_PATTERN.fullmatch(reason or "")
    return int(match[1]) if match else None


def advice_of(reason: str, collect_rate: float) -> str:
    """What to do where no click does it; empty where the sentence says it all."""
    advice = {
        404: "An array is taken or refused as a whole: send events of different properties one by one.",
        413: f"One request holds at most {MAX_BODY_BYTES >> 10} KiB and {MAX_EVENTS} events: send fewer at once.",
        429: f"One address may send {collect_rate:g} events a second. Where many people share one, or a server sends "
        "for them, raise PROPRIUM_COLLECT_RATE. A few of such a flood are listed each second, not all.",
        503: "The tag tries again by itself. If it happens often, look at this server's disk and its log.",
    }
    return advice.get(status_of(reason) or 0, "")
