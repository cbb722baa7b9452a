"""Tables as files: what a spreadsheet shows is text and numbers, and never a formula."""

from __future__ import annotations

import csv as csv_format
import json as json_format
from dataclasses import replace

from proprium.metrics.catalog.dimensions import spec_of
from proprium.metrics.query.filters import Filter, Operator
from proprium.metrics.results import BreakdownTable, BreakdownTableRow, Metric
from proprium.reports.table_files import to_csv, to_json
from tests.support.dashboards import a_query

FORMULA = "=cmd|' /C calc'!A0"
SHOWN = (Metric.BOUNCE_RATE, Metric.VISIT_DURATION)


def a_table(*rows: tuple[str | None, str], dimension: str = "page") -> BreakdownTable:
    count = spec_of(dimension).default_metric
    numbers = {count: 1234.0, Metric.BOUNCE_RATE: 33.333333, Metric.VISIT_DURATION: None}
    listed = tuple(BreakdownTableRow(value, label, numbers) for value, label in rows)
    return BreakdownTable(dimension, (count, *SHOWN), count, listed, 2_468, 1_234, len(rows))


def test_every_row_is_a_line_with_its_numbers_as_they_are() -> None:
    lines = list(csv_format.reader(to_csv(a_table(("/", "/"), (FORMULA, FORMULA))).decode("utf-8-sig").splitlines()))
    assert lines[0] == ["Page", "Page views", "Share (%)", "Bounce rate (%)", "Visit duration (s)"]
    assert lines[1] == ["/", "1234", "50", "33.3333", ""]
    assert lines[2][0] == "'" + FORMULA


def test_visitors_of_several_days_of_a_cookieless_property_are_daily_visitors() -> None:
    table = replace(a_table(("DE", "Germany"), dimension="country"), daily_visitors=True)
    assert "Daily visitors" in to_csv(table).decode().splitlines()[0].split(",")


def test_places_have_their_code_beside_their_name() -> None:
    lines = to_csv(a_table(("DE", "Germany"), dimension="country")).decode("utf-8-sig").splitlines()
    assert lines[0] == "Country,Code,Visitors,Share (%),Bounce rate (%),Visit duration (s)"
    assert lines[1] == "Germany,DE,1234,50,33.3333,"


def test_the_hits_of_bots_are_no_events_by_name() -> None:
    assert to_csv(a_table(("Googlebot", "Googlebot"), dimension="bot")).startswith(b"\xef\xbb\xbfBot,Hits,Share (%),")


def test_json_tells_what_was_asked_beside_the_rows() -> None:
    query = a_query().with_filters(Filter("country", Operator.IS, ("DE",)))
    document = json_format.loads(
        to_json(a_table((None, "Direct / none"), dimension="referrer"), query, lambda _, value: value)
    )
    assert document["filters"] == ["country:is:DE"]
    assert document["period"]["timezone"] == "Europe/Berlin"
    assert (document["total"], document["matching_total"]) == (2_468, 1_234)
    assert document["rows"] == [
        {
            "value": None,
            "label": "Direct / none",
            "share_percent": 50,
            "visitors": 1234,
            "bounce_rate": 33.3333,
            "visit_duration": None,
        }
    ]
