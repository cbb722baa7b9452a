"""Messages for a property's owner: why an event was rejected or excluded, and how to fix it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from collector.errors import DropReason
from collector.parse import MAX_BODY_BYTES, MAX_EVENTS
from proprium.i18n import N_, ngettext
from proprium.i18n import gettext as _

Fix = tuple[str, Callable[[], Any]]  # a button's label and its action

AUTOMATED = "automated"  # no DropReason: the event is stored, but counts as a bot
SENTENCE_BY_REASON: dict[str, str] = {
    DropReason.HOSTNAME: N_("Rejected: {hostname} is not an allowed hostname of this property."),
    DropReason.EXCLUDED_IP: N_("Excluded: it came from an IP address that this property excludes."),
    DropReason.OPT_OUT: N_("Excluded: this browser has opted out (collector_optout)."),
    DropReason.SPAM_REFERRER: N_("Excluded: the referrer is a known spam domain."),
    DropReason.PREFETCH: N_("Excluded: the browser only prefetched the page."),
    DropReason.BOT: N_("Excluded: a bot sent it, and this property blocks bots."),
    AUTOMATED: N_("Stored separately: this browser is automated (controlled by a program), so it counts as a bot."),
}
_STATUS_PATTERN = re.compile(r"(\d{3}): (.+)", re.DOTALL)


def sentence_of(reason: str, hostname: str | None = None) -> str:
    """Returns the message for a drop reason, or for a rejection of the form "status: sentence"."""
    if template := SENTENCE_BY_REASON.get(reason):
        return _(template, hostname=hostname or _("its host"))
    if match := _STATUS_PATTERN.fullmatch(reason):
        return _("Rejected with {status}: {reason}", status=match[1], reason=match[2])
    return _("Rejected: {reason}", reason=reason)


def status_of(reason: str | None) -> int | None:
    """Returns the HTTP status of a rejection; None for an event that was dropped on purpose."""
    match = _STATUS_PATTERN.fullmatch(reason or "")
    return int(match[1]) if match else None


def advice_of(reason: str, collect_rate: float) -> str:
    """Returns advice for a problem that no click can fix; empty where the message is enough.

    `collect_rate` is the rate limit in events per second and address.
    """
    rate = f"{collect_rate:g}"
    advice = {
        404: _(
            "An array is accepted or rejected as a whole: send events of different properties in separate requests."
        ),
        413: _(
            "A request can hold at most {size} KiB and {events} events: send fewer at once.",
            size=MAX_BODY_BYTES >> 10,
            events=MAX_EVENTS,
        ),
        429: ngettext(
            "The rate limit is {rate} event per second and IP address. If many visitors share an address, or a server "
            "sends for them, raise PROPRIUM_COLLECT_RATE. Only a few rejected events are listed per second.",
            "The rate limit is {rate} events per second and IP address. If many visitors share an address, or a server "
            "sends for them, raise PROPRIUM_COLLECT_RATE. Only a few rejected events are listed per second.",
            1 if collect_rate == 1 else 2,
            rate=rate,
        ),
        503: _(
            "The tracking script retries automatically. If this happens often, check this server's disk and its log."
        ),
    }
    return advice.get(status_of(reason) or 0, "")
