"""Why a number is what it is: what it means, which rows it was counted from, what was left out, and the SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, and_, func, not_, select

from proprium.metrics import where
from proprium.metrics.aggregates import COLUMNS
from proprium.metrics.definitions import DEFINITIONS
from proprium.metrics.query.query import Audience, Query
from proprium.metrics.results import Metric
from proprium.metrics.totals_query import WHOLE, asked, measure
from proprium.warehouse.schema import event, left_out, session

if TYPE_CHECKING:
    from proprium.warehouse.warehouse import Warehouse

NameOf = Callable[[str, str], str]

OF_GOALS = frozenset({Metric.CONVERSIONS, Metric.CONVERSION_RATE})
RULES = {"country": "Excluded countries", "path": "Excluded paths", "user_agent": "Excluded User-Agents"}
"""warehouse.left_out.reason as people read it."""


@dataclass(frozen=True)
class Step:
    """What is left after one more condition."""

    label: str
    hits: int
    sessions: int


@dataclass(frozen=True)
class LeftOut:
    reason: str
    count: int  # hits
    why: str


@dataclass(frozen=True)
class Why:
    metric: Metric
    definition: str
    number: float | None
    window: tuple[tuple[str, str], ...]  # (what, text): from, to, zone, in UTC
    steps: tuple[Step, ...]  # the first one is everything of the period, the last one what was counted
    left_out: tuple[LeftOut, ...]
    sql: str


def why(
    warehouse: Warehouse,
    query: Query,
    metric: Metric,
    *,
    refused: Mapping[str, int] | None = None,
    name_of: NameOf = lambda dimension, value: value,
) -> Why:
    """`refused`: how many events of the period were turned away at the door, by reason, as far as that is known."""
    with warehouse.read() as connection:
        return Why(
            metric=metric,
            definition=DEFINITIONS[metric],
            number=measure(connection, query)[WHOLE].value(metric),
            window=_window(query),
            steps=tuple(_steps(connection, query, name_of)),
            left_out=tuple(_left_out(connection, query, refused or {})),
            sql=_sql(connection, query, metric),
        )


def _window(query: Query) -> tuple[tuple[str, str], ...]:
    span = query.period
    return (
        ("From", f"{span.start:%Y-%m-%d %H:%M}"),
        ("Until", f"{span.end:%Y-%m-%d %H:%M}"),
        ("Time zone", query.timezone.key),
        ("In UTC", f"{span.start_utc:%Y-%m-%d %H:%M} – {span.end_utc:%Y-%m-%d %H:%M}"),
    )


def _steps(connection: Connection, query: Query, name_of: NameOf) -> Iterator[Step]:
    plain = query.with_filters()
    started = _sessions(connection, plain)
    yield Step("Everything that was stored for this period", _hits(connection, where.hits_in_period(query)), started)
    if query.audience is not Audience.ALL:
        chosen = _hits(connection, where.chosen_hits(plain))
        yield Step("Sent by people" if query.audience is Audience.HUMANS else "Sent by bots", chosen, started)
    for count, wanted in enumerate(query.filters, start=1):
        narrowed = query.with_filters(*query.filters[:count])
        hits = _hits(connection, where.chosen_hits(narrowed))
        yield Step(wanted.label(name_of), hits, _sessions(connection, narrowed))


def _left_out(connection: Connection, query: Query, refused: Mapping[str, int]) -> Iterator[LeftOut]:
    here = where.hits_in_period(query)
    if query.audience is Audience.HUMANS and (bots := _hits(connection, and_(here, event.c.is_bot))):
        yield LeftOut("Bots", bots, "Known crawlers, monitors and automated browsers stand in no number but their own.")
    doubles = and_(here, not_(event.c.is_bot), event.c.event == "page_view", not_(event.c.is_view))
    if count := _hits(connection, doubles):
        yield LeftOut("Double page views", count, "The same visitor on the same path again within a second, unnamed.")
    if count := _hits(connection, and_(here, not_(event.c.is_bot), event.c.visitor.is_(None))):
        yield LeftOut(
            "Nobody's", count, "Server-side events without a user_id are events, but no visitors or sessions."
        )
    for reason, count in _ruled_out(connection, query):
        yield LeftOut(RULES[reason], count, "The property's settings leave them out of every number.")
    for reason, count in refused.items():
        yield LeftOut(f"Refused: {reason}", count, "Turned away at the door and never stored; the newest are listed.")


def _ruled_out(connection: Connection, query: Query) -> list[tuple[str, int]]:
    counted = (
        select(left_out.c.reason, func.count())
        .where(
            left_out.c.property == query.property,
            left_out.c.created_at >= query.period.start_utc,
            left_out.c.created_at < query.period.end_utc,
        )
        .group_by(left_out.c.reason)
        .order_by(left_out.c.reason)
    )
    return [(row[0], row[1]) for row in connection.execute(counted)]


def _hits(connection: Connection, condition: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(event).where(condition)) or 0


def _sessions(connection: Connection, query: Query) -> int:
    return connection.scalar(select(func.count()).select_from(session).where(where.chosen_sessions(query))) or 0


def _sql(connection: Connection, query: Query, metric: Metric) -> str:
    """As it is asked, with the values in it: for reading, and for a SQL prompt of one's own.

    "" where it would show a reader the private values that a goal is defined by.
    """
    visible = tuple(goal for goal in query.goals if query.data_access.allows_all(goal.filters))
    if metric in OF_GOALS and visible != query.goals:
        return ""
    query = replace(query, goals=visible)
    return ";\n\n".join(_text(connection, question) for question in asked(query, COLUMNS[metric]))


def _text(connection: Connection, question: Any) -> str:
    return str(question.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
