"""Rejected events are stored for the property's owner: the newest, few at a time, without addresses."""

from __future__ import annotations

from collector.event import HitOutcome
from proprium.properties.service import create_property, delete_property
from proprium.storage import rejected_events
from proprium.storage.database import Database
from proprium.storage.rejected_events import WRITE_BATCH_SIZE, RejectedEventBuffer
from proprium.storage.tables import RejectedEvent
from tests.support.builders import DAY, moment


def an_outcome(reason: str | None = "hostname", page: str = "/") -> HitOutcome:
    return HitOutcome(
        moment("09:00", DAY), "page_view", page, reason is None, False, reason, True, "DE", "Chrome", False, "x.example"
    )


def pages(database: Database, number: int | None) -> list[str | None]:
    return [row.page for row in rejected_events.newest(database, number or 0)]


def test_a_rejected_event_is_listed_with_its_reason(database: Database) -> None:
    property_ = create_property(database, "Blog", None)
    refusals = RejectedEventBuffer(database)
    refusals.add(property_.id, an_outcome(page="/pricing"))
    assert refusals.flush() == 1
    (row,) = rejected_events.newest(database, property_.number or 0)
    assert (row.reason, row.event, row.page, row.hostname) == ("hostname", "page_view", "/pricing", "x.example")
    assert row.at == moment("09:00", DAY)


def test_stored_events_are_not_listed(database: Database) -> None:
    property_ = create_property(database, "Blog", None)
    refusals = RejectedEventBuffer(database)
    refusals.add(property_.id, an_outcome(reason=None))
    assert refusals.flush() == 0
    assert pages(database, property_.number) == []


def test_of_many_rejected_events_the_newest_are_stored(database: Database) -> None:
    property_ = create_property(database, "Blog", None)
    refusals = RejectedEventBuffer(database)
    for number in range(500):
        refusals.add(property_.id, an_outcome(page=f"/{number}"))
    assert refusals.flush() == WRITE_BATCH_SIZE
    assert pages(database, property_.number)[0] == "/499"
    assert len(pages(database, property_.number)) == WRITE_BATCH_SIZE


def test_only_the_newest_of_each_property_are_kept(database: Database, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(rejected_events, "MAX_EVENTS_PER_PROPERTY", 3)
    one, other = create_property(database, "One", None), create_property(database, "Other", None)
    refusals = RejectedEventBuffer(database)
    refusals.add(other.id, an_outcome(page="/other"))
    for number in range(5):
        refusals.add(one.id, an_outcome(page=f"/{number}"))
        refusals.flush()
    assert pages(database, one.number) == ["/4", "/3", "/2"]
    assert pages(database, other.number) == ["/other"]


def test_the_list_is_deleted_with_its_property_and_can_be_cleared(database: Database) -> None:
    one, other = create_property(database, "One", None), create_property(database, "Other", None)
    refusals = RejectedEventBuffer(database)
    refusals.add(one.id, an_outcome())
    refusals.add(other.id, an_outcome())
    refusals.flush()
    delete_property(database, one.id)
    rejected_events.clear(database, other.number or 0)
    assert pages(database, one.number) == pages(database, other.number) == []


def test_a_rejected_event_of_a_deleted_property_is_skipped(database: Database) -> None:
    property_ = create_property(database, "Blog", None)
    refusals = RejectedEventBuffer(database)
    refusals.add(property_.id, an_outcome())
    delete_property(database, property_.id)
    assert refusals.flush() == 0


def test_the_table_has_no_column_for_an_address() -> None:
    assert set(RejectedEvent.model_fields) == {
        "seq",
        "property",
        "at",
        "reason",
        "event",
        "page",
        "hostname",
        "browser",
    }
