"""Sites with the first system's tag or wire format: a real server stores and counts all of it."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser

from tests.stories.conftest import Site
from tests.support.builders import CHROME
from tests.support.servers import running

SEEDS_TAG = """<script>
  let collectorQueue = [], collectorServer = "{server}", collectorId = "{property}";
  const tag = document.createElement("script"); tag.src = "{server}/static/collector.js"; document.head.append(tag);
  collectorQueue.push({{event: "early"}});
</script>"""


def test_the_seeds_tag_and_wire_format_are_stored_and_counted(browser: Browser, site: Site, tmp_path: Path) -> None:
    with running(tmp_path) as server:
        property_id = server.add_property("Old site")
        site.tag = SEEDS_TAG.format(server=server.url, property=property_id)
        site.pages = {"/": "<h1>Old site</h1>"}
        page = browser.new_page()
        page.goto(site.url)
        wait_for_events(tmp_path, 3)
        page.evaluate("collectorQueue.push({event: 'late'})")
        for sent in as_the_seed_sent(property_id):
            answer = httpx.post(f"{server.url}/collect/", json=sent, headers={"user-agent": CHROME})
            assert answer.status_code == 204, answer.text
        wait_for_events(tmp_path, 10)
        assert stored(tmp_path) == {
            "session_start": 2, "page_view": 3, "click": 1, "page_leave": 1, "early": 1, "late": 1, "order": 1
        }  # fmt: skip
        page.close()  # not before: a page that was open for a second sends that it was left

        report = tmp_path / "report.md"
        server.proprium("report", "--property", property_id, "--period", "today", str(report))
    text = report.read_text()
    assert re.search(r"Visitors\W+2\b", text), text  # the browser's, and 42 whichever way it was written
    assert re.search(r"Page views\W+3\b", text), text
    assert re.search(r"Clicks\W+1\b", text), text
    channels = text.partition("## Channels")[2].partition("\n## ")[0]
    assert re.search(r"Email\W+1\b", channels), text  # of 42, whose session_start knew the referrer alone
    assert "search" not in channels, text


def as_the_seed_sent(property_id: str) -> list[dict[str, Any]]:
    """No id, no hostname, no view_id; the text of clicks; a user that is a number first and a text later. The campaign
    stands on the page view alone, which is a request of its own.
    """
    page = {"url": "/shop", "title": "Shop", "referrer": "https://www.google.com/", "screen_width": 1280}
    campaign = {"utm_source": "newsletter", "utm_medium": "email", "utm_campaign": "spring"}
    events: list[tuple[str, dict[str, Any] | None]] = [
        ("session_start", {**page, "user_id": 42, "utm_source": "undefined"}),
        ("page_view", {**page, **campaign, "user_id": 42}),
        ("click", {"user_id": 42, "url": "/shop", "text": "Buy now", "x": 1, "y": 2}),
        ("page_view", {**page, "user_id": "42", "url": "/basket"}),
        ("page_leave", {"user_id": "42", "url": "/basket", "time_on_page": 5_000}),
    ]
    known = [{"collectorId": property_id, "event": name, "data": data} for name, data in events]
    return [*known, {"collector_id": property_id, "event": "order", "user_id": "42"}]


def stored(data_dir: Path) -> dict[str, int]:
    with sqlite3.connect(data_dir / "proprium.sqlite3") as storage:
        return dict(Counter(name for (name,) in storage.execute("SELECT event FROM event")))


def wait_for_events(data_dir: Path, count: int) -> None:
    deadline = time.monotonic() + 20
    while sum(stored(data_dir).values()) < count:
        assert time.monotonic() < deadline, json.dumps(stored(data_dir))
        time.sleep(0.05)
