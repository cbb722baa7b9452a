"""A corpus of bodies that nobody should send. None is a 500, and none that is taken is poison for what comes after."""

from __future__ import annotations

import gzip
import json
from typing import Any

import orjson
import pytest

from tests.collector.conftest import PROPERTY, Door


def one(**changes: Any) -> bytes:
    return json.dumps({"collectorId": str(PROPERTY), "event": "page_view", "data": {}, **changes}).encode()


def raw(data: str, event: str = '"page_view"') -> bytes:
    return f'{{"collectorId": "{PROPERTY}", "event": {event}, "data": {data}}}'.encode()


GOOD = one()
REFUSED = [
    b"", b" ", b"\0", b"{", b"}", b"[", b"[[]]", b"[{}]", b"{}", b"null", b"true", b"0", b"-", b'"', b"'a'",
    b"undefined", b"NaN", b"Infinity", b"1e400", b"9" * 5_000, b"\xff\xfe{\0}\0", b"\xff", b"\xc3\x28",
    b"\xed\xa0\x80", GOOD[:-1], GOOD + GOOD, GOOD + b",", GOOD.decode().encode("utf-16"),
    GOOD.decode().encode("utf-32"), gzip.compress(GOOD, mtime=0), b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"collectorId=1&event=page_view", b"<xml/>",
    b"--boundary\r\nContent-Disposition: form-data\r\n", b"[" + GOOD + b",]", b"[" + GOOD + b",null]",
    one(collectorId=""), one(collectorId="0"), one(collectorId=["x"]), one(collectorId=True), one(event=""),
    one(event={}), one(event=1), one(event=None), one(event="x" * 300), one(data=[]), one(data="a"), one(data=1),
    one(data=True), one(id="x"), one(id=[]), one(id=1.5), raw('{"a": NaN}'), raw('{"a": 1e400}'), raw("{'a': 1}"),
    raw('{"a": 01}'), raw('{"a": "\t"}'), raw('{"a": "\\x41"}'), raw('{"a": ' + "9" * 5_000 + "}"),
    raw('{"a":' + "[" * 3_000 + "]" * 3_000 + "}"),
]  # fmt: skip
TAKEN = [
    raw('{"a": 1, "a": 2}'), raw('{"a": "\\u0000"}'), raw('{"\\u0000": "\\u0000"}'), raw('{"title": "\\ud800"}'),
    raw('{"title": "\\udc00\\ud800"}'), raw('{"a": 18446744073709551615}'), raw('{"a": -9223372036854775809}'),
    raw('{"user_id": 123456789012345678901234567890}'), raw('{"user_id": ""}'), raw('{"user_id": {}}'),
    raw('{"user_id": true}'), raw('{"user_id": -0.0}'), raw('{"user_id": 1e308}'), raw('{"user_id": "\\ud800"}'),
    raw('{"a":' + "[" * 900 + "]" * 900 + "}"), one(data={"url": 7}), one(data={"url": ""}), one(data={"url": "?"}),
    one(data={"url": "#"}), one(data={"url": "http://["}), one(data={"url": "//"}), one(data={"url": "http://%/%"}),
    one(data={"url": "javascript:alert(1)"}), one(data={"url": "\0"}), one(data={"url": "/" + "x" * 9_000}),
    one(data={"url": "/a?" + "&".join(f"utm_{n}=1" for n in range(500))}), one(data={"url": "/?x=100%"}),
    one(data={"url": "/<script>"}), one(data={"url": "\\\\host\\share"}), one(data={"referrer": "http://["}),
    one(data={"referrer": 5}), one(data={"referrer": "x" * 9_000}), one(data={"referrer": "://"}),
    one(data={"hostname": "a b"}), one(data={"hostname": "x" * 400}), one(data={"hostname": []}),
    one(data={"hostname": "::1"}), one(data={"screen_width": -1, "screen_height": 1e300}),
    one(data={"screen_width": "wide"}), one(data={"screen_width": "9" * 400}), one(data={"screen_width": "²"}),
    one(data={"scroll_depth": 1e15}), one(data={"time_on_page": 1 << 62}), one(data={"time_on_page": []}),
    one(data={"user_agent": "x" * 9_000}), one(data={"user_agent": "\ud800"}), one(data={"user_agent": "\n"}),
    one(data={"title": "x" * 100_000}), one(data={"title": ["x"]}), one(data={"utm_source": {"a": 1}}),
    one(data={"language": "\u202e"}), one(data={"x" * 5_000: 1}), one(data={str(n): n for n in range(5_000)}),
    one(data={"__proto__": 1, "constructor": {}}), one(data={"automated": "true"}),
    one(data={"text": {"a": 1}}, event="click"), one(data={"text": "t" * 999}, event="click"),
    one(event="'; DROP TABLE event; --"), one(event="\u0000x"), one(event=" "),
    one(event="<img src=x onerror=alert(1)>"), b"\xef\xbb\xbf" + GOOD, b"\n\n" + GOOD + b"\n", one(extra=1, id=None),
    b"[" + b",".join([GOOD] * 100) + b"]",
]  # fmt: skip


@pytest.mark.parametrize("body", REFUSED, ids=lambda body: repr(body[:40]))
async def test_nonsense_is_refused_with_a_reason(door: Door, body: bytes) -> None:
    answer = await door.send(body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"]
    assert not door.sink.events


async def test_odd_things_are_taken_and_harmless(door: Door) -> None:
    for body in TAKEN:
        answer = await door.send(body)
        assert answer.status_code == 204, (body[:100], answer.text)
        assert "\0" not in repr(door.sink.events[-1])
    for event in door.sink.events:
        orjson.dumps(event.data).decode()
        for name in event.__slots__:
            value = getattr(event, name)
            if isinstance(value, str):
                value.encode()  # no half character
            if isinstance(value, int):
                assert -(1 << 63) <= value < 1 << 63


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-length": "9" * 30},
        {"origin": "http://["},
        {"origin": "\xff\xfe"},
        {"referer": "x" * 9_000},
        {"user-agent": "\x01\x02"},
        {"user-agent": "x" * 50_000},
        {"x-forwarded-for": ",,,"},
        {"x-forwarded-for": "\xff"},
        {"sec-purpose": ""},
        {"access-control-request-headers": "a\rb"},
    ],
    ids=str,
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "fe80::1%eth0", "testclient"])
async def test_odd_headers_are_never_a_500(make_door: Any, peer: str, headers: dict[str, str]) -> None:
    door = make_door(peer)
    sent = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = await door.client.post("/collect", content=GOOD, headers=sent)
    assert answer.status_code in {204, 413}
