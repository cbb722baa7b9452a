"""Notices for the server's owner about an untrusted reverse proxy, and about an unread header of a trusted one.

Each has a button that fixes the cause and one that dismisses the notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from nicegui import run, ui

from proprium.accounts import proxy_decisions
from proprium.errors import NotFound
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage import trusted_proxies
from proprium.ui import session, theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import note, toast
from proprium.ui.services import Services

UNTRUSTED_PROXY_TEXT = N_(
    "Events arrive through a proxy at {address} that this server does not trust, so visitors' IP addresses are unknown:"
    " no countries, and all visitors share one rate limit. Trust the proxy if it is yours."
)


UNREAD_HEADER_TEXT = N_(
    "The proxy in front of this server sends visitors' IP addresses in the header {header}, which is not read: visitors"
    " may have the CDN's location, or share one. Use the header if your CDN or platform sets it on every request;"
    " otherwise visitors could forge their address."
)


@dataclass(frozen=True)
class _Decision:
    """A click of a notice: its label, what it does with the value in question, and the toast."""

    label: str
    action: Callable[..., None]  # of the database and the value, with the actor
    message: str


def proxy_notice(services: Services) -> None:
    """Shows the notices; draws nothing when neither a proxy nor a header awaits a decision."""
    if (address := trusted_proxies.pending_proxy(services.database)) is not None:
        _notice(
            services,
            _(UNTRUSTED_PROXY_TEXT, address=address),
            address,
            _Decision(_("Trust this proxy"), proxy_decisions.trust, _("{address} is trusted now.", address=address)),
            _Decision(_("Not mine"), proxy_decisions.dismiss, _("{address} stays untrusted.", address=address)),
        )
    if (header := trusted_proxies.pending_header(services.database)) is not None:
        _notice(
            services,
            _(UNREAD_HEADER_TEXT, header=header),
            header,
            _Decision(
                _("Use {header}", header=header), proxy_decisions.use_header, _("{header} is used now.", header=header)
            ),
            _Decision(_("Ignore it"), proxy_decisions.dismiss_header, _("{header} stays unread.", header=header)),
        )


def _notice(services: Services, text: str, value: str, *decisions: _Decision) -> None:
    with ui.element("div").classes(f"{theme.LINE} wraps wide") as box:
        warning = note(text, "warn")
        warning.style("flex: 1 1 320px")  # on a phone the buttons go below

        async def decide(decision: _Decision) -> None:
            if not session.is_owner(session.current_user(services)):
                raise NotFound(_("Only the owner of this server can trust proxies."))
            await run.io_bound(decision.action, services.database, value, actor=session.current_actor(services))
            box.delete()
            toast(decision.message)

        for index, decision in enumerate(decisions):
            button(decision.label, kind="" if index else theme.PRIMARY, on_click=partial(decide, decision))
