"""The cards' numbers for a whole period and for each of its buckets, in three statements over one reading."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, Subquery, func, literal, null, select, tuple_, union_all
from sqlalchemy.sql.elements import ColumnElement, Label

from proprium.metrics import where
from proprium.metrics.aggregates import (
    count_if,
    hit_counts,
    hit_rows,
    numbers_of,
    session_counts,
    session_rows,
    view_counts,
    view_means,
    view_sums,
)
from proprium.metrics.page_engagement import views
from proprium.metrics.query.buckets import Buckets
from proprium.metrics.query.period import Interval
from proprium.metrics.query.query import KEPT, Audience, Query, timeless
from proprium.metrics.results import Totals
from proprium.warehouse.schema import event, session

Column = ColumnElement[Any]

WHOLE = None
"""The key under which the whole period stands beside its buckets."""


Counted = dict[str, Any]
Sums = Mapping[int | None, Counted]
"""By bucket key. Those of two stretches of time add up to those of both; the period's own stand in no bucket."""


def measure(
    connection: Connection, query: Query, buckets: Buckets | None = None, summed: Sums | None = None
) -> Mapping[int | None, Totals]:
    """Totals by bucket key, and under WHOLE those of the period; buckets without any row are missing.

    `summed` are its `sums`, where they are known already.
    """
    counted = _with_the_whole(sums(connection, query, buckets) if summed is None else summed)
    for question in _questions(timeless(query), buckets):
        for row in connection.execute(question).mappings():
            counted.setdefault(row["bucket"], {}).update(row)
    several_days = query.period.days > 1
    return {key: totals_of(query, each, key is WHOLE and several_days) for key, each in counted.items()}


def sums(connection: Connection, query: Query, buckets: Buckets | None) -> Sums:
    """What is counted of hits and of page views, as far as it adds up."""
    answers = (connection.execute(question).mappings() for question in _summable(timeless(query), buckets))
    rows = (dict(row) for answer in answers for row in answer)
    return added(*({row.pop("bucket"): row} for row in rows))


def added(*parts: Sums) -> Sums:
    found: dict[int | None, Counted] = {}
    for part in parts:
        for key, counted in part.items():
            into = found.setdefault(key, {})
            into.update({name: into.get(name, 0) + (value or 0) for name, value in counted.items()})
    return found


def _with_the_whole(summed: Sums) -> dict[int | None, Counted]:
    every: list[Sums] = [{WHOLE: counted} for counted in summed.values()]
    counts = {**summed, WHOLE: added({WHOLE: {}}, *every)[WHOLE]}
    return {key: counted | view_means(counted) for key, counted in counts.items()}


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
    about = timeless(query)
    questions = [*_summable(about, None), *_questions(about, None), _views(query, None, view_counts)]
    found = ([column for column in each.selected_columns if column.name in columns] for each in questions)
    return [question.with_only_columns(*kept) for question, kept in zip(questions, found, strict=True) if kept]


@lru_cache(maxsize=KEPT)
def _questions(query: Query, buckets: Buckets | None) -> list[Select[Any]]:
    """What does not add up. Making a statement costs as much as its answer of a small property: they are kept."""
    by_session = _sessions_know_visitors(query, buckets)
    visitors = _visitors(query, buckets) if by_session else _hits(query, buckets, with_visitors=True)
    return [_sessions(query, buckets), visitors]


@lru_cache(maxsize=KEPT)
def _summable(query: Query, buckets: Buckets | None) -> list[Select[Any]]:
    hits = [_hits(query, buckets, with_visitors=False)] if _sessions_know_visitors(query, buckets) else []
    return [*hits, _bots(query, buckets), _views(query, buckets, view_sums)]


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
    return _per_bucket(found, buckets, counts | custom, with_whole=with_visitors)


def _bots(query: Query, buckets: Buckets | None) -> Select[Any]:
    """They stand in no other number, and are told beside them."""
    found = select(_bucket(buckets, event.c.created_at)).where(where.bot_hits(query)).subquery("bots")
    return _per_bucket(found, buckets, {"bots": func.count()}, with_whole=False)


def _visitors(query: Query, buckets: Buckets | None) -> Select[Any]:
    """A session is seen on the days of its first and its last hit, and on one between them that the clock cut short."""
    active = where.active_sessions(query)
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
    found = session_rows(query, starts).where(where.chosen_sessions(query)).subquery("sessions")
    goals = {f"reached_{i}": count_if(found.c[f"goal_{i}"]) for i in range(len(query.goals))}
    return _per_bucket(found, buckets, session_counts(found) | goals)


def _views(query: Query, buckets: Buckets | None, counts: Callable[[Subquery], dict[str, Column]]) -> Select[Any]:
    """A view belongs to the bucket in which it began."""
    every = views(query)
    found = select(_bucket(buckets, every.c.at), every.c.engaged_ms, every.c.depth).subquery("reported")
    return _per_bucket(found, buckets, counts(found), with_whole=False)


def _bucket(buckets: Buckets | None, moment: ColumnElement[Any]) -> Label[Any]:
    return (buckets.key(moment) if buckets and buckets.keys else literal(0)).label("bucket")


def _per_bucket(
    rows: Subquery, buckets: Buckets | None, counts: Mapping[str, Column], *, with_whole: bool = True
) -> Select[Any]:
    """One row for each bucket, and one with bucket NULL for them all, unless that is their sum."""
    measured = [count.label(name) for name, count in counts.items()]
    columns: tuple[Column, ...] = (rows.c.bucket if buckets and buckets.keys else null().label("bucket"), *measured)
    question = select(*columns).select_from(rows)
    if not (buckets and buckets.keys):
        return question
    return question.group_by(func.grouping_sets(tuple_(rows.c.bucket), tuple_()) if with_whole else rows.c.bucket)
