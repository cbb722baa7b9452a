"""Every form and every request of the sign-in that changes something is refused from other sites, whoever adds it."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from proprium.ui.http import auth_routes, factor_routes, password_routes, profile_routes
from tests.support.builders import a_user
from tests.ui.conftest import Site

ROUTERS = (auth_routes, factor_routes, password_routes, profile_routes)


def posts(site: Site) -> list[str]:
    return [
        route.path
        for module in ROUTERS
        for route in module.router(site.services).routes
        if isinstance(route, APIRoute) and "POST" in route.methods
    ]


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
async def test_requests_of_other_sites_are_refused(site: Site, headers: dict[str, str]) -> None:
    client = site.client(a_user(site.services.database))
    paths = posts(site)
    assert len(paths) > 15
    for path in paths:
        for content in ({"data": {"email": "ada@example.com"}}, {"json": {"state": "x"}}):
            answer = await client.post(path, headers=headers, **content)  # type: ignore[arg-type]
            assert answer.status_code == 403, path


async def test_requests_without_their_fields_are_answered(site: Site) -> None:
    for client in (site.client(), site.client(a_user(site.services.database))):
        for path in posts(site):
            for content in ({"data": {}}, {"json": {}}, {"json": []}, {"content": b"\xff\x00"}):
                answer = await client.post(path, **content)  # type: ignore[arg-type]
                assert answer.status_code < 500, (path, content)
