"""What a session takes from which of its hits, whatever the order and batches in which they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count, permutations
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from collector.event import Event
from proprium.storage.tables import ChangeKind, StorageChange
from proprium.warehouse.projection.bulk_writes import _FIRST_HIT_COLUMNS
from proprium.warehouse.schema import session
from tests.support.builders import CURL, IPHONE, an_event
from tests.support.warehouse_fixture import FilledWarehouse

GOOGLE = {"referrer": "google.com"}
MAIL = {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "spring"}
AD = {**GOOGLE, "utm_source": "google", "utm_medium": "cpc"}
BERLIN = {"country": "DE", "region": "DE-BE", "city": "Berlin"}
APP = "Exemplar/2.1 (Windows NT 10.0)"
BACK_END = {"user_agent": CURL, "event": "order", "hostname": None, "page": None}
IMPORT = {**BACK_END, "user_agent": ""}

SOURCE = ("channel", "utm_campaign", "referrer")
PLACE = ("country", "region", "city")
SENDER = ("browser", "platform", "device")


Case = tuple[list[Event], tuple[Any, ...]]
"""The events of one session, and the columns that it has."""


def wrong(warehouse: FilledWarehouse, cases: Sequence[Case], *columns: str) -> list[tuple[Any, ...]]:
    """The sessions that say something else in some order of arrival, at once or one by one, or after a rebuild.

    Each case in each order is a property of its own.
    """
    numbers, expected = count(2), {}
    at_once: list[Event] = []
    rounds: list[list[Event]] = [[], [], [], []]
    for events, values in cases:
        for order in permutations(events):
            number = next(numbers)
            expected[number] = values
            at_once += _of_property(order, number)
            number = next(numbers)
            expected[number] = values
            for arriving, event in zip(rounds, _of_property(order, number), strict=False):
                arriving.append(event)
    for arriving in (at_once, *rounds):
        warehouse.append(arriving)
    rows = sessions(warehouse, "property", *columns)
    warehouse.projector.rebuild()
    assert sorted(row[0] for row in rows) == list(expected)
    return [row for row in {*rows, *sessions(warehouse, "property", *columns)} if row[1:] != expected[row[0]]]


def _of_property(events: Sequence[Event], property_number: int) -> list[Event]:
    return [replace(event, property=property_number, id=uuid4()) for event in events]


def sessions(warehouse: FilledWarehouse, *columns: str) -> list[tuple[Any, ...]]:
    with warehouse.warehouse.read() as connection:
        return [tuple(row) for row in connection.execute(select(*(session.c[name] for name in columns)))]


def start(at: str = "09:00", **fields: Any) -> Event:
    return an_event("ada", at, event="session_start", **fields)


def view(at: str = "09:00:01", **fields: Any) -> Event:
    return an_event("ada", at, **fields)


def test_a_sessions_source_is_that_of_its_first_page_view(warehouse: FilledWarehouse) -> None:
    cases: list[Case] = [
        # The first system's script: the session_start knows the referrer only, the page view the campaign too.
        ([start(**GOOGLE), view(**GOOGLE, **MAIL)], ("Email", "spring", "google.com")),
        ([start(**GOOGLE), view(**AD)], ("Paid search", None, "google.com")),
        ([start(), view(**MAIL)], ("Email", "spring", None)),
        ([start(**MAIL), view()], ("Email", "spring", None)),
        ([start(**MAIL), view(**GOOGLE)], ("Organic search", None, "google.com")),  # never half of each
        ([start(**AD), start("09:00:00.5", **MAIL), view()], ("Paid search", None, "google.com")),
        ([view(), start("09:00:02", **MAIL)], ("Direct", None, None)),
        ([view(), view("09:05", page="/b", **MAIL)], ("Direct", None, None)),
        ([view(**GOOGLE), view("09:05", page="/b", **MAIL)], ("Organic search", None, "google.com")),
        ([an_event(event="scroll", **AD), view()], ("Direct", None, None)),
        ([an_event(event="signup", **AD), start("09:00:00.5", **MAIL), view()], ("Email", "spring", None)),
        ([an_event(event="click"), view(**MAIL)], ("Email", "spring", None)),
        # Two views within a second are one, the first.
        ([view(**MAIL), view("09:00:01.5", **GOOGLE)], ("Email", "spring", None)),
        # Without a page view: the first hit that has any.
        ([an_event(event="signup"), an_event(at="09:01", event="paid", **MAIL)], ("Email", "spring", None)),
        ([an_event(event="signup", **GOOGLE), start("09:01", **MAIL)], ("Organic search", None, "google.com")),
        ([an_event(event="signup"), an_event(at="09:01", event="paid")], ("Direct", None, None)),
        # A back end may well know the campaign.
        ([view("09:00", user_agent=CURL, **MAIL), view(page="/b")], ("Email", "spring", None)),
    ]
    assert wrong(warehouse, cases, *SOURCE) == []


def test_of_a_start_and_a_view_at_one_time_either_may_arrive_first(warehouse: FilledWarehouse) -> None:
    cases: list[Case] = [([start("09:00", **MAIL), view("09:00")], ("Email", "spring", None))]
    assert wrong(warehouse, cases, *SOURCE) == []


def test_a_sessions_device_is_that_of_its_first_browser(warehouse: FilledWarehouse) -> None:
    cases: list[Case] = [
        ([an_event(**BACK_END), view()], ("Chrome", "Linux", "Desktop")),
        ([an_event(**IMPORT), view()], ("Chrome", "Linux", "Desktop")),
        ([view(user_agent=IPHONE), view("09:05", page="/b")], ("Safari", "iOS", "Mobile")),
        ([an_event(event="order", user_agent=APP), view()], ("Chrome", "Linux", "Desktop")),
        ([an_event(event="order", user_agent=APP), an_event(**BACK_END, at="09:01")], (None, "Windows", "Desktop")),
        ([an_event(**BACK_END), an_event(**BACK_END, at="09:01")], (None, None, None)),
    ]
    assert wrong(warehouse, cases, *SENDER) == []


def test_a_sessions_place_is_the_first_known_one_of_the_visitor(warehouse: FilledWarehouse) -> None:
    cases: list[Case] = [
        ([view(**BERLIN), view("09:05", page="/b", country="FR")], ("DE", "DE-BE", "Berlin")),
        ([view(country="FR"), view("09:05", page="/b", **BERLIN)], ("FR", None, None)),  # never a city of elsewhere
        ([view(), view("09:05", page="/b", **BERLIN)], ("DE", "DE-BE", "Berlin")),
        ([an_event(**BACK_END, country="US"), view(**BERLIN)], ("DE", "DE-BE", "Berlin")),
        ([an_event(**IMPORT, country="US"), view(**BERLIN)], ("DE", "DE-BE", "Berlin")),
        ([an_event(**BACK_END, country="US"), view()], (None, None, None)),  # of the data centre, not of the visitor
        ([an_event(**BACK_END, country="US"), an_event(**IMPORT, at="09:01", **BERLIN)], ("DE", "DE-BE", "Berlin")),
        ([an_event(**IMPORT, **BERLIN), view()], ("DE", "DE-BE", "Berlin")),  # the API was told the visitor's address
    ]
    assert wrong(warehouse, cases, *PLACE) == []


def test_each_of_screen_language_and_host_is_that_of_the_first_hit_that_has_it(warehouse: FilledWarehouse) -> None:
    screen = {"screen_width": 1280, "screen_height": 800}
    events = [
        an_event(**{**BACK_END, "hostname": "api.example.com"}, language="C", screen_width=1, screen_height=1),
        view(**screen, hostname=None),
        view("09:05", page="/b", language="de", screen_width=390, screen_height=844),
        view("09:06", page="/c", language="en", hostname="example.org"),
    ]
    cases: list[Case] = [(events, ("1280×800", "de", "example.com"))]
    assert wrong(warehouse, cases, "screen", "language", "hostname") == []


def test_a_back_end_may_name_the_host_that_was_visited(warehouse: FilledWarehouse) -> None:
    cases: list[Case] = [
        ([an_event(**{**BACK_END, "hostname": "shop.example"}), view(hostname=None)], ("shop.example",))
    ]
    assert wrong(warehouse, cases, "hostname") == []


def test_a_session_that_is_known_already_takes_a_later_hits_source_with_its_counts(warehouse: FilledWarehouse) -> None:
    warehouse.append([start(**GOOGLE)])
    warehouse.append([view(**GOOGLE, **MAIL), view("09:05", page="/b")])
    warehouse.append([an_event("ada", "09:06", event="signup")])
    columns = ("hits", "views", "custom_events", "entry_page", "exit_page", "is_bounce", "is_new", "channel")
    assert sessions(warehouse, *columns) == [(4, 2, 1, "/", "/b", False, True, "Email")]


def test_without_a_deleted_hit_the_session_takes_what_the_others_have(warehouse: FilledWarehouse) -> None:
    warehouse.append([start(**GOOGLE), view(**MAIL, **BERLIN), view("09:05", page="/b", country="FR")])
    assert sessions(warehouse, "channel", "country") == [("Email", "DE")]
    with warehouse.database.session() as storage:
        storage.add(StorageChange(kind=ChangeKind.EVENTS_DELETED, property=1, detail={"seqs": [2]}))
        storage.commit()
    warehouse.projector.catch_up()
    assert sessions(warehouse, "channel", "country") == [("Organic search", "FR")]


def test_every_context_column_is_in_a_group_but_the_identity_of_the_first_hit() -> None:
    assert _FIRST_HIT_COLUMNS == ("identity",)
