"""Error pages for browsers, problem+json for programs; an inaccessible page looks like a missing one."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import httpx
import nicegui
import pytest
from fastapi import FastAPI, Request

from proprium.accounts import login_sessions
from proprium.errors import PropertyNotFound
from proprium.ui import session
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


@pytest.mark.parametrize("page", ["", "/", "/install", "/settings", "/refused", "/report.pdf", "/no-such-page"])
@pytest.mark.parametrize("query", ["", "?period=7d&filter=country:is:DE"])
async def test_signed_out_every_page_of_a_property_leads_to_sign_in_and_back(site: Site, page: str, query: str) -> None:
    """A private property, a missing one and a malformed id get the same answer."""
    hidden = a_property(site.services.database, owner=a_user(site.services.database))
    answers = []
    for property_id in (str(hidden.id), str(uuid4()), "no-id-at-all"):
        response = await site.client().get(f"/properties/{property_id}{page}")
        target = parse_qs(urlsplit(response.headers["location"]).query)["next"]
        assert target == [f"/properties/{property_id}{page}"]
        answers.append((response.status_code, urlsplit(response.headers["location"]).path, response.content))
    assert answers == [(303, "/login", b"")] * 3


async def test_signed_out_a_program_is_told_that_a_property_is_missing(site: Site) -> None:
    hidden = a_property(site.services.database, owner=a_user(site.services.database))
    response = await site.client().get(f"/properties/{hidden.id}", headers={"accept": "application/json"})
    assert (response.status_code, response.json()["status"]) == (404, 404)


@pytest.mark.parametrize("path", ["/nothing?x=1", "/privacy/00000000-0000-4000-8000-000000000000"])
async def test_an_error_page_offers_sign_in_to_whoever_is_signed_out(site: Site, path: str) -> None:
    ada = a_user(site.services.database)
    signed_out, signed_in = [await site.client(user).get(path) for user in (None, ada)]
    assert (signed_out.status_code, signed_in.status_code) == (404, 404)
    assert f'href="/login?next={quote(path, safe="/")}"' in signed_out.text
    assert "/login" not in signed_in.text


async def test_a_session_that_has_ended_is_signed_out(site: Site) -> None:
    client = site.client()
    client.cookies.set(session.SESSION_COOKIE, "not a session any more")
    assert (await client.get("/properties/no-id-at-all")).status_code == 303


async def test_an_error_page_needs_no_storage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(login_sessions, "user_of", fail)
    assert (await site.client().get("/nothing")).status_code == 404


async def test_a_public_property_can_be_read_but_not_set_up_by_others(site: Site) -> None:
    property_ = a_property(site.services.database, owner=a_user(site.services.database))
    client = site.client(a_user(site.services.database, "bob@example.com", may_create=False))
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
