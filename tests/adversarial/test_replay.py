"""A week of mixed requests through collector, storage and warehouse equals an independent recount."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

from collector.asgi import collector_middleware
from collector.counters import Counters
from collector.geolocation import GeoIPDatabase
from collector.group_commit import GroupCommit
from collector.pipeline import Pipeline
from collector.service import Collector
from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Dashboard, Dimension
from proprium.properties import service
from proprium.properties.rules_cache import PropertyRulesCache
from proprium.storage.visitor_keys import VisitorKeys
from tests.support.builders import CHROME, CURL, GOOGLEBOT, IPHONE
from tests.support.collector_ports import not_found
from tests.support.recount import Request, recount
from tests.support.warehouse_fixture import FilledWarehouse

FIRST = datetime(2026, 11, 2, tzinfo=UTC)
SPAM = {"semalt.com", "buttons-for-website.com", "darodar.com"}
OWN_HOST, EXCLUDED = "shop.example", "198.51.100."
CUSTOM = ("sign_up", "purchase", "page-view", "Ünïcode 👍")
CHUNK = 500


def requests(property_id: UUID, number: int) -> Iterator[Request]:
    """Out of order, some twice, some by bots, spammers, servers, excluded offices, and some that are no events."""
    chance = random.Random(20261102)
    sent: list[Request] = []
    for _ in range(number):
        if sent and chance.random() < 0.06:
            again = chance.choice(sent)
            yield (moment(chance), again[1], again[2])
            continue
        one = (moment(chance), headers_of(chance), body_of(chance, property_id))
        sent.append(one)
        yield one


def moment(chance: random.Random) -> datetime:
    """Any time of the week; in a third of the cases within one busy hour, where sessions touch."""
    span_s = 3_600 if chance.random() < 0.3 else 7 * 86_400
    return FIRST + timedelta(microseconds=chance.randrange(span_s * 1_000_000))


def headers_of(chance: random.Random) -> dict[str, str]:
    agent = chance.choices([CHROME, IPHONE, GOOGLEBOT, "Mozilla/5.0 (compatible; GPTBot/1.2)"], [70, 20, 6, 4])[0]
    address = f"{EXCLUDED}{chance.randrange(256)}" if chance.random() < 0.04 else f"203.0.113.{chance.randrange(256)}"
    purpose = {"sec-purpose": "prefetch"} if chance.random() < 0.02 else {}
    return {"user-agent": agent, "x-forwarded-for": address, **purpose}


def body_of(chance: random.Random, property_id: UUID) -> bytes:
    if chance.random() < 0.02:
        return chance.choice([b"{", b"[1", b"NaN,", b"\xff\xfe"])
    built_in = ("session_start", "page_view", "page_view", "page_view", "click", "scroll", "page_leave")
    user: Any = chance.randrange(400)
    data: dict[str, Any] = {
        "user_id": user if chance.random() < 0.5 else str(user),
        "view_id": f"{chance.randrange(1 << 48):x}",
        "url": f"/page/{int(chance.paretovariate(1)) % 40}" + ("?q=1" if chance.random() < 0.2 else ""),
        "hostname": OWN_HOST if chance.random() < 0.97 else "evil.example",
    }
    if chance.random() < 0.3:
        data["referrer"] = f"https://{chance.choice([*SPAM, 'google.com', 'news.example', 't.co', 'blog.example'])}/"
    if chance.random() < 0.03:
        data["automated"] = True
    name = chance.choice(built_in) if chance.random() < 0.9 else chance.choice(CUSTOM)
    known = str(property_id) if chance.random() < 0.99 else str(UUID(int=chance.getrandbits(128)))
    event_id = str(UUID(int=chance.getrandbits(128)))
    return json.dumps({"collectorId": known, "event": name, "id": event_id, "data": data}).encode()


def by_server(property_id: UUID, number: int) -> Iterator[Request]:
    """A back end's own events: by nobody, from an address that is not excluded."""
    for place in range(number):
        body = {"collectorId": str(property_id), "event": "invoice", "id": str(uuid4()), "data": {"hostname": OWN_HOST}}
        at = FIRST + timedelta(minutes=place % 10_000)
        yield at, {"user-agent": CURL, "x-forwarded-for": "203.0.113.1"}, json.dumps(body).encode()


class Replay:
    """Requests at their own times through everything that a server has between socket and screen."""

    def __init__(self, filled: FilledWarehouse) -> None:
        self.filled = filled
        self.directory = PropertyRulesCache(filled.database)
        self.writer = GroupCommit(filled.store)
        pipeline = Pipeline(GeoIPDatabase(None), VisitorKeys(filled.database))
        proxies = [ip_network("127.0.0.1/32")]
        self.at = FIRST
        self.counters = Counters()
        self.collector = Collector(
            self.directory,
            self.writer,
            pipeline,
            observers=[self.counters],
            trusted_proxies=proxies,
            collect_rate=0,
            now=lambda: self.at,
        )
        self.app = collector_middleware(not_found, self.collector)

    async def play(self, log: list[Request]) -> None:
        self.writer.start()
        for start in range(0, len(log), CHUNK):
            await asyncio.gather(*(self._ask(*one) for one in log[start : start + CHUNK]))
            if start // CHUNK % 4 == 0:
                await asyncio.to_thread(self.filled.projector.catch_up)
        await asyncio.to_thread(self.writer.stop)
        self.filled.projector.catch_up()
        self.directory.close()

    async def _ask(self, at: datetime, headers: dict[str, str], body: bytes) -> None:
        self.at = at  # read before the first await
        scope = {
            "type": "http", "method": "POST", "path": "/collect", "client": ("127.0.0.1", 1), "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(_: object) -> None:
            pass

        await self.app(scope, receive, send)

    def shown(self) -> Dashboard:
        property_ = self.filled.property
        facts = PropertyFacts(
            property_.id, property_.number or 0, custom_cards=(*CUSTOM, "invoice"), data_access=EVERY_KEY
        )
        parameters = {"from": "2026-11-02", "to": "2026-11-08"}
        return dashboard(self.filled.warehouse, query_from(parameters, facts, FIRST + timedelta(days=7)))


async def test_a_replay_counts_to_what_an_independent_script_counts(warehouse: FilledWarehouse, fuzz: bool) -> None:
    number = 100_000 if fuzz else 5_000
    rules = {"hostnames": [OWN_HOST], "excluded_addresses": [f"{EXCLUDED}0/24"]}
    service.update_settings(warehouse.database, warehouse.property.id, **rules)
    log = [*requests(warehouse.property.id, number * 95 // 100), *by_server(warehouse.property.id, number * 5 // 100)]
    random.Random(7).shuffle(log)
    expected = recount(log, str(warehouse.property.id), SPAM, OWN_HOST, EXCLUDED)

    replay = Replay(warehouse)
    await replay.play(log)

    counters = replay.counters
    fate = {"received": counters.received, "stored": counters.stored, "duplicate": counters.duplicate}
    fate |= counters.dropped | {str(status): count for status, count in counters.rejected.items()}
    assert fate == expected.fate
    assert min(fate.values()) > number / 1_000  # each fate has met some

    totals, shown = replay.shown().totals, expected.shown
    assert (totals.events, totals.bots) == (shown["events"], shown["bots"])
    assert (totals.visitors, totals.sessions) == (shown["visitors"], shown["sessions"])
    assert (totals.page_views, totals.clicks, totals.scrolls) == (shown["page_view"], shown["click"], shown["scroll"])
    assert totals.custom == expected.custom
    pages = replay.shown().breakdowns[Dimension.PAGE]
    assert [row.count for row in pages.rows] == [expected.pages[row.value or ""] for row in pages.rows]
    assert [row.count for row in pages.rows] == sorted(expected.pages.values(), reverse=True)[: len(pages.rows)]
