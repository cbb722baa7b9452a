"""Accepted oddities: storage, warehouse, dashboard and reports still work, and show them as text."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from maps.atlas import Atlas
from proprium.clock import utc_now
from proprium.config import Settings
from proprium.metrics.dashboard import dashboard
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.filters import filter_for
from proprium.metrics.query.url import PropertyFacts, query_from
from proprium.metrics.results import Dashboard, Dimension
from proprium.properties.service import set_custom_cards
from proprium.reports.html import html
from proprium.reports.markdown import markdown
from proprium.reports.report_model import ReportOptions
from proprium.server.collector_app import CollectorParts, build_collector_parts
from proprium.storage.events import count_events, read_events
from tests.adversarial.odd_inputs import MARKUP, PROPERTY, SCRIPT, TAKEN, in_every_place, one
from tests.support.builders import CHROME
from tests.support.collector_ports import not_found
from tests.support.warehouse_fixture import FilledWarehouse

ATLAS = Atlas()
AT_ONCE = 60  # bodies between two looks at the dashboard; one with --fuzz


class Poisoned:
    """A property whose collector, storage and warehouse are the real ones."""

    def __init__(self, filled: FilledWarehouse, collector_parts: CollectorParts, client: httpx.AsyncClient) -> None:
        self.filled, self.collector_parts, self.client = filled, collector_parts, client
        self.id: UUID = filled.property.id

    async def send(self, body: bytes) -> None:
        ours = body.replace(str(PROPERTY).encode(), str(self.id).encode())
        ours = ours.replace(str(PROPERTY).upper().encode(), str(self.id).upper().encode())
        answer = await self.client.post("/collect", content=ours)
        assert answer.status_code == 204, (body[:150], answer.text)

    def look(self, **parameters: str) -> Dashboard:
        """Projects and asks everything."""
        self.filled.projector.catch_up()
        number = self.filled.property.number or 0
        facts = PropertyFacts(self.id, number, custom_cards=(SCRIPT, "sign_up"), data_access=EVERY_KEY)
        return dashboard(self.filled.warehouse, query_from(parameters, facts, utc_now()))


@pytest.fixture
async def poisoned(warehouse: FilledWarehouse, tmp_path: Path) -> AsyncIterator[Poisoned]:
    settings = Settings(data_dir=tmp_path, collect_rate=0, _env_file=None)  # type: ignore[call-arg]
    doors = build_collector_parts(settings, warehouse.database, ATLAS)
    doors.group_commit.start()
    transport = httpx.ASGITransport(doors.wrap(not_found), client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://a", headers={"user-agent": CHROME}) as client:
        yield Poisoned(warehouse, doors, client)
    doors.stop()
    counters = doors.counters
    assert counters.received == counters.outcome_count
    assert counters.stored == count_events(warehouse.database)


class Scripts(HTMLParser):
    """What a browser would run or fetch: script elements, and attributes that begin with "on" or point elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.suspicious: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        for name, value in attrs:
            if name.startswith("on") or "javascript:" in (value or "") or "evil" in (value or ""):
                self.suspicious.append(f"{tag} {name}={value}")
        if tag in {"iframe", "base", "embed", "object", "meta"} and "pwned" in str(attrs):
            self.suspicious.append(f"{tag} {attrs}")


def scripts_of(text: str) -> Scripts:
    script_counter = Scripts()
    script_counter.feed(text)
    return script_counter


async def test_everything_still_loads_and_shows_after_each_oddity(poisoned: Poisoned, fuzz: bool) -> None:
    facts = ReportOptions(f"{SCRIPT}|name")
    clean = scripts_of(html(poisoned.look(), facts, ATLAS))
    size = 1 if fuzz else AT_ONCE
    for start in range(0, len(TAKEN), size):
        await asyncio.gather(*map(poisoned.send, TAKEN[start : start + size]))
        shown = poisoned.look()
        report = html(shown, facts, ATLAS)
        script_counter = scripts_of(report)
        assert (script_counter.scripts, script_counter.suspicious) == (clean.scripts, []), TAKEN[start : start + size]
        assert report.encode()
        lines = markdown(shown, facts, ATLAS).encode().decode().splitlines()
        assert [line for line in lines if re.search(r"(?<!\\)<(?!1%)", line)] == []
        assert all(line.count("|") - line.count("\\|") == 4 for line in lines if line.startswith("| "))

    stored = count_events(poisoned.filled.database, poisoned.filled.property.number)
    assert shown.totals.events + shown.totals.bots == stored  # each is seen, and once


async def test_every_row_can_be_clicked_and_the_same_page_comes_back_from_its_address(poisoned: Poisoned) -> None:
    for text in MARKUP[::4]:
        await poisoned.send(in_every_place(text))
    shown = poisoned.look()
    clicked = 0
    for key in (Dimension.PAGE, Dimension.REFERRER, Dimension.UTM_SOURCE, Dimension.LANGUAGE):
        for row in shown.breakdowns[key].rows[:3]:
            row_filter = filter_for(key.value, row.value)
            if row_filter is not None:
                assert poisoned.look(filter=row_filter.to_text()).totals.events > 0, row_filter
                clicked += 1
    assert clicked > 5


async def test_every_stored_event_reads_back_as_json(poisoned: Poisoned) -> None:
    await asyncio.gather(*map(poisoned.send, TAKEN[::7]))
    read = list(read_events(poisoned.filled.database))
    assert len(read) == count_events(poisoned.filled.database)
    for event in read:
        assert json.loads(json.dumps(event.data, allow_nan=False).encode()) == event.data


async def test_a_custom_event_s_name_of_markup_is_a_card_like_any_other(poisoned: Poisoned) -> None:
    set_custom_cards(poisoned.filled.database, poisoned.id, [SCRIPT, "=1+1", "'; DROP TABLE event; --"])
    for name in (SCRIPT, "=1+1", "'; DROP TABLE event; --"):
        await poisoned.send(one(event=name))
    shown = poisoned.look()
    assert shown.totals.custom[SCRIPT] == 1
    assert {"=1+1", "'; DROP TABLE event; --"} <= set(shown.custom_events)
    assert SCRIPT not in html(shown, ReportOptions("a", custom_event=SCRIPT), ATLAS)


async def test_a_clock_that_jumps_loses_nothing(poisoned: Poisoned, monkeypatch: pytest.MonkeyPatch) -> None:
    now = utc_now() - timedelta(hours=12)  # so that small jumps stay within these days, whatever the hour
    jumps = [timedelta(0), timedelta(hours=-3), timedelta(days=400), timedelta(days=-20_000), timedelta(minutes=1)]
    for jump in jumps * 2:
        monkeypatch.setattr(poisoned.collector_parts.collector, "_now", lambda jump=jump: now + jump)
        await asyncio.gather(*(poisoned.send(one(data={"url": f"/{n}"})) for n in range(5)))  # the first day's key too
    assert count_events(poisoned.filled.database) == 50
    assert poisoned.look(period="7d").totals.events == 30  # those of these days
