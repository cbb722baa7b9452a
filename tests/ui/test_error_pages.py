"""Error pages for browsers, problem+json for programs; an inaccessible page looks like a missing one."""

from __future__ import annotations

from uuid import uuid4

import httpx
import nicegui
import pytest
from fastapi import FastAPI, Request

from proprium.errors import PropertyNotFound
from proprium.storage.tables import Role
from proprium.ui.http import error_pages
from tests.support.builders import a_property, a_user
from tests.ui.conftest import HOME, Site


@pytest.mark.parametrize("path", ["/nothing", "/properties/no-uuid/install", "/auth/nothing", "/assets/nothing.css"])
async def test_a_missing_page_is_html_for_browsers_and_a_problem_for_programs(site: Site, path: str) -> None:
    client = site.client(a_user(site.services.database))
    page = await client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Page not found" in page.text
    problem = await client.get(path, headers={"accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == 404


@pytest.mark.parametrize("page", ["install", "settings"])
async def test_an_inaccessible_property_looks_like_a_missing_one(site: Site, page: str) -> None:
    hidden = a_property(site.services.database, owner=a_user(site.services.database))
    client = site.client(a_user(site.services.database, "bob@example.com"))
    inaccessible_page = await client.get(f"/properties/{hidden.id}/{page}")
    missing_page = await client.get(f"/properties/{(missing := uuid4())}/{page}")
    assert inaccessible_page.status_code == missing_page.status_code == 404
    assert inaccessible_page.text == missing_page.text.replace(str(missing), str(hidden.id))


async def test_a_public_property_can_be_read_but_not_set_up_by_others(site: Site) -> None:
    property_ = a_property(site.services.database, owner=a_user(site.services.database))
    client = site.client(a_user(site.services.database, "bob@example.com", Role.VIEWER))
    assert (await client.get(f"/properties/{property_.id}/settings")).status_code == 404


async def test_an_unexpected_error_shows_no_details(site: Site) -> None:
    @nicegui.ui.page("/crash")
    def crash() -> None:
        raise RuntimeError("the secret of the database")

    response = await site.client().get("/crash")
    assert response.status_code == 500
    assert "Server error" in response.text
    assert "secret" not in response.text


async def test_error_messages_are_escaped() -> None:
    app = FastAPI()
    error_pages.install(app)

    @app.get("/x")
    def fail(request: Request) -> None:
        raise PropertyNotFound("<script>alert(1)</script>")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        page = (await client.get("/x", headers={"accept": "text/html"})).text
    assert "&lt;script&gt;alert" in page
