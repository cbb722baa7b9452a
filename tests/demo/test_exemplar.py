"""The sample property and its events in storage."""

from __future__ import annotations

from datetime import UTC, datetime

from proprium.demo.exemplar import add_exemplar, find_exemplar, make_exemplar
from proprium.properties.service import visible_properties
from proprium.storage.database import Database
from proprium.storage.events import count_events, read_events
from tests.support.builders import a_user

UNTIL = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


def test_exemplar_belongs_to_its_maker_and_has_its_events_and_cards(database: Database):
    maker = a_user(database)
    steps: list[tuple[int, int]] = []
    property_ = add_exemplar(database, maker.id, until=UNTIL, count=3000, on_progress=lambda *step: steps.append(step))
    assert (property_.name, property_.owner_id, property_.custom_cards) == (
        "Exemplar",
        maker.id,
        ["signup", "download"],
    )
    stored = count_events(database, property_.number)
    assert 2600 < stored < 3400
    assert steps[-1] == (stored, stored)
    assert find_exemplar(database) == property_


def test_its_events_read_back_as_the_script_would_have_sent_them(database: Database):
    property_ = add_exemplar(database, None, until=UNTIL, count=500)
    views = [event for event in read_events(database, property_.number) if event.event == "page_view"]
    assert all({"user_id", "view_id", "url", "title", "hostname"} <= view.data.keys() for view in views)
    assert all(view.country and view.browser and view.property == property_.id for view in views)


def test_none_is_found_before_it_is_created(database: Database):
    assert find_exemplar(database) is None


def test_the_demo_s_sample_property_becomes_the_owner_s_and_no_second_one_is_made(database: Database):
    of_demo = make_exemplar(database, None)
    owner = a_user(database)
    claimed = add_exemplar(database, owner.id, until=UNTIL, count=500)
    assert (claimed.id, claimed.owner_id) == (of_demo.id, owner.id)
    assert [each.name for each in visible_properties(database, owner)].count("Exemplar") == 1
    assert count_events(database, claimed.number) == 0, "its history is the demo's to write"
