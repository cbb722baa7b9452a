"""Visitor ids: by cookie or for one local day, and sessions over midnight."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest

from collector.event import Event, Hit, Identity
from collector.geolocation import GeoIPDatabase
from collector.pipeline import Pipeline
from collector.ports import PropertyRules
from collector.visitor import anonymise_ip, daily_visitor, local_days, visitor_of
from tests.collector.conftest import at
from tests.support.collector_ports import CHROME, PROPERTY, Salts

SALTS = Salts()


def cookieless(moment: str, timezone: str = "UTC", address: str | None = "198.51.100.7", agent: str = CHROME) -> Event:
    hit = Hit(PROPERTY, "page_view", {}, uuid4(), at(moment), address, agent)
    return Pipeline(GeoIPDatabase(None), SALTS).run(hit, PropertyRules(PROPERTY, 7, timezone=timezone))


def test_a_user_is_one_signed_64_bit_number_for_ever() -> None:
    assert visitor_of("42") != visitor_of("43")
    assert all(-(1 << 63) <= visitor_of(str(n)) < 1 << 63 for n in range(100))
    assert any(visitor_of(str(n)) < 0 for n in range(100))


def test_the_number_of_a_user_never_changes_between_versions() -> None:
    """Storage holds these numbers: another hash would make every visitor new."""
    assert visitor_of("ada") == 1562989052550317351


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113"),
        ("::ffff:203.0.113.77", "203.0.113"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("::1", "::"),
    ],
)
def test_an_address_is_cut_to_its_network(address: str, network: str) -> None:
    assert anonymise_ip(address) == network


def test_one_day_one_network_one_browser_is_one_visitor() -> None:
    morning = cookieless("2026-11-02T08:00")
    assert morning.identity is Identity.DAILY
    assert cookieless("2026-11-02T20:00").visitor == morning.visitor
    assert cookieless("2026-11-02T20:00", address="198.51.100.200").visitor == morning.visitor
    assert cookieless("2026-11-02T20:00", address="198.51.101.7").visitor != morning.visitor
    assert cookieless("2026-11-02T20:00", agent=CHROME.replace("141", "142")).visitor != morning.visitor
    assert cookieless("2026-11-03T08:00").visitor != morning.visitor


def test_a_visit_over_midnight_knows_yesterdays_visitor_for_one_session_gap() -> None:
    before = cookieless("2026-11-02T23:50")
    assert before.previous_visitor is None
    after = cookieless("2026-11-03T00:10")
    assert after.visitor != before.visitor
    assert after.previous_visitor == before.visitor
    assert cookieless("2026-11-03T00:29:59").previous_visitor == before.visitor
    assert cookieless("2026-11-03T00:30").previous_visitor is None


def test_midnight_is_that_of_the_property() -> None:
    # 18:30 UTC is midnight in Kolkata
    before, after = cookieless("2026-11-02T18:25", "Asia/Kolkata"), cookieless("2026-11-02T18:35", "Asia/Kolkata")
    assert after.previous_visitor == before.visitor
    assert cookieless("2026-11-02T18:35", "UTC").previous_visitor is None


@pytest.mark.parametrize(
    ("moment", "timezone", "today", "yesterday"),
    [
        ("2026-11-02T00:15", "UTC", date(2026, 11, 2), date(2026, 11, 1)),
        ("2026-11-02T23:10", "Pacific/Auckland", date(2026, 11, 3), None),
        ("2026-11-02T11:10", "Pacific/Auckland", date(2026, 11, 3), date(2026, 11, 2)),
        ("2026-11-02T05:10", "America/Chicago", date(2026, 11, 1), None),
        ("2026-11-02T06:10", "America/Chicago", date(2026, 11, 2), date(2026, 11, 1)),
        ("2026-03-29T00:15", "Europe/London", date(2026, 3, 29), date(2026, 3, 28)),  # the clock changes an hour later
        ("2026-03-28T22:10", "Asia/Beirut", date(2026, 3, 29), date(2026, 3, 28)),  # 01:10: that day has no midnight
        ("2026-03-28T22:40", "Asia/Beirut", date(2026, 3, 29), None),
        ("2011-12-30T10:10", "Pacific/Apia", date(2011, 12, 31), date(2011, 12, 29)),  # the 30th never was
        ("2026-11-02T00:15", "Mars/Olympus", date(2026, 11, 2), date(2026, 11, 1)),  # no such zone: UTC
    ],
)
def test_local_days_follow_the_clock_of_the_place(
    moment: str, timezone: str, today: date, yesterday: date | None
) -> None:
    assert local_days(at(moment), timezone) == (today, yesterday)


def test_an_unknown_address_still_has_a_visitor() -> None:
    assert cookieless("2026-11-02T08:00", address=None).visitor is not None


def test_another_property_is_another_visitor() -> None:
    day = date(2026, 11, 2)
    assert len({daily_visitor(SALTS.key(n, day), "198.51.100.7", CHROME) for n in range(5)}) == 5
