"""Limits of HTTP connections, and the count of those that are open."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from collector.client_address import Addresses, is_private, normal, rate_limit_key

log = logging.getLogger(__name__)

MIB = 1 << 20
FILE_LIMIT = 65_536
"""Descriptors that a process asks for; more would only be more connections than the memory is meant for."""
OTHER_FILES = 256
"""Descriptors of everything that is no connection: databases, pipes, libraries; an idle server has about 60."""
BACKLOG = 2_048
WARNING_INTERVAL_S = 60.0


@dataclass(frozen=True)
class ConnectionLimits:
    """All sizes are bytes, all times seconds.

    An address may be an office or a carrier's gateway, so its share is generous. A private or loopback one may be the
    reverse proxy of the whole site that nobody has named in PROPRIUM_TRUSTED_PROXIES yet: it may have half of all, so
    that there is always room for others. Trusted proxies and unix sockets are bounded by the total only.
    """

    total: int = 10_000
    per_address: int = 1_000
    head_s: float = 10.0  # from connecting, or from the first byte of a later request
    head_bytes: int = 65_536
    headers: int = 200
    body_s: float = 30.0  # and as much again for every MiB that has come: 35 KB/s for whoever sends a lot
    body_bytes: int = 5 * MIB  # as sent, with chunk sizes; above the largest body that a route takes
    drain_s: float = 5.0  # for the rest of a body whose answer is already sent
    drain_bytes: int = MIB
    write_s: float = 60.0  # for a client to read 48 KB of an answer
    close_s: float = 10.0  # for a client to read the last of an answer
    sweep_s: float = 1.0

    @property
    def per_private_address(self) -> int:
        return max(1, self.total // 2)


def limits_for(files: int) -> ConnectionLimits:
    """The default limits, with fewer connections where `files` (descriptors) allows fewer."""
    default = ConnectionLimits()
    total = max(16, min(default.total, files - OTHER_FILES - backlog_for(files)))
    return ConnectionLimits(total=total, per_address=min(default.per_address, max(8, total // 4)))


def backlog_for(files: int) -> int:
    """Connections that may wait to be accepted: the event loop may accept all of them before it looks at one."""
    return max(16, min(BACKLOG, files // 8))


def raise_file_limit() -> int:
    """Raises the soft limit of open files to the hard one, at most to FILE_LIMIT; the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    target = FILE_LIMIT if hard == unlimited else min(hard, FILE_LIMIT)
    if soft != unlimited and soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
        soft = target
    return FILE_LIMIT if soft == unlimited else soft


class Connection(Protocol):
    """What is needed of a connection to look after its deadlines."""

    loop: asyncio.AbstractEventLoop

    def check_deadline(self, now: float) -> None:
        """Ends what is overdue; `now` is the loop's time."""


class Connections:
    """The open connections of one server: counts them by address and closes those whose deadline has passed."""

    def __init__(self, addresses: Addresses, limits: ConnectionLimits | None = None) -> None:
        self.limits = limits or ConnectionLimits()
        self.total = 0
        self._addresses = addresses
        self._by_key: Counter[str] = Counter()
        self._swept: set[Connection] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._warned_at = float("-inf")

    def open(self, peer: str | None, loop: asyncio.AbstractEventLoop) -> str | None:
        """Counts a connection; the key to `close` it with, or None where it is one too many."""
        address = normal(peer) if peer else None
        key, limit = "", self.limits.total
        if address is not None and not self._addresses.is_trusted(address):
            key = rate_limit_key(address)
            limit = self.limits.per_private_address if is_private(address) else self.limits.per_address
        if self.total >= self.limits.total or (key and self._by_key[key] >= limit):
            self._warn(loop.time())
            return None
        self.total += 1
        if key:
            self._by_key[key] += 1
        return key

    def close(self, key: str) -> None:
        self.total -= 1
        if key:
            self._by_key[key] -= 1
            if not self._by_key[key]:
                del self._by_key[key]

    def watch(self, connection: Connection) -> None:
        """Has its deadlines looked at until `unwatch`."""
        self._swept.add(connection)
        if self._sweep_timer is None:
            self._sweep_timer = connection.loop.call_later(self.limits.sweep_s, self._sweep, connection.loop)

    def unwatch(self, connection: Connection) -> None:
        self._swept.discard(connection)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all: a timer for each request would cost every hit."""
        now = loop.time()
        for connection in tuple(self._swept):
            connection.check_deadline(now)
        self._sweep_timer = loop.call_later(self.limits.sweep_s, self._sweep, loop) if self._swept else None

    def _warn(self, now: float) -> None:
        if now - self._warned_at >= WARNING_INTERVAL_S:
            self._warned_at = now
            log.warning(
                "connections are refused: %s are open, at most %s may be, %s of one address",
                self.total,
                self.limits.total,
                self.limits.per_address,
            )
