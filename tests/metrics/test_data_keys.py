"""Keys of `data`: which were sent, and how often."""

from __future__ import annotations

from proprium.metrics.data_keys import DataKey, data_keys
from tests.metrics.conftest import Past
from tests.support.builders import GOOGLEBOT, an_event


def keys(past: Past, text: str = "period=today") -> list[tuple[str, int]]:
    return [(key.key, key.count) for key in data_keys(past.warehouse, past.query(text))]


def test_keys_come_with_how_many_hits_carried_them_most_first(past: Past) -> None:
    past.append(
        an_event("ada", event="buy", data={"plan": "pro", "seats": 3}),
        an_event("bob", event="buy", data={"plan": "free", "a/b.c": "odd"}),
        an_event("bob"),
    )
    assert keys(past) == [("plan", 2), ("a/b.c", 1), ("seats", 1)]


def test_only_hits_that_the_query_is_about_tell_their_keys(past: Past) -> None:
    past.append(
        an_event("ada", event="buy", data={"plan": "pro"}),
        an_event("ada", event="open", data={"door": "red"}),
        an_event("ada", at="2026-11-01 09:00", event="buy", data={"old": 1}),
        an_event("bot", user_agent=GOOGLEBOT, data={"crawl": 1}),
    )
    assert keys(past, "period=today&filter=event:is:buy") == [("plan", 1)]
    assert keys(past) == [("door", 1), ("plan", 1)]


def test_the_most_frequent_keys_are_listed_when_there_are_too_many(past: Past) -> None:
    past.append(*(an_event("ada", event="buy", data={f"k{n}": 1, "all": 1}) for n in range(5)))
    keys = data_keys(past.warehouse, past.query(), limit=2)
    assert keys == (DataKey("all", 5), DataKey("k0", 1))
