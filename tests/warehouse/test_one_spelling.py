"""One thing in two spellings is counted once: paths, hosts, campaigns, numbers, slashes."""

from __future__ import annotations

from typing import Any

import pytest

from proprium.metrics.results import Metric
from tests.support.builders import an_event
from tests.support.warehouse_fixture import FilledWarehouse
from tests.warehouse.arrivals import arrive, arrive_as_in, decide, rows

VIEWS, EVENTS = Metric.PAGE_VIEWS, Metric.EVENTS


def pages(warehouse: FilledWarehouse, *filters: str) -> dict[str | None, float | None]:
    return rows(warehouse, "page", *filters, metric=VIEWS)


def view(visitor: str, page: str | None, at: str = "09:00", **known: Any) -> Any:
    """A page view as an older collector stored it."""
    return an_event(visitor, at, page, **known)


async def test_an_address_with_two_slashes_is_a_path(warehouse: FilledWarehouse) -> None:
    counters = await arrive_as_in(warehouse, "C01_double_slash")
    assert counters.stored == 2
    assert rows(warehouse, "hostname") == {"example.com": 2}
    assert pages(warehouse) == {"/blog/post": 2}
    decide(warehouse, merges_trailing_slashes=False)
    assert pages(warehouse) == {"//blog/post": 1, "//blog//post": 1}


async def test_an_encoded_path_is_one_readable_page(warehouse: FilledWarehouse) -> None:
    await arrive_as_in(warehouse, "C03_percent_paths")
    assert pages(warehouse) == rows(warehouse, "entry_page") == {"/你好": 3}
    assert rows(warehouse, "data.url", metric=EVENTS) == {
        "/你好": 1,
        "/%E4%BD%A0%E5%A5%BD": 1,
        "/%e4%bd%a0%e5%a5%bd": 1,
    }
    for written in ("/你好", "/%E4%BD%A0%E5%A5%BD", "/%e4%bd%A0%E5%a5%BD", "/你%E5%a5%BD"):
        filters = [f"page:is:{written}", f"page:one_of:/x|{written}", f"page:contains:{written[1:]}"]
        filters += [f"page:matches:{written[:-1]}*" if "%" not in written[-3:] else f"page:matches:{written}*"]
        for text in (*filters, f"entry_page:is:{written}", f"exit_page:is:{written}"):
            assert pages(warehouse, text.replace("%", "%25")) == {"/你好": 3}, text
        assert pages(warehouse, f"page:is_not:{written}".replace("%", "%25")) == {}


async def test_campaigns_fold_their_case(warehouse: FilledWarehouse) -> None:
    await arrive_as_in(warehouse, "C05_utm_case")
    assert rows(warehouse, "utm_source") == {"mypartner": 2, "linkedin": 2}
    assert rows(warehouse, "utm_medium") == {"email": 2, "social": 2}
    assert rows(warehouse, "source") == {"mypartner": 2, "LinkedIn": 2}
    for text in ("utm_source:is:MyPartner", "utm_medium:is:EMAIL", "source:is:MyPartner", "utm_source:matches:MyP*"):
        assert rows(warehouse, "utm_source", text) == {"mypartner": 2}, text


async def test_a_host_is_one_in_punycode_and_unicode(warehouse: FilledWarehouse) -> None:
    counters = await arrive_as_in(warehouse, "C06_idn_hostname")
    assert (counters.stored, counters.dropped) == (2, {})
    assert rows(warehouse, "hostname") == {"müller.de": 2}


@pytest.mark.parametrize(
    "listed", ["müller.de", "xn--mller-kva.de", "*.müller.de", "https://XN--MLLER-KVA.de/", "MÜLLER.DE"]
)
async def test_a_list_of_hosts_may_be_written_either_way(warehouse: FilledWarehouse, listed: str) -> None:
    decide(warehouse, hostnames=[listed], ignored_referrers=["xn--bcher-kva.example"])
    hosts = ("shop.xn--mller-kva.de", "shop.müller.de") if "*" in listed else ("xn--mller-kva.de", "www.müller.de")
    referrers = ("https://bücher.example/", "https://pay.xn--bcher-kva.example/")
    counters = await arrive(
        warehouse,
        [{"url": "/", "hostname": host, "referrer": sent} for host in hosts for sent in referrers],
        origin="https://other.example",
    )
    assert (counters.stored, counters.dropped) == (4, {})
    assert rows(warehouse, "referrer") == {None: 4}
    assert len(rows(warehouse, "hostname")) == 1


def test_hosts_that_an_older_version_stored_are_one_as_well(warehouse: FilledWarehouse) -> None:
    for place, host in enumerate(("xn--mller-kva.de", "müller.de")):
        warehouse.append([view(f"host {place}", "/", hostname=host), view(f"referrer {place}", "/", referrer=host)])
    warehouse.append([view("own", "/", hostname="müller.de", referrer="xn--mller-kva.de")])
    assert rows(warehouse, "hostname") == {"müller.de": 3, "example.com": 2}
    assert rows(warehouse, "referrer") == {"müller.de": 2, None: 3}
    for text in ("müller.de", "xn--mller-kva.de", "MÜLLER.de", "www.müller.de"):
        for dimension in ("referrer", "source"):
            table = rows(warehouse, dimension, f"{dimension}:is:{text}")
            assert table == {"müller.de": 2} or (dimension == "source" and text.startswith("www")), (dimension, text)


async def test_a_whole_number_is_one_value(warehouse: FilledWarehouse) -> None:
    await arrive_as_in(warehouse, "C35_numbers")
    assert rows(warehouse, "data.v", metric=EVENTS) == {"49": 3}
    for value in ("49", "49.0", "49.00"):
        assert rows(warehouse, "data.v", f"data.v:is:{value}", metric=EVENTS) == {"49": 3}
        assert rows(warehouse, "data.v", f"data.v:one_of:1|{value}", metric=EVENTS) == {"49": 3}
        assert rows(warehouse, "data.v", f"data.v:is_not:{value}", metric=EVENTS) == {}


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([0, -0.0, 0.0], {"0": 3}),
        ([1e15, 10**15], {"1000000000000000": 2}),
        ([1e16, 10**16], {"10000000000000000": 2}),
        ([1.5, "1.5"], {"1.5": 2}),
        (["2.0", "2"], {"2.0": 1, "2": 1}),  # texts such as versions stay as they are
        ([{"a": [1.0]}, {"a": [1]}], {'{"a":[1]}': 2}),
        ([True, 1], {"true": 1, "1": 1}),
        ([2**70, 1.0], {str(2**70): 1, "1": 1}),
    ],
)
def test_numbers_are_equal_by_value(warehouse: FilledWarehouse, sent: list[Any], expected: dict[str, int]) -> None:
    warehouse.append([an_event(str(place), event="order", data={"v": each}) for place, each in enumerate(sent)])
    assert rows(warehouse, "data.v", metric=EVENTS) == expected


def test_slashes_and_index_pages_are_one_page_by_rules_that_apply_to_the_past(warehouse: FilledWarehouse) -> None:
    sent = [
        "/about",
        "/about/",
        "//about",
        "/about/?id=1",
        "/",
        "//",
        "/index.html",
        "//index.html",
        "/about/index.html",
    ]
    warehouse.append([view(str(place), page) for place, page in enumerate(sent)])
    decide(warehouse, merges_trailing_slashes=False)
    assert pages(warehouse) == dict.fromkeys(sent, 1)
    decide(warehouse, merges_trailing_slashes=True)
    expected = {"/about": 3, "/about?id=1": 1, "/": 2, "/index.html": 2, "/about/index.html": 1}
    assert pages(warehouse) == rows(warehouse, "exit_page") == expected
    decide(warehouse, merges_index_pages=True)
    assert pages(warehouse) == {"/about": 4, "/about?id=1": 1, "/": 4}
    for text in ("page:is:/about/", "page:matches:/about/", "page:matches:/about/*", "entry_page:is://about"):
        assert pages(warehouse, text) == {"/about": 4}, text
    warehouse.projector.rebuild()
    assert pages(warehouse) == {"/about": 4, "/about?id=1": 1, "/": 4}
    decide(warehouse, merges_trailing_slashes=False)
    assert pages(warehouse) == {"/about": 1, "/about/": 2, "//about": 1, "/about/?id=1": 1, "/": 3, "//": 1}
    assert pages(warehouse, "page:is:/about/") == {"/about/": 2}


def test_new_properties_ignore_trailing_slashes(warehouse: FilledWarehouse) -> None:
    warehouse.append([view("1", "/about"), view("2", "/about/")])
    assert pages(warehouse) == {"/about": 2}


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ({"excluded_paths": ["/caf%C3%A9"]}, {"/admin": 2, "/admin/x": 1}),
        ({"excluded_paths": ["/café"]}, {"/admin": 2, "/admin/x": 1}),
        ({"excluded_paths": ["/admin/"]}, {"/admin/x": 1, "/café": 2}),
        ({"excluded_paths": ["/admin/*"]}, {"/café": 2}),
        ({"path_patterns": ["/caf%c3%a9*", "/admin/*"]}, {"/caf%c3%a9*": 2, "/admin/*": 3}),
    ],
)
def test_rules_by_path_may_be_written_either_way(
    warehouse: FilledWarehouse, rule: dict[str, list[str]], left: dict[str, int]
) -> None:
    sent = ["/caf%C3%A9", "/café/", "/admin", "/admin/", "/admin/x"]
    warehouse.append([view(str(place), page) for place, page in enumerate(sent)])
    decide(warehouse, **rule)
    assert pages(warehouse) == left


@pytest.mark.parametrize("written", ["/merci/caf%C3%A9", "/merci/café/", "/merci/*"])
@pytest.mark.parametrize("operator", ["is", "matches"])
def test_a_goal_by_page_is_reached_in_every_spelling(warehouse: FilledWarehouse, written: str, operator: str) -> None:
    if operator == "is" and "*" in written:
        return
    warehouse.append([view(str(place), page) for place, page in enumerate(["/merci/caf%c3%a9/", "/merci/café", "/"])])
    decide(warehouse, goals=[{"name": "Thanks", "filters": [f"page:{operator}:{written}".replace("%", "%25")]}])
    assert rows(warehouse, "hostname", metric=Metric.CONVERSIONS) == {"example.com": 2}


@pytest.mark.parametrize(("pages_seen", "views"), [(("/user/1", "/user/2"), 2), (("/user/1", "/user/%31"), 1)])
def test_a_double_view_is_one_of_the_same_path_not_of_the_same_pattern(
    warehouse: FilledWarehouse, pages_seen: tuple[str, str], views: int
) -> None:
    decide(warehouse, path_patterns=["/user/*"])
    first, second = pages_seen
    warehouse.append([view("ada", first, "09:00:00.0"), view("ada", second, "09:00:00.5")])
    assert pages(warehouse) == {"/user/*": views}
    warehouse.append([view("ada", "/early", "08:59")])  # a late event: the session is recomputed from the warehouse
    assert pages(warehouse) == {"/user/*": views, "/early": 1}


def test_time_on_page_of_old_scripts_belongs_to_the_path_not_to_its_pattern(warehouse: FilledWarehouse) -> None:
    decide(warehouse, path_patterns=["/user/*"])
    warehouse.append(
        [
            view("ada", "/user/1", "09:00", title="One"),
            view("ada", "/user/2", "09:01", title="Two"),
            an_event("ada", "09:02", "/user/1", event="page_leave", time_on_page=30_000),
        ]
    )
    table = rows(warehouse, "title", metric=Metric.TIME_ON_PAGE)
    assert table == {"One": 30, "Two": None}


def test_what_was_sent_stays_in_data(warehouse: FilledWarehouse) -> None:
    warehouse.append(
        [view("ada", "/%C3%A9/", hostname="xn--mller-kva.de", data={"url": "https://xn--mller-kva.de/%C3%A9/"})]
    )
    assert rows(warehouse, "data.url") == {"https://xn--mller-kva.de/%C3%A9/": 1}
    assert rows(warehouse, "data.hostname") == {"xn--mller-kva.de": 1}
