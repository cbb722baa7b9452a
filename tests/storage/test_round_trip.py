"""Every key that was sent reads back exactly."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.event import Event
from proprium.storage.database import Database
from proprium.storage.event_codec import KNOWN_KEYS
from proprium.storage.events import EventStore, StoredEvent, read_events
from tests.support.builders import CHROME, CURL, GOOGLEBOT, an_event, moment

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NUMBER = st.integers() | st.integers(-3, 2000) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
ANYTHING = st.recursive(SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
SENT = st.dictionaries(st.sampled_from(sorted(KNOWN_KEYS)) | TEXT, ANYTHING, max_size=12)

TYPES = {
    "screen_width": int,
    "screen_height": int,
    "time_on_page": int,
    "scroll_depth": int,
    "automated": bool,
}


def as_collected(data: dict[str, Any]) -> Event:
    """As the collector fills known columns: with what is usable, as the type that the column has."""
    fields = {column: data[key] for key, column in KNOWN_KEYS.items() if is_usable(data.get(key), column)}
    return Event(**{**vars_of(an_event()), "data": data, "user_agent": "", "automated": False, **fields})


def is_usable(value: Any, column: str) -> bool:
    return type(value) is TYPES.get(column, str) and (type(value) is not int or abs(value) < 2**63)


def vars_of(event: Event) -> dict[str, Any]:
    names = ("id", "property", "event", "created_at", "identity", "visitor")
    return {name: getattr(event, name) for name in names}


def store_and_read(database: Database, *events: Event) -> list[StoredEvent]:
    with database.engine.connect() as connection:
        before = connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM event").scalar_one()
    store = EventStore(database)
    assert list(store.append(events)) == [True] * len(events)
    store.close()
    return list(read_events(database, after_seq=before))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(st.lists(SENT, min_size=1, max_size=5))
@example([{"screen_width": "1920"}, {"screen_width": 1920}, {"screen_width": 1920.0}, {"screen_width": True}])
@example([{"big": 2**80, "float": 1e300, "half": 1.0, "null": None, "url": None}])
@example([{}, {"user_agent": CHROME}, {"automated": False}, {"automated": True}, {"automated": 1}])
def test_whatever_is_sent_reads_back_with_its_types(database: Database, sent: list[dict[str, Any]]) -> None:
    events = [as_collected(data) for data in sent]
    read = store_and_read(database, *events)
    assert [typed(event.data) for event in read] == [typed(data) for data in sent]


def typed(value: Any) -> Any:
    """Python takes 1, 1.0 and True for equal; a sender does not."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [typed(inner) for inner in value]
    return (type(value), value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(SENT)
@example({"text": 'a "quoted" \\ line\n', "url": '/"', "automated": True, "user_agent": CHROME, "n": 2**80})
def test_the_sql_view_gives_the_same_data(database: Database, sent: dict[str, Any]) -> None:
    [read] = store_and_read(database, as_collected(sent))
    view = f"SELECT id, data, created_at FROM stored_event WHERE seq = {read.seq}"
    with database.engine.connect() as connection:
        id_, data, created_at = connection.exec_driver_sql(view).one()
    assert typed(json.loads(data)) == typed(sent)
    assert (UUID(id_), datetime.fromisoformat(created_at)) == (read.id, read.created_at)


def test_the_view_knows_every_known_key(database: Database) -> None:
    """A key that is added to the codec needs a new view as well."""
    sent: dict[str, Any] = {key: {int: 7, bool: True}.get(TYPES.get(key, str), key) for key in KNOWN_KEYS}
    [read] = store_and_read(database, as_collected(sent))
    with database.engine.connect() as connection:
        data = connection.exec_driver_sql("SELECT data FROM stored_event").scalar_one()
        rest = connection.exec_driver_sql("SELECT rest FROM event").scalar_one()
    assert json.loads(data) == sent == read.data
    assert rest is None  # each of them came from its column


def test_an_event_reads_back_with_its_enriched_fields(database: Database) -> None:
    id_ = uuid4()
    at = moment("2026-11-02 09:00:00.123457")
    human = an_event(id=id_, at=at, country="DE", region="DE-HE", city="Frankfurt am Main")
    read, bot = store_and_read(database, human, an_event(user_agent=GOOGLEBOT))
    assert (read.id, read.event, read.created_at) == (id_, "page_view", at)
    assert (read.browser, read.platform, read.device, read.is_bot) == ("Chrome", "Linux", "Desktop", False)
    assert (read.country, read.region, read.city) == ("DE", "DE-HE", "Frankfurt am Main")
    assert (bot.is_bot, bot.bot_name) == (True, "Googlebot")


def test_a_page_view_of_a_library_reads_back_as_a_bots_and_its_custom_event_does_not(database: Database) -> None:
    sent = (an_event(visitor=None, user_agent=CURL), an_event(visitor=None, event="order", user_agent=CURL))
    view, order = store_and_read(database, *sent)
    assert (view.is_bot, view.bot_name) == (True, "curl")
    assert (order.is_bot, order.bot_name) == (False, "")


def test_a_user_agent_is_stored_once(database: Database) -> None:
    store_and_read(database, *(an_event() for _ in range(3)))
    store_and_read(database, an_event(), an_event(user_agent=GOOGLEBOT), an_event(user_agent=""))
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM user_agent").scalar_one() == 2


@pytest.mark.parametrize(
    "poison",
    [{"screen_width": 2**70}, {"title": "\ud800"}, {"user_agent": "\udfff"}, {"event": "\ud800"}],
    ids=["a huge number", "a lone surrogate", "a broken User-Agent", "a broken name"],
)
def test_an_event_that_cannot_be_stored_does_not_block_the_others(database: Database, poison: dict[str, Any]) -> None:
    before, poisoned, after = store_and_read(database, an_event(), an_event(**poison), an_event())
    assert before.data == after.data == an_event().data
    assert {key: poisoned.data.get(key) for key in poison if key in KNOWN_KEYS and key != "user_agent"} == {
        key: value for key, value in poison.items() if key in KNOWN_KEYS and key != "user_agent"
    }


def test_an_event_takes_less_than_340_bytes_of_disk(database: Database) -> None:
    """Of an ordinary page view, index included; SQLModel's own layout takes 560."""
    count = 5_000
    database.truncate_wal()
    empty_bytes = database.path.stat().st_size  # tables of accounts take pages of their own
    EventStore(database).append([an_ordinary_view(number) for number in range(count)])
    database.truncate_wal()
    assert (database.path.stat().st_size - empty_bytes) / count <= 340


def an_ordinary_view(number: int) -> Event:
    return an_event(
        f"{number * 7919:032x}",
        page=f"/articles/{number % 50}",
        title=f"The title of article {number % 50}",
        hostname="example.com",
        referrer="google.com",
        view_id=f"{number:016x}",
        screen_width=1920,
        screen_height=1080,
        language="en-US",
        country="DE",
        region="DE-HE",
        city="Frankfurt am Main",
        data={"referrer": "https://www.google.com/"},
    )
