"""A report as Markdown, from the same content as the PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator

from maps.atlas import Atlas
from proprium.metrics.results import Dashboard
from proprium.reports.report_model import Content, Facts, GoalRow, Table, content


def markdown(dashboard: Dashboard, facts: Facts, atlas: Atlas) -> str:
    return "\n".join(_lines(content(dashboard, facts, atlas))) + "\n"


def _lines(shown: Content) -> Iterator[str]:
    yield f"# {plain(shown.property_name)}"
    yield ""
    yield from (f"- {what}: {plain(text)}" for what, text in shown.head)
    yield ""
    yield "| Metric | Value | Change |"
    yield "| --- | ---: | ---: |"
    yield from (f"| {plain(c.label)} | {c.value} | {c.change.text if c.change else ''} |" for c in shown.cards)
    if shown.goals:
        yield from _goals(shown.goals)
    for table in shown.tables:
        yield from _table(table)
    yield ""
    if shown.empty:
        yield f"Nothing in this period: {', '.join(shown.empty)}."
        yield ""
    yield shown.bots
    yield ""
    yield shown.foot


def _goals(goals: tuple[GoalRow, ...]) -> Iterator[str]:
    yield ""
    yield "## Goals"
    yield ""
    yield "| Goal | Conversions | Rate | Change |"
    yield "| --- | ---: | ---: | ---: |"
    for goal in goals:
        yield f"| {plain(goal.name)} | {goal.conversions} | {goal.rate} | {goal.change.text if goal.change else ''} |"


def _table(table: Table) -> Iterator[str]:
    yield ""
    yield f"## {table.title}"
    yield ""
    yield f"| {table.title} | {table.unit.capitalize()} | Share |"
    yield "| --- | ---: | ---: |"
    yield from (f"| {plain(row.label)} | {row.count} | {row.share} |" for row in table.rows)
    if table.more:
        yield ""
        yield f"and {table.more:,} more"


def plain(text: str) -> str:
    """Text that came from outside stays text: no mark-up, no HTML, one line, no new table cell."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|!~&])", r"\\\1", one_line)
