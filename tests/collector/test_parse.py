"""Parsing of collect requests: inherited fields, repaired and sanitised values, error messages."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.errors import PayloadTooLarge
from collector.event import Hit
from collector.parse import (
    MAX_BODY_BYTES,
    MAX_KEY_LENGTH,
    MAX_TEXT_LENGTH,
    InvalidPayload,
    RequestContext,
    parse_body,
    sanitise_data,
    uuid7,
)
from tests.support.collector_ports import PROPERTY

OTHER = UUID("0e7b1f1a-6a3c-4c59-9a52-3d1f5b3f8a02")
SENDER = RequestContext(datetime(2026, 11, 2, 9, tzinfo=UTC), "203.0.113.9", "Mozilla/5.0 header")


def body(**changes: Any) -> bytes:
    return json.dumps({"collectorId": str(PROPERTY), "event": "signup", **changes}).encode()


def data_of(sent: Any) -> dict[str, Any]:
    return parse_body(body(data=sent), SENDER)[0].data


def test_every_key_is_stored_as_it_was_sent() -> None:
    sent = {
        "plan": "pro",
        "n": 1,
        "f": 1.5,
        "yes": True,
        "none": None,
        "list": [1, {"a": []}],
        "ключ": "значение",
        "": "x",
    }
    assert data_of(sent) == sent


@pytest.mark.parametrize("nothing", [None, {}])
def test_no_data_is_an_empty_object(nothing: Any) -> None:
    assert data_of(nothing) == {}
    assert parse_body(body(), SENDER)[0].data == {}


def test_a_user_id_may_stand_at_the_top_or_in_data() -> None:
    assert parse_body(body(user_id=42), SENDER)[0].data == {"user_id": 42}
    assert parse_body(body(user_id=42, data={"user_id": None}), SENDER)[0].data == {"user_id": 42}
    assert parse_body(body(user_id=42, data={"user_id": "7"}), SENDER)[0].data == {"user_id": "7"}


def test_a_user_agent_in_data_wins_over_the_header() -> None:
    assert parse_body(body(), SENDER)[0].user_agent == "Mozilla/5.0 header"
    assert parse_body(body(data={"user_agent": "Mine/1"}), SENDER)[0].user_agent == "Mine/1"
    assert parse_body(body(data={"user_agent": 7}), SENDER)[0].user_agent == "Mozilla/5.0 header"


def test_an_id_is_taken_over_or_generated() -> None:
    given_id = "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
    assert parse_body(body(id=given_id), SENDER)[0].id == UUID(given_id)
    ids = [parse_body(body(), SENDER)[0].id for _ in range(100)]
    assert len(set(ids)) == 100
    assert {(one.version, one.variant) for one in ids} == {(7, "specified in RFC 4122")}


def test_generated_ids_follow_the_clock() -> None:
    assert abs((uuid7().int >> 80) - datetime.now(UTC).timestamp() * 1000) < 5_000


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"", "JSON"),
        (b"hello", "JSON"),
        (b'"hello"', "a string; expected an object"),
        (b"42", "a number"),
        (b"null", "null"),
        (b"[]", "0 events; expected 1 to 100"),
        (b"[" + b",".join([body()] * 101) + b"]", "101 events; expected 1 to 100"),
        (b"[1]", "[0] An event is a number; expected an object"),
        (b"[" + body() + b",{}]", "[1] "),
        (body(collectorId=None), "collectorId is missing; expected the property's UUID"),
        (body(collectorId="shop"), 'collectorId is "shop"'),
        (body(collectorId=7), "collectorId is"),
        (body(collectorId={"a": 1}), "collectorId is an object"),
        (body(event=None), "event is missing; expected a string of 1 to 255"),
        (body(event=""), "event is"),
        (body(event="\0"), "event is"),
        (body(event="x" * 256), "event is"),
        (body(event=["a"]), "event is an array"),
        (body(data=[1]), "data is an array; expected an object"),
        (body(data="x"), "data is a string"),
        (body(id="1"), 'id is "1"; expected a UUID'),
        (body(id=5), "id is"),
        (body(id={}), "id is an object"),
    ],
)
def test_an_error_names_the_field_and_what_was_expected(sent: bytes, words: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        parse_body(sent, SENDER)
    assert words in str(refused.value)
    assert refused.value.status == 400


def test_a_rejected_array_counts_all_its_events() -> None:
    with pytest.raises(InvalidPayload) as refused:
        parse_body(b"[" + body() + b"," + body(event="") + b"]", SENDER)
    assert refused.value.event_count == 2


def array(*events: dict[str, Any]) -> list[Hit]:
    """The hits of an array whose first event names the property, and no other does."""
    first, *others = events
    return parse_body(json.dumps([{"collectorId": str(PROPERTY), **first}, *others]).encode(), SENDER)


def test_an_event_without_collector_id_belongs_to_the_property_of_the_one_before_it() -> None:
    hits = array({"event": "a"}, {"event": "b"}, {"event": "c", "collector_id": str(OTHER)}, {"event": "d", "id": None})
    assert [hit.property_id for hit in hits] == [PROPERTY, PROPERTY, OTHER, OTHER]


def test_an_event_with_only_a_name_inherits_data_and_user() -> None:
    data = {"url": "/a", "user_id": "ada", "tags": ["x"]}
    first, second, third = array({"event": "session_start", "data": data}, {"event": "page_view"}, {"event": "like"})
    assert (second.event, second.data) == ("page_view", data)
    assert second.id != first.id
    assert third.data == {}  # the second one said nothing itself: a request cannot grow at every event
    second.data.pop("user_id")  # as the pipeline does
    assert first.data == data


def test_an_event_with_data_of_its_own_inherits_none() -> None:
    message = {"event": "a", "user_id": 7, "data": {"url": "/a"}}
    assert array(message, {"event": "b"})[1].data == {"url": "/a", "user_id": 7}
    assert array(message, {"event": "b", "user_id": 8})[1].data == {"user_id": 8}
    assert array(message, {"event": "b", "data": {}})[1].data == {}
    assert array(message, {"event": "b", "collectorId": str(PROPERTY)})[1].data == {}


@pytest.mark.parametrize("first", [{}, {"collectorId": None}, {"collectorId": "x"}, {"data": {}}])
def test_the_first_event_of_an_array_names_its_property(first: dict[str, Any]) -> None:
    with pytest.raises(InvalidPayload, match=r"\[0\] collectorId") as refused:
        parse_body(json.dumps([{"event": "a", **first}, {"event": "b", "collectorId": str(PROPERTY)}]).encode(), SENDER)
    assert refused.value.event_count == 2


def test_ids_are_read_without_their_dashes() -> None:
    sent = uuid7()
    assert parse_body(body(id=sent.hex), SENDER)[0].id == sent


def test_a_body_at_the_limit_is_read_and_one_above_is_not() -> None:
    fitting = body(data={"x": "y"})
    assert parse_body(fitting + b" " * (MAX_BODY_BYTES - len(fitting)), SENDER)
    with pytest.raises(PayloadTooLarge):
        parse_body(fitting + b" " * (MAX_BODY_BYTES - len(fitting) + 1), SENDER)


def test_a_byte_order_mark_and_half_an_emoji_are_repaired() -> None:
    assert parse_body(b"\xef\xbb\xbf" + body(), SENDER)
    cut = body(data={"title": "X"}).replace(b'"X"', rb'"half \ud83d, whole \ud83d\ude00, text \\ud83d"')
    assert parse_body(cut, SENDER)[0].data["title"] == "half �, whole 😀, text \\ud83d"


def test_hostile_values_are_sanitised() -> None:
    deep: Any = "core"
    for _ in range(200):
        deep = [deep]
    cleaned = sanitise_data({"nul\0": "a\0b", "big": 1 << 63, "long": "x" * 20_000, "deep": deep, "k" * 500: 1})
    assert cleaned["nul"] == "ab"
    assert cleaned["big"] == "9223372036854775808"
    assert len(cleaned["long"]) == 10_000
    assert cleaned["k" * 200] == 1
    depth = 0
    level = cleaned["deep"]
    while isinstance(level, list):
        level, depth = level[0], depth + 1
    assert depth < 10
    assert isinstance(level, str)


INT64 = 1 << 63
EDGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "highest integer": ({"n": INT64 - 1}, {"n": INT64 - 1}),
    "above it": ({"n": INT64}, {"n": str(INT64)}),
    "lowest integer": ({"n": -INT64}, {"n": -INT64}),
    "longest text": ({"t": "x" * MAX_TEXT_LENGTH}, {"t": "x" * MAX_TEXT_LENGTH}),
    "a longer one": ({"t": "x" * (MAX_TEXT_LENGTH + 1)}, {"t": "x" * MAX_TEXT_LENGTH}),
    "longest key": ({"k" * MAX_KEY_LENGTH: 1}, {"k" * MAX_KEY_LENGTH: 1}),
    "a longer key": ({"k" * (MAX_KEY_LENGTH + 1): 1}, {"k" * MAX_KEY_LENGTH: 1}),
}
COMPANY: dict[str, dict[str, Any]] = {"alone": {}, "beside a list": {"list": []}, "beside a NUL": {"nul": "\0"}}


@pytest.mark.parametrize("company", COMPANY)
@pytest.mark.parametrize("edge", EDGES)
def test_a_value_at_its_limit_is_kept_whatever_else_is_sent(edge: str, company: str) -> None:
    """Ordinary data takes a shorter way than data with lists or a NUL; limits are the same on both."""
    sent, stored = EDGES[edge]
    others = {key: "" if value == "\0" else value for key, value in COMPANY[company].items()}
    for before, after in ((sent | COMPANY[company], stored | others), ({"in": sent}, {"in": stored})):
        assert data_of(before) == after
        assert {key: type(value) for key, value in data_of(before).items()} == {
            key: type(value) for key, value in after.items()
        }


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBER = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(TEXT, JSON, max_size=6))
def test_sanitised_values_can_be_stored_as_json_and_postgres_text(sent: dict[str, Any]) -> None:
    text = orjson.dumps(sanitise_data(sent)).decode()
    assert "\\u0000" not in text or "\\\\u0000" in text
    assert sanitise_data(sanitise_data(sent)) == sanitise_data(sent)
