"""The cards' numbers for a whole period and for each of its buckets, in three statements over one reading."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Subquery, func, literal, null, select, tuple_, union_all
from sqlalchemy.sql.elements import ColumnElement, Label

from proprium.metrics import selection
from proprium.metrics.buckets import Buckets
from proprium.metrics.counting import (
    count_if,
    hit_counts,
    hit_rows,
    numbers_of,
    session_counts,
    session_rows,
    view_counts,
)
from proprium.metrics.period import Interval
from proprium.metrics.query import KEPT, Audience, Query, timeless
from proprium.metrics.results import Totals
from proprium.metrics.views import views
from proprium.warehouse.schema import event, session

WHOLE = None
"""The key under which the whole period stands beside its buckets."""


def measure(connection: Connection, query: Query, buckets: Buckets | None = None) -> Mapping[int | None, Totals]:
    """Totals by bucket key, and under WHOLE those of the period; buckets without any row are missing."""
    counted: dict[int | None, dict[str, Any]] = {WHOLE: {}}
    for question in _questions(timeless(query), buckets):
        for row in connection.execute(question).mappings():
            counted.setdefault(row["bucket"], {}).update(row)
    several_days = query.period.days > 1
    return {key: totals_of(query, each, key is WHOLE and several_days) for key, each in counted.items()}


def totals_of(query: Query, counted: Mapping[str, Any], several_days: bool = False) -> Totals:
    numbers = {metric.value: number for metric, number in numbers_of(query, counted).items()}
    return Totals(
        **numbers,  # type: ignore[arg-type]
        visit_duration_mean=counted.get("duration_mean"),
        bots=counted.get("bots", 0),
        daily_visitors=several_days and counted.get("daily", 0) > 0,
        custom={name: counted.get(f"custom_{i}", 0) for i, name in enumerate(query.custom_cards)},
        goals={goal.name: counted.get(f"reached_{i}", 0) for i, goal in enumerate(query.goals)},
    )


def asked(query: Query, columns: Collection[str]) -> list[Select[Any]]:
    """The statements behind these counts of the whole period, each with nothing else."""
    questions = _questions(query, None)
    found = ([column for column in each.selected_columns if column.name in columns] for each in questions)
    return [question.with_only_columns(*kept) for question, kept in zip(questions, found, strict=True) if kept]


@lru_cache(maxsize=KEPT)
def _questions(query: Query, buckets: Buckets | None) -> list[Select[Any]]:
    """Making them costs as much as answering them of a small property, and an open page asks the same every second."""
    by_session = _sessions_know_visitors(query, buckets)
    hits = _hits(query, buckets, with_visitors=not by_session)
    found = [hits, _bots(query, buckets), _sessions(query, buckets), _views(query, buckets)]
    return [*found, _visitors(query, buckets)] if by_session else found


def _sessions_know_visitors(query: Query, buckets: Buckets | None) -> bool:
    """There are five times as many hits. An hour may lie within a session without having a hit of it; a day may not."""
    days = buckets is None or buckets.interval not in {Interval.MINUTE, Interval.HOUR}
    return days and query.audience is Audience.HUMANS and not any(wanted.is_about_hits for wanted in query.filters)


def _hits(query: Query, buckets: Buckets | None, *, with_visitors: bool) -> Select[Any]:
    found = hit_rows(query, _bucket(buckets, event.c.created_at)).subquery("hits")
    custom = {f"custom_{i}": count_if(found.c.event == name) for i, name in enumerate(query.custom_cards)}
    counts = {
        **({"visitors": func.count(found.c.visitor.distinct())} if with_visitors else {}),
        **hit_counts(found),
        "daily": count_if(found.c.is_daily),
    }
    return _per_bucket(found, buckets, counts | custom)


def _bots(query: Query, buckets: Buckets | None) -> Select[Any]:
    """They stand in no other number, and are told beside them."""
    found = select(_bucket(buckets, event.c.created_at)).where(selection.bot_hits(query)).subquery("bots")
    return _per_bucket(found, buckets, {"bots": func.count()})


def _visitors(query: Query, buckets: Buckets | None) -> Select[Any]:
    """A session is seen on the days of its first and its last hit, and on one between them that the clock cut short."""
    active = selection.active_sessions(query)
    whole: tuple[Any, ...] = (null().label("bucket"), func.count(session.c.visitor.distinct()).label("visitors"))
    everybody = select(*whole).where(active)
    if not (buckets and buckets.keys):
        return everybody
    first, last = buckets.key(session.c.started_at), buckets.key(session.c.ended_at)
    days = select(session.c.visitor, first.label("first"), last.label("last")).where(active).cte("days")
    first, last = days.c.first, days.c.last
    seen = union_all(
        select(first.label("bucket"), days.c.visitor),
        select(last, days.c.visitor).where(last != first),
        select(first + 1, days.c.visitor).where(last == first + 2),
    ).subquery("seen")
    once = select(seen.c.bucket, seen.c.visitor).distinct().subquery("once")
    by_day = select(once.c.bucket, func.count().label("visitors")).group_by(once.c.bucket)
    found = union_all(by_day, everybody).subquery("found")
    return select(found.c.bucket, found.c.visitors)


def _sessions(query: Query, buckets: Buckets | None) -> Select[Any]:
    starts = _bucket(buckets, session.c.started_at)
    found = session_rows(query, starts).where(selection.chosen_sessions(query)).subquery("sessions")
    goals = {f"reached_{i}": count_if(found.c[f"goal_{i}"]) for i in range(len(query.goals))}
    return _per_bucket(found, buckets, session_counts(found) | goals)


def _views(query: Query, buckets: Buckets | None) -> Select[Any]:
    """A view belongs to the bucket in which it began."""
    every = views(query)
    found = select(_bucket(buckets, every.c.at), every.c.engaged_ms, every.c.depth).subquery("reported")
    return _per_bucket(found, buckets, view_counts(found))


def _bucket(buckets: Buckets | None, moment: ColumnElement[Any]) -> Label[Any]:
    return (buckets.key(moment) if buckets and buckets.keys else literal(0)).label("bucket")


def _per_bucket(rows: Subquery, buckets: Buckets | None, counts: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """One row for each bucket, and one with bucket NULL for them all."""
    measured = [count.label(name) for name, count in counts.items()]
    if not (buckets and buckets.keys):
        return select(null().label("bucket"), *measured).select_from(rows)
    sets = func.grouping_sets(tuple_(rows.c.bucket), tuple_())
    return select(rows.c.bucket, *measured).select_from(rows).group_by(sets)
