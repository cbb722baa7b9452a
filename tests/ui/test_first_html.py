"""The first HTML holds the page's elements, escaped, before anything that loads."""

from __future__ import annotations

import re

import pytest

from proprium.properties import service
from proprium.ui.http import first_paint
from tests.support.builders import a_user
from tests.ui.conftest import Site


async def test_nothing_before_the_elements_waits_for_another_request(site: Site) -> None:
    owner = a_user(site.services.database)
    property_ = service.create_property(site.services.database, "Mine", owner.id)
    html = (await site.client(owner).get(f"/properties/{property_.id}")).text
    head = html[: html.index('<div id="app">')]
    assert "@import" not in head
    assert 'rel="stylesheet"' not in head
    assert not re.search(r"<script\b(?![^>]*\b(defer|type=\"(module|importmap)\"))[^>]*\bsrc=", head)
    assert html.index("@import") > html.index('aria-busy="true"')
    assert html.count("<main") == 1


async def test_names_of_others_are_text_in_the_first_paint(site: Site) -> None:
    owner = a_user(site.services.database)
    name = "<img src=x onerror=alert(1)>\"'&lt;script&gt;"
    property_ = service.create_property(site.services.database, name, owner.id)
    html = (await site.client(owner).get(f"/properties/{property_.id}/settings")).text
    body = html[html.index('<div id="app">') : html.index("<noscript>")]
    assert "&lt;img src=x onerror" in body
    assert "<img src=x" not in body
    assert "&amp;lt;script&amp;gt;" in body


def test_another_structure_of_niceguis_page_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="another structure"):
        first_paint.with_first_paint("<html><body><div id=app></div></body></html>", "")
