"""Beside the list of what arrives: why a hit has no address, and the click that mends it for the next one."""

from __future__ import annotations

import asyncio

from nicegui import background_tasks, run, ui

from proprium.storage import trusted_proxies
from proprium.ui.components.install_checklist import Arrival, Listener
from proprium.ui.components.proxy_notice import ABOUT
from proprium.ui.components.rejection_fixes import Fixes
from proprium.ui.components.rejection_messages import Fix
from proprium.ui.services import Services

LOOKS, EVERY_S = 6, 0.5  # a collector writes down within a second which proxy it met
NOT_YOURS = (
    "Visits come through a proxy that this server does not trust, so their addresses are unknown: no countries,"
    " and one limit on floods for all of them. The owner of this server can trust it with one click, on the page of all"
    " properties."
)
UNNAMED = (
    "The address is unknown: the proxy before this server does not say for whom it speaks, or was called not yours."
    " PROPRIUM_TRUSTED_PROXIES names the ones that are believed."
)


class ProxyWatch:
    """For one listener on one open page."""

    def __init__(self, services: Services, fixes: Fixes, listener: Listener) -> None:
        self._services, self._fixes, self._listener = services, fixes, listener
        self._client = ui.context.client
        self._latest: Arrival | None = None
        self._said: tuple[str, Fix | None] | None = None
        self._task: asyncio.Task[None] | None = None

    def after(self, arrival: Arrival) -> None:
        """Called when the list shows it."""
        self._latest = arrival
        if arrival.has_address:
            self._said = None
        elif self._said:
            self._listener.add(*self._said)
        elif self._task is None or self._task.done():
            self._task = background_tasks.create(self._look(), name="proxy watch")

    async def _look(self) -> None:
        address = await self._waiting()
        if self._client.is_deleted or self._latest is None or self._latest.has_address:
            return
        with self._client:
            if address is not None:
                fix = self._fixes.of_proxy(address)
                self._said = (ABOUT.format(address=address), fix) if fix else (NOT_YOURS, None)
            elif self._latest.has_address is False:
                self._said = UNNAMED, None
            if self._said:
                self._listener.add(*self._said)

    async def _waiting(self) -> str | None:
        """The proxy that somebody should decide about."""
        for _ in range(LOOKS):
            found = await run.io_bound(trusted_proxies.waiting, self._services.database)
            if found or self._latest is None or self._latest.has_address is not False:
                return found
            await asyncio.sleep(EVERY_S)
        return None
