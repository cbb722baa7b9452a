"""Makes the property "Exemplar" and writes its year into storage."""

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
from proprium.properties.service import create_property, set_custom_cards
from proprium.storage.database import Database
from proprium.storage.events import EventStore
from proprium.storage.tables import Property

NAME = "Exemplar"
EVENTS = 200_000
BATCH = 5_000  # events in one commit
CARDS = ("signup", "download")


def add_exemplar(
    database: Database,
    owner_id: UUID | None,
    *,
    until: datetime | None = None,
    count: int = EVENTS,
    progress: Callable[[int, int], None] | None = None,
) -> Property:
    """The sample property with a year of events up to `until` (now). Takes seconds: not for the event loop.

    `progress` is told how many events are written, and of how many.
    """
    made = make_exemplar(database, owner_id)
    assert made.number is not None
    write_history(database, made.number, until or utc_now(), count, progress)
    return made


def make_exemplar(database: Database, owner_id: UUID | None) -> Property:
    """The sample property alone, without an event."""
    made = create_property(database, NAME, owner_id, hostnames=[HOSTNAME])
    return set_custom_cards(database, made.id, CARDS)


def find_exemplar(database: Database) -> Property | None:
    """The oldest property of that name."""
    with database.session() as session:
        return session.exec(select(Property).where(Property.name == NAME).order_by(col(Property.number))).first()


def write_history(
    database: Database, number: int, until: datetime, count: int, progress: Callable[[int, int], None] | None = None
) -> int:
    """How many events were written."""
    store = EventStore(database)
    written = 0
    waiting = []
    for day in history(population(), number, until, count):
        waiting += day
        if len(waiting) >= BATCH:
            written += sum(store.append(waiting))
            waiting = []
            if progress:
                progress(written, count)
    written += sum(store.append(waiting))
    store.close()
    if progress:
        progress(written, written)
    return written


def population() -> Population:
    """Strangers from everywhere that our maps know."""
    return Population(People(_regions))


@cache
def _regions(country: str) -> tuple[str, ...]:
    """The ISO 3166-2 ids of a country, without those that our maps made up for want of one."""
    atlas = Atlas()
    ids = atlas.regions(country).ids if atlas.has_regions(country) else ()
    return tuple(sorted(id_ for id_ in ids if "-x" not in id_))
