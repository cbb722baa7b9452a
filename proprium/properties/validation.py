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

from collector.url_normalisation import is_host_character, normalise_host
from maps.atlas import Atlas
from proprium.errors import UserFacingError
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.public_keys import can_be_public

MAX_NAME_LENGTH = 100
MAX_EVENT_NAME_LENGTH = 255
MAX_PATTERN_LENGTH = 500
MIN_USER_AGENT_LENGTH = 3
MAX_VALUES = 100
MAX_NAMED_FILTERS = 50

NAME_LENGTH = N_("A name needs 1 to {maximum} characters; this one has {count}.")
TOO_MANY_ENTRIES = N_("At most {maximum} entries are allowed; these are {count}.")


def name(text: str) -> str:
    return _single_line(text, NAME_LENGTH, MAX_NAME_LENGTH)


def timezone(text: str) -> str:
    """Validates an IANA time zone name."""
    try:
        return str(ZoneInfo(text.strip()).key)
    except (OSError, ValueError, LookupError):
        raise UserFacingError(
            _("{value} is not a time zone; expected a name like Europe/Berlin.", value=_quoted(text))
        ) from None


def query_keys(texts: Iterable[str]) -> list[str]:
    length = N_("A query parameter needs 1 to {maximum} characters; this one has {count}.")
    return _unique(_single_line(text, length, MAX_NAME_LENGTH) for text in texts if text.strip())


def custom_cards(texts: Iterable[str]) -> list[str]:
    """Validates the names of custom events; their case is kept."""
    length = N_("An event name needs 1 to {maximum} characters; this one has {count}.")
    return _unique(_single_line(text, length, MAX_EVENT_NAME_LENGTH) for text in texts if text.strip())


def named_filters(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Validates goals or segments: at most MAX_NAMED_FILTERS, with unique names.

    The filters themselves are not checked here; the callers have parsed them.
    """
    entry_list = list(entries)
    filters_by_name = {
        _single_line(str(entry["name"]), NAME_LENGTH, MAX_NAME_LENGTH): list(entry["filters"]) for entry in entry_list
    }
    if len(filters_by_name) < len(entry_list):
        raise UserFacingError(_("Two entries have the same name. Rename one of them."))
    if len(filters_by_name) > MAX_NAMED_FILTERS:
        raise UserFacingError(_(TOO_MANY_ENTRIES, maximum=MAX_NAMED_FILTERS, count=len(filters_by_name)))
    return [{"name": name, "filters": filters} for name, filters in filters_by_name.items()]


def session_gap_min(minutes: int) -> int:
    return _check_range(minutes, 1, 240, N_("The session timeout must be {minimum} to {maximum} minutes, not {value}."))


def bounce_s(seconds: int) -> int:
    sentence = N_("The engagement threshold must be {minimum} to {maximum} seconds, not {value}.")
    return _check_range(seconds, 0, 600, sentence)


def live_min(minutes: int) -> int:
    sentence = N_("The “Online now” window must be {minimum} to {maximum} minutes, not {value}.")
    return _check_range(minutes, 1, 60, sentence)


def optional_bool(value: bool | None) -> bool | None:
    return None if value is None else bool(value)


def hostnames(texts: Iterable[str]) -> list[str]:
    """Normalises host names to lower case and Unicode, each once; of a URL only the host is kept."""
    hosts: list[str] = []
    for text in filter(str.strip, texts):
        address = text.strip().lower()
        try:
            host = normalise_host(urlsplit(address if "//" in address else f"//{address}").hostname or "")
        except ValueError:
            host = ""
        if (
            not host
            or len(host) > 253
            or any(not (is_host_character(character) or character in ".:*") for character in host)
        ):
            raise UserFacingError(
                _("{value} is not a host name; expected one like www.example.com.", value=_quoted(text))
            )
        hosts.append(host)
    return _unique(hosts)


def excluded_addresses(texts: Iterable[str]) -> list[str]:
    """Normalises IP addresses and CIDR blocks to their shortest form."""
    addresses: list[str] = []
    for text in filter(str.strip, texts):
        try:
            network = ip_network(text.strip(), strict=False)
        except ValueError:
            raise UserFacingError(
                _("{value} is not an IP address; expected one like 192.0.2.7 or 192.0.2.0/24.", value=_quoted(text))
            ) from None
        addresses.append(str(network.network_address if network.num_addresses == 1 else network))
    return _unique(addresses)


def excluded_countries(texts: Iterable[str]) -> list[str]:
    """Normalises ISO codes and English names of countries to ISO codes, sorted."""
    codes: list[str] = []
    for text in filter(str.strip, texts):
        if (code := _country_code_by_text().get(text.strip().casefold())) is None:
            raise UserFacingError(_("{value} is not a country; expected a code like DE.", value=_quoted(text)))
        codes.append(code)
    return sorted(_unique(codes))


@cache
def _country_code_by_text() -> dict[str, str]:
    """Maps ISO codes and English names, both in lower case, to ISO codes."""
    atlas = Atlas()
    return {country_text.casefold(): code for code in atlas.codes for country_text in (code, atlas.name(code))}


def excluded_paths(texts: Iterable[str]) -> list[str]:
    """Validates path patterns, which match whole paths; * matches any text."""
    length = N_("A path needs 1 to {maximum} characters; this one has {count}.")
    paths: list[str] = []
    for text in filter(str.strip, texts):
        path = _single_line(text, length, MAX_PATTERN_LENGTH)
        if not path.startswith(("/", "*")):
            raise UserFacingError(_("{value} is not a path; expected one like /admin/*.", value=_quoted(text)))
        paths.append(path)
    return _unique(paths)


def excluded_user_agents(texts: Iterable[str]) -> list[str]:
    """Validates User-Agent patterns: substrings, or with a * patterns for the whole text."""
    length = N_("A User-Agent needs 1 to {maximum} characters; this one has {count}.")
    patterns: list[str] = []
    for text in filter(str.strip, texts):
        pattern = _single_line(text, length, MAX_PATTERN_LENGTH)
        if len(pattern.replace("*", "").strip()) < MIN_USER_AGENT_LENGTH:
            raise UserFacingError(
                _("{value} would exclude nearly all visitors; expected a part like HomeMonitor.", value=_quoted(text))
            )
        patterns.append(pattern)
    return _unique(patterns)


def public_data_keys(keys: Iterable[str]) -> list[str]:
    """Validates keys of event data; white space and case matter, as keys are compared exactly."""
    valid_keys: list[str] = []
    for key in keys:
        has_valid_length = 1 <= len(key) <= MAX_EVENT_NAME_LENGTH
        if not has_valid_length or "\0" in key or any("\ud800" <= char <= "\udfff" for char in key):
            raise UserFacingError(
                _(
                    "A data key needs 1 to {maximum} characters; this one has {count}.",
                    maximum=MAX_EVENT_NAME_LENGTH,
                    count=len(key),
                )
            )
        if not can_be_public(key):
            raise UserFacingError(
                _("{value} identifies individual visitors or page views and cannot be made public.", value=_quoted(key))
            )
        valid_keys.append(key)
    return _unique(valid_keys)


def _single_line(text: str, length: str, max_length: int) -> str:
    """Returns the text on one line. Raises `length`, a sentence with {maximum} and {count}, if it is too long."""
    unprintable = {"Cc", "Cs", "Cn", "Co"}  # Unicode categories
    printable_text = "".join(" " if unicodedata.category(char) in unprintable else char for char in text)
    line = " ".join(printable_text.split())
    if not 1 <= len(line) <= max_length:
        raise UserFacingError(_(length, maximum=max_length, count=len(line)))
    return line


def _check_range(value: int, minimum: int, maximum: int, sentence: str) -> int:
    if not minimum <= value <= maximum:
        raise UserFacingError(_(sentence, minimum=minimum, maximum=maximum, value=value))
    return int(value)


def _unique(values: Iterable[str]) -> list[str]:
    unique_values = list(dict.fromkeys(values))
    if len(unique_values) > MAX_VALUES:
        raise UserFacingError(_(TOO_MANY_ENTRIES, maximum=MAX_VALUES, count=len(unique_values)))
    return unique_values


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
