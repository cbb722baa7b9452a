"""From the bytes of a request to what storage returns: collector and storage lose nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.event import Identity
from collector.geolocation import Location
from collector.parse import RequestContext, parse_body
from collector.pipeline import Pipeline
from collector.ports import PropertyRules
from proprium.storage.change_feed import ChangeFeed
from proprium.storage.database import Database
from proprium.storage.event_codec import KNOWN_KEYS
from proprium.storage.events import EventStore, StoredEvent, read_events
from proprium.storage.visitor_keys import VisitorKeys
from tests.support.builders import CHROME, a_property, moment
from tests.support.feed import events_after

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
NUMBER = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 2000) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
ANYTHING = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
SENT = st.dictionaries(st.sampled_from(sorted(KNOWN_KEYS)) | TEXT, ANYTHING, max_size=12)


class Nowhere:
    """No place is known for any address."""

    def locate(self, address: str | None) -> Location:
        return Location(None, None, None)


def collect(database: Database, *bodies: bytes) -> list[StoredEvent]:
    """Sends each body to one property and reads what became of all of them."""
    property_ = a_property(database)
    pipeline, rules = Pipeline(Nowhere(), VisitorKeys(database)), PropertyRules(property_.id, property_.number or 0)
    sender = RequestContext(
        received_at=moment("09:00"), address="192.0.2.7", user_agent=CHROME, origin_host="example.com"
    )
    own = b'"collectorId": "%s"' % str(property_.id).encode()
    hits = [hit for body in bodies for hit in parse_body(body.replace(b'"collectorId": "ID"', own), sender)]
    store = EventStore(database)
    assert all(store.append([pipeline.run(hit, rules) for hit in hits]))
    store.close()
    return list(read_events(database, property_.number))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
@given(st.lists(SENT, min_size=1, max_size=5))
@example([{"url": "https://example.com/a?b=c#d", "referrer": "https://www.google.com/search?q=x", "title": " padded "}])
@example([{"screen_width": "1920", "utm_source": "undefined", "user_id": 42, "time_on_page": 1.5, "automated": "true"}])
def test_data_of_the_wire_format_reads_back(database: Database, sent: list[dict[str, Any]]) -> None:
    bodies = [json.dumps({"collectorId": "ID", "event": "page_view", "data": data}).encode() for data in sent]
    assert [canonical(read.data) for read in collect(database, *bodies)] == [canonical(data) for data in sent]


def canonical(data: dict[str, Any]) -> str:
    """Python takes 1, 1.0 and True for equal; their JSON does not."""
    return json.dumps(data, sort_keys=True)


@pytest.mark.parametrize(
    "body",
    [
        rb'{"collectorId": "ID", "event": "x", "data": {"title": "\ud800 half a pair"}}',
        rb'{"collectorId": "ID", "event": "x\u0000y", "data": {"url": "/\u0000"}}',
        b'{"collectorId": "ID", "event": "x", "data": {"screen_width": 1' + b"0" * 300 + b"}}",
        b'{"collectorId": "ID", "event": "x", "data": {"time_on_page": -1, "scroll_depth": 1e300}}',
        b'{"collectorId": "ID", "event": "x", "data": {"a": ' + b"[" * 100 + b"]" * 100 + b"}}",
        b'{"collectorId": "ID", "event": "x", "user_id": "' + b"u" * 20_000 + b'", "data": {}}',
    ],
)
def test_poison_is_stored_and_read_by_everybody(database: Database, body: bytes) -> None:
    [read] = collect(database, body)
    tail = ChangeFeed(database)
    [row] = events_after(tail, 0)
    tail.close()
    assert row.seq == read.seq
    json.dumps(read.data, ensure_ascii=False).encode()  # an export will do this


def test_a_hit_without_a_cookie_has_the_visitor_of_its_day(database: Database) -> None:
    body = b'{"collectorId": "ID", "event": "page_view"}'
    collect(database, body, body)
    tail = ChangeFeed(database)
    first, second = events_after(tail, 0)
    tail.close()
    assert (first.identity, first.visitor) == (Identity.DAILY, second.visitor)
    assert first.visitor is not None
