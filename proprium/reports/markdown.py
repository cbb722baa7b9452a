"""Renders a report as Markdown, from the same report model as the PDF."""

from __future__ import annotations

import re
from collections.abc import Sequence

from maps.atlas import Atlas
from proprium.figures.wording import change_text
from proprium.i18n import gettext as _
from proprium.metrics.results import Dashboard
from proprium.reports.report_model import ReportOptions, build_report_model


def markdown(dashboard: Dashboard, options: ReportOptions, atlas: Atlas) -> str:
    report = build_report_model(dashboard, options, atlas)
    lines = [
        f"# {escape_markdown(report.property_name)}",
        "",
        *(f"- {label}: {escape_markdown(text)}" for label, text in report.head),
        "",
        *_heading_row(_("Metric"), _("Value"), _("Change")),
    ]
    for card in report.cards:
        change = change_text(card.change) if card.change else ""
        lines.append(f"| {escape_markdown(card.label)} | {card.value} | {change} |")
    if report.goals:
        lines += ("", f"## {_('Goals')}", "", *_heading_row(_("Goal"), *report.goal_titles, _("Change")))
        for goal in report.goals:
            change = change_text(goal.change) if goal.change else ""
            lines.append(f"| {escape_markdown(goal.name)} | {goal.conversions} | {goal.rate} | {change} |")
    for table in report.tables:
        lines += ("", f"## {table.title}", "", *_heading_row(table.title, table.count_title, table.share_title))
        lines += (f"| {escape_markdown(row.label)} | {row.count} | {row.share} |" for row in table.rows)
        lines += ("", table.more) if table.more else ()
        lines += ("", escape_markdown(table.note)) if table.note else ()
    lines += ("", report.empty) if report.empty else ()
    lines += ("", report.bots, "", *(f"- {title}: {text}" for title, text in report.definitions), "", report.foot)
    return "\n".join(lines) + "\n"


def _heading_row(label: str, *numbers: str) -> Sequence[str]:
    """Returns the head of a table: a column of labels, then right-aligned ones."""
    return f"| {' | '.join((label, *numbers))} |", f"| --- |{' ---: |' * len(numbers)}"


def escape_markdown(text: str) -> str:
    """Escapes text from outside for Markdown: no markup, no HTML, no line break, no new table cell."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|!~&])", r"\\\1", one_line)
