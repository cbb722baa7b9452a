"""Session context: the hits from which a session takes its source, device, location, screen, language and hostname.

Source, channel and UTM parameters are those of the first page view; where it has none, of the session_start before it;
without a page view, of the first hit that has any. All else is that of the first hit of a browser that has a value; if
none has, of an app or of an import without User-Agent. Of an HTTP library's hit only the hostname is used.
"""

from __future__ import annotations

from dataclasses import dataclass

ACQUISITION, AGENT, LOCATION, SCREEN, LANGUAGE, HOSTNAME = (1 << index for index in range(6))
"""Bits of a hit's `context_bits`: the groups of columns in which it has a value."""
FALLBACK_SHIFT = 6
"""The same bits, shifted: values that count only where no browser's hit has one."""
_EVERY_BIT = (1 << 2 * FALLBACK_SHIFT) - 1


@dataclass(frozen=True)
class ContextGroup:
    """Columns that a session takes from one hit; `attribute` of SessionContext is the seq of that hit."""

    bit: int
    attribute: str
    columns: tuple[str, ...]


_CAMPAIGN_COLUMNS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
ACQUISITION_COLUMNS = ("referrer", *_CAMPAIGN_COLUMNS, "click_id")
"""A hit has an acquisition source where one of these columns of its row has a value."""

CONTEXT_GROUPS = (
    ContextGroup(ACQUISITION, "acquisition_hit", ("referrer", *_CAMPAIGN_COLUMNS, "source", "channel")),
    ContextGroup(AGENT, "agent_hit", ("browser", "browser_version", "platform", "platform_version", "device")),
    ContextGroup(LOCATION, "location_hit", ("country", "region", "city")),
    ContextGroup(SCREEN, "screen_hit", ("screen",)),
    ContextGroup(LANGUAGE, "language_hit", ("language",)),
    ContextGroup(HOSTNAME, "hostname_hit", ("hostname",)),
)
"""All context columns of a session but `identity`, which is that of its first hit."""


@dataclass(slots=True, eq=False, kw_only=True)
class SessionContext:
    """The seqs of the hits that a session takes columns from, None for none; hits are added in the order of time."""

    acquisition_hit: int | None = None
    agent_hit: int | None = None
    location_hit: int | None = None
    screen_hit: int | None = None
    language_hit: int | None = None
    hostname_hit: int | None = None
    missing_bits: int = _EVERY_BIT  # values that a later hit would still be taken for
    start_hit: int | None = None  # the first session_start with an acquisition source
    direct_view_us: int | None = None  # time of the first page view, where neither it nor `start_hit` has a source
    has_new_context: bool = False  # differs from the session's row in the warehouse, if any

    def add_context(self, seq: int, new_bits: int) -> None:
        """Takes from a hit the columns in which it has the first value: those that are in `missing_bits` too."""
        for group in CONTEXT_GROUPS:
            if new_bits & (group.bit | group.bit << FALLBACK_SHIFT):
                setattr(self, group.attribute, seq)
        self.missing_bits &= ~(new_bits | new_bits << FALLBACK_SHIFT)
        self.has_new_context = True

    def add_session_start(self, seq: int, timestamp_us: int) -> None:
        """Adds a session_start with an acquisition source: for a first page view without one, at its time or later."""
        if self.start_hit is None:
            self.start_hit = seq
        if self.direct_view_us == timestamp_us:  # of two hits at one time, either may have arrived first
            self.acquisition_hit, self.direct_view_us, self.has_new_context = seq, None, True

    def add_first_view(self, seq: int, timestamp_us: int, *, has_acquisition: bool) -> None:
        """Adds the first page view, which decides about the acquisition source: later hits change nothing."""
        self.acquisition_hit = seq if has_acquisition or self.start_hit is None else self.start_hit
        if self.acquisition_hit == seq and not has_acquisition:
            self.direct_view_us = timestamp_us
        self.missing_bits &= ~ACQUISITION
        self.has_new_context = True
