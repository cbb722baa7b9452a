"""URL normalisation: one readable spelling of a page's path, and of a host."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from collector.bounded_cache import bounded_lru_cache

_ESCAPES_PATTERN = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# A percent sign that might begin an escape once what follows it is decoded: %%34%31.
_AMBIGUOUS_PERCENT_PATTERN = re.compile(r"%(?=[0-9A-Fa-f]?%)")
_DELIMITERS = frozenset("/?#%\\")
_QUERY_DELIMITERS = _DELIMITERS | frozenset("&=+;")
_JOINERS = frozenset("\u200c\u200d")  # not printable, but part of the spelling of Persian, Hindi and emoji
_SLASHES_PATTERN = re.compile(r"//+")
_INDEX_PAGE_PATTERN = re.compile(r"/(?:index\.(?:html?|php)|default\.(?:html?|aspx?))$", re.IGNORECASE)
_IDEOGRAPHIC_DOTS = str.maketrans("。．｡", "...")


class PageRules(NamedTuple):
    """A property's rules about addresses of one and the same page."""

    merges_trailing_slashes: bool = False  # /about/ is /about, and //about is /about
    merges_index_pages: bool = False  # /docs/index.html is /docs/


DEFAULT_PAGE_RULES = PageRules()


@bounded_lru_cache(8_192)
def canonical_page(page: str, rules: PageRules = DEFAULT_PAGE_RULES) -> str:
    """Returns the one spelling of a page's address under the property's rules: path, kept query, hash route."""
    if "%" in page or not page.isascii():
        page = normalise_page(page)
    if rules == DEFAULT_PAGE_RULES:
        return page
    address, hash_sign, route = page.partition("#")
    path, question_mark, query = address.partition("?")
    return _merge(path, rules) + question_mark + query + hash_sign + (route and _merge(route, rules))


def normalise_page(page: str) -> str:
    """Decodes the percent-encoding of a page's address where that is safe, and composes accents (NFC).

    Delimiters, control characters, bidirectional overrides, odd spaces and bytes that are not UTF-8 stay encoded, in
    upper case. What was not encoded stays as it is.
    """
    address, hash_sign, route = page.partition("#")
    path, question_mark, query = address.partition("?")
    return unicodedata.normalize(
        "NFC",
        _decode(path, _DELIMITERS)
        + question_mark
        + _decode(query, _QUERY_DELIMITERS)
        + hash_sign
        + _decode(route, _DELIMITERS),
    )


@bounded_lru_cache(8_192)
def normalise_host(host: str) -> str:
    """Returns a host in lower case and in Unicode: xn--mller-kva.de is müller.de."""
    host = host.lower()
    if host.isascii():
        return ".".join(map(_decode_label, host.split("."))) if "xn--" in host else host
    return unicodedata.normalize("NFKC", host).lower().translate(_IDEOGRAPHIC_DOTS)


def is_host_character(character: str) -> bool:
    """Returns True for a character of a Unicode host's label: letters, digits, marks, joiners, `-` and `_`."""
    return character.isalnum() or character in "-_\u200c\u200d" or unicodedata.category(character)[0] == "M"


def _decode_label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        text = unicodedata.normalize("NFKC", label[4:].encode().decode("punycode")).lower()
    except UnicodeError:
        return label
    return text if text and not text.isascii() and all(map(is_host_character, text)) else label


def _decode(text: str, delimiters: frozenset[str]) -> str:
    """Decodes one part of an address, whose delimiters stay encoded."""
    text = _AMBIGUOUS_PERCENT_PATTERN.sub("%25", text)
    parts: list[str] = []
    end = 0
    for match in _ESCAPES_PATTERN.finditer(text):
        parts.append(text[end : match.start()])
        raw = bytes.fromhex(match.group().replace("%", "")).decode("utf-8", "surrogateescape")
        parts += (
            _percent_encoded(character) if character in delimiters or not _is_visible(character) else character
            for character in raw
        )
        end = match.end()
    parts.append(text[end:])
    return _AMBIGUOUS_PERCENT_PATTERN.sub("%25", "".join(parts))


def _is_visible(character: str) -> bool:
    """Returns False for controls, bidirectional overrides, odd spaces and bytes that are not UTF-8."""
    return character.isprintable() or character in _JOINERS


def _percent_encoded(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))


def _merge(path: str, rules: PageRules) -> str:
    if rules.merges_index_pages and (match := _INDEX_PAGE_PATTERN.search(path)):
        path = path[: match.start()].rstrip("/") + "/"
    if rules.merges_trailing_slashes:
        path = _SLASHES_PATTERN.sub("/", path)
        path = path if path in {"/", "!/"} else path.removesuffix("/")
    return path
