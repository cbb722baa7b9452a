"""Campaign parameters and click ids in the query of a page's URL."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_plus

MAX_QUERY_LENGTH = 4_096  # characters that are searched for parameters

_PARTS = {"source": "source", "medium": "medium", "campaign": "campaign", "content": "content"}
_MATOMO_PARTS = {**_PARTS, "cpn": "campaign", "kwd": "term", "keyword": "term"}
FIELD_BY_PARAMETER = {
    **{f"utm_{part}": f"utm_{part}" for part in (*_PARTS, "term")},
    **{
        f"{prefix}_{name}": f"utm_{part}"
        for prefix in ("mtm", "matomo", "pk", "piwik")
        for name, part in _MATOMO_PARTS.items()
    },
    "source": "utm_source",
    "ref": "utm_source",
}
"""Query parameters, in lower case, and the fields that they fill. The first one in this order that has a value wins.

`mtm_` and `pk_` are Matomo's: https://matomo.org/faq/reports/what-is-campaign-tracking-and-why-it-is-important/
"""
_RANK_BY_PARAMETER = {name: rank for rank, name in enumerate(FIELD_BY_PARAMETER)}
_CAMPAIGN_HINT = re.compile(r"[?&;](?:utm_|mtm_|matomo_|pk_|piwik_|source=|ref=)", re.IGNORECASE)
_SEPARATOR_PATTERN = re.compile(r"&|#[^?]*\?")  # also before the query of a hash route
_ESCAPED_AMPERSAND_PATTERN = re.compile(r"^(?:amp;)+", re.IGNORECASE)  # links copied from HTML: &amp;utm_source=


class ClickSystem(NamedTuple):
    """An advertising system listed in data/click_ids.toml."""

    source: str
    medium: str = ""  # "": its click id is no sign of an advertisement
    fits: frozenset[str] = frozenset()  # other sources that it advertises on


def _read_click_systems() -> dict[str, ClickSystem]:
    text = (Path(__file__).parent / "data" / "click_ids.toml").read_text(encoding="utf-8")
    return {
        click_id: ClickSystem(entry["source"], entry.get("medium", ""), frozenset(entry.get("fits", ())))
        for entry in tomllib.loads(text)["system"]
        for click_id in entry["ids"]
    }


CLICK_SYSTEMS = _read_click_systems()
"""Advertising systems by the name of their click id."""

# As the script's own pattern, for systems that are not listed: their click ids are not stored either.
_CLICK_ID_NAMES = "|".join((r"\w*(?:clk?|fat_)id", r"\wbraid", *map(re.escape, CLICK_SYSTEMS)))
_CLICK_ID_PATTERN = re.compile(_CLICK_ID_NAMES, re.IGNORECASE)
_CLICK_ID_PAIR_PATTERN = re.compile(
    rf"([?&])(?:amp;)*({_CLICK_ID_NAMES})(?:=[^&#]*)?(?=[&#]|$)(&(?:amp;)*)?", re.IGNORECASE
)


def campaign_of(url: str) -> dict[str, str]:
    """Returns the values of campaign parameters in a URL's query, by the field that they fill; unstripped."""
    if not _CAMPAIGN_HINT.search(url):
        return {}
    rank_and_value_by_field: dict[str, tuple[int, str]] = {}
    for pair in _SEPARATOR_PATTERN.split(url.partition("?")[2][:MAX_QUERY_LENGTH]):
        raw_name, _, raw_value = pair.partition("#")[0].partition("=")
        name = _ESCAPED_AMPERSAND_PATTERN.sub("", unquote_plus(raw_name).strip()).lower()
        field = FIELD_BY_PARAMETER.get(name)
        if field is None or not (value := unquote_plus(raw_value)).strip():
            continue
        rank = _RANK_BY_PARAMETER[name]
        if field not in rank_and_value_by_field or rank < rank_and_value_by_field[field][0]:
            rank_and_value_by_field[field] = rank, value
    return {field: value for field, (_, value) in rank_and_value_by_field.items()}


def click_id_name(value: object) -> str | None:
    """Returns the name of a click id in lower case; None for anything else, such as a click id's value."""
    if not isinstance(value, str):
        return None
    name = value.strip().lower()
    return name if _CLICK_ID_PATTERN.fullmatch(name) else None


def split_click_id(url: str) -> tuple[str, str | None]:
    """Returns a URL without its click ids, and the name of the first one; None without one."""
    if "?" not in url or not (match := _CLICK_ID_PAIR_PATTERN.search(url)):
        return url, None
    while pair := _CLICK_ID_PAIR_PATTERN.search(url):
        separator, has_next = pair.group(1), pair.group(3)
        url = url[: pair.start()] + (separator if has_next else "") + url[pair.end() :]
    return url, match.group(2).lower()
