"""Hostile texts and addresses on the real dashboard in a browser: no script runs, no page fails."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from proprium.properties.service import update_settings
from proprium.storage.database import Database
from tests.adversarial.odd_inputs import MARKUP, PROPERTY, SCRIPT, TAKEN, as_event, in_every_place
from tests.support.servers import CHROME, Running

ENV = {"PROPRIUM_COLLECT_RATE": "0", "PROPRIUM_TRUSTED_PROXIES": "127.0.0.0/8,::1/128"}
MARKED = [body for text in MARKUP for body in (in_every_place(text), as_event(text))]
CARDS = [SCRIPT, '"><svg onload=window.pwned=1>', "{{constructor.constructor('window.pwned=1')()}}"]
INJECTIONS = ["'; DROP TABLE canary; --", '"; DROP TABLE canary; --', "1 OR 1=1", "x') UNION SELECT 1 --", SCRIPT]

PUBLIC_KEYS = ["plan", "constructor", "__proto__.x", *INJECTIONS]
"""Else a stranger is refused before anything is asked of the warehouse."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = Running(tmp_path_factory.mktemp("hostile"), env=ENV).start()
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output()


@pytest.fixture(scope="module")
def poisoned(server: Running) -> str:
    """The id of a public property that got every oddity, those of markup last and most often."""
    property_id = server.add_property(f"Bakery {SCRIPT}")
    server.publish(property_id)
    database = Database(f"sqlite:///{server.data_dir / 'proprium.sqlite3'}")
    update_settings(database, UUID(property_id), custom_cards=CARDS, public_data_keys=PUBLIC_KEYS)
    database.close()
    bodies = [body.replace(str(PROPERTY).encode(), property_id.encode()) for body in TAKEN + MARKED]
    with httpx.Client(headers={"User-Agent": CHROME}) as client, ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: client.post(f"{server.url}/collect", content=body), bodies))
    for body, answer in zip(bodies, answers, strict=True):
        assert answer.status_code in {204, 404}, (body[:150], answer.text)  # 404: an id that was written otherwise
    assert server.wait_until_projected().warehouse_events
    with sqlite3.connect(server.data_dir / "proprium.sqlite3") as storage:
        storage.execute("CREATE TABLE canary (song TEXT)")
        storage.execute("INSERT INTO canary VALUES ('tweet')")
    return property_id


def test_no_script_of_an_event_runs_on_the_dashboard(browser: Browser, server: Running, poisoned: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    dialogs: list[str] = []
    foreign: list[str] = []
    errors: list[str] = []
    page.on("dialog", lambda dialog: record_and_dismiss(dialog, dialogs))
    page.on("request", lambda request: foreign.append(request.url) if "evil" in request.url.split("?")[0] else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    searches = [
        "", f"?metric=event:{quote(SCRIPT)}&filter=" + quote(f"page:contains:{SCRIPT}"),
        "?filter=" + quote(f"data.{SCRIPT}:is:{SCRIPT}"),
    ]  # fmt: skip
    for query in searches:
        open_dashboard(page, f"{server.url}/properties/{poisoned}{query}")
        hover_everything(page)
        assert page.evaluate("[window.pwned, location.pathname]") == [None, f"/properties/{poisoned}"]
    for name in ("properties", ""):
        page.goto(f"{server.url}/{name}")
        assert page.evaluate("window.pwned") is None
    assert (dialogs, foreign, errors) == ([], [], [])
    context.close()


def test_the_page_still_shows_texts_as_they_were_sent(browser: Browser, server: Running, poisoned: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    open_dashboard(page, f"{server.url}/properties/{poisoned}")
    expect(page.get_by_role("group", name="Metrics")).to_contain_text(SCRIPT)
    open_dashboard(page, f"{server.url}/properties/{poisoned}?filter=page:contains:onerror")
    expect(page.get_by_role("region", name="Pages", exact=True)).to_contain_text("/<img src=x onerror=window.pwned=1>")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # ten thousand letters move nothing
    context.close()


@pytest.mark.parametrize("kind", ["md", "html", "pdf"])
def test_every_report_renders_all_hostile_texts_together(server: Running, poisoned: str, kind: str) -> None:
    answer = httpx.get(f"{server.url}/properties/{poisoned}/report.{kind}", timeout=90)
    assert answer.status_code == 200, answer.text
    assert "\n" not in answer.headers["content-disposition"]
    if kind == "pdf":
        text = subprocess.run(["pdftotext", "-", "-"], input=answer.content, capture_output=True, check=True).stdout
        assert b"Visitors" in text
        assert b"could not be drawn" not in text


BAD = [
    "from=2026-02-30", "from=yesterday", "from=0000-01-01", "from=9999-12-31", "from=0001-01-01&to=9999-12-31",
    "to=2026-01-01", "from=2199-12-31",
    "from=2026-01-02&to=2026-01-01", "from=2026-01-01&to=10000-01-01", "from=-2026-01-01", "from=%00",
    "period=fortnight", "period=%F0%9F%91%8D", "period=" + "x" * 5_000, "date_range=abc", "date_range=-1",
    "date_range=99999999999", "interval=second", "interval=minute&period=12mo", "compare=never", "timezone=Mars/Phobos",
    "timezone=../../etc/passwd", "timezone=Europe", "timezone=%00", "audience=cats", "map=DEU", "map=%3Cb%3E",
    "metric=money", "metric=event:", "filter=", "filter=country", "filter=country:is_like:DE", "filter=password:is:x",
    "filter=data.:is:x", "filter=page:contains:", "filter=page:is:%00", "filter=page:is:" + "x" * 2_001,
    "filter=country:one_of:" + "|".join(["DE"] * 201), "&".join(f"filter=page:is:/{n}" for n in range(200)),
    *(f"{name}={quote(sql)}" for sql in INJECTIONS
      for name in ("from", "period", "interval", "compare", "timezone", "audience", "map", "metric", "date_range")),
]  # fmt: skip
ODD = [
    "", "?", "&&&", "=", "=&=", "%", "%zz", "%ff=%ff", "from=1970-01-01&to=2199-12-31", "foo=bar",
    "period=28d&period=7d", "pages=nonsense", "from=&to=", "filter=page:is:", "filter=page:is_not:", "live=1;DROP",
    "filter=data.constructor:is:x", "filter=data.__proto__.x:contains:x", "filter=page:contains:%25%5F%5C",
    *(f"filter={name}:{operator}:{quote(sql)}" for sql in INJECTIONS
      for name in ("page", "country", "event", "data.plan", "utm_source") for operator in ("is", "contains", "one_of")),
    *(f"filter=data.{quote(sql)}:is:1" for sql in INJECTIONS), *(f"{quote(sql)}=1" for sql in INJECTIONS),
    "&".join(f"filter=page:is_not:/{n}" for n in range(50)), "metric=event:" + quote(SCRIPT), "x=" + "y" * 9_000,
]  # fmt: skip


def test_a_bad_address_is_a_sentence_on_the_page_and_4xx_as_a_report(server: Running, poisoned: str) -> None:
    with everybody(base_url=f"{server.url}/properties/{poisoned}", timeout=30) as client:
        for search in BAD:
            page = client.get(f"?{search}")
            assert page.status_code == 200, search[:100]
            assert "Show the last 28 days" in page.text, search[:100]
            report = client.get(f"/report.md?{search}")
            assert 400 <= report.status_code < 500, search[:100]
            assert is_calm(page.text + report.text), search[:100]
            assert SCRIPT not in page.text
    assert canary(server) == ["tweet"]


def test_an_odd_address_is_answered_all_the_same(server: Running, poisoned: str, fuzz: bool) -> None:
    with everybody(base_url=f"{server.url}/properties/{poisoned}", timeout=30) as client:
        for search in ODD if fuzz else ODD[::5]:
            page = client.get(f"?{search}")
            report = client.get(f"/report.md?{search}")
            assert (page.status_code, report.status_code) == (200, 200), (search[:100], report.text[:300])
            assert is_calm(page.text + report.text), search[:100]
    assert canary(server) == ["tweet"]


def test_private_and_unknown_properties_are_404(server: Running, poisoned: str) -> None:
    private = server.add_property("Private")
    ids = [private, str(uuid4()), "0", "x" * 300, "%00", "%2e%2e", quote(INJECTIONS[0], safe=""), poisoned[:-1], "%ff"]
    with everybody(base_url=server.url, timeout=30) as client:
        for one in ids:
            for path in (f"/properties/{one}", f"/properties/{one}/report.md", f"/properties/{one}/report.pdf"):
                answer = client.get(path, headers={"Accept": "text/html"})
                assert answer.status_code in {303, 307, 401, 404}, (path[:100], answer.status_code)
                assert is_calm(answer.text)
                assert "Private" not in answer.text
    assert canary(server) == ["tweet"]


def everybody(**options: Any) -> httpx.Client:
    """Asks from a new address each time, so that nobody is asked to slow down."""
    hosts = count(1)

    def put(request: httpx.Request) -> None:
        number = next(hosts)
        request.headers["X-Forwarded-For"] = f"198.51.{number // 250}.{number % 250}"

    return httpx.Client(event_hooks={"request": [put]}, **options)


def record_and_dismiss(dialog: Dialog, messages: list[str]) -> None:
    messages.append(dialog.message)
    dialog.dismiss()


def open_dashboard(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_function("window.did_handshake")
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot .main-svg').length >= 2")


def hover_everything(page: Page) -> None:
    """Tooltips are drawn of event data as well."""
    page.locator(".js-plotly-plot").first.hover()
    for region in page.get_by_role("region").all()[:6]:
        region.scroll_into_view_if_needed()
        region.hover(force=True)
    page.wait_for_timeout(200)


def is_calm(text: str) -> bool:
    return not any(sign in text for sign in ("Traceback", "sqlalchemy", "duckdb.", "sqlite3."))


def canary(server: Running) -> list[str]:
    with sqlite3.connect(server.data_dir / "proprium.sqlite3") as storage:
        return [song for (song,) in storage.execute("SELECT song FROM canary")]
