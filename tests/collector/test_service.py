"""Responses of /collect, the pixel and the script, and the events that are stored."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from pathlib import Path
from uuid import uuid4

import pytest

from collector.errors import StoreUnavailable
from collector.event import Identity
from collector.ports import CollectorObserver
from collector.tracker_script import ScriptFile
from tests.collector.conftest import CollectorHarness, MakeHarness
from tests.support.collector_ports import CHROME, PROPERTY

VIEW = {"collectorId": str(PROPERTY), "event": "page_view", "data": {"url": "/pricing"}}


@pytest.mark.parametrize("path", ["/collect", "/collect/"])
async def test_a_page_view_is_stored_and_answered_204(harness: CollectorHarness, path: str) -> None:
    response = await harness.client.post(path, json=VIEW)
    assert (response.status_code, response.content) == (204, b"")
    assert "x-dropped" not in response.headers
    assert harness.sink.events[0].page == "/pricing"


async def test_an_array_is_stored_in_its_order(harness: CollectorHarness) -> None:
    response = await harness.send([VIEW | {"event": name} for name in ("session_start", "page_view", "signup")])
    assert response.status_code == 204
    assert [event.event for event in harness.sink.events] == ["session_start", "page_view", "signup"]


async def test_old_spellings_of_the_seed_are_understood(harness: CollectorHarness) -> None:
    await harness.send({"collector_id": str(PROPERTY), "event": "signup", "user_id": 42, "data": {"plan": "pro"}})
    await harness.send({"collectorId": str(PROPERTY), "event": "signup", "data": {"user_id": "42"}})
    first, second = harness.sink.events
    assert first.visitor == second.visitor
    assert first.data == {"plan": "pro", "user_id": 42}
    assert (first.user_id, second.user_id) == ("42", "42")


async def test_an_id_is_stored_once(harness: CollectorHarness) -> None:
    for _ in range(2):
        assert (await harness.send(VIEW | {"id": str(uuid4())})).status_code == 204
    same = VIEW | {"id": str(uuid4())}
    await harness.send(same)
    assert (await harness.send([same, same])).status_code == 204
    assert harness.counters.stored == 3
    assert harness.counters.duplicate == 2
    assert [outcome.is_duplicate for outcome in harness.outcomes] == [False, False, False, True, True]


async def test_an_unknown_property_is_404_for_its_whole_array(harness: CollectorHarness) -> None:
    stranger = VIEW | {"collectorId": str(uuid4())}
    assert (await harness.send(stranger)).status_code == 404
    assert (await harness.send([VIEW, stranger])).status_code == 404
    assert not harness.sink.events
    assert harness.counters.rejected == {404: 3}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_405_with_the_allowed_ones(harness: CollectorHarness, method: str) -> None:
    response = await harness.client.request(method, "/collect")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST, OPTIONS"
    assert response.headers["access-control-allow-origin"] == "*"


async def test_a_preflight_is_admitted_for_whatever_it_asks(harness: CollectorHarness) -> None:
    headers = {"origin": "https://blog.example", "access-control-request-headers": "content-type, x-mine"}
    response = await harness.client.options("/collect", headers=headers)
    assert response.status_code == 204
    assert response.headers["access-control-allow-headers"] == "content-type, x-mine"
    assert response.headers["access-control-max-age"] == "86400"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-origin"] == "*"


async def test_a_large_body_is_413_whether_announced_or_not(harness: CollectorHarness) -> None:
    async def without_length() -> object:
        for _ in range(60):
            yield b"x" * 10_000

    assert (await harness.send(b"x" * 600_000)).status_code == 413
    response = await harness.client.post("/collect", content=without_length())  # type: ignore[arg-type]
    assert response.status_code == 413
    assert "524288" in response.json()["detail"]


async def test_every_response_allows_any_origin(harness: CollectorHarness) -> None:
    for body in (VIEW, b"{", VIEW | {"collectorId": str(uuid4())}, b"x" * 600_000):
        response = await harness.send(body)
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        assert "set-cookie" not in response.headers


async def test_other_paths_belong_to_the_app_behind(harness: CollectorHarness) -> None:
    for path in ("/", "/collection", "/collect/other", "/static/collector.css", "/collector.jsx"):
        assert (await harness.client.get(path)).text == "the app behind"


async def test_the_rate_limit_is_429_for_this_address_only(make_harness: MakeHarness) -> None:
    harness = make_harness(collect_rate=1, trusted_proxies=[ip_network("203.0.113.0/24")])
    statuses = [(await harness.send(VIEW, x_forwarded_for="198.51.100.1")).status_code for _ in range(4)]
    assert statuses[:2] == [204, 204]
    assert 429 in statuses
    assert (await harness.send(VIEW, x_forwarded_for="198.51.100.2")).status_code == 204


async def test_a_failed_commit_is_503_and_may_be_retried(harness: CollectorHarness) -> None:
    harness.sink.trouble = lambda events: StoreUnavailable("The disk is full.")
    response = await harness.send([VIEW, VIEW])
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert harness.counters.rejected == {503: 2}
    harness.sink.trouble = lambda events: None
    assert (await harness.send(VIEW)).status_code == 204


async def test_a_full_queue_is_503(make_harness: MakeHarness) -> None:
    harness = make_harness(queue_limit=2)
    assert (await harness.send([VIEW] * 3)).status_code == 503
    assert (await harness.send([VIEW] * 2)).status_code == 204


async def test_an_internal_error_is_503_never_500(harness: CollectorHarness, caplog: pytest.LogCaptureFixture) -> None:
    harness.directory.find = lambda property_id: 1 / 0  # type: ignore[assignment]
    response = await harness.send(VIEW)
    assert response.status_code == 503
    assert "ZeroDivisionError" in caplog.text
    assert "203.0.113.9" not in caplog.text


async def test_the_response_follows_the_commit(harness: CollectorHarness) -> None:
    committed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(events: object) -> None:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result()
        loop.call_soon_threadsafe(committed.set)

    harness.sink.trouble = slow
    assert (await harness.send(VIEW)).status_code == 204
    assert committed.is_set()


# ---- dropped on purpose ----


async def test_a_foreign_hostname_is_dropped_and_named(harness: CollectorHarness) -> None:
    harness.directory.set(hostnames=("example.com", "*.shop.example"))
    for url, reason in {
        "https://example.com/": None,
        "https://www.example.com/": None,
        "https://de.shop.example/": None,
        "https://evil.example/": "hostname",
        "https://notexample.com/": "hostname",
        "/no-host-at-all": None,
    }.items():
        response = await harness.send(VIEW | {"data": {"url": url}})
        assert (response.status_code, response.headers.get("x-dropped")) == (204, reason), url


async def test_the_origin_gives_the_hostname_where_the_event_does_not(harness: CollectorHarness) -> None:
    harness.directory.set(hostnames=("example.com",))
    assert (await harness.send(VIEW, origin="https://evil.example")).headers["x-dropped"] == "hostname"
    assert (await harness.send(VIEW, origin="null", referer="https://evil.example/x")).headers[
        "x-dropped"
    ] == "hostname"
    assert "x-dropped" not in (await harness.send(VIEW, origin="https://example.com")).headers


async def test_an_array_counts_its_reasons(harness: CollectorHarness) -> None:
    harness.directory.set(hostnames=("example.com",))
    foreign = VIEW | {"data": {"hostname": "evil.example"}}
    spam = VIEW | {"data": {"hostname": "example.com", "referrer": "https://semalt.com/x"}}
    response = await harness.send([foreign, VIEW, foreign, spam])
    assert response.headers["x-dropped"] == "hostname=2, spam_referrer=1"
    assert len(harness.sink.events) == 1


async def test_inherited_data_is_stored_and_counted_for_each_event(harness: CollectorHarness) -> None:
    known = str(uuid4())
    short = [VIEW | {"id": str(uuid4())}, {"event": "session_start", "id": known}, {"event": "x", "id": known}]
    await harness.send(short, origin="https://example.com")
    counters = harness.counters
    assert (counters.received, counters.stored, counters.duplicate) == (3, 2, 1)
    first, second = harness.sink.events
    assert (first.data, first.page, first.hostname) == (second.data, second.page, second.hostname)
    harness.directory.set(hostnames=("other.example",))
    assert (await harness.send(short, origin="https://example.com")).headers["x-dropped"] == "hostname=3"
    assert (await harness.send([*short, {}])).status_code == 400
    assert (counters.received, counters.rejected) == (10, {400: 4})


@pytest.mark.parametrize(
    "header", [{"sec_purpose": "prefetch;prerender"}, {"purpose": "prefetch"}, {"x_moz": "prefetch"}]
)
async def test_a_prefetch_is_dropped(harness: CollectorHarness, header: dict[str, str]) -> None:
    assert (await harness.send(VIEW, **header)).headers["x-dropped"] == "prefetch"


async def test_excluded_addresses_are_dropped(harness: CollectorHarness) -> None:
    harness.directory.set(excluded_addresses=("203.0.113.0/28", "not an address"))
    assert (await harness.send(VIEW)).headers["x-dropped"] == "excluded_ip"
    assert [outcome.reason for outcome in harness.outcomes] == ["excluded_ip"]


async def test_bots_are_stored_or_discarded_but_never_disclosed(harness: CollectorHarness) -> None:
    googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    assert "x-dropped" not in (await harness.send(VIEW, user_agent=googlebot)).headers
    assert len(harness.sink.events) == 1
    harness.directory.set(discards_bots=True)
    assert "x-dropped" not in (await harness.send([VIEW, VIEW], user_agent=googlebot)).headers
    assert len(harness.sink.events) == 1
    assert harness.counters.dropped == {"bot": 2}


async def test_a_page_view_of_a_library_is_discarded_like_a_bots_and_its_custom_event_is_stored(
    harness: CollectorHarness,
) -> None:
    harness.directory.set(discards_bots=True)
    await harness.send(VIEW, user_agent="curl/8.11.0")
    assert harness.counters.dropped == {"bot": 1}
    assert harness.outcomes[-1].is_bot
    await harness.send(VIEW | {"data": {"url": "/", "user_id": "ada"}}, user_agent="curl/8.11.0")
    await harness.send(VIEW | {"event": "order"}, user_agent="curl/8.11.0")
    assert [event.event for event in harness.sink.events] == ["page_view", "order"]


async def test_client_hints_complete_the_user_agent_but_not_the_daily_visitor(harness: CollectorHarness) -> None:
    hints = {
        "sec_ch_ua": '"Brave";v="141", "Not?A_Brand";v="8", "Chromium";v="141"',
        "sec_ch_ua_platform": '"Linux"',
        "sec_ch_ua_mobile": "?0",
    }
    await harness.send(VIEW)
    await harness.send(VIEW, **hints)
    plain, completed = harness.sink.events
    assert (plain.user_agent, completed.user_agent) == (CHROME, f"{CHROME} [hints: browser=Brave/141]")
    assert harness.outcomes[-1].browser == "Brave"
    assert plain.visitor == completed.visitor is not None


# ---- addresses ----


@pytest.mark.parametrize(
    ("peer", "trusted", "forwarded", "expected"),
    [
        ("203.0.113.9", [], None, "203.0.113.9"),
        ("203.0.113.9", [], "198.51.100.1", "203.0.113.9"),  # a visitor may write what they like
        ("127.0.0.1", [], None, "127.0.0.1"),
        ("127.0.0.1", [], "198.51.100.1", None),  # a proxy that is not trusted yet
        ("10.0.0.2", ["10.0.0.0/8"], "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", ["10.0.0.0/8"], "6.6.6.6, 198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.2", ["10.0.0.0/8"], "198.51.100.1, unknown", None),
        ("10.0.0.2", ["10.0.0.0/8"], "[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.2", ["10.0.0.0/8"], "198.51.100.1:5555", "198.51.100.1"),
        ("::ffff:10.0.0.2", ["10.0.0.0/8"], "198.51.100.1", "198.51.100.1"),
    ],
)
async def test_the_client_is_the_right_most_hop_that_is_not_trusted(
    make_harness: MakeHarness, peer: str, trusted: list[str], forwarded: str | None, expected: str | None
) -> None:
    addresses: list[str | None] = []
    harness = make_harness(peer, trusted_proxies=[ip_network(network) for network in trusted])
    client = harness.collector.client_addresses.resolve

    def seeing(*request: object) -> str | None:
        addresses.append(client(*request))  # type: ignore[arg-type]
        return addresses[-1]

    harness.collector.client_addresses.resolve = seeing  # type: ignore[method-assign]
    await harness.send(VIEW, **({"x_forwarded_for": forwarded} if forwarded else {}))
    assert addresses == [expected]
    assert harness.outcomes[0].has_address == (expected is not None)


async def test_an_untrusted_proxy_is_reported_to_the_owner(make_harness: MakeHarness) -> None:
    harness = make_harness("172.17.0.1")
    await harness.send(VIEW, x_forwarded_for="198.51.100.1")
    assert harness.collector.client_addresses.untrusted_proxy == "172.17.0.1"


# ---- who ----


async def test_a_server_side_sender_without_user_has_no_visitor(harness: CollectorHarness) -> None:
    sent = await harness.hit(event="order", user_agent="python-requests/2.32.3")
    assert (sent.identity, sent.visitor) == (Identity.NONE, None)
    named = await harness.hit({"user_id": 7}, event="order", user_agent="python-requests/2.32.3")
    assert (named.identity, named.user_id) == (Identity.COOKIE, "7")
    on_behalf = await harness.hit({"user_agent": CHROME}, event="order", user_agent="python-requests/2.32.3")
    assert (on_behalf.identity, on_behalf.user_agent) == (Identity.DAILY, CHROME)


async def test_a_cookieless_property_keeps_no_cookie(harness: CollectorHarness) -> None:
    harness.directory.set(is_cookieless=True)
    event = await harness.hit({"user_id": "0123456789abcdef", "url": "/"})
    assert event.identity is Identity.DAILY
    assert event.user_id is None
    assert event.data == {"url": "/"}


WISHES = [{"sec_gpc": "1"}, {"dnt": "1"}, {"sec_gpc": "1", "dnt": "0"}, {"sec_gpc": "0", "dnt": "1"}, {"dnt": " 1 "}]
NO_WISHES: list[dict[str, str]] = [
    {},
    {"sec_gpc": "0"},
    {"dnt": "0"},
    {"dnt": ""},
    {"dnt": "null"},
    {"dnt": "unspecified"},
]


@pytest.mark.parametrize("headers", WISHES)
async def test_a_privacy_signal_gives_a_daily_identity(harness: CollectorHarness, headers: dict[str, str]) -> None:
    """An old copy of the script, or a sender without one, may have a user_id all the same."""
    event = await harness.hit({"user_id": "0123456789abcdef", "url": "/"}, **headers)
    without_cookie = await harness.hit({"url": "/"})
    assert (event.identity, event.user_id, event.data) == (Identity.DAILY, None, {"url": "/"})
    assert event.visitor == without_cookie.visitor is not None


@pytest.mark.parametrize("headers", NO_WISHES)
async def test_without_a_privacy_signal_the_cookie_identifies(
    harness: CollectorHarness, headers: dict[str, str]
) -> None:
    event = await harness.hit({"user_id": "0123456789abcdef"}, **headers)
    assert (event.identity, event.data) == (Identity.COOKIE, {"user_id": "0123456789abcdef"})


async def test_a_privacy_signal_holds_for_a_whole_array_and_any_user_id(harness: CollectorHarness) -> None:
    sent = [
        {"collectorId": str(PROPERTY), "event": "session_start", "data": {"user_id": "0123456789abcdef", "url": "/"}},
        {"event": "page_view"},
        {"collectorId": str(PROPERTY), "event": "sign_up", "user_id": 42, "data": {"plan": "pro"}},
    ]
    assert (await harness.send(sent, sec_gpc="1")).status_code == 204
    assert {event.identity for event in harness.sink.events} == {Identity.DAILY}
    assert [event.data for event in harness.sink.events] == [{"url": "/"}, {"url": "/"}, {"plan": "pro"}]
    assert len({event.visitor for event in harness.sink.events}) == 1


async def test_automated_browsers_are_marked(harness: CollectorHarness) -> None:
    assert (await harness.hit({"automated": True})).automated is True
    assert (await harness.hit({"automated": "yes"})).automated is False


# ---- pixel ----


async def test_the_pixel_is_a_page_view_without_a_script(harness: CollectorHarness) -> None:
    response = await harness.client.get(
        "/collect/pixel.gif", params={"id": str(PROPERTY), "url": "/x?y=1", "plan": "pro"}
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/gif"
    assert response.headers["cache-control"] == "no-store"
    assert response.content.startswith(b"GIF89a")
    event = harness.sink.events[0]
    assert (event.event, event.page, event.data["plan"]) == ("page_view", "/x", "pro")
    assert event.identity is Identity.DAILY


async def test_a_pixel_with_a_privacy_signal_stores_no_user(harness: CollectorHarness) -> None:
    for headers in ({"sec-gpc": "1"}, {"dnt": "1"}, {"dnt": "0"}):
        await harness.client.get(f"/collect/pixel.gif?id={PROPERTY}&url=/x&user_id=ada", headers=headers)
    assert [event.identity for event in harness.sink.events] == [Identity.DAILY, Identity.DAILY, Identity.COOKIE]
    assert [event.data for event in harness.sink.events[:2]] == [{"url": "/x"}] * 2


async def test_the_pixel_takes_its_page_from_the_referer(harness: CollectorHarness) -> None:
    response = await harness.client.get(
        f"/collect/pixel.gif?id={PROPERTY}", headers={"referer": "https://blog.example/post?a=1"}
    )
    assert response.status_code == 200
    assert (harness.sink.events[0].page, harness.sink.events[0].hostname) == ("/post", "blog.example")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("id=x", 400),
        ("id=00000000-0000-4000-8000-000000000000", 404),
        ("&".join(f"a{n}=1" for n in range(200)), 400),
    ],
)
async def test_an_invalid_pixel_says_what_is_wrong(harness: CollectorHarness, query: str, status: int) -> None:
    response = await harness.client.get(f"/collect/pixel.gif?{query}")
    assert response.status_code == status
    assert response.json()["detail"]
    assert response.headers["access-control-allow-origin"] == "*"


# ---- the script ----


async def test_the_script_is_cached_briefly_and_compressed(harness: CollectorHarness) -> None:
    for path in ("/collector.js", "/static/collector.js"):
        response = await harness.client.get(path)
        assert response.status_code == 200
        assert "collectorQueue" in response.text
        assert response.headers["content-type"] == "text/javascript; charset=utf-8"
        assert response.headers["content-encoding"] == "br"
        assert response.headers["cache-control"] == "public, max-age=600"
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"
        assert response.headers["access-control-allow-origin"] == "*"
        again = await harness.client.get(path, headers={"if-none-match": response.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        head = await harness.client.head(path)
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", response.headers["etag"])


async def test_the_script_is_for_ever_under_its_hashed_name_only(harness: CollectorHarness) -> None:
    response = await harness.client.get(harness.script.hashed_name, headers={"accept-encoding": "gzip"})
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["content-encoding"] == "gzip"
    old = await harness.client.get("/collector.0123456789ab.js")  # a page that has cached its tag for long
    assert (old.status_code, old.headers["cache-control"]) == (200, "public, max-age=600")


async def test_the_minified_script_is_served_where_there_is_one(make_harness: MakeHarness, tmp_path: Path) -> None:
    (tmp_path / "collector.abc.js").write_text("minified()")
    (tmp_path / "manifest.json").write_text('{"collector.js": {"file": "collector.abc.js"}}')
    harness = make_harness(script=ScriptFile(tmp_path))
    assert (await harness.client.get("/collector.js", headers={"accept-encoding": "identity"})).text == "minified()"


# ---- who listens ----


async def test_the_outcome_of_each_hit_is_reported(harness: CollectorHarness) -> None:
    await harness.send(VIEW | {"data": {"url": "https://blog.example/a"}})
    harness.directory.set(hostnames=("example.com",))
    await harness.send(VIEW | {"data": {"url": "https://blog.example/a"}})
    stored, dropped = harness.outcomes
    assert (stored.is_stored, stored.reason, stored.page, stored.hostname, stored.browser) == (
        True,
        None,
        "/a",
        "blog.example",
        "Chrome",
    )
    assert (dropped.is_stored, dropped.reason, dropped.hostname) == (False, "hostname", "blog.example")


class FailingObserver(CollectorObserver):
    """Raises whatever happens."""

    def _fail(self, *_: object) -> None:
        raise ZeroDivisionError

    on_received = on_stored = on_dropped = on_not_stored = on_rejected = on_request_rejected = _fail


async def test_an_observer_that_fails_harms_no_response_and_no_other_observer(
    make_harness: MakeHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness = make_harness(observers=[FailingObserver()], queue_limit=2)
    assert (await harness.send(VIEW)).status_code == 204
    assert (await harness.send(VIEW, sec_purpose="prefetch")).headers["x-dropped"] == "prefetch"
    assert (await harness.send(VIEW | {"event": ""})).status_code == 400
    assert (await harness.send([VIEW, VIEW, VIEW])).status_code == 503
    failures = [record for record in caplog.records if record.msg.startswith("collector observer failed")]
    assert len(failures) == 4 + 1 + 1 + 2 + 2  # received, stored, dropped, and two calls for each rejected request
    assert {vars(record)["observer"] for record in failures} == {"FailingObserver._fail"}
    assert (harness.counters.received, harness.counters.stored, harness.counters.rejected) == (6, 1, {400: 1, 503: 3})
    assert [outcome.reason for outcome in harness.outcomes][:2] == [None, "prefetch"]
    assert [(outcome.reason or "")[:3] for outcome in harness.outcomes][2:] == ["400", "503", "503", "503"]


async def test_counters_are_exported_to_prometheus(harness: CollectorHarness) -> None:
    await harness.send(VIEW)
    await harness.send(b"{")
    text = harness.counters.prometheus()
    assert "proprium_events_received_total 2" in text
    assert 'proprium_events_rejected_total{status="400"} 1' in text
