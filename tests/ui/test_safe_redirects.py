"""Redirects after sign-in never lead to another origin (open redirect)."""

from __future__ import annotations

import re
import shutil
from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from playwright.async_api import async_playwright
from starlette.responses import RedirectResponse

from proprium.ui.session import HOME_PATH, safe_redirect_target
from tests.support.servers import CHROMIUM, CHROMIUM_ARGS
from tests.ui.conftest import Site

BASE = "http://localhost:8000/login"
PIECES = [  # what browsers treat in a way of their own, and what addresses are made of
    *("/", "//", "\\", "\t", "\n", "\r", "\0", " ", "\x0b", "\x7f", "\xa0", "\u2028", "\u3000"),
    *(".", "..", ";", "@", ":", "?", "#", "%09", "%2F", "%2f", "%5C", "%00", "%0d%0a", "\u2025", "\uff0f", "\u2044"),
    *("http:", "https:", "HTTP:", "javascript:", "data:", "file:", "blob:", "user:secret@", "properties", "a"),
    *("elsewhere.invalid", "localhost:8000", "[::1]", "127.1"),
]
TARGETS = st.one_of(st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=8).map("".join))


def origin_in_a_browser(target: str, base: str = BASE) -> str:
    """The origin that WHATWG's URL parser reaches from `base`, or "" for another scheme or no URL at all."""
    text = re.sub(r"[\t\n\r]", "", re.sub(r"^[\x00-\x20]+|[\x00-\x20]+$", "", target))
    here = urlsplit(base)
    scheme, rest = here.scheme, text
    if named := re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", text):
        scheme, rest = named.group(1).lower(), text[named.end() :]
        if scheme not in {"http", "https"}:
            return ""
        if scheme != here.scheme:
            rest = "//" + rest.lstrip("/\\")
    if not re.match(r"[/\\]{2}", rest):
        return f"{here.scheme}://{here.netloc}"
    authority = re.split(r"[/\\?#]", rest.lstrip("/\\"), maxsplit=1)[0]
    host = authority.rpartition("@")[2].lower()
    return f"{scheme}://{host}" if host else ""


@given(TARGETS)
@example("///elsewhere.invalid")
@example("/\\elsewhere.invalid")
@example("/\t/elsewhere.invalid")
@example("/;@elsewhere.invalid")
def test_no_target_leads_to_another_origin(target: str) -> None:
    location = RedirectResponse(safe_redirect_target(target), 303).headers["location"]
    for address in (safe_redirect_target(target), location):
        assert origin_in_a_browser(address) == "http://localhost:8000"
        assert urlsplit(urljoin(BASE, address)).netloc == "localhost:8000"  # a client that is no browser


@given(
    st.lists(
        st.sampled_from(["properties", "settings", "a-b_c.d~1", "0190a9c2-7b1e-7000-8000-000000000001"]), max_size=4
    ),
    st.text(max_size=20),
)
def test_paths_of_own_pages_are_unchanged(names: list[str], value: str) -> None:
    target = "/" + "/".join(names) + "?filter=" + quote(f"page:is:{value}", safe="")
    assert safe_redirect_target(target) == target


@pytest.mark.parametrize(
    "target", ["", "properties", "/%2Felsewhere.invalid", "/%5Celsewhere.invalid", "/%09/x", "/.//x"]
)
def test_other_targets_lead_to_the_property_list(target: str) -> None:
    assert safe_redirect_target(target) == HOME_PATH


@pytest.mark.skipif(shutil.which(CHROMIUM) is None, reason="no Chromium here")
async def test_chromium_resolves_urls_as_these_tests_do() -> None:
    targets = [first + second + third for first in PIECES for second in PIECES for third in ("", "elsewhere.invalid/a")]
    code = """([base, targets]) => targets.map(target => {
        try {
            const url = new URL(target, base)
            return url.protocol === 'http:' || url.protocol === 'https:' ? [true, url.origin] : [true, '']
        } catch { return [false, ''] }
    })"""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        page = await browser.new_page()
        reached = await page.evaluate(code, [BASE, targets])
        unchanged = [target for target in targets if safe_redirect_target(target) == target]
        origins = await page.evaluate(code, [BASE, unchanged])
        await browser.close()
    assert len(unchanged) > 10
    assert {origin for _, origin in origins} == {"http://localhost:8000"}
    here = "http://localhost:8000"
    wrong = [
        target
        for target, (is_address, origin) in zip(targets, reached, strict=True)
        if is_address and (origin == here) != (origin_in_a_browser(target) == here)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "path",
    [
        "//elsewhere.invalid",
        "//elsewhere.invalid/",
        "/%2Felsewhere.invalid/",
        "/%5Celsewhere.invalid/",
        "/\\elsewhere.invalid/",
        "/properties//elsewhere.invalid/?report",
        "/properties/%2e%2e%2f%2felsewhere.invalid?report",
        "/properties/%5C..%5C%5Celsewhere.invalid?report=md",
        "/assets//elsewhere.invalid/",
        "/accounts/login//elsewhere.invalid",
    ],
)
async def test_no_route_redirects_to_another_origin(site: Site, path: str) -> None:
    response = await site.client().get(f"http://localhost:8000{path}")
    while location := response.headers.get("location"):
        assert origin_in_a_browser(location) == "http://localhost:8000", location
        response = await site.client().get(location)
