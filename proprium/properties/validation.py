"""Makes what a person typed for a property fit, or refuses it with a sentence that says what was expected."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from maps.atlas import Atlas
from proprium.errors import ProblemForReader
from proprium.storage.public_keys import can_be_public

LONGEST_NAME = 100
LONGEST_EVENT = 255
LONGEST_PATTERN = 500
SHORTEST_AGENT = 3
MOST_VALUES = 100
MOST_NAMED = 50


def name(text: str) -> str:
    return _line(text, "A name", LONGEST_NAME)


def timezone(text: str) -> str:
    """An IANA name."""
    try:
        return str(ZoneInfo(text.strip()).key)
    except (OSError, ValueError, LookupError):
        raise ProblemForReader(f"{_shown(text)} is no time zone; expected a name like Europe/Berlin.") from None


def hostnames(texts: Iterable[str]) -> list[str]:
    """Bare names, lower case, each once; a pasted address counts as its host."""
    return _each_once(_hostname(text) for text in texts if text.strip())


def query_keys(texts: Iterable[str]) -> list[str]:
    return _each_once(_line(text, "A query key", LONGEST_NAME) for text in texts if text.strip())


def custom_cards(texts: Iterable[str]) -> list[str]:
    """Names of events, as they were sent."""
    return _each_once(_line(text, "An event's name", LONGEST_EVENT) for text in texts if text.strip())


def public_data_keys(keys: Iterable[str]) -> list[str]:
    """Keys as they were sent: white space and case matter."""
    return _each_once(_data_key(key) for key in keys)


def excluded_addresses(texts: Iterable[str]) -> list[str]:
    """Addresses and CIDR blocks, in their shortest form."""
    return _each_once(_network(text) for text in texts if text.strip())


def excluded_countries(texts: Iterable[str]) -> list[str]:
    """ISO codes; an English name counts as its code."""
    return sorted(_each_once(_country(text) for text in texts if text.strip()))


def excluded_paths(texts: Iterable[str]) -> list[str]:
    """Whole paths, in which * stands for any text."""
    return _each_once(_path(text) for text in texts if text.strip())


def excluded_user_agents(texts: Iterable[str]) -> list[str]:
    """Parts of User-Agents, or with a * whole ones."""
    return _each_once(_agent(text) for text in texts if text.strip())


def named_filters(given: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Goals or segments: names that differ, each with the filters that were checked where they are understood."""
    listed = list(given)
    kept = {_line(str(each["name"]), "A name", LONGEST_NAME): list(each["filters"]) for each in listed}
    if len(kept) < len(listed):
        raise ProblemForReader("Two have the same name. Give one of them another.")
    if len(kept) > MOST_NAMED:
        raise ProblemForReader(f"At most {MOST_NAMED} are possible; these are {len(kept)}.")
    return [{"name": name, "filters": filters} for name, filters in kept.items()]


def session_gap_min(minutes: int) -> int:
    return _between(minutes, 1, 240, "The pause that ends a session", "minutes")


def bounce_s(seconds: int) -> int:
    return _between(seconds, 0, 600, "The attention that makes a visit no bounce", "seconds")


def live_min(minutes: int) -> int:
    return _between(minutes, 1, 60, "The time for which a visitor counts as here", "minutes")


def maybe(value: bool | None) -> bool | None:
    return None if value is None else bool(value)


def _hostname(text: str) -> str:
    address = text.strip().lower()
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    except ValueError:
        host = ""
    if not host or len(host) > 253 or any(not (c.isalnum() or c in "-._:*") for c in host):
        raise ProblemForReader(f"{_shown(text)} is no host name; expected one like www.example.com.")
    return host


def _network(text: str) -> str:
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        raise ProblemForReader(f"{_shown(text)} is no address; expected one like 192.0.2.7 or 192.0.2.0/24.") from None
    return str(network.network_address if network.num_addresses == 1 else network)


def _country(text: str) -> str:
    name = text.strip()
    if (code := _countries().get(name.casefold())) is None:
        raise ProblemForReader(f"{_shown(text)} is no country; expected a code like DE.")
    return code


@cache
def _countries() -> dict[str, str]:
    """Codes by themselves and by their English names, all lower case."""
    atlas = Atlas()
    return {known.casefold(): code for code in atlas.codes for known in (code, atlas.name(code))}


def _path(text: str) -> str:
    path = _line(text, "A path", LONGEST_PATTERN)
    if not path.startswith(("/", "*")):
        raise ProblemForReader(f"{_shown(text)} is no path; expected one like /admin/*.")
    return path


def _agent(text: str) -> str:
    pattern = _line(text, "A User-Agent", LONGEST_PATTERN)
    if len(pattern.replace("*", "").strip()) < SHORTEST_AGENT:
        raise ProblemForReader(f"{_shown(text)} would leave out nearly everybody; expected a part like HomeMonitor.")
    return pattern


def _data_key(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_EVENT or "\0" in key or any("\ud800" <= char <= "\udfff" for char in key):
        raise ProblemForReader(f"A data key has 1 to {LONGEST_EVENT} characters; this one has {len(key)}.")
    if not can_be_public(key):
        raise ProblemForReader(f"{_shown(key)} identifies single visitors or page views and cannot be made public.")
    return key


def _line(text: str, what: str, longest: int) -> str:
    line = " ".join("".join(c if _is_printable(c) else " " for c in text).split())
    if not 1 <= len(line) <= longest:
        raise ProblemForReader(f"{what} has 1 to {longest} characters; this one has {len(line)}.")
    return line


def _between(number: int, lowest: int, highest: int, what: str, unit: str) -> int:
    if not lowest <= number <= highest:
        raise ProblemForReader(f"{what} is {lowest} to {highest} {unit}; this is {number}.")
    return int(number)


def _is_printable(character: str) -> bool:
    return unicodedata.category(character) not in {"Cc", "Cs", "Cn", "Co"}


def _each_once(values: Iterable[str]) -> list[str]:
    kept = list(dict.fromkeys(values))
    if len(kept) > MOST_VALUES:
        raise ProblemForReader(f"At most {MOST_VALUES} are possible; these are {len(kept)}.")
    return kept


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:60] + "…")
