"""The panel "why this number": definition, period, effect of each filter, exclusions and SQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from proprium.metrics.catalog.facts import Rows
from proprium.metrics.explain import ExcludedHits, FunnelStep, explain
from proprium.metrics.query.data_access import EVERY_KEY, NO_KEY
from proprium.metrics.query.filters import parse_filter
from proprium.metrics.query.query import Goal, Limits
from proprium.metrics.results import Metric
from tests.metrics.conftest import Past
from tests.support.builders import GOOGLEBOT, an_event


def a_day(past: Past) -> None:
    past.goals = (Goal("Signed up", (parse_filter("event:is:signup"),)),)
    past.append(
        an_event("ada", page="/a", country="DE"),
        an_event("ada", page="/b", country="DE", at="09:05"),
        an_event("ada", page="/b", country="DE", at="09:05:00.5"),
        an_event("bob", page="/a", country="US"),
        an_event("bob", event="signup", country="US", at="09:03"),
        an_event(None, event="invoice"),
        an_event(None, user_agent=GOOGLEBOT),
    )


def test_each_filter_reports_how_many_rows_it_leaves(past: Past) -> None:
    a_day(past)
    explanation = explain(
        past.warehouse, past.query("period=today&filter=country:is:DE&filter=page:is:/a"), Metric.VISITORS
    )
    assert explanation.steps == (
        FunnelStep("All stored events", 7, 2),
        FunnelStep("From humans", 6, 2),
        FunnelStep("Country is DE", 3, 1),
        FunnelStep("Page is /a", 1, 1),
    )


@pytest.mark.parametrize("metric", list(Metric))
def test_the_sql_shows_a_reader_no_private_values_of_a_goal(past: Past, metric: Metric) -> None:
    past.goals = (Goal("Bought", (parse_filter("data.plan:is:secret-plan"),)),)
    past.append(an_event("ada", data={"plan": "secret-plan"}))
    assert ("secret-plan" in explain(past.warehouse, past.query(), metric).sql) is (Rows.SESSIONS in metric.spec.scope)
    past.data_access = NO_KEY
    explanation = explain(past.warehouse, past.query(), metric)
    assert "secret-plan" not in explanation.sql
    assert explanation.value == explain(past.warehouse, replace(past.query(), data_access=EVERY_KEY), metric).value


def test_excluded_hits_are_counted_with_their_reason(past: Past) -> None:
    a_day(past)
    explanation = explain(past.warehouse, past.query(), Metric.PAGE_VIEWS, rejected_counts={"hostname": 4})
    assert [(each.reason, each.count) for each in explanation.left_out] == [
        ("Bots", 1),
        ("Duplicate page views", 1),
        ("Without a visitor", 1),
        ("Rejected: hostname", 4),
    ]
    assert all(isinstance(each, ExcludedHits) and each.explanation for each in explanation.left_out)


def test_the_period_is_explained_in_the_propertys_zone_and_in_utc(past: Past) -> None:
    past.timezone = "Asia/Kolkata"
    window = dict(explain(past.warehouse, past.query("from=2026-11-02&to=2026-11-02"), Metric.EVENTS).window)
    assert window == {
        "From": "2026-11-02 00:00",
        "Until": "2026-11-03 00:00",
        "Time zone": "Asia/Kolkata",
        "In UTC": "2026-11-01 18:30 – 2026-11-02 18:30",
    }


@pytest.mark.parametrize("metric", Metric)
def test_the_sql_gives_the_number(past: Past, metric: Metric) -> None:
    a_day(past)
    query = past.query("period=today&filter=country:is:DE&filter=page:contains:/&filter=data.user_id:is_not:x'; --")
    explanation = explain(past.warehouse, query, metric)
    assert explanation.value == past.totals("period=today&filter=country:is:DE&filter=page:contains:/").value(metric)
    rows = []
    with past.warehouse.read() as connection:
        for statement in explanation.sql.split(";\n\n"):
            rows.append(connection.execute(text(statement.replace(":", r"\:"))).one())
    if metric in {Metric.VISITORS, Metric.SESSIONS, Metric.PAGE_VIEWS, Metric.EVENTS}:
        assert rows == [(explanation.value,)]


@pytest.mark.parametrize(("minutes", "timeout_text"), [(45, "45 minutes"), (1, "1 minute"), (30, "30 minutes")])
def test_the_definition_states_the_propertys_own_limits(past: Past, minutes: int, timeout_text: str) -> None:
    query = replace(past.query(), limits=Limits(session_timeout_min=minutes, engagement_threshold_s=20))
    sessions, bounces = (explain(past.warehouse, query, metric) for metric in (Metric.SESSIONS, Metric.BOUNCE_RATE))
    assert sessions.definition == f"Visits. A visit ends after {timeout_text} of inactivity, or after 24 hours."
    assert "under 20 s of engagement" in bounces.definition
