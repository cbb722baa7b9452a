"""Which events have a visitor, and what a row says of its sender."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from collector.event import Identity
from collector.url_normalisation import canonical_page
from proprium.properties.service import update_settings
from proprium.storage.tables import ChangeKind, StorageChange
from proprium.warehouse.projection.event_projection import Projection
from proprium.warehouse.schema import event, session
from proprium.warehouse.warehouse import Warehouse
from tests.support.builders import CHROME, CURL, GOOGLEBOT, IPHONE, an_event
from tests.support.feed import FeedEvent
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.reference import side_by_side

NUMBERS = {
    *("seq", "property", "identity", "created_at", "previous_visitor", "automated", "visitor"),
    *("screen_width", "screen_height", "time_on_page", "scroll_depth"),
}
HEADLESS_CHROME = CHROME.replace("Chrome/", "HeadlessChrome/")


def only_row(warehouse: FilledWarehouse) -> Any:
    with warehouse.warehouse.read() as connection:
        return connection.execute(select(event)).one()


def test_a_crawler_is_a_bot_with_a_name_and_belongs_to_no_session(warehouse: FilledWarehouse):
    warehouse.append([an_event(user_agent=GOOGLEBOT)])
    row = only_row(warehouse)
    assert (row.is_bot, row.bot_name, row.bot_category) == (True, "Googlebot", "search")
    assert (row.session, row.is_view) == (None, False)


@pytest.mark.parametrize("sent", [{"automated": True}, {"user_agent": HEADLESS_CHROME}])
def test_an_automated_browser_is_a_person_only_where_the_property_says_so(warehouse: FilledWarehouse, sent):
    warehouse.append([an_event(**sent)])
    row = only_row(warehouse)
    assert (row.is_bot, row.bot_category, row.session, row.is_view) == (True, "headless", None, False)
    update_settings(warehouse.database, warehouse.property.id, counts_automated=True)
    warehouse.projector.catch_up()
    row = only_row(warehouse)
    assert (row.is_bot, row.bot_name, row.bot_category, row.is_view) == (False, None, None, True)
    assert row.session is not None


def test_a_crawler_stays_a_bot_where_automated_browsers_count(warehouse: FilledWarehouse):
    update_settings(warehouse.database, warehouse.property.id, counts_automated=True)
    warehouse.append([an_event(user_agent=GOOGLEBOT, automated=True)])
    assert only_row(warehouse).is_bot


def test_a_program_that_sends_a_custom_event_has_no_visitor_and_is_no_bot(warehouse: FilledWarehouse):
    warehouse.append([an_event(visitor=None, event="signup", page=None, user_agent=CURL)])
    row = only_row(warehouse)
    assert (row.is_bot, row.is_custom, row.visitor, row.session, row.device) == (False, True, None, None, None)


@pytest.mark.parametrize("text", [CURL, ""])
@pytest.mark.parametrize("counts_automated", [False, True])
def test_a_page_view_of_a_program_without_a_visitor_is_a_bots(
    warehouse: FilledWarehouse, text: str, counts_automated: bool
):
    update_settings(warehouse.database, warehouse.property.id, counts_automated=counts_automated)
    warehouse.append([an_event(visitor=None, user_agent=text, automated=counts_automated)])
    row = only_row(warehouse)
    assert (row.is_bot, row.is_view, row.session, row.bot_category) == (True, False, None, "library")
    assert row.bot_name == ("curl" if text else "No User-Agent")


def test_only_the_page_views_of_a_program_are_a_bots_in_one_batch(warehouse: FilledWarehouse):
    warehouse.append(
        [
            an_event(visitor=None, user_agent=CURL),
            an_event(visitor=None, event="order", page=None, user_agent=CURL),
            an_event("ada", user_agent=CURL),
            an_event("bob"),
        ]
    )
    with warehouse.warehouse.read() as connection:
        rows = connection.execute(
            select(event.c.event, event.c.is_bot, event.c.bot_name, event.c.is_view).order_by(event.c.seq)
        ).all()
    assert rows == [
        ("page_view", True, "curl", False),
        ("order", False, None, False),
        ("page_view", False, None, True),
        ("page_view", False, None, True),
    ]


def test_a_program_with_a_daily_identity_has_no_visitor(warehouse: FilledWarehouse):
    warehouse.append([an_event("by the day", event="signup", user_agent=CURL, identity=Identity.DAILY, user_id=None)])
    row = only_row(warehouse)
    assert (row.visitor, row.session, row.own_visitor is None) == (None, None, False)


def test_erasing_a_visitor_erases_events_that_a_program_sent_for_them(warehouse: FilledWarehouse):
    known = {"user_agent": CURL, "identity": Identity.DAILY, "user_id": None}
    erased, left = an_event("ada", **known), an_event("bob", **known)
    warehouse.append([an_event("ada"), erased, left])
    with warehouse.database.session() as session_:
        session_.add(StorageChange(kind=ChangeKind.VISITOR_ERASED, property=1, detail={"visitor": erased.visitor}))
        session_.commit()
    warehouse.projector.catch_up()
    assert only_row(warehouse).own_visitor == left.visitor


def test_a_program_that_names_a_visitor_continues_their_session(warehouse: FilledWarehouse):
    warehouse.append([an_event("42", "09:00"), an_event("42", "09:05", event="order", user_agent=CURL)])
    with warehouse.warehouse.read() as connection:
        row = connection.execute(select(session)).one()
    assert (row.hits, row.custom_events, row.device) == (2, 1, "Desktop")  # the first hit decides


def test_a_row_says_with_what_and_from_where(warehouse: FilledWarehouse):
    warehouse.append(
        [
            an_event(
                user_agent=IPHONE,
                referrer="google.com",
                screen_width=390,
                screen_height=844,
                country="DE",
                region="DE-HE",
                data={"plan": "pro"},
            )
        ]
    )
    row = only_row(warehouse)
    assert (row.browser, row.platform, row.device, row.screen) == ("Safari", "iOS", "Mobile", "390×844")
    assert (row.source, row.channel, row.country, row.region) == ("Google", "Organic search", "DE", "DE-HE")
    assert row.data == '{"plan":"pro"}'


def test_engaged_time_is_of_a_page_leave_and_half_an_hour_at_most(warehouse: FilledWarehouse):
    warehouse.append([an_event(event="page_leave", time_on_page=3_000_000)])
    assert only_row(warehouse).engaged_ms == 1_800_000


@pytest.mark.parametrize(
    ("hits", "is_bounce"),
    [
        ([], True),
        ([{"event": "page_leave", "time_on_page": 9_999}], True),
        ([{"event": "page_leave", "time_on_page": 10_000}], False),
        ([{"event": "page_leave", "time_on_page": 6_000}] * 2, False),
        ([{"event": "page_view", "page": "/b"}], False),
        ([{"event": "signup"}], False),
        ([{"event": "scroll"}], True),
        ([{"event": "click", "data": {"target": "button"}}], True),
        ([{"event": "click", "data": {"target": "abbr"}}], True),
        ([{"event": "click", "data": {"target": "a#buy"}}], False),
        ([{"event": "click", "data": {"target": "img", "href": "shop.example"}}], False),
    ],
)
def test_a_bounce_is_one_short_view_without_a_link_and_without_a_custom_event(
    warehouse: FilledWarehouse, hits: list[dict[str, Any]], is_bounce: bool
):
    warehouse.append([an_event(at="09:00")])
    for hit in hits:
        warehouse.append([an_event(at="09:05", **hit)])
    with warehouse.warehouse.read() as connection:
        assert connection.scalar(select(session.c.is_bounce)) is is_bounce


def test_a_duplicate_view_is_one_view_unless_both_have_ids(warehouse: FilledWarehouse):
    warehouse.append([an_event(at="09:00:00"), an_event(at="09:00:01"), an_event(at="09:00:01.5")])
    warehouse.append([an_event("bob", "09:00:00", view_id="a"), an_event("bob", "09:00:00.5", view_id="b")])
    with warehouse.warehouse.read() as connection:
        views = connection.execute(select(session.c.views, session.c.hits).order_by(session.c.session)).all()
    assert views == [(2, 3), (2, 2)]


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.none() | st.integers(-(1 << 63), (1 << 63) - 1)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {name: texts for name in FeedEvent._fields if name not in NUMBERS}
            | dict.fromkeys(("screen_width", "screen_height", "time_on_page", "scroll_depth", "visitor"), numbers),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_nothing_that_storage_can_hold_stops_the_projector(scratch: Warehouse, sent: list[dict[str, Any]]):
    at = 1_793_620_800_000_000
    known = {"property": 1, "identity": 1, "created_at": at, "previous_visitor": None, "automated": 0}
    events = [
        FeedEvent(
            **{**fields, **known, "seq": seq, "event": fields["event"] or "click", "user_agent": fields["title"] or ""}
        )
        for seq, fields in enumerate(sent, 1)
    ]
    with scratch.write() as connection:
        connection.execute(delete(event))
        Projection().add(connection, side_by_side(events))
    with scratch.read() as connection:
        pages = connection.execute(select(event.c.page, event.c.data).order_by(event.c.seq)).all()
    assert [page for page, _ in pages] == [fields["page"] and canonical_page(fields["page"]) for fields in sent]
    for (_, data), fields in zip(pages, sent, strict=True):
        assert (data or "").endswith((fields["rest"] or "")[1:])
