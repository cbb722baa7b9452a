"""Rebuild notice: shows the progress of a warehouse rebuild while no query can be answered."""

from __future__ import annotations

import asyncio

from nicegui import ui

from proprium.i18n import gettext as _
from proprium.ui.components.feedback import note
from proprium.warehouse.warehouse import Warehouse

POLL_INTERVAL_S = 1.0


class RebuildNotice:
    """Notice on one open page; hidden while the warehouse can answer queries."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._client = ui.context.client
        self._box = ui.element("div").classes("notice")
        self._shown_percent: int | None = None
        self._show(warehouse.rebuild_percent())

    async def wait(self) -> bool:
        """Waits until the warehouse can answer, then hides the notice. False when the page was closed first."""
        while not self._client.is_deleted:
            percent = self._warehouse.rebuild_percent()
            self._show(percent)
            if percent is None:
                return True
            await asyncio.sleep(POLL_INTERVAL_S)
        return False

    def _show(self, percent: int | None) -> None:
        if percent != self._shown_percent:
            self._box.clear()
            if percent is not None:
                with self._box:
                    note(
                        _(
                            "The warehouse is being rebuilt: {percent} %."
                            " Statistics appear automatically when it is done.",
                            percent=percent,
                        )
                    )
        self._box.set_visibility(percent is not None)
        self._shown_percent = percent
