"""The sample year: the same for the same seed, and believable where a reader would look."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from statistics import mean, median

import pytest

from collector.event import BUILT_IN_EVENTS, Event
from collector.user_agent import classify, is_automated
from maps.atlas import Atlas
from proprium.demo.exemplar import population
from proprium.demo.history import SEED, history
from proprium.demo.people import BOT_AGENTS, People

UNTIL = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
COUNT = 12_000


def year(seed: int = SEED) -> list[Event]:
    return [event for day in history(population(), 7, UNTIL, COUNT, seed=seed) for event in day]


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return year()


@pytest.fixture(scope="module")
def humans(events: list[Event]) -> list[Event]:
    return [event for event in events if not classify(event.user_agent).is_bot]


def test_the_same_seed_makes_the_same_year(events):
    assert year() == events
    assert year(seed=2)[:100] != events[:100]


def test_the_year_ends_now_and_is_in_the_order_of_its_time(events):
    times = [event.created_at for event in events]
    assert times == sorted(times)
    assert UNTIL - timedelta(days=366) <= times[0] < UNTIL - timedelta(days=350)
    assert UNTIL - timedelta(days=2) < times[-1] <= UNTIL


def test_it_has_about_as_many_events_as_were_asked_for(events):
    assert 0.9 * COUNT < len(events) < 1.1 * COUNT


def test_every_event_is_of_the_property_and_has_an_id_of_its_own(events):
    assert {event.property for event in events} == {7}
    assert len({event.id for event in events}) == len(events)


def test_columns_match_the_data_that_was_sent(events):
    for event in events[:500]:
        assert (event.page, event.user_id, event.view_id) == (
            event.data["url"],
            event.data["user_id"],
            event.data["view_id"],
        )
        assert event.time_on_page == event.data.get("time_on_page")
        assert event.utm_source == event.data.get("utm_source")


def test_there_is_every_kind_of_event(events):
    kinds = Counter(event.event for event in events)
    assert kinds.keys() >= BUILT_IN_EVENTS | {"signup", "download", "newsletter"}
    assert kinds["page_view"] > kinds["session_start"] > kinds["signup"] > 0


def test_each_visitor_starts_once_and_some_return(humans):
    starts = Counter(event.visitor for event in humans if event.event == "session_start")
    assert set(starts.values()) == {1}
    days = defaultdict(set)
    for event in humans:
        days[event.visitor].add(event.created_at.date())
    came_back = sum(len(on) > 1 for on in days.values())
    assert 0.1 < came_back / len(days) < 0.6


def test_a_page_is_left_after_it_was_opened(humans):
    opened = {}
    for event in humans:
        if event.event == "page_view":
            opened[event.view_id] = event.created_at
        elif event.event == "page_leave":
            assert event.created_at > opened[event.view_id]
            assert 1000 <= event.time_on_page <= 900_000
            assert 0 <= event.scroll_depth <= 100


def test_weekends_are_quieter_and_the_site_grows(humans):
    views = [event.created_at for event in humans if event.event == "page_view"]
    days = Counter(at.date() for at in views)
    ordinary = {day: count for day, count in days.items() if count < 2 * median(days.values())}
    weekends = mean(count for day, count in ordinary.items() if day.weekday() >= 5)
    assert weekends < 0.8 * mean(count for day, count in ordinary.items() if day.weekday() < 4)
    middle = UNTIL - timedelta(days=182)
    assert sum(at > middle for at in views) > 1.15 * sum(at <= middle for at in views)


def test_nights_are_quieter_than_days(humans):
    hours = Counter(event.created_at.hour for event in humans)
    assert sum(hours[hour] for hour in range(1, 5)) < sum(hours[hour] for hour in range(9, 13)) / 3


def test_page_views_follow_a_power_law(humans):
    ranks = [count for _, count in Counter(e.page for e in humans if e.event == "page_view").most_common()]
    assert len(ranks) > 25
    assert ranks[0] > 5 * ranks[len(ranks) // 2]


def test_places_are_known_to_the_maps(humans):
    atlas = Atlas()
    countries = Counter(event.country for event in humans)
    assert len(countries) > 30
    assert countries.keys() <= atlas.codes
    for event in humans[:2000]:
        if event.region:
            assert event.region.startswith(f"{event.country}-")
            assert atlas.region_name(event.region) != event.region


def test_people_use_many_browsers_and_devices(humans):
    agents = [classify(text) for text in {event.user_agent for event in humans}]
    assert {"Desktop", "Mobile"} <= {agent.device for agent in agents}
    assert len({agent.browser for agent in agents}) >= 5


def test_some_visits_are_by_bots_and_no_person_looks_like_one(events, humans):
    bots = [event for event in events if classify(event.user_agent).is_bot]
    assert 0.01 < len(bots) / len(events) < 0.1
    assert {event.event for event in bots} == {"page_view"}
    assert len({classify(event.user_agent).bot_name for event in bots}) > 4


def test_visitors_come_from_many_sources_and_campaigns(humans):
    assert {"google.com", "news.ycombinator.com", "chatgpt.com"} <= {event.referrer for event in humans}
    assert {"newsletter", "google", "linkedin"} <= {event.utm_source for event in humans}
    assert "exemplar.example" not in {event.referrer for event in humans}


def test_more_than_a_third_of_the_visits_bounce_and_less_than_a_half(humans):
    """By METRICS.md's definition, with each visitor's day for a session."""
    visits = defaultdict(list)
    for event in humans:
        visits[event.visitor, event.created_at.date()].append(event)
    assert 0.35 <= mean(map(bounced, visits.values())) <= 0.5


def bounced(visit: list[Event]) -> bool:
    views = sum(event.event == "page_view" for event in visit)
    engaged_ms = sum(event.time_on_page or 0 for event in visit)
    acted = any(event.event not in BUILT_IN_EVENTS or event.data.get("href") for event in visit)
    return views == 1 and engaged_ms < 10_000 and not acted


def test_no_automated_browser_is_among_the_bots_or_the_people():
    """On localhost, where the demo runs, properties count automated browsers as people."""
    bots = [classify(text) for _, text in BOT_AGENTS]
    assert all(bot.is_bot and not is_automated(bot, reports_automation=False) for bot in bots)
    people = People(lambda country: ())
    agents = [classify(text) for text, _ in people._agents]
    assert not any(agent.is_bot or is_automated(agent, reports_automation=False) for agent in agents)
