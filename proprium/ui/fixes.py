"""What one click mends when an event was refused: the same on the install page and on the list of refused events."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from collector.errors import Reason
from proprium.storage.tables import Property
from proprium.ui.actions import Actions
from proprium.ui.parts.listener import Fix
from proprium.ui.parts.states import tell


class Fixes:
    """For one property on one open page."""

    def __init__(self, actions: Actions, found: Property) -> None:
        self._actions, self._found = actions, found

    def of(self, reason: str | None, hostname: str | None) -> Fix | None:
        """One click that lets the next one in; None where there is none."""
        if reason == Reason.HOSTNAME and hostname:
            return f"Allow {hostname}", partial(self._allow, hostname)
        if reason == Reason.BOT:
            return "Keep bots apart instead", self._keep_bots
        if reason == Reason.EXCLUDED_IP:
            return "Change the excluded addresses", lambda: ui.navigate.to(f"/properties/{self._found.id}/settings")
        return None

    async def _allow(self, hostname: str) -> None:
        if changed := await self._actions.update(self._found.id, hostnames=[*self._found.hostnames, hostname]):
            self._found = changed
            tell(f"{hostname} is allowed. Load the page again.")

    async def _keep_bots(self) -> None:
        if await self._actions.update(self._found.id, discards_bots=False):
            tell("Bots are kept apart from now on. Load the page again.")
