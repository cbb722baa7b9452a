"""What arrives while somebody puts the tag on a site: the list fills, says in amber what is wrong, and mends it."""

from __future__ import annotations

import asyncio

import pytest

from collector.errors import DropReason
from collector.event import HitOutcome
from proprium.clock import utc_now
from proprium.properties import service
from proprium.storage import trusted_proxies
from proprium.storage.tables import Role
from proprium.ui.components import proxy_watch
from proprium.ui.components.install_checklist import REJECTED, HitReport
from tests.support.builders import a_property, a_user
from tests.ui.conftest import Site
from tests.ui.test_property_pages import has, press, reload, visits

HIT = HitOutcome(
    received_at=utc_now(),
    event="page_view",
    page="/pricing",
    is_stored=True,
    is_duplicate=False,
    reason=None,
    has_address=True,
    country="DE",
    browser="Firefox",
    is_bot=False,
    hostname="example.com",
)


async def test_the_tick_list_fills_as_a_hit_arrives(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada, hostnames=["example.com"])
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await has(browser, "Waiting for the first event from example.com")
    site.services.hit_feed.publish(mine.id, HIT._replace(received_at=utc_now()))
    await has(browser, "page_view on /pricing")
    await browser.should_see("Firefox")
    await browser.should_see("Germany")
    await browser.should_see("Open the dashboard")


async def test_a_hit_of_another_process_fills_it_from_storage(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await has(browser, "Waiting for the first event from Mine")
    site.filled.append(visits(mine, "ada", page="/elsewhere", country="FR"))
    site.services.live_queries.invalidate([mine.number or 0])
    await has(browser, "page_view on /elsewhere")
    await browser.should_see("France")


async def test_a_refused_hit_says_why_and_is_mended_with_one_click(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada, hostnames=["example.com"])
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(
        mine.id, HIT._replace(is_stored=False, reason=DropReason.HOSTNAME, hostname="www.example.com")
    )
    await has(browser, "www.example.com is not an allowed hostname")
    press(browser, "Allow www.example.com")
    await has(browser, "www.example.com is allowed")
    assert reload(site, mine).hostnames == ["example.com", "www.example.com"]


@pytest.mark.parametrize("reason", list(DropReason))
async def test_every_reason_has_a_sentence(site: Site, reason: DropReason) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(mine.id, HIT._replace(is_stored=False, reason=reason))
    await asyncio.sleep(0.05)
    await browser.should_not_see(f"Rejected: {reason.value}")
    await browser.should_see("Rejected: " if reason is DropReason.HOSTNAME else "Excluded: ")


@pytest.mark.parametrize(
    ("reason", "step", "helps"),
    [
        ('400: event is ""; expected a text of 1 to 255 characters.', "received", ""),
        ("404: collectorId is unknown.", "known", "send events of different properties in separate requests"),
        ("413: The body is too large; expected at most 524288 bytes.", "received", "send fewer at once"),
        ("429: Too many events from this address.", "address", "raise PROPRIUM_COLLECT_RATE"),
        ("503: The disk is full.", "stored", "The tracking script retries automatically"),
    ],
)
async def test_a_refused_request_says_its_status_where_it_ended_and_what_helps(
    site: Site, reason: str, step: str, helps: str
) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    refused = HIT._replace(is_stored=False, reason=reason)
    site.services.hit_feed.publish(mine.id, refused)
    await has(browser, f"Rejected with {reason}")
    if helps:
        await browser.should_see(helps)
    assert [key for key, (state, _) in HitReport.from_outcome(refused).steps.items() if state == REJECTED] == [step]


async def test_an_automated_browser_is_told_apart_and_one_click_counts_it(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    service.update_settings(site.services.database, mine.id, counts_automated=False)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(mine.id, HIT._replace(is_automated=True))
    await has(browser, "automated: counted as a bot")
    await browser.should_see("this browser is automated")
    press(browser, "Count automated browsers")
    await has(browser, "Automated browsers count as visitors now")
    assert reload(site, mine).counts_automated is True
    site.services.hit_feed.publish(mine.id, HIT._replace(is_automated=True, is_bot=True, page="/again"))
    await has(browser, "automated, counted")
    await browser.should_not_see("this browser is automated")


async def test_an_automated_browser_at_another_process_is_told_apart_too(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    service.update_settings(site.services.database, mine.id, counts_automated=False)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await has(browser, "Waiting for the first event from Mine")
    site.filled.append(visits(mine, "ada", automated=True, country="FR"))
    site.services.live_queries.invalidate([mine.number or 0])
    await has(browser, "automated: counted as a bot")


async def test_a_headless_browser_where_they_count_is_no_reason_to_warn(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)  # undecided, and this server is on localhost
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(mine.id, HIT._replace(is_automated=True, is_bot=True))
    await has(browser, "automated, counted")
    await browser.should_not_see("Count automated browsers")


async def test_the_owner_trusts_a_proxy_where_an_address_is_missed(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    mine = a_property(site.services.database, "Mine", owner)
    browser = site.browser(owner)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(mine.id, HIT._replace(has_address=False, country=None))
    await has(browser, "unknown: behind a proxy?")
    trusted_proxies.report_untrusted(site.services.database, "10.0.0.7")  # a second later, as CollectorUpkeep does
    await has(browser, "a proxy at 10.0.0.7 that this server does not trust")
    press(browser, "Trust this proxy")
    await has(browser, "10.0.0.7 is trusted now")
    assert [str(network) for network in trusted_proxies.trusted_networks(site.services.database)] == ["10.0.0.7/32"]
    assert trusted_proxies.pending_proxy(site.services.database) is None
    site.services.hit_feed.publish(mine.id, HIT._replace(page="/next"))
    await has(browser, "page_view on /next")
    await browser.should_not_see("10.0.0.7 that this server does not trust")


async def test_the_owner_chooses_the_header_of_a_cdn_where_a_hit_arrives(site: Site) -> None:
    owner = a_user(site.services.database, role=Role.OWNER)
    mine = a_property(site.services.database, "Mine", owner)
    trusted_proxies.report_unread_header(site.services.database, "cf-connecting-ip")
    browser = site.browser(owner)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(mine.id, HIT)  # it has an address: the CDN's
    await has(browser, "in the header cf-connecting-ip, which is not read")
    press(browser, "Use cf-connecting-ip")
    await has(browser, "cf-connecting-ip is used now")
    assert trusted_proxies.client_ip_header(site.services.database) == "cf-connecting-ip"


async def test_who_does_not_own_the_server_is_told_who_can_trust_a_proxy_and_not_which(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    trusted_proxies.report_untrusted(site.services.database, "10.0.0.8")
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(mine.id, HIT._replace(has_address=False, country=None))
    await has(browser, "The owner of this server can trust it")
    await browser.should_not_see("10.0.0.8")
    await browser.should_not_see("Trust this proxy")


async def test_an_address_that_nobody_knows_is_explained(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy_watch, "POLL_INTERVAL_S", 0.01)
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.1)
    site.services.hit_feed.publish(mine.id, HIT._replace(has_address=False, country=None))
    await has(browser, "PROPRIUM_TRUSTED_PROXIES")


async def test_the_listener_is_forgotten_with_its_page(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada)
    page = await site.browser(ada).open(f"/properties/{mine.id}/install")
    await asyncio.sleep(0.2)
    assert site.services.live_queries.topic_count == 1
    page.delete()
    assert site.services.live_queries.topic_count == 0
    assert not site.services.hit_feed._subscribers


async def test_the_tag_of_a_cookieless_property_says_so(site: Site) -> None:
    ada = a_user(site.services.database)
    mine = a_property(site.services.database, "Mine", ada, is_cookieless=True)
    browser = site.browser(ada)
    await browser.open(f"/properties/{mine.id}/install")
    await browser.should_see("data-cookieless")
