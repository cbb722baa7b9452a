"""Visitor ids: a hash of user_id, or a keyed daily hash (cookieless)."""

from __future__ import annotations

import hmac
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SESSION_GAP = timedelta(minutes=30)


def visitor_of(user_id: str) -> int:
    """Returns the signed 64-bit visitor id of a canonical user_id.

    42 and "42" are one visitor, because both arrive here as "42".
    """
    return int.from_bytes(blake2b(user_id.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)


def daily_visitor(key: bytes, address: str | None, user_agent: str) -> int:
    """Returns the daily visitor id, signed: 64 bits of HMAC-SHA256(daily key, anonymised address, User-Agent)."""
    message = f"{anonymise_ip(address) if address else ''}\0{user_agent}"
    return int.from_bytes(hmac.digest(key, message.encode("utf-8", "replace"), "sha256")[:8], "big", signed=True)


@lru_cache(maxsize=8_192)
def anonymise_ip(address: str) -> str:
    """Truncates an address to its /24 (IPv4) or /48 (IPv6) network.

    IPv4-mapped IPv6 addresses count as IPv4.
    """
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is None:
            return str(IPv6Address(int(ip) >> 80 << 80))
        ip = ip.ipv4_mapped
    return str(ip).rpartition(".")[0]


@lru_cache(maxsize=512)
def time_zone(name: str) -> ZoneInfo:
    """Returns the time zone of an IANA name, or UTC for unknown ones."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def local_days(moment: datetime, timezone: str) -> tuple[date, date | None]:
    """Returns the local day, and the previous one while its sessions may be open."""
    today = moment.astimezone(time_zone(timezone)).date()
    start, yesterday = _day_start(today, timezone)
    return today, yesterday if moment - start < SESSION_GAP else None


@lru_cache(maxsize=2_048)
def _day_start(day: date, timezone: str) -> tuple[datetime, date]:
    """Returns the UTC start of a local day, and the day before it.

    Where a clock change skips midnight, the day starts at the change.
    """
    start = datetime(day.year, day.month, day.day, tzinfo=time_zone(timezone)).astimezone(UTC)
    return start, (start - timedelta(seconds=1)).astimezone(time_zone(timezone)).date()
