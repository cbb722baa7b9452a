"""State panel of the server's settings: storage, warehouse, GeoIP database, versions."""

from __future__ import annotations

import platform
from importlib.metadata import version

from fastapi import Request
from nicegui import ui

from collector.geolocation import GeoIPState
from proprium.i18n import N_
from proprium.i18n import gettext as _
from proprium.storage.tables import User
from proprium.ui import theme
from proprium.ui.components.chips import tag
from proprium.ui.components.panels import panel
from proprium.ui.components.text import span
from proprium.ui.services import Services

MIN_LAG_SHOWN_S = 5.0
GEOIP_LABELS = {
    GeoIPState.READY: N_("Ready: visitors get a location."),
    GeoIPState.MISSING: N_("Missing: visitors have no location. On the server, run: proprium geoip refresh"),
    GeoIPState.UNREADABLE: N_("Unreadable: visitors have no location. Replace the file."),
    GeoIPState.NO_PLACES: N_("It has no places: visitors have no location. Use a database of cities or countries."),
}


def server_state_panel(services: Services, request: Request, user: User) -> None:
    with panel(_("State"), body_classes=theme.BODY) as box:
        box.card.props["id"] = "state"
        with ui.element("table").classes(f"{theme.TABLE} facts stacked"), ui.element("tbody"):
            storage_text, is_storage_good = _storage_state(services)
            _row(_("Storage"), storage_text, is_good=is_storage_good)
            warehouse_text, is_warehouse_good = _warehouse_state(services)
            _row(_("Warehouse"), warehouse_text, is_good=is_warehouse_good)
            geoip_state = services.geoip_state()
            _row(_("GeoIP database"), _(GEOIP_LABELS[geoip_state]), is_good=geoip_state is GeoIPState.READY)
            _row(_("Base address"), *_address_state(services, request))
            for name, text in versions(services).items():
                _row(name, text)


def versions(services: Services) -> dict[str, str]:
    """Returns the versions of the program and of what its behaviour depends on, by name."""
    return {
        "Proprium": version("proprium"),
        "Python": platform.python_version(),
        "SQLite": services.database.driver.sqlite_version,
        "DuckDB": version("duckdb"),
        "NiceGUI": version("nicegui"),
    }


def size_text(size_bytes: int) -> str:
    """Returns a size such as "12.3 MB"."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"


def _storage_state(services: Services) -> tuple[str, bool]:
    database = services.database
    if database.damage is not None:
        return _("Damaged: {problem}. See the server log.", problem=database.damage), False
    size = size_text(database.path.stat().st_size)
    return _("{size}. This is what to back up.", size=size), True


def _warehouse_state(services: Services) -> tuple[str, bool]:
    warehouse = services.warehouse
    if (percent := warehouse.rebuild_percent()) is not None:
        return _("Being rebuilt from storage: {percent} %.", percent=percent), False
    size, lag_s = size_text(warehouse.engine.size_bytes()), services.projector.lag_s()
    if lag_s >= MIN_LAG_SHOWN_S:
        lag = f"{lag_s:.0f}"
        return _("{size}, {seconds} s behind storage.", size=size, seconds=lag), False
    return _("{size}, up to date. It is derived from storage.", size=size), True


def _address_state(services: Services, request: Request) -> tuple[str, bool]:
    """Compares the configured address with the one at which the browser sees the server."""
    configured = services.settings.public_url
    host = request.headers.get("host", "")
    if host and configured.partition("://")[2].partition("/")[0].lower() != host.lower():
        text = _(
            "PROPRIUM_BASE_URL is {configured}, but you came by {host}: links in tracking code and e-mails lead there.",
            configured=configured,
            host=host,
        )
        return text, False
    return configured, True


def _row(name: str, content: str, is_good: bool | None = None) -> None:
    with ui.element("tr"):
        with ui.element("th").props('scope="row"'):
            span(name)
        with ui.element("td"):
            span(content)
        with ui.element("td").classes("r"):
            if is_good is not None:
                tag(_("OK"), "good") if is_good else tag(_("Check"), "warn")
