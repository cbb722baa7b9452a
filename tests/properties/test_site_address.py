"""Links to the pages of a tracked site: its host, and nothing that could lead elsewhere."""

from __future__ import annotations

import pytest

from proprium.properties.site_address import page_url, site_host


@pytest.mark.parametrize(
    ("hostnames", "name", "host"),
    [
        (["www.example.com", "docs.example.com"], "Example", "www.example.com"),
        (["*.example.com"], "example.com", "example.com"),
        ([], "Shop.Example.com", "shop.example.com"),
        ([], "bücher.example", "bücher.example"),
        ([], "My bakery", ""),
        ([], "localhost", "localhost"),
        ([], "example.com/../x", ""),
    ],
)
def test_the_host_of_a_site_is_its_first_hostname_or_its_name(hostnames: list[str], name: str, host: str) -> None:
    assert site_host(hostnames, name) == host


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ("/pricing", "https://example.com/pricing"),
        ("/a b?id=1&x=<y>", "https://example.com/a%20b?id=1&x=%3Cy%3E"),
        ("/#/route", "https://example.com/#/route"),
        ("/%E4%BD%A0", "https://example.com/%E4%BD%A0"),
        ("//evil.example/x", "https://example.com//evil.example/x"),
        ("/\\evil.example", "https://example.com/%5Cevil.example"),
        ("https://example.com/full", "https://example.com/full"),
        ("https://evil.example/full", ""),
        ("https://example.com@evil.example/", ""),
        ("javascript:alert(1)", ""),
        ("javascript://example.com/%0aalert(1)", ""),
        ("data:text/html,x", ""),
        ("file:///etc/passwd", ""),
        ("/user/*", ""),  # a group of pages
        ("/line\nbreak", ""),
        ("relative", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_page_is_opened_on_its_own_site_or_not_at_all(page: str | None, url: str) -> None:
    assert page_url("example.com", page) == url
    assert page_url("", page) == ""


def test_a_site_on_this_machine_has_no_certificate() -> None:
    assert page_url("localhost", "/x") == "http://localhost/x"
