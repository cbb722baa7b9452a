from __future__ import annotations

import re
from dataclasses import replace

import markdown2

from proprium.metrics.query.query import Limits
from proprium.metrics.results import Dimension, LiveVisitors
from proprium.reports.html import html
from proprium.reports.markdown import escape_markdown, markdown
from proprium.reports.report_model import ReportOptions
from tests.support.dashboards import ATLAS, PREVIOUS, TOTALS, a_dashboard, a_filter, a_query


def test_it_says_what_the_pdf_says() -> None:
    dashboard = a_dashboard(a_query(filters=(a_filter(),)))
    text = markdown(dashboard, ReportOptions("acme.dev"), ATLAS).replace("\\", "")
    page = html(dashboard, ReportOptions("acme.dev"), ATLAS).split("<body>", 1)[1].split("<script>", 1)[0]
    for number in re.findall(r"<b>([^<]+)</b>", page) + re.findall(r"<td>([\d,]+)</td>", page):
        assert number in text
    for what in re.findall(r"<dd>([^<]+)</dd>", page):
        assert what in text


def test_goals_are_a_table() -> None:
    board = a_dashboard(totals=replace(TOTALS, goals={"A | B": 140}), previous=replace(PREVIOUS, goals={"A | B": 100}))
    assert "| A \\| B | 140 | 1.0% | +40.0% |" in markdown(board, ReportOptions("acme.dev"), ATLAS)


def test_its_tables_are_tables() -> None:
    page = markdown2.markdown(markdown(a_dashboard(), ReportOptions("acme.dev"), ATLAS), extras=["tables"])
    assert page.count("<table>") == 22
    assert "<td>Germany</td>" in page


def test_each_table_says_what_it_counts_and_what_its_shares_are_of() -> None:
    dashboard = a_dashboard()
    text, page = (print_(dashboard, ReportOptions("acme.dev"), ATLAS) for print_ in (markdown, html))
    for breakdown in dashboard.breakdowns.values():
        if breakdown.rows:
            share = f"Share of {breakdown.total:,}"
            assert f"| {breakdown.count_title} | {share} |" in text
            assert f"<small>{breakdown.count_title} · {share}</small>" in page


def test_what_visitors_sent_cannot_become_markup() -> None:
    hostile = "<script>x</script> | [a](javascript:b) `c` **d**\n# e"
    text = markdown(a_dashboard(values={Dimension.PAGE: (hostile,)}), ReportOptions("acme.dev"), ATLAS)
    page = markdown2.markdown(text, extras=["tables"], safe_mode="escape")
    assert "<script>" not in page
    assert "href=" not in page
    assert "<h1>e" not in page
    assert "<strong>d" not in page


def test_one_text_is_one_line() -> None:
    assert escape_markdown("a\r\n\tb | c") == "a b \\| c"


def test_it_states_the_propertys_own_limits() -> None:
    query = a_query(limits=Limits(session_timeout_min=45, engagement_threshold_s=20, live_window_min=1))
    dashboard = a_dashboard(query, live=LiveVisitors(now=7, half_hour=31, minutes=1))
    for document in (
        markdown(dashboard, ReportOptions("acme.dev"), ATLAS),
        html(dashboard, ReportOptions("acme.dev"), ATLAS),
    ):
        assert "A visit ends after 45 minutes of inactivity, or after 24 hours." in document
        assert "under 20 s of engagement" in document
        assert "7 in the last minute (not filtered)" in document


def test_visitors_of_a_cookieless_property_are_daily_visitors_in_cards_and_definitions() -> None:
    options = ReportOptions("acme.dev")
    with_cookies = a_dashboard(totals=replace(TOTALS, single_day_visitors=1_234))
    cookieless = a_dashboard(totals=replace(TOTALS, daily_visitors=True, single_day_visitors=1_234))
    for document in (markdown(with_cookies, options, ATLAS), html(with_cookies, options, ATLAS)):
        assert "Daily visitors" not in document
        assert "1,234 of them have no cookie and were recognised for one day only." in document
    for document in (markdown(cookieless, options, ATLAS), html(cookieless, options, ATLAS)):
        assert document.count("Daily visitors") >= 2
        assert "Sum of daily unique visitors" in document
