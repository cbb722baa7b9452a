"""One-click fixes for rejected events, shared by the install page and the list of rejected events."""

from __future__ import annotations

from functools import partial
from typing import Any

from nicegui import run, ui

from collector.errors import DropReason
from proprium.accounts import proxy_decisions
from proprium.i18n import gettext as _
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
            return _("Allow {hostname}", hostname=hostname), partial(self.allow_hostname, hostname)
        if reason == DropReason.BOT:
            toast_text = _("Bots are recorded separately from now on. Reload the page of your site.")
            return _("Record bots separately"), partial(self._update, toast_text, discards_bots=False)
        if reason == DropReason.EXCLUDED_IP:
            settings_url = f"/properties/{self._property.id}/settings"
            return _("Edit excluded IP addresses"), lambda: ui.navigate.to(settings_url)
        if reason == AUTOMATED:
            toast_text = _("Automated browsers count as visitors now, including past ones.")
            return _("Count automated browsers"), partial(self._update, toast_text, counts_automated=True)
        return None

    def fix_for_proxy(self, address: str) -> Fix | None:
        """Returns the fix that trusts a proxy; None unless the user owns the server."""
        if not session.is_owner(session.current_user(self._services)):
            return None
        return _("Trust this proxy"), partial(self.trust_proxy, address)

    def fix_for_header(self, header: str) -> Fix | None:
        """Returns the fix that reads a header of trusted proxies; None unless the user owns the server."""
        if not session.is_owner(session.current_user(self._services)):
            return None
        return _("Use {header}", header=header), partial(self.use_header, header)

    @property
    def counts_automated(self) -> bool:
        setting = self._property.counts_automated
        return self._services.settings.is_loopback if setting is None else setting

    async def allow_hostname(self, hostname: str) -> None:
        toast_text = _("{hostname} is allowed now. Reload the page of your site.", hostname=hostname)
        await self._update(toast_text, hostnames=[*self._property.hostnames, hostname])

    async def trust_proxy(self, address: str) -> None:
        if not session.is_owner(session.current_user(self._services)):
            toast(_("Only the owner of this server can trust proxies."), "bad")
            return
        actor = session.current_actor(self._services)
        await run.io_bound(proxy_decisions.trust, self._services.database, address, actor=actor)
        toast(_("{address} is trusted now. The next event will have an IP address.", address=address))

    async def use_header(self, header: str) -> None:
        if not session.is_owner(session.current_user(self._services)):
            toast(_("Only the owner of this server can trust proxies."), "bad")
            return
        actor = session.current_actor(self._services)
        await run.io_bound(proxy_decisions.use_header, self._services.database, header, actor=actor)
        toast(_("{header} is used now.", header=header))

    async def _update(self, toast_text: str, **values: Any) -> None:
        """Changes the property's settings; confirms that with `toast_text`."""
        if updated_property := await self._actions.update(self._property.id, **values):
            self._property = updated_property
            toast(toast_text)
