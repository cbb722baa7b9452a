"""Beside the list of what arrives: why a hit has no address, and the click that mends it for the next one."""

from __future__ import annotations

import asyncio

from nicegui import background_tasks, run, ui

from proprium.storage import trusted_proxies
from proprium.ui.components.install_checklist import HitReport, InstallChecklist
from proprium.ui.components.proxy_notice import UNTRUSTED_PROXY_TEXT
from proprium.ui.components.rejection_fixes import RejectionFixes
from proprium.ui.components.rejection_messages import Fix
from proprium.ui.services import Services

MAX_POLLS, POLL_INTERVAL_S = 6, 0.5  # a collector writes down within a second which proxy it met
OWNER_ONLY_TEXT = (
    "Visits come through a proxy that this server does not trust, so their addresses are unknown: no countries,"
    " and one limit on floods for all of them. The owner of this server can trust it with one click, on the page of all"
    " properties."
)
UNKNOWN_PROXY_TEXT = (
    "The address is unknown: the proxy before this server does not say for whom it speaks, or was called not yours."
    " PROPRIUM_TRUSTED_PROXIES names the ones that are believed."
)


class ProxyWatch:
    """For one listener on one open page."""

    def __init__(self, services: Services, fixes: RejectionFixes, checklist: InstallChecklist) -> None:
        self._services, self._fixes, self._checklist = services, fixes, checklist
        self._client = ui.context.client
        self._latest_hit: HitReport | None = None
        self._note: tuple[str, Fix | None] | None = None
        self._task: asyncio.Task[None] | None = None

    def on_hit(self, hit_report: HitReport) -> None:
        """Called when the list shows it."""
        self._latest_hit = hit_report
        if hit_report.has_address:
            self._note = None
        elif self._note:
            self._checklist.add_note(*self._note)
        elif self._task is None or self._task.done():
            self._task = background_tasks.create(self._explain_missing_address(), name="proxy watch")

    async def _explain_missing_address(self) -> None:
        address = await self._poll_pending_proxy()
        if self._client.is_deleted or self._latest_hit is None or self._latest_hit.has_address:
            return
        with self._client:
            if address is not None:
                fix = self._fixes.fix_for_proxy(address)
                self._note = (UNTRUSTED_PROXY_TEXT.format(address=address), fix) if fix else (OWNER_ONLY_TEXT, None)
            elif self._latest_hit.has_address is False:
                self._note = UNKNOWN_PROXY_TEXT, None
            if self._note:
                self._checklist.add_note(*self._note)

    async def _poll_pending_proxy(self) -> str | None:
        """The proxy that somebody should decide about."""
        for _ in range(MAX_POLLS):
            address = await run.io_bound(trusted_proxies.pending_proxy, self._services.database)
            if address or self._latest_hit is None or self._latest_hit.has_address is not False:
                return address
            await asyncio.sleep(POLL_INTERVAL_S)
        return None
