"""GET /api/v1/properties…: the shapes, and that they hold exactly the dashboard's numbers."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest

from proprium.figures.names import name_lookup, with_labels
from proprium.metrics.breakdown import breakdown
from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import query_from
from proprium.metrics.results import Dashboard, Metric
from proprium.properties.service import update_settings
from proprium.reports.renderer import ReportFormat, ReportRenderer
from proprium.reports.report_model import TABLES
from tests.api.conftest import ATLAS, UNTIL, Api, Past
from tests.support.warehouse_fixture import FilledWarehouse

COUNTED = {"Page views": "page_views", "Events": "events", "Hits": "events", "Visitors": "visitors"}
"""The titles of what tiles count, and the metric's name."""
QUESTIONS = (
    "",
    "period=7d&compare=year",
    "from=2026-03-01&to=2026-05-31&interval=week&compare=none",
    "period=12mo&filter=country:is:DE&filter=browser:one_of:Chrome%7CFirefox",
    "period=28d&timezone=Asia/Kolkata&filter=page:contains:blog&interval=hour",
    "period=90d&audience=bots",
)


def page(past: Past, query_string: str) -> Dashboard:
    """Returns what the dashboard shows."""
    return dashboard(past.filled.warehouse, query_from(parse_qsl(query_string), past.facts, UNTIL))


async def report(past: Past, query_string: str, kind: ReportFormat) -> bytes:
    printer = ReportRenderer(past.filled.warehouse, ATLAS)
    return (await printer.render(past.property, parse_qsl(query_string), kind, UNTIL, EVERY_KEY)).content


@pytest.mark.parametrize("query_string", QUESTIONS)
async def test_totals_are_the_cards_of_the_page(past: Past, query_string: str) -> None:
    shown = page(past, query_string)
    body = await past.json("/totals", query_string)
    assert {name: number["value"] for name, number in body["metrics"].items()} == {
        metric.value: shown.totals.value(metric) for metric in Metric
    }
    assert [number["previous"] for number in body["metrics"].values()] == [
        shown.previous and shown.previous.value(metric) for metric in Metric
    ]
    assert {name: item["value"] for name, item in body["custom_events"].items()} == shown.totals.custom
    assert (body["bots"], body["rows_read"]) == (shown.totals.bots, shown.rows_read)


@pytest.mark.parametrize("query_string", QUESTIONS)
async def test_the_timeline_is_the_chart_of_the_page(past: Past, query_string: str) -> None:
    shown, body = page(past, query_string), await past.json("/timeline", query_string)
    assert [datetime.fromisoformat(item["start"]) for item in body["buckets"]] == list(
        shown.timelines[Metric.VISITORS].starts
    )
    for metric in Metric:
        assert tuple(item["values"][metric] for item in body["buckets"]) == shown.timelines[metric].values
        before = shown.previous_timelines.get(metric)
        assert (body["compared"] and tuple(item["values"][metric] for item in body["compared"])) == (
            before.values if before else None
        )


@pytest.mark.parametrize("query_string", QUESTIONS[3:])
async def test_breakdowns_are_the_tiles_of_the_page(past: Past, query_string: str) -> None:
    tiles = with_labels(page(past, query_string).breakdowns, name_lookup(ATLAS))
    for dimension, tile in tiles.items():
        body = await past.json(f"/breakdown/{dimension}", f"{query_string}&limit={len(tile.rows) or 1}")
        [metric] = body["metrics"]
        assert metric == COUNTED[tile.count_title]
        assert [(row["value"], row["label"], row["numbers"][metric], row["share_percent"]) for row in body["rows"]] == [
            (row.value, row.label, row.count, row.share_percent) for row in tile.rows
        ]
        assert (body["distinct"], body["total"][metric]) == (tile.distinct, tile.total)
        assert body["note"] is None


@pytest.mark.parametrize("query_string", QUESTIONS[:-1])
async def test_shares_are_of_the_number_that_totals_say(past: Past, query_string: str) -> None:
    """Whatever the dimension: the same 100 %, and a visitor of two rows once in it."""
    totals = (await past.json("/totals", query_string))["metrics"]
    for dimension in ("country", "source", "entry_page", "utm_campaign", "page", "hour", "event", "data.plan"):
        body = await past.json(f"/breakdown/{dimension}", f"{query_string}&metric=visitors")
        metric = body["metrics"][0]
        assert body["total"] == {metric: totals[metric]["value"]}
        assert all(
            row["share_percent"] == pytest.approx(100 * row["numbers"][metric] / body["total"][metric])
            for row in body["rows"]
        )


async def test_a_search_counts_the_rows_that_it_leaves(past: Past) -> None:
    found = await past.json("/breakdown/country", "period=12mo&search=e")
    values = "%7C".join(row["value"] for row in found["rows"] if row["value"])
    cards = (await past.json("/totals", f"period=12mo&filter=country:one_of:{values}"))["metrics"]
    assert found["matching_total"] == {"visitors": cards["visitors"]["value"]}
    assert found["matching_total"]["visitors"] < found["total"]["visitors"]


async def test_what_bots_do_not_follow_is_named_where_they_are_shown(past: Past) -> None:
    query_string = "period=12mo&filter=source:is:Google&filter=page:contains:blog"
    body, bots = await past.json("/totals", query_string), await past.json("/breakdown/bot", query_string)
    assert body["query"]["filters_not_for_bots"] == ["source:is:Google"]
    assert body["bots_note"] == bots["note"] == "Not filtered by Source."
    assert body["bots"] == bots["total"]["events"] > 0
    assert (await past.json("/breakdown/page", query_string))["note"] is None
    files = unzipped(await report(past, query_string, ReportFormat.CSV))
    assert {"what": "filter that does not apply to bots", "value": "source:is:Google"} in files["query"]
    for kind in (ReportFormat.MARKDOWN, ReportFormat.HTML):
        text_ = (await report(past, query_string, kind)).decode()
        assert "are excluded from all other metrics. Not filtered by Source." in text_.replace("\\", "")


async def test_buckets_that_are_no_whole_interval_are_marked(past: Past) -> None:
    """The first week that the period cuts, the running one, and neither of the compared period's."""
    query_string = "from=2026-10-01&to=2026-11-02&interval=week"  # a Thursday and a Monday, which still runs
    body = await past.json("/timeline", query_string)
    assert [bucket["is_partial"] for bucket in body["buckets"]] == [True, False, False, False, False, True]
    assert not any(bucket["is_partial"] for bucket in body["compared"])
    files = unzipped(await report(past, query_string, ReportFormat.CSV))
    assert [row["is_partial"] for row in files["timeline"]] == ["true", *["false"] * 4, "true"]


async def test_what_is_compared_with_days_before_the_first_event_is_new(past: Past) -> None:
    first = past.facts.first_event
    assert first is not None
    until = first.date() + timedelta(days=20)
    day = first.date() + timedelta(days=15)
    body = await past.json("/totals", f"from={day}&to={until + timedelta(days=14)}")
    kinds = {number["change"]["kind"] for number in body["metrics"].values()}
    assert kinds <= {"new", "none"}
    later = await past.json("/totals", "period=28d")
    assert {number["change"]["kind"] for number in later["metrics"].values()} >= {"percent", "difference"}


@pytest.mark.parametrize("query_string", [QUESTIONS[1], QUESTIONS[3]])
async def test_report_json_and_every_csv_hold_the_numbers_of_the_page(past: Past, query_string: str) -> None:
    shown = page(past, query_string)
    body = json.loads(await report(past, query_string, ReportFormat.JSON))
    files = unzipped(await report(past, query_string, ReportFormat.CSV))
    assert body["totals"]["metrics"]["visitors"]["value"] == shown.totals.visitors
    assert {row["metric"]: row["value"] for row in files["totals"]} == {
        **{metric.value: text(shown.totals.value(metric)) for metric in Metric},
        **{f"event:{name}": text(count) for name, count in shown.totals.custom.items()},
        "bots": text(shown.totals.bots),
    }
    for metric in Metric:
        values = [text(value) for value in shown.timelines[metric].values]
        assert [row[metric] for row in files["timeline"]] == values
        assert [text(item["values"][metric]) for item in body["timeline"]["buckets"]] == values
    for title, dimension in TABLES:
        tile = with_labels(shown.breakdowns, name_lookup(ATLAS))[dimension]
        rows = files[title.lower().replace(" ", "-")]
        first = [(row.label, text(row.count)) for row in tile.rows]
        assert [tuple(row.values())[1:3] for row in rows[: len(first)]] == first
        assert len(rows) == len(body["tables"][title]["rows"]) == min(tile.distinct, 1_000)


def unzipped(packed: bytes) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {
            name.removesuffix(".csv"): list(
                csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"), newline=""))
            )
            for name in archive.namelist()
        }


def text(number: Any) -> str:
    return "" if number is None else str(number)


# Shapes


async def test_a_response_has_its_query_and_its_cost(past: Past) -> None:
    body = await past.json("/totals", "from=2026-03-01&to=2026-03-31&filter=country:is:DE&filter=country:is:DE")
    query = body["query"]
    assert query["period"] == {
        "key": "custom",
        "start": "2026-03-01T00:00:00+01:00",
        "end": "2026-04-01T00:00:00+02:00",
        "first_day": "2026-03-01",
        "last_day": "2026-03-31",
    }
    assert query["compared"]["first_day"] == "2026-02-01"
    assert (query["timezone"], query["filters"], query["audience"]) == ("Europe/Berlin", ["country:is:DE"], "humans")
    assert (query["asked_at"], query["property"]) == ("2026-11-23T15:30:00Z", str(past.property.id))
    assert 0 < body["computed_s"] < 60
    assert body["metrics"]["bounce_rate"]["unit"] == "percent"


async def test_only_the_requested_metrics_are_returned(past: Past) -> None:
    body = await past.json("/timeline", "period=7d&metric=visitors&metric=page_views&interval=day")
    assert [set(item["values"]) for item in body["buckets"]] == [{"visitors", "page_views"}] * 7
    assert set((await past.json("/totals", "metric=clicks"))["metrics"]) == {"clicks"}


async def test_pages_of_a_breakdown_are_its_whole_list(past: Past) -> None:
    whole = (await past.json("/breakdown/country", "period=12mo&limit=1000"))["rows"]
    parts = [(await past.json("/breakdown/country", f"period=12mo&limit=7&offset={at}"))["rows"] for at in (0, 7, 14)]
    assert [row for part in parts for row in part] == whole[:21]
    fewest = await past.json("/breakdown/country", "period=12mo&order=asc&limit=5")
    assert [row["numbers"] for row in fewest["rows"]] == [row["numbers"] for row in whole[::-1][:5]]
    after = await past.json("/breakdown/country", "period=12mo&offset=5000")
    assert (after["rows"], after["distinct"]) == ([], len(whole))


async def test_places_are_found_by_their_names(past: Past) -> None:
    [germany] = (await past.json("/breakdown/country", "period=12mo&search=GERMAN"))["rows"]
    assert (germany["value"], germany["label"]) == ("DE", "Germany")
    pages = (await past.json("/breakdown/page", "period=12mo&search=/blog"))["rows"]
    assert pages
    assert all("/blog" in row["value"] for row in pages)


async def test_a_custom_data_key_is_a_dimension(past: Past) -> None:
    body = await past.json("/breakdown/data.plan", "period=12mo")
    assert body["dimension"] == "data.plan"
    table = breakdown(past.filled.warehouse, query_from({"period": "12mo"}, past.facts, UNTIL), "data.plan", limit=100)
    assert [row["value"] for row in body["rows"]] == [row.value for row in table.rows]
    assert (await past.json("/breakdown/data.a%2Fb.c%3Fd"))["dimension"] == "data.a/b.c?d"


async def test_sessions_can_be_a_metric_of_a_breakdown(past: Past) -> None:
    body = await past.json("/breakdown/browser", "period=12mo&metric=sessions")
    sessions = page(past, "period=12mo").totals.sessions
    assert sum(row["numbers"]["sessions"] for row in body["rows"]) == sessions


async def test_live_visitors(past: Past) -> None:
    body = await past.json("/live")
    live = page(past, "").live
    assert body == {"now": live.now, "half_hour": live.half_hour, "minutes": 5, "asked_at": "2026-11-23T15:30:00Z"}


async def test_responses_are_not_cached_and_other_sites_read_them_without_cookies_only(past: Past) -> None:
    answer = await past.client.get(
        f"/api/v1/properties/{past.property.id}/live",
        headers={"Authorization": f"Bearer {past.key}", "Origin": "https://evil.example"},
    )
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["access-control-allow-origin"] == "*"  # with a key: tests/api/test_cross_origin.py
    assert "access-control-allow-credentials" not in answer.headers


async def test_during_a_rebuild_of_the_warehouse_the_response_has_its_progress(
    api: Api, warehouse: FilledWarehouse
) -> None:
    warehouse.outdate()
    address, headers = f"/api/v1/properties/{api.property.id}/totals", {"Authorization": f"Bearer {api.key}"}
    answer = await api.client.get(address, headers=headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("The warehouse is being rebuilt: 0 %.")
    warehouse.projector.rebuild()
    assert (await api.client.get(address, headers=headers)).status_code == 200


async def test_responses_state_the_propertys_own_limits(past: Past) -> None:
    own = {"session_timeout_min": 45, "engagement_threshold_s": 20, "live_window_min": 30}
    update_settings(past.filled.database, past.property.id, session_gap_min=45, bounce_s=20, live_min=30)
    try:
        totals, live = await past.json("/totals", "metric=sessions&metric=bounce_rate"), await past.json("/live")
        assert totals["query"]["limits"] == (await past.json("/timeline"))["query"]["limits"] == own
        assert "after 45 minutes of inactivity" in totals["definitions"]["sessions"]
        assert "under 20 s of engagement" in totals["definitions"]["bounce_rate"]
        assert (live["minutes"], live["now"]) == (30, live["half_hour"])
    finally:
        update_settings(past.filled.database, past.property.id, session_gap_min=30, bounce_s=10, live_min=5)


async def test_visitors_are_daily_ones_in_a_cookieless_property_only(past: Past) -> None:
    question = "period=7d&metric=visitors"
    with_cookies = await past.json("/totals", question)
    update_settings(past.filled.database, past.property.id, is_cookieless=True)
    try:
        cookieless = await past.json("/totals", question)
        one_day = await past.json("/totals", "period=today&metric=visitors")
    finally:
        update_settings(past.filled.database, past.property.id, is_cookieless=False)
    assert [body["daily_visitors"] for body in (with_cookies, cookieless, one_day)] == [False, True, False]
    assert with_cookies["definitions"]["visitors"].startswith("Unique visitors")
    assert cookieless["definitions"]["visitors"].startswith("Sum of daily unique visitors")
    assert with_cookies["single_day_visitors"] == 0  # all of the sample property's have a cookie
