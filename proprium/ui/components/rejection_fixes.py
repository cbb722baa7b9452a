"""One-click fixes for rejected events, shared by the install page and the list of rejected events."""

from __future__ import annotations

from functools import partial

from nicegui import run, ui

from collector.errors import DropReason
from proprium.storage import trusted_proxies
from proprium.storage.tables import Property
from proprium.ui import session
from proprium.ui.components.feedback import toast
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.components.rejection_messages import AUTOMATED, Fix
from proprium.ui.services import Services


class RejectionFixes:
    """Offers and applies the fixes for one property on one open page."""

    def __init__(self, services: Services, property_: Property) -> None:
        self._services, self._property = services, property_
        self._actions = PropertyActions(services)

    def fix_for(self, reason: str | None, hostname: str | None = None) -> Fix | None:
        """Returns the fix that lets the next such event in: label and action; None where there is none."""
        if reason == DropReason.HOSTNAME and hostname:
            return f"Allow {hostname}", partial(self._allow_hostname, hostname)
        if reason == DropReason.BOT:
            return "Record bots separately", self._keep_bots
        if reason == DropReason.EXCLUDED_IP:
            return "Edit excluded IP addresses", lambda: ui.navigate.to(f"/properties/{self._property.id}/settings")
        if reason == AUTOMATED:
            return "Count automated browsers", self._count_automated
        return None

    def fix_for_proxy(self, address: str) -> Fix | None:
        """Returns the fix that trusts a proxy; None unless the user owns the server."""
        if not session.is_owner(session.current_user(self._services)):
            return None
        return "Trust this proxy", partial(self._trust_proxy, address)

    @property
    def counts_automated(self) -> bool:
        setting = self._property.counts_automated
        return self._services.settings.is_loopback if setting is None else setting

    async def _allow_hostname(self, hostname: str) -> None:
        if updated_property := await self._actions.update(
            self._property.id, hostnames=[*self._property.hostnames, hostname]
        ):
            self._property = updated_property
            toast(f"{hostname} is allowed now. Reload the page of your site.")

    async def _keep_bots(self) -> None:
        if updated_property := await self._actions.update(self._property.id, discards_bots=False):
            self._property = updated_property
            toast("Bots are recorded separately from now on. Reload the page of your site.")

    async def _count_automated(self) -> None:
        if updated_property := await self._actions.update(self._property.id, counts_automated=True):
            self._property = updated_property
            toast("Automated browsers count as visitors now, including past ones.")

    async def _trust_proxy(self, address: str) -> None:
        if not session.is_owner(session.current_user(self._services)):
            toast("Only the owner of this server can trust proxies.", "bad")
            return
        await run.io_bound(trusted_proxies.trust, self._services.database, address)
        toast(f"{address} is trusted now. The next event will have an IP address.")
