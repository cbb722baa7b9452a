"""Dashboard footer: computation time, events read, time zone and data attributions."""

from __future__ import annotations

from nicegui import ui

from proprium.i18n import gettext as _
from proprium.i18n import ngettext
from proprium.metrics.results import Dashboard
from proprium.ui.components.text import span

DB_IP_URL = "https://db-ip.com"
NATURAL_EARTH_URL = "https://www.naturalearthdata.com"


class Footer:
    def __init__(self) -> None:
        self._text_label = span("", "num end")
        _credit(_("IP geolocation by DB-IP"), DB_IP_URL)
        _credit(_("Maps: Natural Earth"), NATURAL_EARTH_URL)

    def show(self, dashboard: Dashboard) -> None:
        seconds = f"{dashboard.computed_s:.2f}"
        self._text_label.set_text(
            _(
                "Computed in {seconds} s from {events} · {timezone}",
                seconds=seconds,
                events=ngettext("{count} event", "{count} events", dashboard.rows_read),
                timezone=dashboard.query.timezone.key,
            )
        )


def _credit(text: str, url: str) -> None:
    ui.link(text, url, new_tab=True).props('rel="noopener"')
