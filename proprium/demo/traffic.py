"""Live visitors for "Exemplar": they pass through the same pipeline and the same group commit as real ones."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol
from uuid import UUID, uuid4

from collector.errors import Dropped, StoreUnavailable
from collector.event import Event, Hit
from collector.geolocation import NOWHERE, Place
from collector.pipeline import Pipeline
from collector.ports import PropertyDirectory, SaltSource
from proprium.clock import Clock, utc_now
from proprium.demo.history import Population
from proprium.demo.people import Person
from proprium.demo.site import HOSTNAME
from proprium.demo.visits import Step

log = logging.getLogger(__name__)

VISITS_PER_MINUTE = 30.0  # about three events a second
UNDER_WAY = timedelta(minutes=5)  # visits that began before the start, so that it does not start with silence
LONGEST_NAP_S = 1.0


class Writer(Protocol):
    async def append(self, events: Sequence[Event]) -> Sequence[bool]: ...


@dataclass(order=True, slots=True)
class Due:
    """A step that somebody will take at a moment."""

    at: datetime
    number: int
    person: Person = field(compare=False)
    step: Step = field(compare=False)


class SamplePlaces:
    """Stands in for the place database: an address of the block for benchmarks (198.18/15) tells the place."""

    def __init__(self, population: Population) -> None:
        self._places = {address_of(n): Place(p.country, p.region, p.city) for n, p in enumerate(population.places)}
        self._addresses = {place: address_of(n) for n, place in enumerate(population.places)}

    def place(self, address: str | None) -> Place:
        return self._places.get(address or "", NOWHERE)

    def address(self, person: Person) -> str:
        return self._addresses[person.place]


def address_of(number: int) -> str:
    return f"198.18.{number >> 8}.{number & 255}"


class Traffic:
    """Sends a few events a second until it is cancelled."""

    def __init__(
        self,
        population: Population,
        property_id: UUID,
        directory: PropertyDirectory,
        salts: SaltSource,
        writer: Writer,
        *,
        visits_per_minute: float = VISITS_PER_MINUTE,
        clock: Clock = utc_now,
        seed: int | None = None,
    ) -> None:
        self._population = population
        self._property_id = property_id
        self._directory = directory
        self._writer = writer
        self._clock = clock
        self._chance = Random(seed)
        self._places = SamplePlaces(population)
        self._pipeline = Pipeline(self._places, salts)
        self._gap_s = 60 / visits_per_minute
        self._due: list[Due] = []
        self._next_visit = clock() - UNDER_WAY
        self._number = 0

    async def run(self) -> None:
        began = self._clock()
        while True:
            now = self._clock()
            self._let_visitors_in(now)
            await self._send([due for due in self._taken(now) if due.at >= began], now)
            soon = min(self._next_visit, self._due[0].at) if self._due else self._next_visit
            await asyncio.sleep(min(max((soon - self._clock()).total_seconds(), 0.05), LONGEST_NAP_S))

    def _let_visitors_in(self, now: datetime) -> None:
        while self._next_visit <= now:
            person, steps = self._population.visit(self._chance, self._next_visit)
            for step in steps:
                self._number += 1
                heapq.heappush(self._due, Due(step.at, self._number, person, step))
            self._next_visit += timedelta(seconds=self._chance.expovariate(1 / self._gap_s))

    def _taken(self, now: datetime) -> list[Due]:
        taken = []
        while self._due and self._due[0].at <= now:
            taken.append(heapq.heappop(self._due))
        return taken

    async def _send(self, taken: list[Due], now: datetime) -> None:
        if not taken or (rules := self._directory.find(self._property_id)) is None:
            return
        events = []
        for due in taken:
            try:
                events.append(self._pipeline.run(self._hit(due, now), rules))
            except Dropped:
                continue  # somebody changed the property's rules
        try:
            await self._writer.append(events)
        except StoreUnavailable as problem:
            log.info("sample traffic was not stored: %s", problem)

    def _hit(self, due: Due, now: datetime) -> Hit:
        return Hit(
            property_id=self._property_id,
            event=due.step.event,
            data=dict(due.step.data),
            id=uuid4(),
            received_at=now,
            address=self._places.address(due.person),
            user_agent=due.person.user_agent,
            origin_host=HOSTNAME,
        )
