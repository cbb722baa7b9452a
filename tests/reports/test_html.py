from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from proprium.metrics.results import Dimension, Metric
from proprium.reports.html import css_string, html, json_in_html
from proprium.reports.report_model import ReportOptions
from tests.support.dashboards import ATLAS, PREVIOUS, TOTALS, a_dashboard, a_filter, a_query

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`{{7*7}}\u2028"


def shown(page: str) -> str:
    """What a reader sees: the body without its scripts."""
    body = page.split("<body>", 1)[1].split("<script>", 1)[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def figures(page: str) -> dict[str, object]:
    match = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.DOTALL)
    assert match
    return dict(json.loads(match.group(1)))


def test_the_head_tells_what_the_numbers_are_of() -> None:
    page = shown(html(a_dashboard(a_query(filters=(a_filter(),))), ReportOptions("acme.dev"), ATLAS))
    for text in (
        "acme.dev",
        "Last 28 days (27 Oct – 23 Nov 2026)",
        "29 Sep – 26 Oct 2026",
        "Country is Germany",
        "23 Nov 2026, 15:30 (Europe/Berlin)",
        "7 in the last 5 minutes",
    ):
        assert text in page


def test_cards_show_exact_numbers_and_their_change() -> None:
    page = shown(html(a_dashboard(), ReportOptions("acme.dev"), ATLAS))
    for text in ("Visitors 11,241 +12.4%", "Bounce rate 41.8% −3.4 pp", "Visit duration 2m 14s", "sign_up 37 +208.3%"):
        assert text in page


def test_places_are_called_by_their_names() -> None:
    page = shown(html(a_dashboard(), ReportOptions("acme.dev"), ATLAS))
    assert "Germany" in page
    assert "Bavaria" in page


def test_an_open_country_shows_its_regions_instead_of_the_world() -> None:
    page = html(a_dashboard(a_query(open_country="DE")), ReportOptions("acme.dev"), ATLAS)
    assert "Germany: visitors by region" in shown(page)
    ids = {feature["id"] for feature in figures(page)["geojson"]["features"]}  # type: ignore[index]
    assert ids == set(ATLAS.regions("DE").ids)


def test_a_country_without_regions_keeps_the_world() -> None:
    assert "Visitors by country" in shown(
        html(a_dashboard(a_query(open_country="VA")), ReportOptions("acme.dev"), ATLAS)
    )


def test_the_chart_is_the_one_on_the_screen() -> None:
    assert "Bounce rate by day" in shown(
        html(a_dashboard(), ReportOptions("acme.dev", metric=Metric.BOUNCE_RATE), ATLAS)
    )
    assert "sign_up by day" in shown(html(a_dashboard(), ReportOptions("acme.dev", custom_event="sign_up"), ATLAS))


def test_tiles_without_a_row_are_named_in_one_line() -> None:
    page = shown(html(a_dashboard(values={Dimension.BOT: ()}), ReportOptions("acme.dev"), ATLAS))
    assert "No data in this period: UTM terms, UTM contents, Bots." in page


def test_a_tile_that_is_longer_says_so() -> None:
    assert "and 2 more" in shown(html(a_dashboard(), ReportOptions("acme.dev"), ATLAS))


def test_bots_stand_apart() -> None:
    assert "1,377 bot hits are excluded from all other metrics." in shown(
        html(a_dashboard(), ReportOptions("acme.dev"), ATLAS)
    )


def test_kinds_of_bots_are_called_by_their_names() -> None:
    page = shown(html(a_dashboard(), ReportOptions("acme.dev"), ATLAS))
    assert "Search engine" in page
    assert "AI crawler" in page


def test_the_page_asks_nobody_for_anything() -> None:
    page = html(a_dashboard(), ReportOptions("acme.dev"), ATLAS)
    assert "default-src 'none'" in page
    assert not re.search(r'<(script|link|img|iframe)[^>]+(src|href)="(?!data:)', page)


@pytest.mark.parametrize("dimension", [Dimension.PAGE, Dimension.REFERRER, Dimension.EVENT, Dimension.COUNTRY])
def test_what_visitors_sent_stays_text(dimension: Dimension) -> None:
    ours = html(a_dashboard(), ReportOptions("acme.dev"), ATLAS).count("</script>")
    page = html(a_dashboard(values={dimension: (HOSTILE, "DE")}), ReportOptions(HOSTILE), ATLAS)
    assert "<img src=x" not in page
    assert "{{7*7}}" in shown(page)
    assert page.count("</script>") == ours


def test_strings_end_neither_their_script_nor_their_style() -> None:
    assert json.loads(json_in_html({"a": HOSTILE})) == {"a": HOSTILE}
    assert "<" not in json_in_html({"a": HOSTILE})
    assert css_string('a"}</style>') == '"a\\22 \\7d \\3c \\2f style\\3e "'


def test_the_name_of_the_file_is_safe_everywhere() -> None:
    dashboard = a_dashboard()
    assert ReportOptions("Acme & Söhne / ../x").file_name(dashboard, "pdf") == "acme-s-hne-x-2026-10-27-2026-11-23.pdf"
    assert ReportOptions("例え").file_name(dashboard, "md") == "report-2026-10-27-2026-11-23.md"


def test_goals_and_the_week_are_on_the_page() -> None:
    goals = {"Signed up <b>": 140, "Read the docs": 0}
    board = a_dashboard(
        totals=replace(TOTALS, goals=goals),
        previous=replace(PREVIOUS, goals={"Signed up <b>": 100, "Read the docs": 0}),
        values={Dimension.WEEKDAY_HOUR: ("1-09", "7-23")},
    )
    page = html(board, ReportOptions("acme.dev"), ATLAS)
    text = shown(page)
    assert "Signed up &lt;b&gt; 140 1.0% +40.0%" in text
    assert "Read the docs 0 0.0% –" in text
    assert "Weekday and hour" in text
    week = figures(page)["week"]
    assert isinstance(week, dict)
    assert week["data"][0]["customdata"][0][9] == ["1-09", "Monday 09:00", "4,210 page views"]


def test_without_goals_and_without_a_week_nothing_is_said_of_them() -> None:
    page = html(a_dashboard(), ReportOptions("acme.dev"), ATLAS)
    assert "Goals" not in shown(page)
    assert figures(page)["week"] is None
