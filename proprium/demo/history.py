"""A year of visits: a rhythm of days and weeks, slow growth, some days that everybody talks about."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random

from collector.event import Event
from proprium.demo.people import People, Person
from proprium.demo.visits import Step, crawl, to_event, visit

DAYS = 365
SEED = 1729
EVENTS_PER_VISIT = 6.15  # measured over the whole year; crawls included
BOTS = 0.09  # of the visits
COMES_BACK = 0.38  # of the visits are by somebody who was there before
REMEMBERED = 900  # people who may come back

WEEKDAYS = (1.05, 1.12, 1.1, 1.06, 0.92, 0.55, 0.62)  # from Monday
# From midnight, UTC; most readers are European.
HOURS = (2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 11, 9, 10, 11, 11, 10, 9, 9, 9, 8, 7, 5, 3)
TALKED_ABOUT = {0.31: 3.4, 0.58: 2.2, 0.87: 4.0}  # share of the year: how much more on that day; it wears off

_HOURS = list(accumulate(HOURS))


class Population:
    """Everybody who was there, and those who are likely to come back."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.places = people.places
        self._known: deque[Person] = deque(maxlen=REMEMBERED)

    def visit(self, chance: Random, at: datetime) -> tuple[Person, list[Step]]:
        """Somebody's next visit: a stranger's, a regular's or a crawler's."""
        dice = chance.random()
        if dice < BOTS:
            bot = self.people.bot(chance)
            return bot, crawl(chance, at, bot)
        if dice < BOTS + COMES_BACK and self._known:
            person = self._known[int(len(self._known) * math.sqrt(chance.random()))]  # rather those who came lately
            return person, visit(chance, at, person, is_new=False)
        person = self.people.person(chance)
        self._known.append(person)
        return person, visit(chance, at, person, is_new=True)


def history(
    population: Population, property_number: int, until: datetime, count: int, *, days: int = DAYS, seed: int = SEED
) -> Iterator[list[Event]]:
    """About `count` events up to `until`, a day at a time, in the order of their time.

    The same ones for the same `until` and seed.
    """
    chance = Random(seed)
    today = until.replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=days)
    shares = day_shares(chance, first, days + 1)
    visits_per_share = count / EVENTS_PER_VISIT / sum(shares[:-1])
    running_on: list[Event] = []  # visits that last into the next day
    for number, share in enumerate(shares):
        starts = first + timedelta(days=number)
        events = running_on
        for at in moments(chance, starts, int(share * visits_per_share + chance.random())):
            person, steps = population.visit(chance, at)
            events += [to_event(chance, step, person, property_number) for step in steps]
        events.sort(key=_when)
        ends = min(starts + timedelta(days=1), until)
        yield [event for event in events if event.created_at < ends]
        running_on = [event for event in events if event.created_at >= ends]


def day_shares(chance: Random, first: datetime, days: int) -> list[float]:
    """How busy each day is, relative to the others."""
    shares = []
    for number in range(days):
        year = number / days
        growth = 0.45 + 0.75 * year + 0.08 * math.sin(year * 4 * math.pi)
        talk = sum((times - 1) * _wears_off((year - at) * days) for at, times in TALKED_ABOUT.items())
        weekday = WEEKDAYS[(first + timedelta(days=number)).weekday()]
        shares.append(growth * weekday * (1 + talk) * chance.lognormvariate(0, 0.09))
    return shares


def moments(chance: Random, day: datetime, count: int) -> list[datetime]:
    """`count` times of a day, more of them in the busy hours, in order."""
    hours = chance.choices(range(24), cum_weights=_HOURS, k=count)
    return sorted(day + timedelta(hours=hour, seconds=chance.random() * 3600) for hour in hours)


def _wears_off(days_since: float) -> float:
    return math.exp(-days_since / 2.2) if days_since >= 0 else 0.0


def _when(event: Event) -> datetime:
    return event.created_at
