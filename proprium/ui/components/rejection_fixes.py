"""What one click mends when an event was refused: the same on the install page and on the list of refused events."""

from __future__ import annotations

from functools import partial

from nicegui import run, ui

from collector.errors import Reason
from proprium.storage import trusted_proxies
from proprium.storage.tables import Property
from proprium.ui import session
from proprium.ui.components.feedback import tell
from proprium.ui.components.property_actions import Actions
from proprium.ui.components.rejection_messages import AUTOMATED, Fix
from proprium.ui.services import Services


class Fixes:
    """For one property on one open page."""

    def __init__(self, services: Services, found: Property) -> None:
        self._services, self._found = services, found
        self._actions = Actions(services)

    def of(self, reason: str | None, hostname: str | None = None) -> Fix | None:
        """One click that lets the next one in; None where there is none."""
        if reason == Reason.HOSTNAME and hostname:
            return f"Allow {hostname}", partial(self._allow, hostname)
        if reason == Reason.BOT:
            return "Keep bots apart instead", self._keep_bots
        if reason == Reason.EXCLUDED_IP:
            return "Change the excluded addresses", lambda: ui.navigate.to(f"/properties/{self._found.id}/settings")
        if reason == AUTOMATED:
            return "Count automated browsers", self._count_automated
        return None

    def of_proxy(self, address: str) -> Fix | None:
        """Only the owner of the server decides about proxies."""
        if not session.is_owner(session.current_user(self._services)):
            return None
        return "Trust this proxy", partial(self._trust, address)

    @property
    def counts_automated(self) -> bool:
        decided = self._found.counts_automated
        return self._services.settings.is_loopback if decided is None else decided

    async def _allow(self, hostname: str) -> None:
        if changed := await self._actions.update(self._found.id, hostnames=[*self._found.hostnames, hostname]):
            self._found = changed
            tell(f"{hostname} is allowed. Load the page again.")

    async def _keep_bots(self) -> None:
        if changed := await self._actions.update(self._found.id, discards_bots=False):
            self._found = changed
            tell("Bots are kept apart from now on. Load the page again.")

    async def _count_automated(self) -> None:
        if changed := await self._actions.update(self._found.id, counts_automated=True):
            self._found = changed
            tell("Automated browsers count like people now, those of the past as well.")

    async def _trust(self, address: str) -> None:
        if not session.is_owner(session.current_user(self._services)):
            tell("Only the owner of this server decides about proxies.", "bad")
            return
        await run.io_bound(trusted_proxies.trust, self._services.database, address)
        tell(f"{address} is trusted now. The next visit has an address.")
