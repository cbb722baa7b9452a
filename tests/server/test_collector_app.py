"""Rejected events of every collector are logged for their property, without addresses."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from maps.atlas import Atlas
from proprium.accounts import proxy_decisions
from proprium.config import Settings
from proprium.properties.service import update_settings
from proprium.server.collector_app import CollectorParts, build_collector_parts
from proprium.storage import rejected_events, trusted_proxies
from proprium.storage.database import Database
from proprium.storage.tables import Property
from tests.support.builders import CHROME, GOOGLEBOT, a_property

ADDRESS, PROXY = "198.51.100.77", "10.9.8.7"
OPEN = "www.example.com"


@pytest.fixture
def start_collector(database: Database, tmp_path: Path) -> Iterator[Callable[[], CollectorParts]]:
    """Opens one collector more on the same file, as another process would."""
    started: list[CollectorParts] = []

    def start(collect_rate: float = 0) -> CollectorParts:
        settings = Settings(data_dir=tmp_path, collect_rate=collect_rate, _env_file=None)  # type: ignore[call-arg]
        started.append(build_collector_parts(settings, Database(database.url), Atlas()))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.stop()
        one.database.close()


async def send(
    start_collector: CollectorParts,
    property_: Property,
    *,
    peer: str = ADDRESS,
    agent: str = CHROME,
    event: str = "page_view",
    **data: Any,
) -> int:
    body = {"collectorId": str(property_.id), "event": event, "data": {"url": "/", "hostname": OPEN, **data}}
    headers = {"user-agent": agent} | ({"x-forwarded-for": ADDRESS} if peer == PROXY else {})
    transport = httpx.ASGITransport(start_collector.wrap(no_app), client=(peer, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return (await client.post("/collect", content=json.dumps(body), headers=headers)).status_code


async def no_app(*_: Any) -> None:
    raise AssertionError("this was for the collector")


def wait_until(is_so: Callable[[], bool], timeout_s: float = 20) -> bool:
    deadline = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def listed(database: Database, property_: Property) -> set[tuple[str, str | None]]:
    return {(row.reason, row.page) for row in rejected_events.newest(database, property_.number or 0)}


async def test_every_collector_logs_its_rejected_events_only(
    database: Database, start_collector: Callable[[], CollectorParts]
) -> None:
    property_ = a_property(database, "Shop")
    update_settings(database, property_.id, hostnames=[OPEN], discards_bots=True)
    one, other = start_collector(), start_collector()
    assert await send(one, property_, url="/stored") == 204
    assert await send(one, property_, url="/foreign", hostname="copy.example") == 204
    assert await send(other, property_, url="/crawled", agent=GOOGLEBOT) == 204
    assert wait_until(lambda: len(listed(database, property_)) == 2)
    assert {reason for reason, _ in listed(database, property_)} == {"hostname", "bot"}


async def test_an_excluded_address_is_stored_nowhere(
    database: Database, start_collector: Callable[[], CollectorParts], tmp_path: Path
) -> None:
    property_ = a_property(database, "Shop")
    update_settings(database, property_.id, excluded_addresses=["203.0.113.0/24"])
    sender = "203.0.113.201"
    one = start_collector()
    assert await send(one, property_, peer=sender) == 204
    assert wait_until(lambda: listed(database, property_) == {("excluded_ip", "/")})
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert contents
    assert not any(sender.encode() in content for content in contents)


async def test_a_proxy_trusted_in_one_collector_is_trusted_by_all(
    database: Database, start_collector: Callable[[], CollectorParts]
) -> None:
    property_ = a_property(database, "Shop")
    update_settings(database, property_.id, excluded_addresses=[ADDRESS])
    one, other = start_collector(), start_collector()
    assert await send(one, property_, peer=PROXY) == 204
    assert listed(database, property_) == set()  # an unknown address is in no excluded range
    assert wait_until(lambda: trusted_proxies.pending_proxy(database) == PROXY)
    proxy_decisions.trust(database, PROXY)
    for parts, page in ((one, "/one"), (other, "/other")):
        assert wait_until(partial(trusts_proxy, parts))
        assert await send(parts, property_, peer=PROXY, url=page) == 204
    assert wait_until(lambda: listed(database, property_) == {("excluded_ip", "/one"), ("excluded_ip", "/other")})


def test_a_collector_with_outdated_trust_does_not_report_the_proxy_again(database: Database) -> None:
    proxy_decisions.trust(database, PROXY)
    trusted_proxies.report_untrusted(database, PROXY)
    assert trusted_proxies.pending_proxy(database) is None


async def test_a_rejected_request_is_logged_with_status_and_message(
    database: Database, start_collector: Callable[..., CollectorParts]
) -> None:
    property_ = a_property(database, "Shop")
    one = start_collector(collect_rate=2)  # four in the two seconds of a window
    assert await send(one, property_, event="", url="/wrong") == 400
    assert await send(one, property_, url="/large", more="x" * 600_000) == 413
    statuses = [await send(one, property_, url="/fast") for _ in range(10)]
    assert {204, 429} == set(statuses)
    assert wait_until(lambda: len(listed(database, property_)) == 3)
    assert {(reason.split(":")[0], page) for reason, page in listed(database, property_)} == {
        ("400", "/wrong"), ("413", "/large"), ("429", "/fast"),
    }  # fmt: skip
    assert ADDRESS not in repr(rejected_events.newest(database, property_.number or 0))


@pytest.mark.parametrize("content", [None, b"<html>404</html>"])
def test_a_geoip_database_that_is_missing_or_broken_is_told_at_the_start(
    database: Database, tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "own.mmdb"
    if content is not None:
        file.write_bytes(content)
    settings = Settings(data_dir=tmp_path, geoip_path=file, _env_file=None)  # type: ignore[call-arg]
    parts = build_collector_parts(settings, database, Atlas())
    with caplog.at_level("WARNING"):
        parts.start()
        parts.stop()
    [record] = [record for record in caplog.records if record.message == "visitors have no location"]
    assert record.file == str(file)  # type: ignore[attr-defined]
    assert str(tmp_path) not in record.cause  # type: ignore[attr-defined]  # /readyz is public
    assert parts.geoip_problem() == record.cause  # type: ignore[attr-defined]


def trusts_proxy(parts: CollectorParts) -> bool:
    headers = [(b"x-forwarded-for", ADDRESS.encode())]
    return parts.collector.client_addresses.resolve(PROXY, dict(headers), headers) == ADDRESS
