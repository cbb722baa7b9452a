"""Proxy watch of the install checklist: explains why a hit has no client address, and offers to trust the proxy."""

from __future__ import annotations

import asyncio

from nicegui import background_tasks, run, ui

from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage import trusted_proxies
from proprium.ui.components.install_checklist import HitReport, InstallChecklist
from proprium.ui.components.proxy_notice import UNREAD_HEADER_TEXT, UNTRUSTED_PROXY_TEXT
from proprium.ui.components.rejection_fixes import RejectionFixes
from proprium.ui.components.rejection_messages import Fix
from proprium.ui.services import Services

MAX_POLLS, POLL_INTERVAL_S = 6, 0.5  # a collector stores the address of an untrusted proxy within a second
OWNER_ONLY_TEXT = N_(
    "Events arrive through a proxy that this server does not trust, so visitors' IP addresses are unknown: no"
    " countries, and all visitors share one rate limit. The owner of this server can trust it with one click on the"
    " page Properties."
)
UNKNOWN_PROXY_TEXT = N_(
    "The IP address is unknown: the proxy in front of this server does not forward the visitor's address, or was marked"
    " as not yours. Trusted proxies are listed in PROPRIUM_TRUSTED_PROXIES."
)


class ProxyWatch:
    """Adds notes about missing client addresses to the checklist of one open page."""

    def __init__(self, services: Services, fixes: RejectionFixes, checklist: InstallChecklist) -> None:
        self._services, self._fixes, self._checklist = services, fixes, checklist
        self._client = ui.context.client
        self._latest_hit: HitReport | None = None
        self._note: tuple[str, Fix | None] | None = None
        self._task: asyncio.Task[None] | None = None

    def on_hit(self, hit_report: HitReport) -> None:
        """Handles a hit that the checklist has just shown; looks for the reason at most once at a time."""
        self._latest_hit = hit_report
        if hit_report.has_address:
            self._note = None
        elif self._note:
            self._checklist.add_note(*self._note)
        if self._note is None and (self._task is None or self._task.done()):
            explain = self._offer_unread_header if hit_report.has_address else self._explain_missing_address
            self._task = background_tasks.create(explain(), name="proxy watch")

    async def _offer_unread_header(self) -> None:
        """Adds a note where a trusted proxy sends a better address in a header that is not read."""
        header = await run.io_bound(trusted_proxies.pending_header, self._services.database)
        if header is None or self._client.is_deleted:
            return
        with self._client:
            if fix := self._fixes.fix_for_header(header):
                self._checklist.add_note(_(UNREAD_HEADER_TEXT, header=header), fix)

    async def _explain_missing_address(self) -> None:
        for _poll in range(MAX_POLLS):
            address = await run.io_bound(trusted_proxies.pending_proxy, self._services.database)
            header = await run.io_bound(trusted_proxies.pending_header, self._services.database)
            if address or header or self._latest_hit is None or self._latest_hit.has_address is not False:
                break
            await asyncio.sleep(POLL_INTERVAL_S)
        else:
            address = None  # no proxy awaits a decision
        if self._client.is_deleted or self._latest_hit is None or self._latest_hit.has_address:
            return
        with self._client:
            if address is not None:
                fix = self._fixes.fix_for_proxy(address)
                self._note = _(UNTRUSTED_PROXY_TEXT, address=address) if fix else _(OWNER_ONLY_TEXT), fix
            elif header and (fix := self._fixes.fix_for_header(header)):
                self._note = _(UNREAD_HEADER_TEXT, header=header), fix
            elif self._latest_hit.has_address is False:
                self._note = _(UNKNOWN_PROXY_TEXT), None
            if self._note:
                self._checklist.add_note(*self._note)
