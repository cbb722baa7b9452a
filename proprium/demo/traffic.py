"""Simulated live traffic for "Exemplar", through the same pipeline and group commit as real events."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Protocol
from uuid import UUID, uuid4

from collector.errors import EventDropped, StoreUnavailable
from collector.event import Event, Hit
from collector.geolocation import UNKNOWN_LOCATION, Location
from collector.pipeline import Pipeline
from collector.ports import PropertyDirectory, VisitorKeySource
from proprium.clock import Clock, utc_now
from proprium.demo.exemplar import EVENT_COUNT
from proprium.demo.history import Population, visits_per_minute
from proprium.demo.people import Person
from proprium.demo.site import HOSTNAME
from proprium.demo.visits import VisitStep

log = logging.getLogger(__name__)

WARM_UP = timedelta(minutes=30)  # visits from before the start, so that traffic does not start with silence
MAX_SLEEP_S = 1.0


class EventWriter(Protocol):
    async def append(self, events: Sequence[Event]) -> Sequence[bool]: ...


@dataclass(order=True, slots=True)
class ScheduledStep:
    """A visit's step with its due time, in a heap."""

    due_at: datetime
    sequence_number: int
    person: Person = field(compare=False)
    step: VisitStep = field(compare=False)


class SampleGeolocator:
    """Stands in for the GeoIP database: maps addresses of the benchmarking block (198.18.0.0/15) to places."""

    def __init__(self, population: Population) -> None:
        self._location_by_address = {
            address_of(index): Location(place.country, place.region, place.city)
            for index, place in enumerate(population.places)
        }
        self._address_by_place = {place: address_of(index) for index, place in enumerate(population.places)}

    def locate(self, address: str | None) -> Location:
        return self._location_by_address.get(address or "", UNKNOWN_LOCATION)

    def address(self, person: Person) -> str:
        return self._address_by_place[person.place]


def address_of(index: int) -> str:
    return f"198.18.{index >> 8}.{index & 255}"


class Traffic:
    """Sends visits in the rhythm of the sample year until `run` is cancelled: charts go on as they were."""

    def __init__(
        self,
        population: Population,
        property_id: UUID,
        directory: PropertyDirectory,
        visitor_keys: VisitorKeySource,
        writer: EventWriter,
        *,
        visits_per_minute: Callable[[datetime], float] = partial(visits_per_minute, count=EVENT_COUNT),
        warm_up: timedelta = WARM_UP,
        clock: Clock = utc_now,
        seed: int | None = None,
    ) -> None:
        self._population = population
        self._property_id = property_id
        self._directory = directory
        self._writer = writer
        self._clock = clock
        self._rng = Random(seed)
        self._geolocator = SampleGeolocator(population)
        self._pipeline = Pipeline(self._geolocator, visitor_keys)
        self._visits_per_minute = visits_per_minute
        self._scheduled_steps: list[ScheduledStep] = []
        self._next_visit = clock() - warm_up
        self._last_sequence_number = 0

    async def run(self) -> None:
        started_at = self._clock()
        while True:
            now = self._clock()
            while self._next_visit <= now:
                person, steps = self._population.visit(self._rng, self._next_visit)
                for step in steps:
                    self._last_sequence_number += 1
                    scheduled_step = ScheduledStep(step.moment, self._last_sequence_number, person, step)
                    heapq.heappush(self._scheduled_steps, scheduled_step)
                self._next_visit += self.pause_after(self._next_visit)
            due_steps = []
            while self._scheduled_steps and self._scheduled_steps[0].due_at <= now:
                due_steps.append(heapq.heappop(self._scheduled_steps))
            await self._send([step for step in due_steps if step.due_at >= started_at], now)
            next_due_at = (
                min(self._next_visit, self._scheduled_steps[0].due_at) if self._scheduled_steps else self._next_visit
            )
            await asyncio.sleep(min(max((next_due_at - self._clock()).total_seconds(), 0.05), MAX_SLEEP_S))

    def pause_after(self, moment: datetime) -> timedelta:
        """Returns a random time until the next visit."""
        return timedelta(minutes=self._rng.expovariate(self._visits_per_minute(moment)))

    async def _send(self, due_steps: list[ScheduledStep], now: datetime) -> None:
        if not due_steps or (rules := self._directory.find(self._property_id)) is None:
            return
        events = []
        for scheduled_step in due_steps:
            step, person = scheduled_step.step, scheduled_step.person
            hit = Hit(
                property_id=self._property_id,
                event=step.event,
                data=dict(step.data),
                id=uuid4(),
                received_at=now,
                address=self._geolocator.address(person),
                user_agent=person.user_agent,
                origin_host=HOSTNAME,
            )
            try:
                events.append(self._pipeline.run(hit, rules))
            except EventDropped:
                continue  # the property's rules have changed
        try:
            await self._writer.append(events)
        except StoreUnavailable as problem:
            log.info("sample traffic was not stored", extra={"error": str(problem)})
