"""Why a list is empty: one text for each cause, and never one that is wrong."""

from __future__ import annotations

import pytest

from collector.geolocation import GeoIPState
from proprium.metrics.results import Breakdown, BreakdownRow, Dimension
from proprium.ui.dashboard.empty_states import EmptyReasons
from proprium.ui.dashboard.tiles import BOTS, PLACES, TILES

NO_ROWS = Breakdown("country", (), 0, 0)
UNKNOWN = Breakdown("country", (BreakdownRow(None, "Unknown", 9, 100.0),), 9, 1)
GERMANY = Breakdown("country", (BreakdownRow("DE", "Germany", 1, 10.0), *UNKNOWN.rows), 10, 2)
EVERY_TAB = [tab for tile in TILES for tab in tile.tabs]


@pytest.mark.parametrize("tab", EVERY_TAB, ids=lambda tab: str(tab.dimension))
def test_the_cause_decides_the_text_of_every_list(tab) -> None:  # type: ignore[no-untyped-def]
    period_text = tab.empty_message
    assert "period" in period_text
    assert EmptyReasons().text(tab.dimension, period_text) == period_text
    assert EmptyReasons(has_filters=True).text(tab.dimension, period_text) == "Nothing here matches the filters."
    without_data = EmptyReasons(is_without_data=True, geoip_state=GeoIPState.MISSING).text(tab.dimension, period_text)
    assert without_data == "Nothing recorded yet."


@pytest.mark.parametrize("tab", BOTS.tabs, ids=lambda tab: str(tab.dimension))
def test_blocked_bots_are_the_reason_whatever_the_filters(tab) -> None:  # type: ignore[no-untyped-def]
    for reasons in (EmptyReasons(blocks_bots=True), EmptyReasons(blocks_bots=True, has_filters=True)):
        assert "blocked in the settings" in reasons.text(tab.dimension, tab.empty_message)
    assert EmptyReasons(blocks_bots=True).text("page", "No page views in this period.").startswith("No page views")


def test_a_country_without_visits_is_named() -> None:
    reasons = EmptyReasons(country="Vatican City")
    assert reasons.text(Dimension.CITY, "?") == "No visits from Vatican City in this period."
    assert reasons.text(Dimension.COUNTRY, "?") == "?"


@pytest.mark.parametrize(
    ("state", "breakdown", "says_why"),
    [
        (GeoIPState.MISSING, UNKNOWN, True),
        (GeoIPState.NO_PLACES, UNKNOWN, True),
        (GeoIPState.READY, UNKNOWN, False),  # places work, these visitors have none
        (GeoIPState.MISSING, GERMANY, False),  # of the time when there was a database
        (GeoIPState.MISSING, NO_ROWS, False),  # nobody came: the database is not the reason
    ],
)
def test_a_missing_geoip_database_is_told_where_everything_is_unknown(
    state: GeoIPState, breakdown: Breakdown, says_why: bool
) -> None:
    reasons = EmptyReasons(geoip_state=state)
    shown, text = reasons.explain(breakdown, PLACES.tabs[0].empty_message)
    assert ("GeoIP" in text) is says_why
    assert shown.rows == (() if says_why else breakdown.rows)


def test_unknown_browsers_do_not_need_a_geoip_database() -> None:
    browsers = Breakdown("browser", UNKNOWN.rows, 9, 1)
    assert EmptyReasons(geoip_state=GeoIPState.MISSING).explain(browsers, "?")[0] == browsers
