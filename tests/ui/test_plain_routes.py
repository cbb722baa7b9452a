"""Routes that are no pages: robots.txt, sitemap, favicon, redirects of legacy URLs."""

from __future__ import annotations

import pytest

from tests.support.builders import a_user
from tests.ui.conftest import HOME, Site


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/accounts/login/", "/login"),
        ("/accounts/profile", "/account"),
        ("/accounts/password-change/", "/account#password"),
        ("/accounts/password-reset/", "/password-reset"),
    ],
)
async def test_legacy_urls_redirect(site: Site, old: str, new: str) -> None:
    assert (await site.client().get(old)).headers["location"] == new


async def test_a_trailing_slash_redirects(site: Site) -> None:
    response = await site.client(a_user(site.services.database)).get("/properties/?q=x", follow_redirects=True)
    assert response.status_code == 200
    assert response.url.params["q"] == "x"


async def test_robots_and_sitemap_have_the_public_pages_only(site: Site) -> None:
    robots = (await site.client().get("/robots.txt")).text
    sitemap = (await site.client().get("/sitemap.xml")).text
    assert "Disallow: /\n" in robots
    assert f"<loc>{HOME}/documentation</loc>" in sitemap
    assert "/properties" not in robots + sitemap


async def test_the_favicon_is_an_icon(site: Site) -> None:
    assert (await site.client().get("/favicon.ico")).content.startswith(b"\x00\x00\x01\x00")
