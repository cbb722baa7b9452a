"""A year of several busy sites, as the browser script reports them: the same events for the same size and seed.

They come as rows of storage at once, since making an Event of each would take twice as long; a test holds them
against what EventStore writes.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

from collector.event import Identity
from collector.visitor import visitor_of
from proprium.demo.exemplar import population
from proprium.demo.history import day_shares, visit_times
from proprium.demo.people import Person
from proprium.demo.site import SOURCES, Source
from proprium.storage.event_codec import COLUMNS, KNOWN_KEYS, to_timestamp_us
from tests.bench.pages import Page, json_of, pages

DAYS = 365
SEED = 1729
UNTIL = datetime(2026, 11, 26, 20, tzinfo=UTC)
SITES = (0.8, *(0.2 * (1 / rank) / 2.829 for rank in range(1, 10)))
"""How much of the events each site has: most belong to one."""
COOKIELESS = 3
"""The place of the site whose visitors are known for a day only."""

EVENTS_PER_VISIT = 6.75  # measured over the whole year
COMES_BACK = 0.4  # of the visits are by somebody who was there before
REMEMBERED_DAYS = 12  # of strangers who may come back
BOTS = 0.055  # of the visits: three in a hundred events
SERVERS = 0.02  # beside each visit, a back end tells of a payment
READS_ON = 0.5  # of the readers of a page read another
MOST_HITS = 15
BLOGS = tuple(Source(6 / (rank + 4), f"https://blog-{rank}.example/") for rank in range(1, 181))
SERVER_AGENT = "python-requests/2.32.3"
GAP_US = 30 * 60 * 1_000_000
DAY_US = 24 * 60 * 60 * 1_000_000

Row = tuple[Any, ...]
"""The values of codec.COLUMNS."""
AgentNumber = Callable[[str], int | None]

AT = COLUMNS.index("created_at")
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "click_id")
NO_PAGE = (None,) * 10  # referrer, screen, language, campaign
NOTHING_DONE = (None, None, False)  # time_on_page, scroll_depth, automated


def sent_bits(*keys: str) -> int:
    """The column `sent` of an event with these keys."""
    return sum(1 << list(KNOWN_KEYS).index(key) for key in keys)


def index_by_share(sums: list[float], chance: Random) -> int:
    """An index, each as often as its share is large. `sums` adds the shares up; they need not come to one."""
    return bisect(sums, chance.random() * sums[-1] * 0.999_999)


OF_A_USER = sent_bits("user_id")
OF_EACH = sent_bits("user_id", "view_id", "url", "hostname")
OF_A_PAGE = OF_EACH | sent_bits("title", "screen_width", "screen_height", "language")
OF_A_SCROLL = OF_EACH | sent_bits("scroll_depth")
OF_A_LEAVE = OF_A_SCROLL | sent_bits("time_on_page")


class Visitor(NamedTuple):
    """Somebody on one site. The tuples are parts of a row."""

    person: Person
    agent: int | None  # the User-Agent's number in storage
    who: tuple[int, int | None, int | None]  # identity, visitor, previous visitor
    browser: tuple[int, int, str]  # screen and language
    place: tuple[str | None, ...]


class CameBy(NamedTuple):
    """How a visit began, as parts of its first row."""

    host: str | None = None
    utm: tuple[str | None, ...] = (None,) * len(CAMPAIGN)
    sent: int = 0
    rest: str | None = None  # the referrer as it was sent


@dataclass
class Site:
    """One property: its pages and those of its readers who may come back."""

    number: int  # the property's
    hostname: str
    pages: list[Page]
    is_cookieless: bool
    known: deque[Visitor]
    shares: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.shares = list(accumulate(1 / rank for rank in range(1, len(self.pages) + 1)))

    def page(self, chance: Random) -> Page:
        """The most read is first: their shares follow Zipf's law."""
        return self.pages[index_by_share(self.shares, chance)]


def days(
    numbers: list[int], agent_number: AgentNumber, count: int, seed: int = SEED, until: datetime = UNTIL
) -> Iterator[list[Row]]:
    """About `count` events of these properties, the busiest first, a day at a time, in the order of their time."""
    chance = Random(seed)
    today = until.replace(hour=0, minute=0, second=0, microsecond=0)
    first = today - timedelta(days=DAYS)
    shares = day_shares(chance, first, DAYS + 1)
    visits = count / EVENTS_PER_VISIT / (sum(shares) - shares[-1] / 2)
    world = World(chance, numbers, agent_number, visits)
    running_on: list[Row] = []  # visits that last into the next day
    for day, share in enumerate(shares):
        starts = first + timedelta(days=day)
        rows = running_on
        for at in visit_times(chance, starts, int(share * visits + chance.random())):
            world.visit(to_timestamp_us(at), rows)
        rows.sort(key=_when)
        cut = bisect(rows, to_timestamp_us(min(starts + timedelta(days=1), until)), key=_when)
        yield rows[:cut]
        running_on = rows[cut:]


class World:
    """Everybody who visits one of the sites."""

    def __init__(self, chance: Random, numbers: list[int], agent_number: AgentNumber, per_day: float) -> None:
        self._chance = chance
        self._people = population().people
        self._agent_number = agent_number
        self._sites = [
            Site(number, f"site-{place}.example", pages(place), place == COOKIELESS, _memory(per_day * share))
            for place, (number, share) in enumerate(zip(numbers, SITES, strict=True))
        ]
        self._shares = list(accumulate(SITES))
        sources = (*SOURCES, *BLOGS, *_campaigns())
        self._sources = [_came_by(source) for source in sources]
        self._source_shares = list(accumulate(source.share for source in sources))

    def visit(self, at: int, rows: list[Row]) -> None:
        """Somebody's next visit, µs since 1970: a stranger's, a regular's or a crawler's."""
        chance = self._chance
        site = self._sites[index_by_share(self._shares, chance)]
        dice = chance.random()
        if dice < BOTS:
            self._crawl(site, at, rows)
            return
        is_new = dice > BOTS + COMES_BACK or not site.known
        visitor = self._stranger(site) if is_new else site.known[int(len(site.known) * math.sqrt(chance.random()))]
        Visit(chance, site, visitor, rows).read(at, self._source(), is_new=is_new)
        if chance.random() < SERVERS:
            rows.append(_payment(chance, site, self._agent_number(SERVER_AGENT), at))

    def _stranger(self, site: Site) -> Visitor:
        visitor = self._visitor(self._people.person(self._chance), site)
        site.known.append(visitor)
        return visitor

    def _crawl(self, site: Site, at: int, rows: list[Row]) -> None:
        visit = Visit(self._chance, site, self._visitor(self._people.bot(self._chance), site), rows)
        for _ in range(self._chance.randint(1, 6)):
            page = site.page(self._chance)
            visit.open(page)
            visit.show(at, page, DIRECT)
            at += int(self._chance.uniform(2, 40) * 1_000_000)

    def _source(self) -> CameBy:
        return self._sources[index_by_share(self._source_shares, self._chance)]

    def _visitor(self, person: Person, site: Site) -> Visitor:
        who = (int(Identity.COOKIE), None if site.is_cookieless else visitor_of(person.user_id), None)
        place = (person.place.country, person.place.region, person.place.city)
        return Visitor(person, self._agent_number(person.user_agent), who, (*person.screen, person.language), place)


DIRECT = CameBy()


class Visit:
    """Makes the rows of one visit, in order."""

    def __init__(self, chance: Random, site: Site, visitor: Visitor, rows: list[Row]) -> None:
        self._chance = chance
        self._site = site
        self._visitor = visitor
        self._rows = rows
        self.hits = 0
        self._user_id = None if site.is_cookieless else visitor.person.user_id

    def read(self, at: int, came_by: CameBy, *, is_new: bool) -> None:
        """Page after page, until the reader has had enough."""
        chance, site = self._chance, self._site
        while True:
            page = site.page(chance)
            self.open(page)
            if is_new and not self.hits and not site.is_cookieless:
                self.show(at, page, came_by, "session_start")
            self.show(at, page, came_by)
            at = self._look_at(at, page)
            if self.hits >= MOST_HITS - 3 or chance.random() > READS_ON:
                return
            came_by = DIRECT
            at += int((0.3 + 4 * chance.random()) * 1_000_000)

    def open(self, page: Page) -> None:
        """Each event of a page carries the same id of its view."""
        self._view = (self._user_id, f"{self._chance.getrandbits(64):016x}", page.path)

    def show(self, at: int, page: Page, came_by: CameBy, name: str = "page_view") -> None:
        """With all that the script says of the page and the browser."""
        values = (page.title, self._site.hostname, came_by.host, *self._visitor.browser, *came_by.utm, *NOTHING_DONE)
        self._add(at, name, OF_A_PAGE | came_by.sent, values, came_by.rest)

    def tell(self, at: int, name: str, rest: str | None = None) -> None:
        """With nothing but its own details."""
        self._add(at, name, OF_EACH, (None, self._site.hostname, *NO_PAGE, *NOTHING_DONE), rest)

    def _measure(self, at: int, name: str, time_on_page: int | None, depth: int) -> None:
        sent = OF_A_SCROLL if time_on_page is None else OF_A_LEAVE
        self._add(at, name, sent, (None, self._site.hostname, *NO_PAGE, time_on_page, depth, False), None)

    def _add(self, at: int, name: str, sent: int, values: tuple[Any, ...], rest: str | None) -> None:
        self.hits += 1
        visitor, site = self._visitor, self._site
        if site.is_cookieless:
            who = _daily(visitor.person, at)
            sent &= ~OF_A_USER
        else:
            who = visitor.who
        id_ = _uuid7(self._chance, at)
        self._rows.append(
            (id_, site.number, name, at, *who, visitor.agent, sent, *self._view, *values, *visitor.place, rest)
        )

    def _look_at(self, at: int, page: Page) -> int:
        """When it was left."""
        chance = self._chance
        is_glance = chance.random() < 0.38
        spent = int(
            1e6 * (0.5 + 4 * chance.random() if is_glance else min(900, page.reading_s * chance.expovariate(1)))
        )
        depth = min(100, int((0.1 if is_glance else 0.15 + 0.9 * chance.random() ** 1.3) * 100))
        for part in range(25, depth + 1, 25):
            if self.hits < MOST_HITS:
                self._measure(at + spent * part // 120, "scroll", None, part)
        if not is_glance:
            self._act(at + spent // 2, page)
        if spent > 1_000_000 and self.hits < MOST_HITS:
            self._measure(at + spent, "page_leave", spent // 1000, depth)
        return at + spent

    def _act(self, at: int, page: Page) -> None:
        chance = self._chance
        if self.hits < MOST_HITS and chance.random() < 0.8:
            self.tell(at, "click", page.click(chance))
        if self.hits < MOST_HITS and page.action and chance.random() < page.action.probability:
            data = chance.choice(page.action.data)
            self.tell(at, page.action.event, json_of(data) if data else None)


def _payment(chance: Random, site: Site, agent: int | None, at: int) -> Row:
    """A back end tells of it, without saying for whom."""
    rest = json_of({"amount": chance.randrange(5, 500), "currency": chance.choice(("EUR", "USD")), "plan": "pro"})
    at += int(60 * chance.random() * 1_000_000)
    head = (_uuid7(chance, at), site.number, "invoice_paid", at, int(Identity.NONE), None, None, agent, 0)
    return *head, *(False if name == "automated" else None for name in COLUMNS[len(head) : -1]), rest


def _daily(person: Person, at: int) -> tuple[int, int, int | None]:
    """Who this is today, and who they were yesterday while a visit of then may still go on."""
    day, into = divmod(at, DAY_US)
    yesterday = visitor_of(f"{day - 1}{person.user_id}") if into < GAP_US else None
    return int(Identity.DAILY), visitor_of(f"{day}{person.user_id}"), yesterday


def _uuid7(chance: Random, at: int) -> bytes:
    number = (at // 1000) << 80 | 0x7000_8000_0000_0000_0000 | chance.getrandbits(76) & 0x0FFF_3FFF_FFFF_FFFF_FFFF
    return number.to_bytes(16, "big")


def _memory(visits_per_day: float) -> deque[Visitor]:
    return deque(maxlen=int(visits_per_day * REMEMBERED_DAYS) + 20)


def _campaigns() -> Iterator[Source]:
    for rank in range(1, 31):
        yield Source(4 / (rank + 4), "https://www.google.com/", "google", "cpc", f"offer-{rank}")


def _came_by(source: Source) -> CameBy:
    utm = source.utm()
    if source.utm_medium == "cpc":
        utm |= {"utm_term": f"writing {source.utm_campaign}", "utm_content": f"text-{len(source.utm_campaign) % 4}"}
    host = source.referrer[8:-1].removeprefix("www.") or None
    rest = json_of({"referrer": source.referrer}) if host else None
    return CameBy(host, tuple(map(utm.get, CAMPAIGN)), sent_bits(*utm), rest)


def _when(row: Row) -> int:
    at: int = row[AT]
    return at
