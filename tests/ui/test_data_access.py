"""Every dimension at every route: readers of a public property never see its raw data."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from maps.atlas import Atlas
from proprium.metrics.query.filters import Operator
from proprium.properties.service import update_settings
from proprium.server.collector_app import build_collector_parts
from tests.ui.conftest import Site
from tests.ui.raw_data import (
    ANSWERING,
    API,
    DATA_KEYS,
    EDITORS,
    MANAGED,
    NOT_KEPT,
    OF_NO_PROPERTY,
    OTHERS_OF_A_PROPERTY,
    PAGE,
    READERS,
    REFUSED,
    SAMPLE_KEYS,
    SHARED,
    Shop,
    addresses,
    leaks,
    open_shop,
    routes_of_the_server,
    text_of,
)

READER_OF_EVERY_KEY = {False: "anonymous", True: "foreign key"}
"""By whether the route is one of the API, which takes API keys only; the other readers try SAMPLE_KEYS.

Readers differ in how they authenticate. Their DataAccess is the same, so that each key needs one of them.
"""


@pytest_asyncio.fixture(loop_scope="session")
async def shop(site: Site) -> AsyncIterator[Shop]:
    collector_parts = build_collector_parts(site.services.settings, site.services.database, Atlas())
    yield open_shop(site, collector_parts)
    collector_parts.stop()


def test_every_route_of_the_server_is_tested_or_is_about_no_property(tmp_path: Path) -> None:
    """A new route fails here until it stands in the matrix."""
    assert routes_of_the_server(tmp_path) == ANSWERING | OTHERS_OF_A_PROPERTY | SHARED | MANAGED | OF_NO_PROPERTY
    assert not [path for path in OF_NO_PROPERTY if "property_id" in path]


@pytest.mark.parametrize("who", READERS)
@pytest.mark.parametrize("template", sorted(ANSWERING | OTHERS_OF_A_PROPERTY))
async def test_a_reader_gets_no_raw_data_from_any_route(shop: Shop, who: str, template: str) -> None:
    is_page = template.startswith(PAGE) and "report" not in template
    client = shop.client(who)
    keys = DATA_KEYS if who == READER_OF_EVERY_KEY["/api/" in template] else SAMPLE_KEYS
    for address, dimension in addresses(template, shop.public.id, keys):
        answer = await (shop.client(who) if is_page else client).get(address)
        text = text_of(answer)
        assert leaks(text) == [], address
        if dimension:
            is_refused(answer, text, address, dimension, who)


def is_refused(answer: httpx.Response, text: str, address: str, dimension: str, who: str) -> None:
    if address.startswith("/api/") and who in {"anonymous", "viewer"}:
        assert answer.status_code == 401, address  # the API takes keys only
    elif "/report." in address or address.startswith("/api/"):
        assert answer.status_code == NOT_KEPT.get(dimension, REFUSED), (address, text[:300])
        if dimension not in NOT_KEPT:
            assert answer.headers["content-type"] == "application/problem+json"
            assert dimension in answer.json()["detail"]
    else:
        refusal = "visible only to users" if dimension not in NOT_KEPT or "key=" in address else "cannot be"
        assert refusal in text, address
        assert "Show the last 28 days" in text


@pytest.mark.parametrize("operator", list(Operator))
async def test_no_filter_operator_reveals_private_data(shop: Shop, operator: Operator) -> None:
    query_string = f"filter=data.email:{operator}" + ("" if operator is Operator.IS_SET else ":x")
    answer = await shop.client("foreign key").get(f"/api/v1/properties/{shop.public.id}/totals?{query_string}")
    assert answer.status_code == REFUSED


async def test_the_answer_is_the_same_for_a_key_that_was_sent_and_one_that_never_was(shop: Shop) -> None:
    client = shop.client("foreign key")
    sent, never = [
        (await client.get(f"/api/v1/properties/{shop.public.id}/breakdown/data.{key}")).text.replace(key, "KEY")
        for key in ("email", "never_sent")
    ]
    assert sent == never


@pytest.mark.parametrize("who", EDITORS)
async def test_editors_see_all_data(shop: Shop, who: str) -> None:
    """The positive control: the same addresses are full of canaries for them."""
    client, breakdown = shop.client(who), f"/api/v1/properties/{shop.public.id}/breakdown"
    if who == "owner":  # a person's cookie opens reports, a key the API
        answer = await client.get(f"/properties/{shop.public.id}/report.json?filter=data.user_id:is:canary-user")
        assert answer.json()["totals"]["metrics"]["visitors"]["value"] == 1
        return
    for key in ("email", "user_id", "url", "referrer", "href", "target", "text", "ip", "plan"):
        answer = await client.get(f"{breakdown}/data.{key}")
        assert answer.status_code == 200
        assert leaks(answer.text), key


async def test_a_public_key_is_shown_to_readers_and_the_others_stay_private(shop: Shop) -> None:
    update_settings(shop.site.services.database, shop.public.id, public_data_keys=["plan", "url", "referrer", "href"])
    client, breakdown = shop.client("foreign key"), f"/api/v1/properties/{shop.public.id}/breakdown"
    assert "canary plan" in (await client.get(f"{breakdown}/data.plan")).text
    assert (await client.get(f"{breakdown}/page?filter=data.plan:is:canary%20plan")).status_code == 200
    assert (await client.get(f"{breakdown}/data.email")).status_code == REFUSED
    for key, shown in (("url", "/orders"), ("referrer", "mail.example"), ("href", "https://pay.example/x")):
        answer = await client.get(f"{breakdown}/data.{key}")
        assert [row["value"] for row in answer.json()["rows"]] == [shown]
        guess = await client.get(f"{breakdown}/page?filter=data.{key}:contains:canary")
        assert guess.json()["rows"] == [], "a filter tells no more than the rows"


async def test_a_goal_on_private_data_has_a_number_and_no_conditions(shop: Shop) -> None:
    answer = await shop.client("foreign key").get(f"/api/v1/properties/{shop.public.id}/totals")
    assert answer.json()["goals"] == {"Bought pro": 1}, "a goal about one person is not even counted for readers"
    owned = await shop.client("property key").get(f"/api/v1/properties/{shop.public.id}/totals")
    assert owned.json()["goals"] == {"Bought pro": 1, "One person": 1}


def test_the_matrix_covers_the_page_and_the_api() -> None:
    assert {PAGE, f"{API}/breakdown/{{dimension:path}}"} <= ANSWERING
