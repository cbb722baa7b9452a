"""Why an event is not where its sender wanted it, and what helps: in sentences for a property's owner."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from collector.errors import Reason
from collector.parse import BODY_LIMIT, EVENTS_LIMIT

Fix = tuple[str, Callable[[], Any]]  # a button's label, and what it does

AUTOMATED = "automated"  # stored, but kept apart
SENTENCES: dict[str, str] = {
    Reason.HOSTNAME: "Refused: {hostname} is not among the hostnames of this property.",
    Reason.EXCLUDED_IP: "Left out: it came from an address that this property excludes.",
    Reason.OPT_OUT: "Left out: this browser asked to be left out (collector_optout).",
    Reason.SPAM_REFERRER: "Left out: its referrer is known for spam.",
    Reason.PREFETCH: "Left out: the browser only fetched the page in advance.",
    Reason.BOT: "Left out: a bot sent it, and this property discards bots.",
    AUTOMATED: "Stored, but kept apart: a program drives this browser, so it counts as a bot, not as a person.",
}
_STATUS = re.compile(r"(\d{3}): (.+)", re.DOTALL)


def sentence_of(reason: str, hostname: str | None = None) -> str:
    if told := SENTENCES.get(reason):
        return told.format(hostname=hostname or "its host")
    if found := _STATUS.fullmatch(reason):
        return f"Refused with {found[1]}: {found[2]}"
    return f"Refused: {reason}"


def status_of(reason: str | None) -> int | None:
    """The HTTP status that its sender got; None for what was left out on purpose."""
    found = _STATUS.fullmatch(reason or "")
    return int(found[1]) if found else None


def advice_of(reason: str, collect_rate: float) -> str:
    """What to do where no click does it; empty where the sentence says it all."""
    advice = {
        404: "An array is taken or refused as a whole: send events of different properties one by one.",
        413: f"One request holds at most {BODY_LIMIT >> 10} KiB and {EVENTS_LIMIT} events: send fewer at once.",
        429: f"One address may send {collect_rate:g} events a second. Where many people share one, or a server sends "
        "for them, raise PROPRIUM_COLLECT_RATE. A few of such a flood are listed each second, not all.",
        503: "The tag tries again by itself. If it happens often, look at this server's disk and its log.",
    }
    return advice.get(status_of(reason) or 0, "")
