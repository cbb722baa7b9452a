"""Simulates a year of visits: daily and weekly rhythm, slow growth, and traffic peaks."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from random import Random

from collector.event import Event
from proprium.demo.people import People, Person
from proprium.demo.visits import VisitStep, crawl, to_event, visit

DAYS = 365
SEED = 1729
EVENTS_PER_VISIT = 6.15  # measured over the whole year, including crawls
BOT_VISIT_SHARE = 0.09  # of the visits
RETURNING_VISIT_SHARE = 0.38  # share of the visits by returning visitors
MAX_RETURNING_PEOPLE = 900

WEEKDAY_WEIGHTS = (1.05, 1.12, 1.1, 1.06, 0.92, 0.55, 0.62)  # from Monday
# From midnight UTC; most readers are European.
HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 3, 5, 8, 10, 11, 11, 9, 10, 11, 11, 10, 9, 9, 9, 8, 7, 5, 3)
TRAFFIC_PEAKS = {0.31: 3.4, 0.58: 2.2, 0.87: 4.0}  # position in the year (0..1): factor on that day; it decays
PEAK_DECAY_DAYS = 2.2  # until a peak has fallen to 1/e

_CUMULATIVE_HOUR_WEIGHTS = list(accumulate(HOUR_WEIGHTS))


class Population:
    """Generates visits and remembers the people who may return."""

    def __init__(self, people: People) -> None:
        self.people = people
        self.places = people.places
        self._returning_people: deque[Person] = deque(maxlen=MAX_RETURNING_PEOPLE)

    def visit(self, rng: Random, moment: datetime) -> tuple[Person, list[VisitStep]]:
        """Simulates one visit by a new visitor, a returning visitor or a crawler."""
        roll = rng.random()
        if roll < BOT_VISIT_SHARE:
            bot = self.people.bot(rng)
            return bot, crawl(rng, moment, bot)
        if roll < BOT_VISIT_SHARE + RETURNING_VISIT_SHARE and self._returning_people:
            index = int(len(self._returning_people) * math.sqrt(rng.random()))  # favours recent visitors
            person = self._returning_people[index]
            return person, visit(rng, moment, person, is_new=False)
        person = self.people.person(rng)
        self._returning_people.append(person)
        return person, visit(rng, moment, person, is_new=True)


def history(
    population: Population, property_number: int, until: datetime, count: int, *, days: int = DAYS, seed: int = SEED
) -> Iterator[list[Event]]:
    """Yields about `count` events up to `until`, one list per day, in order of time.

    Deterministic for the same `until` and seed.
    """
    rng = Random(seed)
    today = until.replace(hour=0, minute=0, second=0, microsecond=0)
    first_day = today - timedelta(days=days)
    shares = day_shares(rng, first_day, days + 1)
    visits_per_share = count / EVENTS_PER_VISIT / sum(shares[:-1])
    carried_over: list[Event] = []  # events of visits that continue into the next day
    for day_index, share in enumerate(shares):
        day_start = first_day + timedelta(days=day_index)
        events = carried_over
        for moment in visit_times(rng, day_start, int(share * visits_per_share + rng.random())):
            person, steps = population.visit(rng, moment)
            events += [to_event(rng, step, person, property_number) for step in steps]
        events.sort(key=lambda event: event.created_at)
        day_end = min(day_start + timedelta(days=1), until)
        yield [event for event in events if event.created_at < day_end]
        carried_over = [event for event in events if event.created_at >= day_end]


def visits_per_minute(moment: datetime, count: int, *, days: int = DAYS, seed: int = SEED) -> float:
    """Returns the rate at a moment of the day after a year of `count` events, in the rhythm of that year's last day."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    visits = _visits_of_last_day(midnight, count, days, seed)
    return visits * HOUR_WEIGHTS[moment.hour] / _CUMULATIVE_HOUR_WEIGHTS[-1] / 60


@lru_cache(maxsize=4)
def _visits_of_last_day(midnight: datetime, count: int, days: int, seed: int) -> float:
    """Returns the visits of the last day of `history(…, until=midnight + 1 day)`."""
    shares = day_shares(Random(seed), midnight - timedelta(days=days), days + 1)
    return shares[-1] * count / EVENTS_PER_VISIT / sum(shares[:-1])


def day_shares(rng: Random, first_day: datetime, days: int) -> list[float]:
    """Returns the relative traffic of each day."""
    shares = []
    for day_index in range(days):
        year = day_index / days
        growth = 0.45 + 0.75 * year + 0.08 * math.sin(year * 4 * math.pi)
        peak_factor = sum(
            (factor - 1) * math.exp((peak - year) * days / PEAK_DECAY_DAYS)
            for peak, factor in TRAFFIC_PEAKS.items()
            if year >= peak
        )
        weekday = WEEKDAY_WEIGHTS[(first_day + timedelta(days=day_index)).weekday()]
        shares.append(growth * weekday * (1 + peak_factor) * rng.lognormvariate(0, 0.09))
    return shares


def visit_times(rng: Random, day: datetime, count: int) -> list[datetime]:
    """Returns `count` times of a day, in order, weighted by HOUR_WEIGHTS."""
    hours = rng.choices(range(24), cum_weights=_CUMULATIVE_HOUR_WEIGHTS, k=count)
    return sorted(day + timedelta(hours=hour, seconds=rng.random() * 3600) for hour in hours)
