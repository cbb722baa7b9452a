"""Pages of other sites read the API with a key, and never with the cookie of who is signed in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api

ELSEWHERE = {"Origin": "https://dashboards.example"}
ALLOW = "access-control-allow-origin"


async def test_a_page_of_another_site_reads_with_a_key(api: Api) -> None:
    headers = {**ELSEWHERE, "Authorization": f"Bearer {api.key}"}
    response = await api.client.get(f"/api/v1/properties/{api.property.id}/totals", headers=headers)
    assert response.status_code == 200
    assert response.headers[ALLOW] == "*"
    assert "access-control-allow-credentials" not in response.headers


async def test_what_is_wrong_with_a_key_can_be_read_as_well(api: Api) -> None:
    for path in ("properties", f"properties/{api.property.id}/events.csv", "nowhere"):
        response = await api.client.get(f"/api/v1/{path}", headers={**ELSEWHERE, "Authorization": "Bearer wrong"})
        assert response.status_code in {401, 404}
        assert response.headers[ALLOW] == "*"


@pytest.mark.parametrize("path", ["properties", "properties/{id}/totals", "properties/{id}/events.csv"])
async def test_the_preflight_of_a_read_is_answered(api: Api, path: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    address = f"/api/v1/{path}".replace("{id}", str(api.property.id))
    response = await api.client.options(address, headers={**ELSEWHERE, **asked})
    assert response.status_code == 204
    assert response.headers[ALLOW] == "*"
    assert response.headers["access-control-allow-methods"] == "GET"
    assert response.headers["access-control-allow-headers"].lower() == "authorization"
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": "session=anything"},
        {"Authorization": "Basic YTpi", "Cookie": "session=anything"},
        {"Authorization": "Bearer"},
    ],
)
async def test_without_a_key_nothing_is_readable_elsewhere(api: Api, headers: dict[str, str]) -> None:
    response = await api.client.get(
        f"/api/v1/properties/{api.property.id}/events.csv", headers={**ELSEWHERE, **headers}
    )
    assert ALLOW not in response.headers


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_nothing_is_written_from_another_site(api: Api, method: str) -> None:
    asked: dict[str, Any] = {**ELSEWHERE, "Access-Control-Request-Method": method}
    response = await api.client.options("/api/v1/events", headers=asked)
    assert ALLOW not in response.headers
    sent = await api.client.post("/api/v1/events", json={}, headers={**ELSEWHERE, "Authorization": f"Bearer {api.key}"})
    assert ALLOW not in sent.headers
