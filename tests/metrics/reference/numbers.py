"""The cards, and the timeline of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median
from typing import Any

from collector.event import Identity
from tests.metrics.reference.hits import Hit
from tests.metrics.reference.query_spec import Chosen, History, QuerySpec, choose, reaches
from tests.metrics.reference.sessions import Session
from tests.metrics.reference.spans import Buckets, Span, buckets_of

Numbers = Mapping[str, Any]


def totals(history: History, spec: QuerySpec, span: Span) -> Numbers:
    """`daily_visitors`: a cookieless property's are known for a day only, so that several days are a sum. In others the
    number of those known for one day is told.
    """
    chosen = choose(history, spec, span)
    days = {at.astimezone(spec.zone).date() for at in (span.start, span.end - datetime.resolution)}
    known_for_a_day = {hit.visitor for hit in chosen.hits if hit.sent.identity is Identity.DAILY} - {None}
    return {
        **numbers(history, spec, chosen),
        "daily_visitors": len(days) > 1 and spec.is_cookieless,
        "single_day_visitors": len(known_for_a_day),
    }


def numbers(history: History, spec: QuerySpec, chosen: Chosen) -> Numbers:
    """A rate of nothing is None."""
    hits, sessions = chosen.hits, chosen.sessions
    events = [hit.sent.event for hit in hits]
    views = [hit for hit in hits if hit.counts_as_view]
    readings = [history.readings[view] for view in views if view in history.readings]
    read_ms = [reading.engaged_ms for reading in readings if reading.engaged_ms >= 1000]
    depths = [reading.depth for reading in readings if reading.depth is not None]
    durations = [session.duration_s for session in sessions]
    bounce_rate = _percent(sum(session.is_bounce for session in sessions), len(sessions))
    exits = sum(view.session is not None and view.session.views[-1] is view for view in views)
    reached = {goal.name: {s for s in sessions if reaches(s, goal, spec.zone)} for goal in spec.goals}
    chosen_goals = {name: sessions_of_goal for name, sessions_of_goal in reached.items() if spec.goal in ("", name)}
    converted = len(set().union(*chosen_goals.values()))
    return {
        "visitors": len({hit.visitor for hit in chosen.visits} - {None}),
        "new_visitors": events.count("session_start"),
        "sessions": len(sessions),
        "page_views": len(views),
        "views_per_session": len(views) / len(sessions) if sessions else None,
        "bounce_rate": bounce_rate,
        "engagement_rate": None if bounce_rate is None else 100 - bounce_rate,
        "visit_duration": median(durations) if durations else None,
        "visit_duration_mean": fmean(durations) if durations else None,
        "time_on_page": fmean(read_ms) / 1000 if read_ms else None,
        "clicks": events.count("click"),
        "scrolls": events.count("scroll"),
        "events": len(events),
        "scroll_depth": fmean(depths) if depths else None,
        "exit_rate": _percent(exits, len(views)),
        "conversions": converted if spec.goals else None,
        "conversion_rate": _percent(converted, len(sessions)) if spec.goals else None,
        "bots": len(chosen.bots),
        "custom": {name: events.count(name) for name in spec.custom_cards},
        "goals": {name: len(sessions_of_goal) for name, sessions_of_goal in reached.items()},
    }


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


@dataclass(frozen=True)
class Lines:
    buckets: Buckets
    numbers: Sequence[Numbers]  # of each bucket


def lines(history: History, spec: QuerySpec, span: Span) -> Lines:
    """Hits and page views belong to the bucket of their time, sessions to that of their start."""
    buckets = buckets_of(span, spec.interval, spec.zone, spec.now)
    chosen = choose(history, spec, span)
    parts = [Chosen([], [], [], chosen.is_about_pages) for _ in buckets.starts]
    if parts:
        for hit in chosen.hits:
            parts[buckets.number(hit.at)].hits.append(hit)
        for session in chosen.sessions:
            parts[buckets.number(session.started_at)].sessions.append(session)
    return Lines(buckets, [numbers(history, spec, part) for part in parts])


def live(history: History, now: datetime, minutes: int) -> int:
    """Distinct visitors with any hit; whatever the filters are."""
    recent: list[Hit] = [hit for hit in history.hits if (now - hit.at).total_seconds() < 60 * minutes]
    return len({hit.visitor for hit in recent if not hit.is_bot} - {None})


def sessions_running_at(history: History, at: datetime) -> list[Session]:
    return [session for session in history.sessions if session.started_at < at <= session.hits[-1].at]
