"""Where visits come from: search hosts, own and ignored referrers, campaign parameters, click ids by name."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select, text

from proprium.properties.service import update_settings
from proprium.storage.events import read_events
from proprium.warehouse.schema import event
from tests.support.builders import CHROME, IPHONE, an_event
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.arrivals import arrive, arrive_as_in, decide, rows


def everything_stored(warehouse: FilledWarehouse) -> str:
    """Every text of an event in storage."""
    with warehouse.database.engine.connect() as connection:
        return repr(connection.execute(text("SELECT * FROM event")).all())


def data_of(warehouse: FilledWarehouse) -> list[dict[str, Any]]:
    return [each.data for each in read_events(warehouse.database)]


async def test_services_of_a_search_engine_are_no_search(warehouse: FilledWarehouse) -> None:
    await arrive_as_in(warehouse, "C10_google_services")
    assert rows(warehouse, "channel") == {"Referral": 6, "Organic search": 1, "Email": 1}
    assert rows(warehouse, "source")["accounts.google.com"] == 1


async def test_other_hostnames_of_the_property_are_no_referral(warehouse: FilledWarehouse) -> None:
    await arrive_as_in(warehouse, "C07_own_hosts_referral")
    assert rows(warehouse, "channel") == {"Direct": 1}
    assert rows(warehouse, "referrer") == rows(warehouse, "source") == {None: 1}


async def test_own_and_ignored_referrers_apply_to_the_past_and_can_be_taken_back(warehouse: FilledWarehouse) -> None:
    referrers = ["https://www.paypal.com/checkout", "https://checkout.paypal.com/", "https://notpaypal.com/"]
    referrers += ["https://blog.example.com/a", "https://www.google.com/"]
    await arrive(warehouse, [{"url": "/", "referrer": referrer} for referrer in referrers])
    before = rows(warehouse, "referrer")
    assert set(before) == {"paypal.com", "checkout.paypal.com", "notpaypal.com", "blog.example.com", "google.com"}
    decide(warehouse, ignored_referrers=["paypal.com"], hostnames=["example.com", "*.example.com"])
    assert rows(warehouse, "referrer") == {None: 3, "notpaypal.com": 1, "google.com": 1}
    assert rows(warehouse, "channel") == {"Direct": 3, "Referral": 1, "Organic search": 1}
    assert rows(warehouse, "data.referrer")["https://checkout.paypal.com/"] == 1
    decide(warehouse, ignored_referrers=[], hostnames=[])
    assert rows(warehouse, "referrer") == before


def test_a_referrer_that_is_ignored_is_still_read_back_as_it_was_sent(warehouse: FilledWarehouse) -> None:
    update_settings(warehouse.database, warehouse.property.id, ignored_referrers=["paypal.com"])
    warehouse.append([an_event(referrer="paypal.com", utm_source="News", data={"url": "/?x=1"})])
    assert rows(warehouse, "referrer") == {None: 1}
    assert rows(warehouse, "data.referrer") == {"paypal.com": 1}
    assert rows(warehouse, "data.utm_source") == {"News": 1}
    assert rows(warehouse, "data.url") == {"/?x=1": 1}


async def test_campaigns_are_read_from_the_parameters_that_other_systems_use(warehouse: FilledWarehouse) -> None:
    await arrive_as_in(warehouse, "C13_utm_keys")
    assert rows(warehouse, "utm_source") == {"foo": 1, "producthunt": 1, "s": 1}
    assert rows(warehouse, "utm_medium") == {"email": 2}
    assert rows(warehouse, "utm_campaign") == {"c": 1}
    assert rows(warehouse, "source") == {"foo": 1, "Product Hunt": 1, "s": 1}


@pytest.mark.parametrize(
    ("query", "expected"),
    {
        "?utm_source=a&ref=b&source=c": {"utm_source": "a"},
        "?ref=b&mtm_source=c": {"utm_source": "c"},
        "?source=news.example": {"utm_source": "news.example"},
        "?x=1&amp;utm_source=a&amp;utm_medium=email": {"utm_source": "a", "utm_medium": "email"},
        "?pk_campaign=c&pk_kwd=k&pk_content=t": {"utm_campaign": "c", "utm_term": "k", "utm_content": "t"},
        "?mtm_keyword=k&MTM_MEDIUM=CPC": {"utm_term": "k", "utm_medium": "cpc"},
        "?piwik_campaign=c": {"utm_campaign": "c"},
        "#/inbox?utm_source=a": {"utm_source": "a"},
        "?utm_source=undefined&utm_campaign=a%20b+c": {"utm_campaign": "a b c"},
        "?utm_source=&ref=b": {"utm_source": "b"},
        "?xref=b&resource=c&prefutm_source=d": {},
    }.items(),
)
async def test_every_spelling_of_a_campaign_parameter_fills_its_field(
    warehouse: FilledWarehouse, query: str, expected: dict[str, str]
) -> None:
    await arrive(warehouse, [{"url": f"https://example.com/{query}"}])
    names = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
    assert {name: value for name in names for value in rows(warehouse, name)} == expected


async def test_a_field_that_is_sent_outranks_the_address(warehouse: FilledWarehouse) -> None:
    await arrive(warehouse, [{"url": "/?ref=b&utm_medium=x", "utm_source": "a"}])
    assert rows(warehouse, "utm_source") == {"a": 1}
    assert rows(warehouse, "utm_medium") == {"x": 1}


async def test_a_click_of_an_advertisement_is_paid(warehouse: FilledWarehouse) -> None:
    await arrive_as_in(warehouse, "C12_gclid")
    assert rows(warehouse, "channel") == {"Paid search": 1}
    assert rows(warehouse, "source") == {"Google": 1}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"url": "/", "click_id": "GCLID", "referrer": "https://www.google.com/"}, ("Google", "Paid search")),
        ({"url": "/?a=1&amp;gclid=SECRET&b=2", "referrer": "https://www.google.com/"}, ("Google", "Paid search")),
        ({"url": "/?MSCLKID=SECRET", "referrer": "https://www.bing.com/"}, ("Bing", "Paid search")),
        ({"url": "/?ttclid=SECRET", "referrer": "https://www.tiktok.com/"}, ("TikTok", "Paid social")),
        ({"url": "/?wbraid=SECRET", "referrer": "https://m.youtube.com/"}, ("YouTube", "Paid video")),
        ({"url": "/#/inbox?gclid=SECRET", "referrer": "https://www.google.com/"}, ("Google", "Paid search")),
        ({"url": "/?gclid=SECRET"}, ("Google", "Paid search")),
        ({"url": "/?dclid=SECRET"}, ("Google", "Display")),
        ({"url": "/?gclid=SECRET", "referrer": "https://blog.example/"}, ("blog.example", "Referral")),
        ({"url": "/?gclid=SECRET", "utm_source": "news", "utm_medium": "email"}, ("news", "Email")),
        ({"url": "/?fbclid=SECRET", "referrer": "https://l.facebook.com/"}, ("Facebook", "Organic social")),
        ({"url": "/?fbclid=SECRET"}, ("Facebook", "Organic social")),
        ({"url": "/?someclid=SECRET", "referrer": "https://blog.example/?gclid=SECRET"}, ("blog.example", "Referral")),
    ],
)
async def test_a_click_id_is_kept_by_name_and_pays_where_its_system_fits(
    warehouse: FilledWarehouse, sent: dict[str, str], expected: tuple[str, str]
) -> None:
    decide(warehouse, query_keys=["gclid", "MSCLKID"])
    await arrive(warehouse, [sent])
    [source], [channel] = rows(warehouse, "source"), rows(warehouse, "channel")
    assert (source, channel) == expected
    assert "SECRET" not in everything_stored(warehouse)
    with warehouse.warehouse.read() as connection:
        assert "SECRET" not in repr(connection.execute(select(event)).all())
    [name] = rows(warehouse, "data.click_id")
    assert name is not None
    assert name == name.lower()
    assert data_of(warehouse)[0]["click_id"].lower() == name


async def test_other_parameters_of_the_address_stay_as_they_were_sent(warehouse: FilledWarehouse) -> None:
    await arrive(
        warehouse, [{"url": "https://example.com/a?x=1&gclid=SECRET&y=%20#top"}, {"url": "/?client=1&eclipse"}]
    )
    assert [data["url"] for data in data_of(warehouse)] == ["https://example.com/a?x=1&y=%20#top", "/?client=1&eclipse"]


@pytest.mark.parametrize("value", ["EAIaIQobChMI", 7, None, ["gclid"], {"gclid": 1}, True])
async def test_what_is_no_name_of_a_click_id_is_none(warehouse: FilledWarehouse, value: Any) -> None:
    await arrive(warehouse, [{"url": "/", "click_id": value}])
    assert rows(warehouse, "channel") == {"Direct": 1}
    assert data_of(warehouse)[0]["click_id"] == value


def test_click_ids_that_an_older_version_kept_in_data_count_as_well(warehouse: FilledWarehouse) -> None:
    warehouse.append(
        [
            an_event(str(place), referrer="google.com", user_agent=agent, data={"click_id": name, "b": [1, 2]})
            for place, (name, agent) in enumerate(
                [("Gclid", CHROME), ("gclid", CHROME), ("none of ours", IPHONE), ("gclid", IPHONE)]
            )
        ]
    )
    assert rows(warehouse, "channel") == {"Paid search": 3, "Organic search": 1}
    assert rows(warehouse, "data.click_id") == {"gclid": 3, "none of ours": 1}
    assert rows(warehouse, "data.b") == {"[1,2]": 4}
