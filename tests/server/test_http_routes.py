"""HTTP routes besides pages: health checks, metrics, geometry, report files."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from maps.atlas import Atlas
from proprium.accounts import api_keys
from proprium.config import load_settings
from proprium.errors import OperatorError, UserFacingError
from proprium.properties.service import set_public
from proprium.reports.renderer import ReportRenderer
from proprium.server import http_routes
from proprium.server.health import health_routes
from proprium.storage.tables import User
from tests.support.builders import DAY, a_property, a_user, an_event, moment
from tests.support.warehouse_fixture import FilledWarehouse

ATLAS = Atlas()


def client_of(*routers: Any, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    app = FastAPI()
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(UserFacingError, lambda _, e: JSONResponse({"detail": str(e)}, e.status))  # type: ignore[attr-defined]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1)), base_url="http://test")


async def test_healthz_answers_whatever_else_fails():
    response = await client_of(health_routes({"queue": lambda: "full"}, str)).get("/healthz")
    assert (response.status_code, response.text) == (200, "ok\n")


async def test_readyz_succeeds_when_every_check_does():
    response = await client_of(health_routes({"queue": lambda: None}, str)).get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "wrong": {}})


async def test_readyz_tells_what_is_degraded_and_stays_ready():
    degraded_checks = {"geoip": lambda: "there is no GeoIP database", "fine": lambda: None}
    response = await client_of(health_routes({}, str, degraded_checks=degraded_checks)).get("/readyz")
    assert (response.status_code, response.json()["ready"]) == (200, True)
    assert response.json()["degraded"] == {"geoip": "there is no GeoIP database"}


async def test_readyz_names_failed_checks_even_when_one_raises():
    def broken() -> str:
        raise OSError("no such file")

    checks = {"queue": lambda: None, "warehouse": lambda: "90 s behind", "storage": broken}
    response = await client_of(health_routes(checks, str)).get("/readyz")
    assert response.status_code == 503
    assert response.json()["wrong"] == {"warehouse": "90 s behind", "storage": "OSError: no such file"}


async def test_metrics_are_for_this_machine_and_its_network():
    router = health_routes({}, lambda: "proprium_events_received_total 3\n")
    response = await client_of(router, peer="172.17.0.2").get("/metrics")
    assert response.text == "proprium_events_received_total 3\n"
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("peer", "headers"), [("93.184.216.34", {}), ("127.0.0.1", {"X-Forwarded-For": "10.0.0.1"}), ("unix", {})]
)
async def test_metrics_answer_404_to_other_networks(peer: str, headers: dict[str, str]):
    response = await client_of(health_routes({}, lambda: "secret 1"), peer=peer).get("/metrics", headers=headers)
    assert response.status_code == 404
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "name",
    [
        "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Real-IP",
        "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP", "CF-Ray", "Fly-Client-IP",
        "Fastly-Client-IP", "X-Azure-ClientIP", "X-Amzn-Trace-Id", "X-Original-Forwarded-For", "CDN-Loop",
    ],
)  # fmt: skip
async def test_metrics_answer_404_through_any_proxy(name: str):
    response = await client_of(health_routes({}, lambda: "secret 1")).get("/metrics", headers={name: "1"})
    assert response.status_code == 404
    assert "secret" not in response.text


TOKEN = "correct-horse-battery"


@pytest.mark.parametrize("peer", ["127.0.0.1", "93.184.216.34"])
@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "203.0.113.9"}], ids=["direct", "proxied"])
async def test_a_token_opens_metrics_from_everywhere(peer: str, headers: dict[str, str]):
    client = client_of(health_routes({}, lambda: "secret 1", TOKEN), peer=peer)
    response = await client.get("/metrics", headers=headers | {"Authorization": f"Bearer {TOKEN}"})
    assert (response.status_code, response.text) == (200, "secret 1")


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xe9"])
async def test_with_a_token_metrics_require_it(sent: str):
    headers = {"Authorization": sent.encode("latin-1")} if sent else {}
    response = await client_of(health_routes({}, lambda: "secret 1", TOKEN)).get("/metrics", headers=headers)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert "secret" not in response.text


@pytest.mark.parametrize("value", ["two words", "naïve-token", "line\nbreak"])
def test_a_token_that_no_header_can_carry_is_rejected_and_not_shown(monkeypatch: pytest.MonkeyPatch, value: str):
    monkeypatch.setenv("PROPRIUM_METRICS_TOKEN", value)
    with pytest.raises(OperatorError) as refused:
        load_settings()
    assert "PROPRIUM_METRICS_TOKEN" in str(refused.value)
    assert value not in str(refused.value)


async def test_versioned_geometry_is_compressed_and_cached_forever():
    response = await client_of(http_routes.maps(ATLAS)).get(f"/maps/world.json?v={ATLAS.version}")
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.content == ATLAS.world_bytes()


async def test_geometry_of_another_version_is_revalidated():
    client = client_of(http_routes.maps(ATLAS))
    response = await client.get("/maps/regions/DE.json?v=old")
    assert response.headers["cache-control"] == "no-cache"
    assert response.json() == json.loads(ATLAS.regions_bytes("DE"))
    again = await client.get("/maps/regions/DE.json", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_browser_without_gzip_gets_plain_geometry():
    response = await client_of(http_routes.maps(ATLAS)).get(
        "/maps/regions/MT.json", headers={"Accept-Encoding": "identity"}
    )
    assert "content-encoding" not in response.headers
    assert response.content == ATLAS.regions_bytes("MT")
    assert len(gzip.compress(response.content)) < len(response.content)


@pytest.mark.parametrize("country", ["XX", "de", "..%2Fworld", "GF"])
async def test_a_country_without_regions_has_no_map(country: str):
    assert (await client_of(http_routes.maps(ATLAS)).get(f"/maps/regions/{country}.json")).status_code == 404


@pytest.fixture
def reports(warehouse: FilledWarehouse) -> Callable[..., httpx.AsyncClient]:
    warehouse.append([an_event("ada", "09:00", "/pricing"), an_event("bob", "10:00", "/pricing")])

    def client(user: User | None = None) -> httpx.AsyncClient:
        def user_of(_: Request) -> User | None:
            return user

        printer = ReportRenderer(warehouse.warehouse, ATLAS)
        return client_of(http_routes.reports(warehouse.database, printer, user_of, lambda: moment("12:00")))

    return client


async def test_a_report_holds_the_numbers_and_a_name_to_save_it_under(warehouse: FilledWarehouse, reports):
    set_public(warehouse.database, warehouse.property.id, True)
    response = await reports().get(f"/properties/{warehouse.property.id}/report.md?period=7d")
    assert response.headers["content-type"] == "text/markdown; charset=utf-8"
    assert f"example-2026-10-27-{DAY}.md" in response.headers["content-disposition"]
    assert response.headers["cache-control"] == "private, no-store"
    assert "/pricing" in response.text


async def test_a_report_follows_the_query_of_its_url(warehouse: FilledWarehouse, reports):
    set_public(warehouse.database, warehouse.property.id, True)
    address = f"/properties/{warehouse.property.id}/report.html?period=today&filter=page:is:/docs&metric=page_views"
    response = await reports().get(address)
    assert response.status_code == 200
    assert "Page is /docs" in response.text
    assert "/pricing" not in response.text


async def test_a_private_report_looks_like_a_missing_one_without_access(warehouse: FilledWarehouse, reports):
    stranger = a_user(warehouse.database, "stranger@example.com")
    hidden = await reports(stranger).get(f"/properties/{warehouse.property.id}/report.md")
    missing_id = uuid4()
    missing = await reports(stranger).get(f"/properties/{missing_id}/report.md")
    assert hidden.status_code == missing.status_code == 404
    assert hidden.text.replace(str(warehouse.property.id), "") == missing.text.replace(str(missing_id), "")


@pytest.mark.parametrize("path", ["report.exe", "report."])
async def test_an_unknown_report_format_is_404(warehouse: FilledWarehouse, reports, path: str):
    set_public(warehouse.database, warehouse.property.id, True)
    assert (await reports().get(f"/properties/{warehouse.property.id}/{path}")).status_code == 404


async def test_an_invalid_id_or_period_is_explained(warehouse: FilledWarehouse, reports):
    set_public(warehouse.database, warehouse.property.id, True)
    assert (await reports().get("/properties/42/report.md")).status_code == 404
    response = await reports().get(f"/properties/{warehouse.property.id}/report.md?period=fortnight")
    assert response.status_code == 400
    assert "fortnight" in response.json()["detail"]


async def test_a_key_opens_the_report_of_its_property_and_no_other(warehouse: FilledWarehouse, reports):
    other = a_property(warehouse.database, "Other")
    mine, hers = (
        api_keys.create(warehouse.database, "cron", property_id=one.id) for one in (warehouse.property, other)
    )
    address = f"/properties/{warehouse.property.id}/report.json?period=today&filter=page:is:/pricing"
    response = await reports().get(address, headers={"Authorization": f"Bearer {mine}"})
    assert response.headers["content-type"] == "application/json"
    assert response.json()["totals"]["metrics"]["visitors"]["value"] == 2
    assert response.json()["query"]["filters"] == ["page:is:/pricing"]
    assert (await reports().get(address, headers={"Authorization": f"Bearer {hers}"})).status_code == 404
    assert (await reports().get(address, headers={"Authorization": "Bearer proprium_no"})).status_code == 401
    assert (await reports().get(address, headers={"Authorization": "Basic eDp5"})).status_code == 404


async def test_a_report_of_tables_is_a_zip_with_a_name_that_says_so(warehouse: FilledWarehouse, reports):
    set_public(warehouse.database, warehouse.property.id, True)
    response = await reports().get(f"/properties/{warehouse.property.id}/report.csv?period=today")
    assert response.headers["content-type"] == "application/zip"
    assert response.headers["content-disposition"].endswith(f"{DAY}.csv.zip")
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert (
            archive.read("pages.csv")
            == b"\xef\xbb\xbfvalue,label,page_views,share_percent\r\n/pricing,/pricing,2,100.0\r\n"
        )
        assert {"query.csv", "totals.csv", "timeline.csv", "countries.csv"} <= set(archive.namelist())
