"""Limits of HTTP connections, and the count of those that are open."""

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
"""Descriptors that a process asks for; more would only be more connections than the memory is meant for."""
RESERVED_FILES = 256
"""Descriptors of everything that is no connection: databases, pipes, libraries; an idle server has about 60."""
MAX_BACKLOG = 2_048
WARNING_INTERVAL_S = 60.0


@dataclass(frozen=True)
class ConnectionLimits:
    """All sizes are bytes, all times seconds.

    An address may be an office or a carrier's gateway, so its share is generous. A private or loopback one may be the
    reverse proxy of the whole site that nobody has named in PROPRIUM_TRUSTED_PROXIES yet: it may have half of all, so
    that there is always room for others. Trusted proxies and unix sockets are bounded by the total only.
    """

    max_total: int = 10_000
    max_per_address: int = 1_000
    head_timeout_s: float = 10.0  # from connecting, or from the first byte of a later request
    max_head_bytes: int = 65_536
    max_headers: int = 200
    body_timeout_s: float = 30.0  # and as much again for every MiB that has come: 35 KB/s for whoever sends a lot
    max_body_bytes: int = 5 * MIB  # as sent, with chunk sizes; above the largest body that a route takes
    drain_timeout_s: float = 5.0  # for the rest of a body whose answer is already sent
    max_drain_bytes: int = MIB
    write_timeout_s: float = 60.0  # for a client to read 48 KB of an answer
    close_timeout_s: float = 10.0  # for a client to read the last of an answer
    sweep_interval_s: float = 1.0

    @property
    def max_per_private_address(self) -> int:
        return max(1, self.max_total // 2)


def limits_for(file_limit: int) -> ConnectionLimits:
    """The default limits, with fewer connections where `files` (descriptors) allows fewer."""
    default = ConnectionLimits()
    max_total = max(16, min(default.max_total, file_limit - RESERVED_FILES - backlog_for(file_limit)))
    return ConnectionLimits(max_total=max_total, max_per_address=min(default.max_per_address, max(8, max_total // 4)))


def backlog_for(file_limit: int) -> int:
    """Connections that may wait to be accepted: the event loop may accept all of them before it looks at one."""
    return max(16, min(MAX_BACKLOG, file_limit // 8))


def raise_file_limit() -> int:
    """Raises the soft limit of open files to the hard one, at most to FILE_LIMIT; the limit that holds now."""
    soft_limit, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    target = MAX_OPEN_FILES if hard_limit == unlimited else min(hard_limit, MAX_OPEN_FILES)
    if soft_limit != unlimited and soft_limit < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard_limit))
        soft_limit = target
    return MAX_OPEN_FILES if soft_limit == unlimited else soft_limit


class MonitoredConnection(Protocol):
    """What is needed of a connection to look after its deadlines."""

    loop: asyncio.AbstractEventLoop

    def check_deadline(self, now_s: float) -> None:
        """Ends what is overdue; `now` is the loop's time."""


class ConnectionRegistry:
    """The open connections of one server: counts them by address and closes those whose deadline has passed."""

    def __init__(self, client_addresses: ClientAddressResolver, limits: ConnectionLimits | None = None) -> None:
        self.limits = limits or ConnectionLimits()
        self.open_count = 0
        self._client_addresses = client_addresses
        self._count_by_key: Counter[str] = Counter()
        self._monitored: set[MonitoredConnection] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._warned_at_s = float("-inf")

    def register(self, peer: str | None, loop: asyncio.AbstractEventLoop) -> str | None:
        """Counts a connection; the key to `close` it with, or None where it is one too many."""
        address = canonical_ip(peer) if peer else None
        key, limit = "", self.limits.max_total
        if address is not None and not self._client_addresses.is_trusted(address):
            key = rate_limit_key(address)
            limit = self.limits.max_per_private_address if is_private(address) else self.limits.max_per_address
        if self.open_count >= self.limits.max_total or (key and self._count_by_key[key] >= limit):
            self._warn(loop.time())
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
        """Has its deadlines looked at until `unwatch`."""
        self._monitored.add(connection)
        if self._sweep_timer is None:
            self._sweep_timer = connection.loop.call_later(self.limits.sweep_interval_s, self._sweep, connection.loop)

    def unmonitor(self, connection: MonitoredConnection) -> None:
        self._monitored.discard(connection)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all: a timer for each request would cost every hit."""
        now_s = loop.time()
        for connection in tuple(self._monitored):
            connection.check_deadline(now_s)
        self._sweep_timer = (
            loop.call_later(self.limits.sweep_interval_s, self._sweep, loop) if self._monitored else None
        )

    def _warn(self, now_s: float) -> None:
        if now_s - self._warned_at_s >= WARNING_INTERVAL_S:
            self._warned_at_s = now_s
            log.warning(
                "connections are refused: %s are open, at most %s may be, %s of one address",
                self.open_count,
                self.limits.max_total,
                self.limits.max_per_address,
            )
