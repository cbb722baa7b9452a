"""Below the tiles: how the numbers were made, and whose data the places are."""

from __future__ import annotations

from nicegui import ui

from proprium.metrics.results import Dashboard
from proprium.ui.components.text import span

DB_IP = "https://db-ip.com"
NATURAL_EARTH = "https://www.naturalearthdata.com"


class Footer:
    def __init__(self) -> None:
        self._text = span("", "num end")
        _credit("IP geolocation by DB-IP", DB_IP)
        _credit("Maps: Natural Earth", NATURAL_EARTH)

    def show(self, dashboard: Dashboard) -> None:
        events = "event" if dashboard.rows_read == 1 else "events"
        self._text.set_text(
            f"computed in {dashboard.computed_s:.2f} s from {dashboard.rows_read:,} {events}"
            f" · {dashboard.query.timezone.key}"
        )


def _credit(text: str, address: str) -> None:
    ui.link(text, address, new_tab=True).props('rel="noopener"')
