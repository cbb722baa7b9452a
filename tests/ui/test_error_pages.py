"""Error pages for people, problems for programs; a missing page and one of somebody else look the same."""

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
async def test_a_page_that_is_not_there_looks_like_the_rest_for_people_and_is_a_problem_for_programs(
    site: Site, path: str
) -> None:
    client = site.client(a_user(site.services.database))
    page = await client.get(path)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Page not found" in page.text
    problem = await client.get(path, headers={"accept": "application/json"})
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == 404


@pytest.mark.parametrize("page", ["install", "settings"])
async def test_somebody_elses_property_looks_exactly_like_one_that_does_not_exist(site: Site, page: str) -> None:
    hidden = a_property(site.services.database, owner=a_user(site.services.database))
    client = site.client(a_user(site.services.database, "bob@example.com"))
    theirs = await client.get(f"/properties/{hidden.id}/{page}")
    nobodys = await client.get(f"/properties/{(missing := uuid4())}/{page}")
    assert theirs.status_code == nobodys.status_code == 404
    assert theirs.text == nobodys.text.replace(str(missing), str(hidden.id))


async def test_a_public_property_can_be_read_but_not_set_up_by_others(site: Site) -> None:
    found = a_property(site.services.database, owner=a_user(site.services.database))
    site.services.database  # noqa: B018
    client = site.client(a_user(site.services.database, "bob@example.com", Role.VIEWER))
    assert (await client.get(f"/properties/{found.id}/settings")).status_code == 404


async def test_a_crash_shows_our_page_and_tells_nothing_of_it(site: Site) -> None:
    @nicegui.ui.page("/crash")
    def crash() -> None:
        raise RuntimeError("the secret of the database")

    answer = await site.client().get("/crash")
    assert answer.status_code == 500
    assert "Server error" in answer.text
    assert "secret" not in answer.text


async def test_what_an_error_says_is_text() -> None:
    app = FastAPI()
    error_pages.install(app)

    @app.get("/x")
    def fail(request: Request) -> None:
        raise PropertyNotFound("<script>alert(1)</script>")

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME) as client:
        page = (await client.get("/x", headers={"accept": "text/html"})).text
    assert "&lt;script&gt;alert" in page
