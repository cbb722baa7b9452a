"""Notice for the server's owner about an untrusted reverse proxy, with one click to trust or ignore it."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import run, ui

from proprium.errors import NotFound
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage import trusted_proxies
from proprium.storage.database import Database
from proprium.ui import session, theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import note, toast
from proprium.ui.services import Services

UNTRUSTED_PROXY_TEXT = N_(
    "Events arrive through a proxy at {address} that this server does not trust, so visitors' IP addresses are unknown:"
    " no countries, and all visitors share one rate limit. Trust the proxy if it is yours."
)


def proxy_notice(services: Services) -> None:
    """Shows the notice; draws nothing when no proxy awaits a decision."""
    if (address := trusted_proxies.pending_proxy(services.database)) is None:
        return
    with ui.element("div").classes(f"{theme.LINE} wraps wide") as box:
        warning = note(_(UNTRUSTED_PROXY_TEXT, address=address), "warn")
        warning.style("flex: 1 1 320px")  # on a phone the buttons go below

        async def decide(action: Callable[[Database, str], None], message: str) -> None:
            if not session.is_owner(session.current_user(services)):
                raise NotFound(_("Only the owner of this server can trust proxies."))
            await run.io_bound(action, services.database, address)
            box.delete()
            toast(message)

        button(
            _("Trust this proxy"),
            kind=theme.PRIMARY,
            on_click=lambda: decide(trusted_proxies.trust, _("{address} is trusted now.", address=address)),
        )
        dismissal = _("{address} stays untrusted.", address=address)
        button(_("Not mine"), on_click=lambda: decide(trusted_proxies.dismiss, dismissal))
