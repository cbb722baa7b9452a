"""Events in the script's short wire format give the same numbers as in the earlier long one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from proprium.metrics.breakdown import breakdown
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Breakdown, Dimension, Totals
from proprium.properties.service import create_property
from proprium.storage.events import StoredEvent, read_events
from proprium.storage.tables import Property
from tests.adversarial.test_replay import FIRST, Replay
from tests.collector.first_visit import Recorder, Sent, person, recorder
from tests.collector.script_site import wait_for
from tests.support.period_totals import period_totals
from tests.support.servers import CHROME, CHROMIUM, CHROMIUM_ARGS
from tests.support.warehouse_fixture import FilledWarehouse

BEFORE = Path(__file__).parent / "visit.before.json"
"""The requests of the same visit by the script as browsers still have it in their caches: each event says everything,
the hostname included."""

PAGE = (
    '<title>Prices</title>TAG<a id="out" href="https://partner.example/" target="x">out</a><p style="height: 4000px">'
)
PERSON = {"user-agent": CHROME, "x-forwarded-for": "203.0.113.7"}
FILTERS = (
    "", "page:is:/pricing", "page:is:/signup", "title:is:Prices", "entry_page:is:/pricing", "hostname:is:127.0.0.1",
    "referrer:is:news.example", "utm_source:is:may", "screen:is:1920×1080", "language:is:en-US", "event:is:signup",
    "device:is:Desktop", "data.plan:is:pro", "data.hostname:is:127.0.0.1", "data.title:is:Prices",
)  # fmt: skip


@pytest.fixture(scope="module")
def before() -> list[Sent]:
    bodies = [json.dumps(one, separators=(",", ":")).encode() for one in json.loads(BEFORE.read_text())]
    return [Sent("POST", {"origin": "http://127.0.0.1"}, body) for body in bodies]


@pytest.fixture(scope="module")
def now() -> Iterator[list[Sent]]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield visit(browser)
        browser.close()


def visit(browser: Browser) -> list[Sent]:
    """Somebody comes, looks around, and comes back."""
    page = person(browser)
    page.clock.install(time=FIRST)
    with recorder() as recording:
        recording.html = PAGE.replace("TAG", recording.tag)
        page.clock.pause_at(FIRST + timedelta(minutes=1))
        page.goto(f"{recording.site}/pricing?utm_source=may&plan=b", referer="https://news.example/today")
        page.clock.run_for(4_000)
        arrived(recording, 2)
        page.mouse.move(9, 9)
        page.evaluate("scrollTo(0, 2000)")
        page.wait_for_function("scrollY == 2000")
        page.clock.run_for(3_000)
        page.evaluate("document.querySelector('#out').click()")
        page.evaluate("collectorQueue.push({event: 'signup', data: {plan: 'pro'}})")
        arrived(recording, 7)
        page.clock.run_for(2_000)
        page.evaluate("history.pushState({}, '', '/signup'); document.title = 'Welcome'")
        page.clock.run_for(3_000)
        arrived(recording, 9)
        page.goto(f"{recording.site}/again")
        page.clock.run_for(1_500)
        arrived(recording, 11)
        page.goto("about:blank")
        arrived(recording, 12)
        page.context.close()
        return [
            one
            for at, one in enumerate(recording.sent)
            if one.body not in {other.body for other in recording.sent[:at]}
        ]


def arrived(recording: Recorder, events: int) -> None:
    """Waits until so many came, those aside that the browser itself sent twice."""
    wait_for(lambda: len({event["id"] for one in recording.sent for event in json.loads(one.body)}) == events)


def test_a_visit_counts_the_same_in_both_forms(before: list[Sent], now: list[Sent], warehouse: FilledWarehouse) -> None:
    old, new = (create_property(warehouse.database, name, None) for name in ("Before", "Now"))
    assert replayed(warehouse, new, now) < 0.75 * replayed(warehouse, old, before)
    for text in FILTERS:
        assert totals(warehouse, new, text) == totals(warehouse, old, text), text
        assert totals(warehouse, new, text).events, text
    for dimension in Dimension:
        assert shown(warehouse, new, "", dimension) == shown(warehouse, old, "", dimension), dimension

    property_ = totals(warehouse, new, "")
    assert (property_.time_on_page, property_.scrolls) == (4.5, 3)
    assert (property_.visitors, property_.new_visitors, property_.sessions, property_.page_views, property_.clicks) == (
        1,
        1,
        1,
        3,
        1,
    )
    assert totals(warehouse, new, "page:is:/pricing").new_visitors == 1
    assert totals(warehouse, new, "title:is:Prices").new_visitors == 1
    for dimension, value in (
        (Dimension.ENTRY_PAGE, "/pricing"),
        (Dimension.REFERRER, "news.example"),
        (Dimension.UTM_SOURCE, "may"),
        (Dimension.SCREEN, "1920×1080"),
        (Dimension.LANGUAGE, "en-US"),
        (Dimension.HOSTNAME, "127.0.0.1"),
    ):
        assert [(row[0], row[1]) for row in shown(warehouse, new, "", dimension)] == [(value, 1)]


def test_both_forms_read_back_as_the_same_events(
    before: list[Sent], now: list[Sent], warehouse: FilledWarehouse
) -> None:
    """But for the host, which the browser says and the script no longer does."""
    read = []
    for name, sent in (("Before", before), ("Now", now)):
        property_ = create_property(warehouse.database, name, None)
        replayed(warehouse, property_, sent)
        read.append(list(read_events(warehouse.database, property_.number)))
    assert {event.hostname for events in read for event in events} == {"127.0.0.1"}
    for one, other in zip(*read, strict=True):
        assert one.event == other.event
        assert one.data.pop("hostname") == one.hostname
        assert comparable(one) == comparable(other)


def comparable(event: StoredEvent) -> dict[str, Any]:
    """Without what is drawn by lot."""
    return {key: value for key, value in event.data.items() if key not in {"user_id", "view_id"}}


def replayed(warehouse: FilledWarehouse, property_: Property, sent: list[Sent]) -> int:
    """Replays the requests through a real collector at fixed times; returns their size in bytes."""
    log = [
        (FIRST + timedelta(seconds=5 * at), one.headers | PERSON, of(property_, one.body))
        for at, one in enumerate(sent)
    ]
    run_apart(Replay(warehouse), log)
    return sum(len(one.body) for one in sent)


def of(property_: Property, body: bytes) -> bytes:
    owner = json.loads(body)[0]["collectorId"]
    return body.replace(owner.encode(), str(property_.id).encode())


def run_apart(replay: Replay, log: list[tuple[datetime, dict[str, str], bytes]]) -> None:
    """In a thread of its own: a browser that is driven has the event loop of this one."""
    thread = threading.Thread(target=lambda: asyncio.run(replay.play(log)))
    thread.start()
    thread.join()
    counters = replay.counters
    assert counters.received == counters.stored == sum(len(json.loads(body)) for _, _, body in log)


def query_of(property_: Property, text: str) -> Any:
    facts = PropertyFacts(property_.id, property_.number or 0, custom_cards=("signup",), data_access=EVERY_KEY)
    pairs = [("from", "2026-11-02"), ("to", "2026-11-02"), *([("filter", text)] if text else [])]
    return query_from(pairs, facts, FIRST + timedelta(days=7))


def totals(warehouse: FilledWarehouse, property_: Property, text: str) -> Totals:
    return period_totals(warehouse.warehouse, query_of(property_, text))


def shown(warehouse: FilledWarehouse, property_: Property, text: str, dimension: Dimension) -> list[tuple[Any, ...]]:
    tile: Breakdown = breakdown(warehouse.warehouse, query_of(property_, text), dimension)
    return [(row.value, row.count, row.share_percent) for row in tile.rows]
