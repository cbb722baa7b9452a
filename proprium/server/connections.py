"""Connection limits (per address and total), timeouts, and the registry of open HTTP connections."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from collector.client_address import ClientAddressResolver, canonical_ip, is_private
from collector.rate_limit import rate_limit_key

log = logging.getLogger(__name__)

MIB = 1 << 20
MAX_OPEN_FILES = 65_536
"""File descriptors that a process requests; more would allow more connections than the memory is meant for."""
RESERVED_FILES = 256
"""File descriptors for everything but connections: databases, pipes, libraries; an idle server has about 60."""
MAX_BACKLOG = 2_048
WARNING_INTERVAL_S = 60.0


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits and timeouts of HTTP connections. Sizes are in bytes, times in seconds.

    An address may be an office or a carrier's gateway, so its share is generous. A private or loopback address may be
    the site's reverse proxy that is not in PROPRIUM_TRUSTED_PROXIES yet: it may have half of the total, which leaves
    room for other clients. Trusted proxies and unix sockets are bounded by the total only.
    """

    max_total: int = 10_000
    max_per_address: int = 1_000
    head_timeout_s: float = 10.0  # from connecting, or from the first byte of a later request
    max_head_bytes: int = 65_536
    max_headers: int = 200
    body_timeout_s: float = 30.0  # plus as much for every MiB received: at least 35 KB/s for a large body
    max_body_bytes: int = 5 * MIB  # as sent, with chunk sizes; above the largest body that a route accepts
    drain_timeout_s: float = 5.0  # for the rest of a body whose response is already sent
    max_drain_bytes: int = MIB
    write_timeout_s: float = 60.0  # for a client to read 48 KB of a response
    close_timeout_s: float = 10.0  # for a client to read the end of a response
    sweep_interval_s: float = 1.0

    @property
    def max_per_private_address(self) -> int:
        return max(1, self.max_total // 2)


def limits_for(file_limit: int) -> ConnectionLimits:
    """Returns the default limits, with fewer connections where `file_limit` (descriptors) allows fewer."""
    default = ConnectionLimits()
    max_total = max(16, min(default.max_total, file_limit - RESERVED_FILES - backlog_for(file_limit)))
    return ConnectionLimits(max_total=max_total, max_per_address=min(default.max_per_address, max(8, max_total // 4)))


def backlog_for(file_limit: int) -> int:
    """Returns the listen backlog.

    The event loop may accept all waiting connections before it serves one.
    """
    return max(16, min(MAX_BACKLOG, file_limit // 8))


def raise_file_limit() -> int:
    """Raises the soft limit of open files to the hard one, at most MAX_OPEN_FILES.

    Returns the new limit.
    """
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    target = MAX_OPEN_FILES if hard_limit == unlimited else min(hard_limit, MAX_OPEN_FILES)
    if soft_limit != unlimited and soft_limit < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard_limit))
        soft_limit = target
    return MAX_OPEN_FILES if soft_limit == unlimited else soft_limit


class MonitoredConnection(Protocol):
    """Connection whose deadline the registry checks."""

    loop: asyncio.AbstractEventLoop

    def check_deadline(self, now_s: float) -> None:
        """Closes or aborts the connection if its deadline has passed.

        `now_s` is the loop's time.
        """


class ConnectionRegistry:
    """Open connections of one server: counts them by address and checks their deadlines."""

    def __init__(self, client_addresses: ClientAddressResolver, limits: ConnectionLimits | None = None) -> None:
        self.limits = limits or ConnectionLimits()
        self.open_count = 0
        self._client_addresses = client_addresses
        self._count_by_key: Counter[str] = Counter()
        self._monitored: set[MonitoredConnection] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._warned_at_s = float("-inf")

    def register(self, peer: str | None, loop: asyncio.AbstractEventLoop) -> str | None:
        """Counts a connection.

        Returns the key for `unregister`, or None when a limit is exceeded.
        """
        address = canonical_ip(peer) if peer else None
        key, limit = "", self.limits.max_total
        if address is not None and not self._client_addresses.is_trusted(address):
            key = rate_limit_key(address)
            limit = self.limits.max_per_private_address if is_private(address) else self.limits.max_per_address
        if self.open_count >= self.limits.max_total or (key and self._count_by_key[key] >= limit):
            now_s = loop.time()
            if now_s - self._warned_at_s >= WARNING_INTERVAL_S:
                self._warned_at_s = now_s
                log.warning(
                    "connection limit reached, new connections are rejected",
                    extra={
                        "open_connections": self.open_count,
                        "max_total": self.limits.max_total,
                        "max_per_address": self.limits.max_per_address,
                    },
                )
            return None
        self.open_count += 1
        if key:
            self._count_by_key[key] += 1
        return key

    def unregister(self, key: str) -> None:
        self.open_count -= 1
        if key:
            self._count_by_key[key] -= 1
            if not self._count_by_key[key]:
                del self._count_by_key[key]

    def monitor(self, connection: MonitoredConnection) -> None:
        """Checks the connection's deadline once per sweep, until `unmonitor`."""
        self._monitored.add(connection)
        if self._sweep_timer is None:
            self._sweep_timer = connection.loop.call_later(self.limits.sweep_interval_s, self._sweep, connection.loop)

    def unmonitor(self, connection: MonitoredConnection) -> None:
        self._monitored.discard(connection)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Checks all deadlines with one timer: a timer per request would slow every hit."""
        now_s = loop.time()
        for connection in tuple(self._monitored):
            connection.check_deadline(now_s)
        self._sweep_timer = (
            loop.call_later(self.limits.sweep_interval_s, self._sweep, loop) if self._monitored else None
        )
