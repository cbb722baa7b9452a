"""Dashboard footer: computation time, events read, time zone and data attributions."""

from __future__ import annotations

from nicegui import ui

from proprium.metrics.results import Dashboard
from proprium.ui.components.text import span
from proprium.ui.dashboard.table_columns import count_text

DB_IP_URL = "https://db-ip.com"
NATURAL_EARTH_URL = "https://www.naturalearthdata.com"


class Footer:
    def __init__(self) -> None:
        self._text_label = span("", "num end")
        _credit("IP geolocation by DB-IP", DB_IP_URL)
        _credit("Maps: Natural Earth", NATURAL_EARTH_URL)

    def show(self, dashboard: Dashboard) -> None:
        self._text_label.set_text(
            f"Computed in {dashboard.computed_s:.2f} s from {count_text(dashboard.rows_read, 'events')}"
            f" · {dashboard.query.timezone.key}"
        )


def _credit(text: str, url: str) -> None:
    ui.link(text, url, new_tab=True).props('rel="noopener"')
