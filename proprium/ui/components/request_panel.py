"""Panel "What this server sees of you": headers of the page's request, the address chosen, its location."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from collector.client_address import AddressChoice, AddressRule
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import theme
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span, text
from proprium.ui.services import Services

SECRET_HEADERS = frozenset({"cookie", "authorization", "proxy-authorization"})
RULE_TEXTS = {
    AddressRule.PEER: N_("It is the address of the connection: no header names another one."),
    AddressRule.FORWARDED: N_("A trusted proxy names it in the header {header}."),
    AddressRule.FORGEABLE: N_(
        "It is the address of the connection. Its forwarding headers are not read: it is no trusted proxy."
    ),
    AddressRule.UNTRUSTED_PROXY: N_(
        "The connection comes from a private address that forwards others and is not trusted. If it is your proxy,"
        " trust it above or in PROPRIUM_TRUSTED_PROXIES."
    ),
    AddressRule.UNNAMED: N_("A trusted proxy forwarded the request, but no header that is read names the address."),
}


def request_panel(services: Services, request: Request, user: User) -> None:
    choice = services.address_choice_of(request)
    with panel(_("What this server sees of you"), body_classes=theme.BODY) as box:
        box.card.props["id"] = "request"
        with ui.element("table").classes(f"{theme.TABLE} facts stacked"), ui.element("tbody"):
            _row(_("IP address"), choice.address or _("unknown"))
            _row(_("Because"), rule_text(choice))
            _row(_("Location"), location_text(services, choice.address))
            for name, value in request.headers.items():
                _row(name, _("(hidden)") if name.lower() in SECRET_HEADERS else value, is_code=True)


def rule_text(choice: AddressChoice) -> str:
    """Returns a sentence about the rule by which an address was chosen."""
    if choice.rule is AddressRule.FORWARDED:
        return _(RULE_TEXTS[choice.rule], header=choice.header)
    return _(RULE_TEXTS[choice.rule])


def location_text(services: Services, address: str | None) -> str:
    """Returns city, region and country of an address, as its visits are counted."""
    location, atlas = services.locate(address), services.atlas
    country = atlas.name(location.country) if location.country else ""
    region = atlas.region_name(location.region) if location.region else ""
    return ", ".join(part for part in (location.city, region, country) if part) or _("unknown")


def _row(name: str, content: str, *, is_code: bool = False) -> None:
    with ui.element("tr"):
        with text("th", "").props('scope="row"'):
            span(name, "mono" if is_code else "")
        with ui.element("td"):
            span(content, "mono" if is_code else "")
