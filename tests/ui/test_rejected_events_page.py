"""The rejected events page, the notice about an untrusted proxy, and the privacy page."""

from __future__ import annotations

from datetime import timedelta

from collector.errors import DropReason
from collector.event import HitOutcome
from proprium.clock import utc_now
from proprium.metrics.automated import automated_hits
from proprium.properties import service
from proprium.storage import trusted_proxies
from proprium.storage.rejected_events import RejectedEventBuffer
from proprium.storage.tables import Property, Role
from tests.support.builders import CHROME, GOOGLEBOT, a_property, a_user, an_event
from tests.ui.conftest import Site
from tests.ui.test_property_pages import has, press, reload

HEADLESS = CHROME.replace("Chrome/", "HeadlessChrome/")


def reject(site: Site, property_: Property, reason: str, hostname: str | None = None, page: str = "/pricing") -> None:
    buffer = RejectedEventBuffer(site.services.database)
    buffer.add(
        property_.id,
        HitOutcome(utc_now(), "page_view", page, False, False, reason, True, None, "Firefox", False, hostname),
    )
    buffer.flush()


async def test_a_rejected_event_is_listed_with_its_reason_and_a_fix(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    property_ = a_property(site.services.database, owner=owner)
    service.update_settings(site.services.database, property_.id, hostnames=["www.example.com"])
    reject(site, property_, DropReason.HOSTNAME, "shop.example.com")
    browser = site.browser(owner)
    await browser.open(f"/properties/{property_.id}/refused")
    await has(browser, "shop.example.com is not an allowed hostname")
    await has(browser, "/pricing")
    press(browser, "Allow shop.example.com")
    await has(browser, "shop.example.com is allowed")
    assert reload(site, property_).hostnames == ["www.example.com", "shop.example.com"]


async def test_without_rejected_events_the_page_says_so(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    property_ = a_property(site.services.database, owner=owner)
    browser = site.browser(owner)
    await browser.open(f"/properties/{property_.id}/refused")
    await has(browser, "No rejected events")


async def test_a_flood_is_listed_with_the_setting_that_lets_more_in(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    property_ = a_property(site.services.database, owner=owner)
    reject(site, property_, "429: Too many events from this address. Try again in a second.")
    reject(site, property_, "400: [3] data is a text; expected an object.")
    browser = site.browser(owner)
    await browser.open(f"/properties/{property_.id}/refused")
    await has(browser, "Rejected with 429: Too many events")
    await has(browser, "The rate limit is 100 events per second")
    await has(browser, "raise PROPRIUM_COLLECT_RATE")
    await has(browser, "Rejected with 400: [3] data is a text; expected an object.")


async def test_automated_browsers_of_today_are_named_and_one_click_counts_them(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    property_ = a_property(site.services.database, owner=owner)
    service.update_settings(site.services.database, property_.id, counts_automated=False)
    now = utc_now()
    site.filled.append(
        [an_event("ada", now - timedelta(hours=hours), property=property_.number or 0, **fields)
         for hours, fields in ((1, {"automated": True}), (2, {"user_agent": HEADLESS}), (30, {"automated": True}),
                               (3, {"user_agent": GOOGLEBOT}), (4, {}))]
    )  # fmt: skip
    browser = site.browser(owner)
    await browser.open(f"/properties/{property_.id}/refused")
    await has(browser, "2 ×")
    await has(browser, "Sent by automated browsers: stored, and reported only under Bots")
    press(browser, "Count automated browsers")
    await has(browser, "Automated browsers count as visitors now")
    assert reload(site, property_).counts_automated is True
    site.filled.projector.catch_up()
    assert automated_hits(site.services.warehouse, property_.number or 0, now - timedelta(days=2)) == 0
    await browser.open(f"/properties/{property_.id}/refused")
    await has(browser, "No rejected events")
    await browser.should_not_see("automated browsers")


async def test_an_inaccessible_list_looks_like_a_missing_page(site: Site) -> None:
    property_ = a_property(site.services.database, owner=a_user(site.services.database, role=Role.OWNER))
    stranger = a_user(site.services.database, email="eve@example.com", role=Role.MEMBER)
    theirs = await site.client(stranger).get(f"/properties/{property_.id}/refused")
    missing = await site.client(stranger).get("/properties/00000000-0000-4000-8000-000000000000/refused")
    assert (theirs.status_code, missing.status_code) == (404, 404)


async def test_the_owner_is_asked_about_a_proxy_once_and_one_click_trusts_it(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    trusted_proxies.report_untrusted(site.services.database, "10.0.0.5")
    browser = site.browser(owner)
    await browser.open("/properties")
    await has(browser, "a proxy at 10.0.0.5")
    press(browser, "Trust this proxy")
    await has(browser, "10.0.0.5 is trusted now")
    assert [str(network) for network in trusted_proxies.trusted_networks(site.services.database)] == ["10.0.0.5/32"]
    assert trusted_proxies.pending_proxy(site.services.database) is None


async def test_the_owner_is_asked_about_a_header_that_is_not_read(site: Site) -> None:
    owner, database = a_user(site.services.database, role=Role.OWNER), site.services.database
    trusted_proxies.report_unread_header(database, "cf-connecting-ip")
    browser = site.browser(owner)
    await browser.open("/properties")
    await has(browser, "in the header cf-connecting-ip, which is not read")
    press(browser, "Use cf-connecting-ip")
    await has(browser, "cf-connecting-ip is used now")
    assert trusted_proxies.client_ip_header(database) == "cf-connecting-ip"
    assert trusted_proxies.pending_header(database) is None
    trusted_proxies.report_unread_header(database, "fly-client-ip")
    await browser.open("/properties")
    press(browser, "Ignore it")
    await has(browser, "fly-client-ip stays unread")
    trusted_proxies.report_unread_header(database, "fly-client-ip")
    assert trusted_proxies.pending_header(database) is None
    assert trusted_proxies.client_ip_header(database) == "cf-connecting-ip"


async def test_only_owners_are_asked_about_proxies(site: Site) -> None:
    trusted_proxies.report_untrusted(site.services.database, "10.0.0.6")
    editor = a_user(site.services.database, email="eve@example.com", role=Role.MEMBER)
    browser = site.browser(editor)
    await browser.open("/properties")
    await browser.should_not_see("10.0.0.6")


async def test_the_privacy_page_lists_the_collected_data_and_the_opt_out(site: Site) -> None:
    property_ = a_property(site.services.database)
    browser = site.browser()
    await browser.open(f"/privacy/{property_.id}")
    await has(browser, "By the cookie collectoruserid")
    await has(browser, "collector_optout")
    service.update_settings(site.services.database, property_.id, is_cookieless=True)
    site.services.rules_cache.refresh()
    await browser.open(f"/privacy/{property_.id}")
    await has(browser, "No cookie is set")


async def test_the_dashboard_menu_links_to_rejected_events(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    property_ = a_property(site.services.database, owner=owner)
    client = site.client(owner)
    assert "Rejected events" not in (await client.get(f"/properties/{property_.id}")).text
    reject(site, property_, DropReason.HOSTNAME, "shop.example.com")
    assert "Rejected events" in (await client.get(f"/properties/{property_.id}")).text
