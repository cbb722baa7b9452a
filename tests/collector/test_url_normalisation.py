"""One readable and safe spelling of paths and hosts."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.url_normalisation import PageRules, canonical_page, normalise_host

BOTH = PageRules(merges_trailing_slashes=True, merges_index_pages=True)


@pytest.mark.parametrize(
    ("sent", "expected"),
    {
        "/pricing": "/pricing",
        "/caf%c3%a9": "/café",
        "/cafe%CC%81": "/café",
        "/a%20b": "/a b",
        "/%41%7e": "/A~",
        "/a%2fb%3Fc%23d%25e%5c": "/a%2Fb%3Fc%23d%25e%5C",
        "/%ff%C3": "/%FF%C3",
        "/%C3%28": "/%C3(",
        "/%ED%A0%80": "/%ED%A0%80",  # half of a surrogate pair
        "/%00%0a%7F": "/%00%0A%7F",
        "/x%E2%80%AEgpj": "/x%E2%80%AEgpj",  # right-to-left override
        "/%C2%A0%C2%AD%e2%80%8b": "/%C2%A0%C2%AD%E2%80%8B",
        "/می%E2%80%8Cخواهم": "/می\u200cخواهم",
        "/100%_off": "/100%_off",
        "/%%34%31": "/%2541",
        "/?q=%C3%A9%26b%3Dc%2b": "/?q=é%26b%3Dc%2B",
        "/app#/caf%C3%A9": "/app#/café",
        "/%3Cscript%3E": "/<script>",
    }.items(),
)
def test_a_page_has_one_readable_spelling(sent: str, expected: str) -> None:
    assert canonical_page(sent) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    {
        "/": "/",
        "//": "/",
        "/about/": "/about",
        "//blog//post//": "/blog/post",
        "/about/?id=5": "/about?id=5",
        "/app/#/inbox/": "/app#/inbox",
        "/#/": "/#/",
        "/a#!/": "/a#!/",
        "/index.html": "/",
        "//index.html": "/",
        "/docs/Index.PHP?x=1": "/docs?x=1",
        "/default.aspx": "/",
        "/index.htmlx": "/index.htmlx",
        "/myindex.html": "/myindex.html",
    }.items(),
)
def test_slashes_and_index_pages_are_merged_where_the_property_says_so(sent: str, expected: str) -> None:
    assert canonical_page(sent, BOTH) == expected


@given(
    st.text(st.sampled_from("/%0123456789abCDef?#é\u0301\u202e \x00你=&+."), max_size=30),
    st.sampled_from([PageRules(), BOTH]),
)
def test_a_spelling_is_its_own(text: str, rules: PageRules) -> None:
    spelling = canonical_page("/" + text, rules)
    assert canonical_page(spelling, rules) == spelling
    controls = {character for character in spelling if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"}}
    assert controls <= set(text)  # none is decoded


@pytest.mark.parametrize(
    ("sent", "expected"),
    {
        "xn--mller-kva.de": "müller.de",
        "XN--MLLER-KVA.de": "müller.de",
        "MÜLLER.de": "müller.de",
        "mu\u0308ller.de": "müller.de",
        "*.xn--mller-kva.de": "*.müller.de",
        "例え。テスト": "例え.テスト",
        "xn--11b5bs3a9aj6g": "परीक्षा",
        "xn--strae-oqa.de": "straße.de",
        "xn--.de": "xn--.de",
        "xn--a.de": "xn--a.de",
        "xn--99999999999.de": "xn--99999999999.de",
        "example.com": "example.com",
    }.items(),
)
def test_a_host_is_one_in_punycode_and_unicode(sent: str, expected: str) -> None:
    assert normalise_host(sent) == expected
