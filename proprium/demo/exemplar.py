"""Creates the sample property "Exemplar" and writes its year of events to storage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlmodel import col, select

from maps.atlas import Atlas
from proprium.clock import utc_now
from proprium.demo.history import Population, history
from proprium.demo.people import People
from proprium.demo.site import HOSTNAME
from proprium.properties import access
from proprium.properties.audit_log import SERVER
from proprium.properties.service import create_property, set_custom_cards
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.tables import Property

PROPERTY_NAME = "Exemplar"
EVENT_COUNT = 200_000
COMMIT_BATCH_SIZE = 5_000  # events in one commit
CUSTOM_CARDS = ("signup", "download")


def add_exemplar(
    database: Database,
    owner_id: UUID | None,
    *,
    until: datetime | None = None,
    count: int = EVENT_COUNT,
    on_progress: Callable[[int, int], None] | None = None,
) -> Property:
    """Creates the sample property with a year of events up to `until` (default: now).

    Where `proprium demo` has created it already, without an owner, `owner_id` becomes its owner and nothing is written.
    Takes seconds, so it must not run on the event loop. `on_progress` is called with (events written, total).
    """
    existing = find_exemplar(database)
    if existing is not None and existing.owner_id is None and owner_id is not None:
        return access.transfer(database, existing.id, owner_id, actor=SERVER)
    property_ = make_exemplar(database, owner_id)
    assert property_.number is not None
    write_history(database, property_.number, until or utc_now(), count, on_progress)
    return property_


def make_exemplar(database: Database, owner_id: UUID | None) -> Property:
    """Creates the sample property without events."""
    property_ = create_property(database, PROPERTY_NAME, owner_id, hostnames=[HOSTNAME], actor=SERVER)
    return set_custom_cards(database, property_.id, CUSTOM_CARDS, actor=SERVER)


def find_exemplar(database: Database) -> Property | None:
    """Returns the oldest property named "Exemplar", or None."""
    with database.session() as session:
        return session.exec(
            select(Property).where(Property.name == PROPERTY_NAME).order_by(col(Property.number))
        ).first()


def write_history(
    database: Database,
    property_number: int,
    until: datetime,
    count: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes the year of events in batches; returns the number written. `on_progress` as in add_exemplar."""
    store = EventStore(database)
    written_count = 0
    pending_events = []
    for day_events in history(population(), property_number, until, count):
        pending_events += day_events
        if len(pending_events) >= COMMIT_BATCH_SIZE:
            written_count += sum(store.append(pending_events))
            pending_events = []
            if on_progress:
                on_progress(written_count, count)
    written_count += sum(store.append(pending_events))
    store.close()
    if on_progress:
        on_progress(written_count, written_count)
    return written_count


def population() -> Population:
    """Returns a new population from all countries and regions of our maps."""
    return Population(People(_regions))


@cache
def _regions(country: str) -> tuple[str, ...]:
    """Returns a country's ISO 3166-2 ids, without the maps' private ones (`-x…`)."""
    atlas = Atlas()
    ids = atlas.regions(country).ids if atlas.has_regions(country) else ()
    return tuple(sorted(id_ for id_ in ids if "-x" not in id_))
