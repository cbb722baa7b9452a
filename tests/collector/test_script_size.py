"""Size of the tracker script and of its requests; it omits only what the collector derives itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from collector.tracker_script import SOURCE, ScriptFile
from tests.collector.first_visit import (
    GOAL_BODY_BYTES,
    GOAL_REQUESTS,
    GOAL_SCRIPT_BYTES,
    Recorder,
    person,
    recorder,
    requests_of_a_first_visit,
)
from tests.collector.script_site import ASSETS, CHROMIUM, wait_for

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")


@pytest.fixture
def recorded() -> Iterator[Recorder]:
    with recorder() as recording:
        recording.html = f"<title>A page</title>{recording.tag}"
        yield recording


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = person(browser)
    yield page
    page.context.close()


def test_a_first_visit_of_one_page_is_two_short_requests_without_a_preflight(browser: Browser) -> None:
    sent = requests_of_a_first_visit(browser)
    names = [one["event"] for request in sent for one in json.loads(request.body)]
    assert names == ["session_start", "page_view", "page_leave"]
    assert [request.method for request in sent] == ["POST"] * GOAL_REQUESTS
    assert sum(len(request.body) for request in sent) <= GOAL_BODY_BYTES, [request.body for request in sent]


def test_the_minified_script_keeps_its_size() -> None:
    script = ScriptFile(ASSETS)
    if script.plain.body == SOURCE.read_bytes():
        pytest.skip("the minified script is not built here")
    assert len(script.brotli.body) <= GOAL_SCRIPT_BYTES


@pytest.mark.parametrize("policy", ["no-referrer", "same-origin", "strict-origin-when-cross-origin"])
@pytest.mark.parametrize("is_proxied", [False, True])
def test_the_browser_names_the_host_where_the_script_does_not(
    recorded: Recorder, page: Page, policy: str, is_proxied: bool
) -> None:
    """Also where the page keeps its address for itself, and where the collector is passed on by the page's own site."""
    recorded.headers["referrer-policy"] = policy
    if is_proxied:
        recorded.stats = recorded.site
        recorded.html = recorded.tag
    page.goto(recorded.site)
    wait_for(lambda: bool(recorded.sent))
    assert b"hostname" not in recorded.sent[0].body
    assert recorded.sent[0].headers["origin"] == recorded.site


def test_a_beacon_names_the_host_itself(recorded: Recorder, page: Page) -> None:
    """A browser may hide its origin together with the referrer."""
    page.add_init_script("window.fetch = undefined")
    page.goto(recorded.site)
    wait_for(lambda: bool(recorded.sent))
    first, second = json.loads(recorded.sent[0].body)
    assert first["data"]["hostname"] == "127.0.0.1"
    assert "data" not in second  # it has the first one's
