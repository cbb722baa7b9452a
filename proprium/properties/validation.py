"""Validation of property settings: normalises what users typed.

Raises UserFacingError with the rejected value and what was expected.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from maps.atlas import Atlas
from proprium.errors import UserFacingError
from proprium.storage.public_keys import can_be_public

MAX_NAME_LENGTH = 100
MAX_EVENT_NAME_LENGTH = 255
MAX_PATTERN_LENGTH = 500
MIN_USER_AGENT_LENGTH = 3
MAX_VALUES = 100
MAX_NAMED_FILTERS = 50
UNPRINTABLE = frozenset({"Cc", "Cs", "Cn", "Co"})  # Unicode categories


def name(text: str) -> str:
    return _single_line(text, "A name", MAX_NAME_LENGTH)


def timezone(text: str) -> str:
    """Validates an IANA time zone name."""
    try:
        return str(ZoneInfo(text.strip()).key)
    except (OSError, ValueError, LookupError):
        raise UserFacingError(f"{_quoted(text)} is not a time zone; expected a name like Europe/Berlin.") from None


def hostnames(texts: Iterable[str]) -> list[str]:
    """Normalises host names to lower case, each once; of a URL only the host is kept."""
    return _unique(_hostname(text) for text in texts if text.strip())


def query_keys(texts: Iterable[str]) -> list[str]:
    return _unique(_single_line(text, "A query parameter", MAX_NAME_LENGTH) for text in texts if text.strip())


def custom_cards(texts: Iterable[str]) -> list[str]:
    """Validates the names of custom events; their case is kept."""
    return _unique(_single_line(text, "An event name", MAX_EVENT_NAME_LENGTH) for text in texts if text.strip())


def public_data_keys(keys: Iterable[str]) -> list[str]:
    """Validates keys of event data; white space and case matter, as keys are compared exactly."""
    valid_keys = []
    for key in keys:
        has_valid_text = "\0" not in key and not any("\ud800" <= char <= "\udfff" for char in key)
        if not (1 <= len(key) <= MAX_EVENT_NAME_LENGTH and has_valid_text):
            raise UserFacingError(f"A data key needs 1 to {MAX_EVENT_NAME_LENGTH} characters; this one has {len(key)}.")
        if not can_be_public(key):
            raise UserFacingError(
                f"{_quoted(key)} identifies individual visitors or page views and cannot be made public."
            )
        valid_keys.append(key)
    return _unique(valid_keys)


def excluded_addresses(texts: Iterable[str]) -> list[str]:
    """Normalises IP addresses and CIDR blocks to their shortest form."""
    return _unique(_network(text) for text in texts if text.strip())


def excluded_countries(texts: Iterable[str]) -> list[str]:
    """Normalises ISO codes and English names of countries to ISO codes, sorted."""
    codes = []
    for text in texts:
        if not text.strip():
            continue
        if (code := _country_code_by_text().get(text.strip().casefold())) is None:
            raise UserFacingError(f"{_quoted(text)} is not a country; expected a code like DE.")
        codes.append(code)
    return sorted(_unique(codes))


def excluded_paths(texts: Iterable[str]) -> list[str]:
    """Validates path patterns, which match whole paths; * matches any text."""
    return _unique(_path(text) for text in texts if text.strip())


def excluded_user_agents(texts: Iterable[str]) -> list[str]:
    """Validates User-Agent patterns: substrings, or with a * patterns for the whole text."""
    return _unique(_user_agent(text) for text in texts if text.strip())


def named_filters(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Validates goals or segments: at most MAX_NAMED_FILTERS, with unique names.

    The filters themselves are not checked here; the callers have parsed them.
    """
    entry_list = list(entries)
    filters_by_name = {
        _single_line(str(entry["name"]), "A name", MAX_NAME_LENGTH): list(entry["filters"]) for entry in entry_list
    }
    if len(filters_by_name) < len(entry_list):
        raise UserFacingError("Two entries have the same name. Rename one of them.")
    if len(filters_by_name) > MAX_NAMED_FILTERS:
        raise UserFacingError(f"At most {MAX_NAMED_FILTERS} entries are allowed; these are {len(filters_by_name)}.")
    return [{"name": name, "filters": filters} for name, filters in filters_by_name.items()]


def session_gap_min(minutes: int) -> int:
    return _check_range(minutes, 1, 240, "The session timeout", "minutes")


def bounce_s(seconds: int) -> int:
    return _check_range(seconds, 0, 600, "The engagement threshold", "seconds")


def live_min(minutes: int) -> int:
    return _check_range(minutes, 1, 60, "The “Online now” window", "minutes")


def optional_bool(value: bool | None) -> bool | None:
    return None if value is None else bool(value)


def _hostname(text: str) -> str:
    address = text.strip().lower()
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        host = ""
    if not host or len(host) > 253 or any(not (character.isalnum() or character in "-._:*") for character in host):
        raise UserFacingError(f"{_quoted(text)} is not a host name; expected one like www.example.com.")
    return host


def _network(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        message = f"{_quoted(text)} is not an IP address; expected one like 192.0.2.7 or 192.0.2.0/24."
        raise UserFacingError(message) from None
    return str(network.network_address if network.num_addresses == 1 else network)


@cache
def _country_code_by_text() -> dict[str, str]:
    """Maps ISO codes and English names, both in lower case, to ISO codes."""
    atlas = Atlas()
    return {country_text.casefold(): code for code in atlas.codes for country_text in (code, atlas.name(code))}


def _path(text: str) -> str:
    path = _single_line(text, "A path", MAX_PATTERN_LENGTH)
    if not path.startswith(("/", "*")):
        raise UserFacingError(f"{_quoted(text)} is not a path; expected one like /admin/*.")
    return path


def _user_agent(text: str) -> str:
    pattern = _single_line(text, "A User-Agent", MAX_PATTERN_LENGTH)
    if len(pattern.replace("*", "").strip()) < MIN_USER_AGENT_LENGTH:
        raise UserFacingError(f"{_quoted(text)} would exclude nearly all visitors; expected a part like HomeMonitor.")
    return pattern


def _single_line(text: str, subject: str, max_length: int) -> str:
    printable_text = "".join(char if unicodedata.category(char) not in UNPRINTABLE else " " for char in text)
    line = " ".join(printable_text.split())
    if not 1 <= len(line) <= max_length:
        raise UserFacingError(f"{subject} needs 1 to {max_length} characters; this one has {len(line)}.")
    return line


def _check_range(value: int, minimum: int, maximum: int, subject: str, unit: str) -> int:
    if not minimum <= value <= maximum:
        raise UserFacingError(f"{subject} must be {minimum} to {maximum} {unit}, not {value}.")
    return int(value)


def _unique(values: Iterable[str]) -> list[str]:
    unique_values = list(dict.fromkeys(values))
    if len(unique_values) > MAX_VALUES:
        raise UserFacingError(f"At most {MAX_VALUES} entries are allowed; these are {len(unique_values)}.")
    return unique_values


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
