"""Renders a report as Markdown, from the same report model as the PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator

from maps.atlas import Atlas
from proprium.metrics.results import Dashboard
from proprium.reports.report_model import GoalRow, ReportModel, ReportOptions, ReportTable, build_report_model


def markdown(dashboard: Dashboard, options: ReportOptions, atlas: Atlas) -> str:
    return "\n".join(_lines(build_report_model(dashboard, options, atlas))) + "\n"


def _lines(report: ReportModel) -> Iterator[str]:
    yield f"# {escape_markdown(report.property_name)}"
    yield ""
    yield from (f"- {label}: {escape_markdown(text)}" for label, text in report.head)
    yield ""
    yield "| Metric | Value | Change |"
    yield "| --- | ---: | ---: |"
    yield from (
        f"| {escape_markdown(card.label)} | {card.value} | {card.change.text if card.change else ''} |"
        for card in report.cards
    )
    if report.goals:
        yield from _goals(report.goals)
    for table in report.tables:
        yield from _table(table)
    yield ""
    if report.empty:
        yield f"No data in this period: {', '.join(report.empty)}."
        yield ""
    yield report.bots
    yield ""
    yield from (f"- {title}: {text}" for title, text in report.definitions)
    yield ""
    yield report.foot


def _goals(goals: tuple[GoalRow, ...]) -> Iterator[str]:
    yield ""
    yield "## Goals"
    yield ""
    yield "| Goal | Conversions | Conversion rate | Change |"
    yield "| --- | ---: | ---: | ---: |"
    for goal in goals:
        change = goal.change.text if goal.change else ""
        yield f"| {escape_markdown(goal.name)} | {goal.conversions} | {goal.rate} | {change} |"


def _table(table: ReportTable) -> Iterator[str]:
    yield ""
    yield f"## {table.title}"
    yield ""
    yield f"| {table.title} | {table.unit.capitalize()} | Share |"
    yield "| --- | ---: | ---: |"
    yield from (f"| {escape_markdown(row.label)} | {row.count} | {row.share} |" for row in table.rows)
    if table.more:
        yield ""
        yield f"and {table.more:,} more"


def escape_markdown(text: str) -> str:
    """Escapes text from outside for Markdown: no markup, no HTML, no line break, no new table cell."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|!~&])", r"\\\1", one_line)
