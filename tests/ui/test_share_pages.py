"""Share links in the browser: the numbers that they grant, and nothing else by any address."""

from __future__ import annotations

import asyncio
import gc
import re
import time
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from nicegui import Client
from sqlalchemy import event as sql_event

from proprium.accounts import share_links
from proprium.accounts.audit import COMMAND_LINE
from proprium.properties.service import set_public, update_settings
from proprium.storage.tables import Property, ShareLink, User
from proprium.ui.dashboard.controller import DashboardController
from tests.support.builders import a_user
from tests.ui.conftest import HOME, Site
from tests.ui.shared_shop import LINK_PASSWORD, WIKI, a_link, a_shop, browser_of, live, reader


@pytest.fixture
def ada(site: Site) -> User:
    return a_user(site.services.database)


@pytest.fixture
def shop(site: Site, ada: User) -> Property:
    return a_shop(site, ada)


# Light pages


async def test_the_first_html_has_the_numbers_and_leaves_nothing_behind(site: Site, shop: Property) -> None:
    link = a_link(site, shop)
    set_public(site.services.database, shop.id, True)
    for path in (f"/share/{link.token}", f"/embed/{link.token}", f"/properties/{shop.id}"):
        pages_before = set(Client.instances)
        answer = await reader(site).get(path)
        assert answer.status_code == 200
        assert re.search(r'class="v">7<', answer.text), path
        assert "/fr" in answer.text
        assert "nicegui.js" not in answer.text
        assert "socket.io" not in answer.text
        assert "set-cookie" not in answer.headers
        assert '<meta name="robots" content="noindex">' in answer.text
        assert set(Client.instances) == pages_before


async def test_many_light_pages_leave_no_objects_behind(site: Site, shop: Property) -> None:
    client, path = reader(site), f"/share/{a_link(site, shop).token}"

    async def objects_after(page_count: int) -> int:
        for _ in range(page_count):
            assert (await client.get(path)).status_code == 200
        gc.collect()
        return len(gc.get_objects())

    before = await objects_after(5)
    assert await objects_after(20) - before < 2_000  # one page alone has 18,000


async def test_search_engines_list_a_public_dashboard_only_if_its_owner_allows_it(
    site: Site, shop: Property, ada: User
) -> None:
    database, path = site.services.database, f"/properties/{shop.id}"

    async def is_hidden(client: httpx.AsyncClient) -> bool:
        return "noindex" in (await client.get(path)).text

    set_public(database, shop.id, True)
    assert await is_hidden(reader(site))
    update_settings(database, shop.id, is_indexed=True)
    assert not await is_hidden(reader(site))
    assert "noindex" in (await reader(site).get(f"/share/{a_link(site, shop).token}")).text
    set_public(database, shop.id, False)
    assert await is_hidden(reader(site, ada))


async def test_pictures_are_named_by_pages_that_may_show_their_numbers(site: Site, shop: Property) -> None:
    database = site.services.database

    async def image_of(path: str) -> str:
        found = re.search(r'og:image" content="([^"]+)"', (await reader(site).get(path)).text)
        assert found
        return found.group(1).removeprefix(HOME)

    link, locked = a_link(site, shop), a_link(site, shop, password=LINK_PASSWORD)
    pages_only = a_link(site, shop, tiles=["pages"])
    set_public(database, shop.id, True)
    assert await image_of(f"/share/{link.token}") == f"/share/{link.token}/card.png"
    assert await image_of(f"/properties/{shop.id}") == f"/properties/{shop.id}/card.png"
    assert await image_of(f"/share/{locked.token}") == "/favicon.ico"
    assert await image_of(f"/share/{pages_only.token}") == "/favicon.ico"
    for token in (locked.token, pages_only.token):
        assert (await reader(site).get(f"/share/{token}/card.png")).status_code == 404
    set_public(database, shop.id, False)
    answer = await reader(site).get(f"/properties/{shop.id}/card.png", headers={"accept": "image/*"})
    assert answer.status_code == 404


async def test_fifty_readers_cost_no_more_queries_than_one(site: Site, shop: Property) -> None:
    statements: list[str] = []
    engine = site.filled.warehouse.engine.sql_engine  # type: ignore[attr-defined]

    def record(*args: Any) -> None:
        statements.append(args[2])

    async def statements_of(reader_count: int, link: ShareLink) -> int:
        statements.clear()
        site.services.recent_results._entries.clear()
        for _ in range(reader_count):
            browser = browser_of(site)
            browser.javascript_rules[re.compile(r"\[propriumTheme")] = lambda _: [False, True, True, False]
            await browser.open(f"/share/{link.token}")
        while site.services.live_queries.topic_count < 3 or site.services.live_queries._pending_first_results:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert (
            sum(len(topic._subscriptions) for topic in site.services.live_queries._topics.values()) == 3 * reader_count
        )
        found = len(statements)
        for page in list(Client.instances.values()):
            page.delete()
        return found

    sql_event.listen(engine, "before_cursor_execute", record)
    try:
        one = await statements_of(1, a_link(site, shop))
        started_s = time.monotonic()
        fifty = await statements_of(50, a_link(site, shop))
    finally:
        sql_event.remove(engine, "before_cursor_execute", record)
    assert one > 0
    # Open pages refresh the live count every 10 s, and first numbers are at most 10 s old, for all readers together.
    assert fifty <= one * (1 + (time.monotonic() - started_s) // 10)


# Restrictions

TAMPERING = [
    "",
    "?filter=country:is:FR",
    "?filter=country:is_not:DE",
    "?filter=page:is:/fr",
    "?segment=Other%20people",
    "?audience=all",
    "?audience=bots",
    "?map=FR",
    "?event=signup-FR",
    "?event=signup-FR&key=plan",
    "?filter=data.plan:is:plan-FR",
    "?period=all&compare=none",
    "?pages=exit&sources=referrers&places=cities",
    "?restriction=&data_access=",
]


@pytest.mark.parametrize("query", TAMPERING)
async def test_no_address_shows_more_than_the_segment(site: Site, shop: Property, query: str) -> None:
    token = a_link(site, shop, segment="Germany").token
    for path in (f"/share/{token}", f"/embed/{token}"):
        for client in (reader(site), live(reader(site))):
            answer = await client.get(path + query)
            assert answer.status_code == 200
            figures = set(re.findall(r'class="[vc] ?[^"]*">([\d,]+)<', answer.text))
            assert not figures & {"7", "3"}, path + query
            shown = re.sub(
                r"filter=[^\"&]*|event=[^\"&]*|Country is France|Page is /fr|/fr|plan-FR|signup-FR", "", answer.text
            )
            assert "France" not in shown or "filter" in query or "map" in query
            assert "Other people" not in answer.text


@pytest.mark.parametrize("query", TAMPERING)
async def test_no_report_shows_more_than_the_segment(site: Site, shop: Property, query: str) -> None:
    token = a_link(site, shop, segment="Germany").token
    answer = await reader(site).get(f"/share/{token}/report.json{query}")
    assert answer.status_code == 200
    report = answer.json()
    assert (report["totals"]["metrics"]["visitors"]["value"] or 0) in {0, 4}
    assert report["live"]["now"] == 4
    listed = {row["value"] for table in report["tables"].values() for row in table["rows"]}
    assert not listed & {"FR", "/fr", "signup-FR"}


async def test_badge_and_counter_count_the_segment(site: Site, shop: Property) -> None:
    whole, german = a_link(site, shop), a_link(site, shop, segment="Germany")
    for link, visitor_count in ((whole, 7), (german, 4)):
        counts = (await reader(site).get(f"/share/{link.token}/counter.json")).json()
        assert counts["live"] == counts["30d"] == visitor_count
        badge = (await reader(site).get(f"/share/{link.token}/badge.svg")).text
        assert f">{visitor_count}<" in badge


async def test_a_reader_of_an_open_page_cannot_leave_the_segment(
    site: Site, shop: Property, monkeypatch: pytest.MonkeyPatch
) -> None:
    controllers: list[DashboardController] = []
    build = DashboardController.build

    async def remember(self: DashboardController) -> None:
        controllers.append(self)
        await build(self)

    monkeypatch.setattr(DashboardController, "build", remember)
    await browser_of(site).open(f"/share/{a_link(site, shop, segment='Germany').token}")
    controller = controllers[0]
    restriction = controller.state.query.data_access.restriction
    assert [filter_.to_text() for filter_ in restriction] == ["country:is:DE"]
    controller.navigate(lambda state: state.with_filters())
    controller.on_url_change("?filter=country:is:FR")
    await controller.on_key("Escape")
    assert controller.state.query.data_access.restriction == restriction
    assert controller.state.url().startswith("/share/")
    assert controller.segments.segments == ()


async def test_a_link_without_keys_shows_none(site: Site, shop: Property) -> None:
    shown, hidden = a_link(site, shop), a_link(site, shop, shows_data_keys=False)
    path = "?filter=data.plan:is:plan-DE"
    assert re.search(r'class="v">4<', (await reader(site).get(f"/share/{shown.token}{path}")).text)
    refused = (await reader(site).get(f"/share/{hidden.token}{path}")).text
    assert "visible only to users" in refused
    assert (await reader(site).get(f"/share/{hidden.token}/report.json{path}")).status_code == 403


def without_styles(html: str) -> str:
    return re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


PART_MARKS = {
    "cards": 'data-value="visitors"',
    "chart": "chartbox",
    "pages": "/fr",
    "places": "Visitors by country",
    "devices": "Chrome",
    "events": "signup-FR",
    "sources": "Channels",
    "goals": "No goals yet",
    "bots": ">Bots<",
}


@pytest.mark.parametrize("part", PART_MARKS)
async def test_a_link_shows_its_parts_only(site: Site, shop: Property, part: str) -> None:
    token = a_link(site, shop, tiles=[part]).token
    for path in (
        f"/share/{token}",
        f"/embed/{token}",
        f"/embed/{token}?parts={part},{'pages' if part != 'pages' else 'bots'}",
    ):
        for client in (reader(site), live(reader(site))):
            text = without_styles((await client.get(path)).text)
            shown = {name for name, mark in PART_MARKS.items() if mark in text}
            assert part in shown
            assert shown <= {part}, path
    has_numbers = part == "cards"
    for file in ("report.json", "badge.svg", "counter.json"):
        answer = await reader(site).get(f"/share/{token}/{file}")
        assert answer.status_code == (200 if has_numbers else 404), file


async def test_an_embed_shows_the_parts_of_its_address_within_the_link(site: Site, shop: Property) -> None:
    whole, cards = a_link(site, shop).token, a_link(site, shop, tiles=["cards"]).token
    text = (await reader(site).get(f"/embed/{whole}?parts=cards,map&theme=dark&height=400")).text
    assert {name for name, mark in PART_MARKS.items() if mark in without_styles(text)} == {"cards", "places"}
    assert "propriumTheme.fix('dark')" in text
    assert "height:400px" in text
    for query in ("parts=pages", "parts=sql", "parts=%3Cscript%3E"):
        refused = (await reader(site).get(f"/embed/{cards}?{query}")).text
        assert "does not include" in refused or "There is no part" in refused
        assert "<script>'" not in refused
    odd = (await reader(site).get(f"/embed/{whole}?theme=%27)%3Balert(1)//&height=1%3B%7D*%7B&parts=")).text
    assert "propriumTheme.fix('auto')" in odd
    assert "alert(1)" not in re.sub(r'"[^"]*"', "", odd)


# Frames, badges, files


async def test_exactly_the_owners_origins_may_embed_and_nothing_else_can_be_framed(site: Site, shop: Property) -> None:
    link, closed = a_link(site, shop, frame_ancestors=[WIKI, "http://localhost:1"]), a_link(site, shop)
    locked = a_link(site, shop, frame_ancestors=[WIKI], password=LINK_PASSWORD)
    for client in (reader(site), live(reader(site))):
        embed = await client.get(f"/embed/{link.token}")
        assert f"frame-ancestors {WIKI} http://localhost:1" in embed.headers["content-security-policy"]
        assert embed.headers["content-security-policy"].count("frame-ancestors") == 1
        assert "x-frame-options" not in embed.headers
        form = await client.get(f"/embed/{locked.token}")
        assert "needs a password" in form.text
        assert "x-frame-options" not in form.headers
        for path in (f"/embed/{closed.token}", f"/share/{link.token}", "/login", f"/embed/{'x' * 32}"):
            answer = await client.get(path)
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
            assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("label", ["<script>alert(1)</script>", "\"&'", "\x00\x0b\ud800", "x" * 5_000, "日本語"])
async def test_a_badge_is_xml_whatever_its_label(site: Site, shop: Property, label: str) -> None:
    link = a_link(site, shop)
    encoded = label.encode("utf-8", "replace").decode()
    answer = await reader(site).get(f"/share/{link.token}/badge.svg", params={"label": encoded, "metric": "30d"})
    assert answer.headers["content-type"] == "image/svg+xml"
    root = ElementTree.fromstring(answer.text)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert len(answer.text) < 2_000


async def test_badges_and_counters_are_cached_by_any_site(site: Site, shop: Property) -> None:
    link = a_link(site, shop)
    for file in ("badge.svg?metric=today", "counter.json"):
        answer = await reader(site).get(f"/share/{link.token}/{file}")
        assert answer.headers["cache-control"] == "public, max-age=60"
        assert answer.headers["access-control-allow-origin"] == "*"
        again = await reader(site).get(
            f"/share/{link.token}/{file}", headers={"if-none-match": f'"other", W/{answer.headers["etag"]}'}
        )
        assert (again.status_code, again.content) == (304, b"")
    assert (await reader(site).get(f"/share/{link.token}/badge.svg?metric=sql")).status_code == 400


async def test_links_that_do_not_open_are_404_everywhere(site: Site, shop: Property) -> None:
    database = site.services.database
    revoked = a_link(site, shop)
    share_links.revoke(database, shop.id, revoked.id, COMMAND_LINE)
    tokens = [revoked.token, "x" * 32, "x", "x" * 3_000, "%00", "..%2f..%2fsettings"]
    files = ("", "/badge.svg", "/counter.json", "/report.pdf", "/card.png")
    answers = [await reader(site).get(f"/share/{token}{file}") for token in tokens[:2] for file in files]
    answers += [await reader(site).get(f"/{kind}/{token}") for token in tokens for kind in ("share", "embed")]
    assert {answer.status_code for answer in answers} == {404}
    post = await reader(site).post(f"/share/{revoked.token}/password", data={"password": LINK_PASSWORD})
    assert post.status_code == 404


async def test_the_use_of_a_link_is_seen_by_its_owner(site: Site, shop: Property) -> None:
    link = a_link(site, shop)
    await reader(site).get(f"/share/{link.token}")
    assert share_links.list_links(site.services.database, shop.id)[0].used_at is not None
