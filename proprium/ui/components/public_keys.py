"""The data keys of a property that readers may see: a switch for each, on its settings page."""

from __future__ import annotations

import asyncio

from nicegui import ui

from proprium.errors import UserFacingError
from proprium.metrics.data_keys import data_keys
from proprium.metrics.query.data_access import EVERY_KEY
from proprium.metrics.query.url import facts_of, query_from
from proprium.storage.public_keys import can_be_public
from proprium.storage.tables import Property
from proprium.ui import theme
from proprium.ui.components.controls import button
from proprium.ui.components.feedback import error_note, skeleton, toast
from proprium.ui.components.panels import panel
from proprium.ui.components.property_actions import PropertyActions
from proprium.ui.services import Services

ABOUT = (
    "Whatever your site sends with its events is only for those who may change this property. Readers, of the public"
    " dashboard and with API keys of other accounts, may list and filter by the keys that you switch on here: every"
    " value of them, in the past as well. Addresses are shown without what follows the question mark."
)
NONE_SEEN = "No key was sent within the last 12 months."
PERIOD = [("period", "12mo"), ("compare", "none")]


class PublicKeys:
    """Saved at once, beside the form: a switch that was pressed must not wait for a button."""

    def __init__(self, services: Services, actions: PropertyActions, found: Property) -> None:
        self._services, self._actions, self._found = services, actions, found
        self._seen: tuple[str, ...] = ()
        with panel("Public data keys", body_classes=f"{theme.BODY} {theme.STACK}") as box:
            box.card.props["id"] = "public-keys"
            ui.label(ABOUT).classes(theme.MUTED)
            self._list = ui.element("div").classes(f"{theme.STACK} tight")
            with ui.element("div").classes(f"{theme.LINE} wraps"):
                self._name = ui.input(placeholder="plan").props("outlined dense hide-bottom-space").classes("grow")
                self._name.props["aria-label"] = "Another key to make public"
                button("Make it public", "plus", on_click=self._add)
        with self._list:
            skeleton(34)

    async def fill(self) -> None:
        """Lists the keys that were sent. Call it once the browser is there: it asks the warehouse."""
        try:
            self._seen = await asyncio.to_thread(self._read)
        except UserFacingError as trouble:
            self._draw()
            with self._list:
                error_note(str(trouble))
            return
        self._draw()

    def _read(self) -> tuple[str, ...]:
        query = query_from(PERIOD, facts_of(self._found, None, EVERY_KEY), self._services.clock())
        return tuple(each.key for each in data_keys(self._services.warehouse, query) if can_be_public(each.key))

    def _draw(self) -> None:
        public = self._found.public_data_keys
        self._list.clear()
        with self._list:
            for key in dict.fromkeys((*public, *self._seen)):
                switch = ui.switch(key, value=key in public).props("dense")
                switch.on_value_change(lambda event, key=key: self._set(key, is_public=bool(event.value)))
            if not (public or self._seen):
                ui.label(NONE_SEEN).classes(f"{theme.MUTED} {theme.SMALL}")

    async def _add(self) -> None:
        key = self._name.value or ""
        if await self._set(key, is_public=True):
            self._name.value = ""

    async def _set(self, key: str, *, is_public: bool) -> bool:
        saved = await self._actions.publish_key(self._found.id, key, is_public)
        if saved is not None:
            self._found = saved
            toast(f"Readers may see {key} now." if is_public else f"Readers may not see {key} any more.")
        self._draw()
        return saved is not None
